"""The benchmark over unseen speakers: its tables, its second judge, and where it goes on."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from coursekit.errors import CourseError
from voice_pipeline.quality import Quality
from voice_pipeline.scores import Measured, summarise

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch):
    """Import a script of benchmarks/ as its folder's scripts import each other."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))

    def load(name: str):
        monkeypatch.delitem(sys.modules, name, raising=False)
        return importlib.import_module(name)

    return load


def measured(alike: float, pitch: float, seconds: float, *, spoken: bool) -> Measured:
    shaken = np.array([-0.04, 0.0, 0.04])
    return Measured(
        similarity=list(alike + shaken), sentence_errors=[(1, 10), (2, 10), (3, 10)], pitch=[pitch] * 3,
        seconds=[seconds] * 3, quality=[Quality(3.0, 3.5, 4.0)] * 3, characters=[45] * 3,
        computing=[0.3 * seconds] * 3 if spoken else [], real_time_factor=0.3 if spoken else 0.0,
    )  # fmt: skip


def card(clone: float, pitch: float) -> dict:
    real = measured(0.9, 100.0, 3.0, spoken=False)
    systems = {
        "real": real,
        "griffin_lim": measured(0.85, 100.0, 3.0, spoken=False),
        "zero_shot": measured(0.6, 110.0, 3.0, spoken=True),
        "clone": measured(clone, pitch, 2.5, spoken=True),
    }
    rows = {name: summarise(one, real, 0.5) for name, one in systems.items()}
    return {
        "systems": rows,
        "similarity": {"ceiling": rows["real"]["similarity"], "floor": 0.5, "floor_interval": (0.46, 0.54)},
        "fine_tune_seconds": 200.0, "train_clips": 15, "held_out_sentences": 3, "sex": "F",
        "second_encoder": {"normalized": {"real": 1.0, "griffin_lim": 0.9, "zero_shot": 0.3, "clone": 0.55}},
    }  # fmt: skip


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_one_line_for_each_system_of_each_speaker_and_the_means(benchmark):
    tables = benchmark("unseen_tables")
    cards = {"ann": card(0.7, 90.0), "bob": card(0.8, 110.0)}
    heads, _, *lines = map(cells, tables.full_table(cards).splitlines())
    assert len(lines) == 2 * 5 and {len(line) for line in lines} == {len(heads)}
    clone = dict(zip(heads, next(line for line in lines if line[3] == "fine-tuned"), strict=True))
    assert clone["similarity, normalised"].startswith("0.50 (") and clone["by the second encoder"] == "0.55"
    assert clone["pitch error"].startswith("-10 %") and clone["rate"].startswith("1.20")
    assert clone["real-time factor"].startswith("0.300") and clone["fine-tuning"] == "200 s"
    assert clone["DNSMOS"].startswith("3.00") and clone["word error"].startswith("0.20")
    other = dict(zip(heads, lines[4], strict=True))
    assert other["what"] == "other people" and other["similarity, normalised"] == "0.00 (-0.10 to 0.10)"
    assert other["word error"] == "-"
    heads, _, *lines = map(cells, tables.mean_table(cards).splitlines())
    clone = dict(zip(heads, next(line for line in lines if line[2] == "fine-tuned"), strict=True))
    assert clone["speakers"] == "2" and clone["similarity, normalised"].startswith("0.62 (0.50 to 0.75)")
    assert clone["pitch error, size"].startswith("10 %"), "one too low and one too high do not cancel"
    assert clone["rate error, size"].startswith("20 %")


def test_a_card_without_extras_still_makes_a_line(benchmark):
    tables = benchmark("unseen_tables")
    plain = card(0.7, 90.0)
    del plain["second_encoder"], plain["systems"]["griffin_lim"]
    plain["systems"]["clone"] |= {"pitch_error": None, "pitch_error_interval": None}
    heads, _, *lines = map(cells, tables.full_table({"ann": plain}).splitlines())
    clone = dict(zip(heads, next(line for line in lines if line[3] == "fine-tuned"), strict=True))
    assert clone["by the second encoder"] == clone["pitch error"] == "-"
    assert "fine-tuned" in tables.mean_table({"ann": plain})


def test_the_second_encoder_tells_real_people_apart(benchmark, mirror):
    module = benchmark("second_encoder")
    weights = next((mirror / "weights" / "speaker_encoder").glob("saved_model.bilstm.*.pt"), None)
    if weights is None:
        pytest.skip("needs weights/speaker_encoder/saved_model.bilstm.*.pt in the data mirror")
    encoder = module.SecondEncoder(weights)
    man, woman = (sorted((mirror / "vctk/VCTK-Corpus/wav48" / name).glob("*.wav"))[:4] for name in ("p227", "p225"))
    found = module.normalized_similarity(encoder, man[:2], man[2:], woman, {"real": man[2:], "woman": woman})
    assert found["ceiling"] > found["floor"] + 0.2
    assert found["normalized"] == pytest.approx({"real": 1.0, "woman": 0.0})


def test_weights_of_another_network_are_refused(benchmark, tmp_path):
    module = benchmark("second_encoder")
    torch.save({"encoder_state_dict": {"lstm.weight_ih_l0": torch.zeros(2, 2)}}, tmp_path / "a.pt")
    torch.save({"model": {}}, tmp_path / "b.pt")
    for name in ("a.pt", "b.pt"):
        with pytest.raises(CourseError, match="not the 3-layer BiLSTM"):
            module.SecondEncoder(tmp_path / name)


def test_chosen_speakers_are_done_one_by_one_and_the_file_keeps_the_others(benchmark, monkeypatch, tmp_path):
    script = benchmark("unseen_speakers")
    done: list[str] = []
    monkeypatch.setattr(script, "_recordings", lambda speaker, data, target: target)
    monkeypatch.setattr(script, "import_folder", lambda folder, recordings: None)
    monkeypatch.setattr(script, "read_run", lambda folder: {"weights_sha256": folder.name})
    monkeypatch.setattr(script.steps, "preprocess_step", lambda folder, **options: None)
    monkeypatch.setattr(script.steps, "fine_tune_step", lambda folder, **options: None)

    def evaluate(folder):
        done.append(folder.name)
        if folder.name == "libri1998":
            raise CourseError("stopped", hint="go on")
        return {**card(0.7, 90.0), "weights_sha256": folder.name}

    monkeypatch.setattr(script.steps, "evaluate_step", evaluate)
    out = tmp_path / "cards.json"
    common = ["--data", str(tmp_path), "--home", str(tmp_path / "home"), "--out", str(out)]
    with pytest.raises(CourseError, match="stopped"):
        script.main([*common, "--speakers", "p227", "p225", "libri1998"])
    assert done == ["p225", "p227", "libri1998"] and list(script.read_json(out)) == ["p225", "p227"]
    done.clear()
    script.main([*common, "--speakers", "ljspeech", "p225"])
    assert done == ["ljspeech"], "p225 stands in the file already"
    assert list(script.read_json(out)) == ["ljspeech", "p225", "p227"]
    script.main([*common, "--speakers", "p225", "--again"])
    assert done == ["ljspeech", "p225"]
