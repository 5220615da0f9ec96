"""The speed benchmark: turn by turn after a warm-up, ratios round by round, and targets that can be missed."""

from __future__ import annotations

import json

import numpy as np
import pytest

from coursekit.errors import CourseError

from ..benchmarks import speed


@pytest.fixture
def free_process(monkeypatch):
    """The test's process keeps its cores and threads."""
    monkeypatch.setattr(speed, "hold_to_cores", lambda number: False)
    monkeypatch.setattr(speed, "_set_threads", lambda number: None)


def figures(**seconds: float) -> dict[str, speed.Figures]:
    return {name: speed.Figures([taken] * 3, [taken] * 3, [1.0] * 3) for name, taken in seconds.items()}


def verdicts(found: dict[str, speed.Figures]) -> list[str]:
    return [target.verdict for target in speed.targets(found)]


def test_systems_speak_in_turn_and_the_first_round_does_not_count(free_process):
    heard = []

    def system(name: str, seconds: int) -> speed.System:
        return speed.System(lambda text: heard.append((name, text)) or np.zeros(seconds * 10), 10, 0, 1)

    found = speed.compare({"a": system("a", 1), "b": system("b", 2)}, repeats=2)
    assert [name for name, _ in heard] == ["a", "b"] * 3
    assert len({text for _, text in heard}) == 3 and all(heard[n][1] == heard[n + 1][1] for n in (0, 2, 4))
    assert found["a"].audio == [1.0, 1.0] and found["b"].audio == [2.0, 2.0] and len(found["a"].wall) == 2


def test_no_text_comes_twice():
    assert len({speed.passage_of(number) for number in range(-1, 51)}) == 52
    assert max(len(speed.passage_of(number)) for number in range(52)) <= 250


def test_targets_are_met_by_the_fast_and_missed_by_the_slow():
    assert verdicts(figures(starter=0.04, stream=0.1, vits=0.4, pocket=0.2)) == ["ok"] * 4
    assert verdicts(figures(starter=0.06, stream=0.2, vits=0.4, pocket=0.2)) == ["missed"] * 4
    assert verdicts(figures(starter=0.04)) == ["ok", *["not measured"] * 3]


def test_ratios_are_taken_within_a_round():
    """A busy moment that slows one round down slows both systems of that round."""
    found = figures(starter=0.1, vits=1.0)
    found["starter"].wall[0] = found["starter"].wall[1] = 10.0
    found["vits"].wall[0] = found["vits"].wall[1] = 100.0
    assert speed.targets(found)[2].value == pytest.approx(10)


def test_the_table_names_what_was_measured():
    systems = {name: speed.System(lambda text: np.zeros(1), 1, 2_500_000, 2) for name in ("starter", "vits", "stream")}
    text = speed.table(systems, figures(starter=0.05, vits=0.5, stream=0.12))
    assert "2.50 M" in text and "x 10.0" in text and "first audio of a stream: 120 ms" in text and text.isascii()


def test_a_real_run_of_the_starter_writes_its_figures(tmp_path, capsys, free_process):
    out = tmp_path / "speed.json"
    assert speed.main(["--repeats", "1", "--only", "starter,stream,griffin-lim", "--json", str(out)]) == 0
    written = json.loads(out.read_text())
    assert set(written["systems"]) == {"starter", "stream", "griffin-lim"} and len(written["targets"]) == 4
    assert all(row["speech_seconds"][0] > 1 and row["wall_seconds"][0] > 0 for row in written["systems"].values())
    assert written["systems"]["stream"]["speech_seconds"] < written["systems"]["starter"]["speech_seconds"]
    printed = capsys.readouterr().out
    assert "not measured" in printed and "x real time" in printed


@pytest.mark.parametrize("bad", [["--only", "starter,espeak"], ["--repeats", "0"], ["--threads", "0"]])
def test_a_wrong_flag_is_refused(bad):
    with pytest.raises(CourseError) as error:
        speed.main(bad)
    assert error.value.hint
