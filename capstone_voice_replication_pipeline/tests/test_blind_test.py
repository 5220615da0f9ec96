"""The blind test: its statistic in a browser against scipy, the page driven to its end, and answers read back."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest

from voice_pipeline.blind_test import FORMAT, Pair, build_page, outcome, pooled, read_answers, same_loudness
from voice_pipeline.errors import PipelineError
from voice_pipeline.preprocessing import measure_loudness
from voice_pipeline.settings import AUDIO

from .synthetic_speech import speech

HERE = Path(__file__).resolve().parents[1]
SCRIPT = HERE / "voice_pipeline" / "pages" / "binomial.js"
CASES = [(n, k) for n in (1, 2, 5, 12, 13, 40, 100) for k in range(n + 1)]
TABLE = (
    f"const table = {json.dumps(CASES)}.map(([n, k]) => [binomialTwoSided(k, n), binomialTwoSided(k, n, 0.3)]);"
    "let refused = 0; for (const [k, n] of [[3, 2], [-1, 2], [1.5, 2]]) try { binomialTwoSided(k, n); }"
    "catch (error) { refused += error instanceof RangeError; }"
)
# A listener without ears: plays both, answers, and at the end looks at what the page would save.
LISTENER = """<script>
{ %s
  const before = document.documentElement.outerHTML, states = [];
  let answers = 0;
  while (!document.getElementById("trial").hidden && answers < 200) {
    states.push(document.getElementById("pick-a").disabled);
    document.getElementById("sound-a").dispatchEvent(new Event("play"));
    states.push(document.getElementById("pick-b").disabled);
    document.getElementById("sound-b").dispatchEvent(new Event("play"));
    states.push(document.getElementById("pick-b").disabled);
    document.getElementById(answers %% 3 ? "pick-a" : "pick-b").click();
    answers += 1;
  }
  const probe = document.createElement("pre");
  probe.id = "probe";
  probe.textContent = stringify({ table, refused, before, states, answers, saved: kept.at(-1),
    verdict: document.getElementById("verdict").textContent, focus: document.activeElement.id,
    rows: document.getElementById("answers-given").rows.length, href: document.getElementById("save").href });
  document.body.append(probe);
}</script></body>"""
SPY = """<script>const kept = [], stringify = JSON.stringify;
JSON.stringify = (value, ...rest) => { kept.push(stringify(value, ...rest)); return kept.at(-1); };
%s</script></head>"""


def find_browser() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        if path := shutil.which(name):
            return path
    pytest.skip("no Chromium here; `apt-get install chromium` lets the page be tested")


def in_browser(page: str, folder: Path, head: str = "") -> dict:
    """What the page looks like to a listener and what it saves, from a real browser without a network."""
    browser = find_browser()
    file = folder / "page.html"
    spied = page.replace("</head>", SPY % head).replace("</body>", LISTENER % TABLE)
    file.write_text(spied, encoding="utf-8")
    done = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
         f"--user-data-dir={folder / 'profile'}", "--dump-dom", file.as_uri()],
        capture_output=True, text=True, timeout=500, encoding="utf-8",
    )  # fmt: skip
    found = re.search(r'<pre id="probe">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stdout[-2000:] + done.stderr[-2000:]
    return json.loads(html.unescape(found.group(1)))


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    return [
        Pair(
            f"clip_{n}", f'Sentence {n}: <b>"bold"</b> & more</script>', speech(1.0, seed=n), 0.2 * speech(1.1, seed=n)
        )
        for n in range(3)
    ]


@pytest.fixture(scope="module")
def session(pairs, tmp_path_factory) -> dict:
    return in_browser(build_page("ann", "real", "clone", pairs, trials=8), tmp_path_factory.mktemp("browser"))


# ----------------------------------------------------------------------------------------------------------------------
# the statistic


def check_table(table: list[list[float]], refused: int) -> None:
    for (n, k), (fair, unfair) in zip(CASES, table, strict=True):
        assert fair == pytest.approx(binomtest(k, n, 0.5).pvalue, rel=1e-9), (k, n)
        assert unfair == pytest.approx(binomtest(k, n, 0.3).pvalue, rel=1e-9), (k, n)
    assert refused == 3


def test_the_browser_computes_what_scipy_computes(session):
    check_table(session["table"], session["refused"])


def test_node_computes_what_scipy_computes(tmp_path):
    node = shutil.which("node")
    if node is None:
        pytest.skip("no Node.js here; the browser test checks the same function")
    file = tmp_path / "table.js"
    script = SCRIPT.read_text(encoding="utf-8")
    file.write_text(f"{script}\n{TABLE}\nconsole.log(JSON.stringify([table, refused]));", encoding="utf-8")
    done = subprocess.run([node, str(file)], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    check_table(*json.loads(done.stdout))


def test_the_same_verdict_in_python():
    all_right, half, all_wrong = (outcome("real", "clone", k, 12) for k in (12, 6, 0))
    assert all_right.p_value == pytest.approx(2 * 0.5**12)
    assert half.p_value == 1.0
    assert "can tell clone from the real recording" in all_right.words()
    assert "not clearly different from guessing" in half.words()
    assert "takes clone for the real recording" in all_wrong.words()
    assert "'last' is preferred" in outcome("clone", "last", 1, 20).words()
    low, high = half.interval
    assert low < 0.5 < high and high - low > 0.4
    with pytest.raises(PipelineError, match="13 of 12"):
        outcome("real", "clone", 13, 12)


# ----------------------------------------------------------------------------------------------------------------------
# the page


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))


def parsed(page: str) -> list[tuple[str, dict[str, str | None]]]:
    reader = Page()
    reader.feed(page)
    return reader.tags


def test_the_page_needs_nothing_else_and_no_sentence_breaks_it(pairs):
    page = build_page("ann", "real", "clone", pairs)
    for _, attributes in parsed(page):
        for name in ("src", "href"):
            assert not attributes.get(name) or attributes[name].startswith("data:")
    assert not re.search(r"https?://|@import|url\(", page)
    assert page.count("</script>") == 3 and "<b>" not in page


def test_it_is_made_of_elements_that_keyboard_and_screen_reader_know(pairs):
    tags = parsed(build_page("ann", "real", "clone", pairs))
    ids = {attributes["id"] for _, attributes in tags if "id" in attributes}
    for tag, attributes in tags:
        for name in ("aria-labelledby", "aria-describedby"):
            assert attributes.get(name) is None or attributes[name] in ids
        if tag == "audio":
            assert "controls" in attributes and "aria-labelledby" in attributes
        assert not {"onclick", "onkeydown"} & attributes.keys() and attributes.get("tabindex") in (None, "-1")
    assert [tag for tag, _ in tags if tag in ("button", "fieldset", "legend")] == [
        "fieldset",
        "legend",
        "button",
        "button",
    ]
    assert ("html", {"lang": "en"}) in tags
    assert any(attributes.get("role") == "status" for _, attributes in tags)


def test_a_whole_session_is_counted_saved_and_read_back(session, tmp_path):
    assert session["answers"] == 8 and session["rows"] == 8
    assert session["states"] == [True, True, False] * 8, "an answer needs both sounds"
    assert session["focus"] == "result-title" and session["href"].startswith("blob:")
    record = json.loads(session["saved"])
    for trial in record["trials"]:
        assert {trial["a"], trial["b"]} == {"real", "clone"}
    assert {trial["pair"] for trial in record["trials"]} == {"clip_0", "clip_1", "clip_2"}
    file = tmp_path / "answers.json"
    file.write_text(session["saved"], encoding="utf-8")
    found = read_answers(file)
    assert (found.picked_first, found.answers) == (record["first_picked"], 8)
    assert found.p_value == pytest.approx(record["p_value"], rel=1e-9)
    assert found.words().startswith(session["verdict"])


def test_what_is_which_cannot_be_seen_before_the_answer(tmp_path, pairs):
    """Two sessions in which A and B are exchanged look the same to whoever reads the document."""
    seen = []
    for value in (0, 1):
        folder = tmp_path / str(value)
        folder.mkdir()
        drawn = f"crypto.getRandomValues = (array) => array.fill({value});"
        session = in_browser(build_page("ann", "real", "clone", pairs[:1], trials=6), folder, drawn)
        firsts = [trial["a"] for trial in json.loads(session["saved"])["trials"]]
        assert firsts == [["clone", "real"][value]] * 6, "the draw decides which sound is A"
        before = session["before"][session["before"].index("<body") : session["before"].index('"use strict"')]
        assert "clone" not in before and "clip_0" not in before and before.count("blob:") == 2
        assert 'id="sounds"' not in before
        seen.append(re.sub(r"blob:[^\"]+", "blob:", before))
    assert seen[0] == seen[1]


def test_the_order_in_the_file_is_drawn_anew(pairs):
    def order(page: str) -> tuple[str, ...]:
        data = json.loads(re.search(r'id="sounds">(.*?)</script>', page, re.DOTALL).group(1))
        return tuple(pair["sounds"][0] for pair in data["pairs"])

    assert len({order(build_page("ann", "real", "clone", pairs)) for _ in range(12)}) > 1


@pytest.mark.parametrize("gains", [(0.9, 0.02), (0.02, 0.9), (0.1, 0.1)])
def test_both_sounds_are_equally_loud(gains):
    first, second = (gain * speech(1.5, seed=seed) for seed, gain in enumerate(gains))
    click = second.copy()
    click[5000] = 0.95  # a peak that keeps it from being raised to the target
    for other in (second, click):
        levels = [measure_loudness(sound, AUDIO.sample_rate) for sound in same_loudness(first, other)]
        assert levels[0] == pytest.approx(levels[1], abs=0.1)
        assert max(np.abs(sound).max() for sound in same_loudness(first, other)) <= AUDIO.peak_limit + 1e-4


def test_tests_that_cannot_be_made_are_refused(pairs):
    silent = Pair("x", "x", np.zeros(24_000, np.float32), speech(1.0))
    with pytest.raises(PipelineError, match="silent"):
        build_page("ann", "real", "clone", [silent])
    with pytest.raises(PipelineError, match="5 trials"):
        build_page("ann", "real", "clone", pairs, trials=5)
    with pytest.raises(PipelineError, match="0 sentences"):
        build_page("ann", "real", "clone", [])


# ----------------------------------------------------------------------------------------------------------------------
# saved answers


def record_of(picks: str, first: str = "real", second: str = "clone") -> dict:
    """A record in which sound A is always the first source."""
    trials = [{"pair": "c", "text": "t", "a": first, "b": second, "picked": pick, "seconds": 1.0} for pick in picks]
    return {
        "format": FORMAT, "voice": "ann", "first": first, "second": second, "question": "?", "trials": trials,
        "first_picked": picks.count("a"), "total": len(picks), "p_value": 0.0,
    }  # fmt: skip


def test_the_command_reads_saved_answers(tmp_path):
    paths = []
    for name, picks in (("one", "a" * 6), ("two", "aaaaab")):
        paths.append(tmp_path / f"{name}.json")
        paths[-1].write_text(json.dumps(record_of(picks)), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(HERE / "ab_test.py"), "--read", *map(str, paths)],
        capture_output=True, text=True, timeout=500, encoding="utf-8",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "6 of 6" in lines[0] and "can tell clone" in lines[0]
    assert "5 of 6" in lines[1] and "guessing" in lines[1]
    assert lines[2].startswith("all 2 together") and "11 of 12" in lines[2] and "p = 0.006" in lines[2]


@pytest.mark.parametrize(
    "change",
    [
        {"first_picked": 6},
        {"total": 7},
        {"format": "another"},
        {"trials": []},
        {"trials": [{"a": "real", "b": "clone", "picked": "c"}]},
        {"trials": [{"a": "real", "b": "someone", "picked": "a"}]},
        {"trials": 5},
        {"first": "clone"},
    ],
)
def test_answers_that_were_changed_are_refused(change, tmp_path):
    file = tmp_path / "answers.json"
    file.write_text(json.dumps({**record_of("aab"), **change}), encoding="utf-8")
    with pytest.raises(PipelineError, match="no record of a blind test"):
        read_answers(file)


@pytest.mark.parametrize("content", ["", "[]", "{", "null", '"text"', "[" * 5000])
def test_files_that_are_no_answers_are_refused(content, tmp_path):
    file = tmp_path / "answers.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(PipelineError):
        read_answers(file)
    with pytest.raises(PipelineError, match="cannot read"):
        read_answers(tmp_path / "missing.json")


def test_different_comparisons_are_not_added_up():
    with pytest.raises(PipelineError, match="different things"):
        pooled([outcome("real", "clone", 3, 6), outcome("clone", "last", 3, 6)])
