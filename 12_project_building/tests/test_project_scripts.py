"""What the scripts of module 12 claim, tried on small inputs whose right answers are known."""

from __future__ import annotations

import ast
import copy
import functools
import itertools
import logging
import random
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest

from coursekit.course.modules import load_script
from coursekit.errors import CourseError

MODULE = Path(__file__).resolve().parents[1]


@functools.cache
def lesson(name: str):
    return load_script(MODULE / f"{name}.py")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One project for all tests that only read it."""
    utils = lesson("project_utils")
    folder = tmp_path_factory.mktemp("made") / "my-clips"
    utils.make_project(folder, utils.Answers(day="2026-05-01"))
    return folder


# ------------------------------------------------------------------------------------------------------ the project


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "7clips"}, "no project name"),
        ({"name": "a--b"}, "no project name"),
        ({"name": "x" * 41}, "no project name"),
        ({"name": "numpy"}, "is taken"),
        ({"licence": "WTFPL"}, "use one of|unknown"),
        ({"author": ' "quoted" '}, "breaks files"),
        ({"description": ""}, "is empty"),
        ({"author": "{{ 7 * 7 }}"}, "breaks files"),
    ],
)
def test_answers_that_break_a_project_are_refused(change, said, tmp_path):
    utils = lesson("project_utils")
    with pytest.raises(CourseError, match=said):
        utils.make_project(tmp_path / "p", utils.Answers(**change))
    assert list(tmp_path.iterdir()) == []


def test_a_made_project_holds_the_answers_and_no_blank(tmp_path):
    utils = lesson("project_utils")
    answers = utils.Answers("deep-voice", "Ada Byron", "ISC", "Lowers voices.", "2031-02-03")
    files = utils.make_project(tmp_path, answers)
    text = {path.relative_to(tmp_path).as_posix(): path.read_text("utf-8") for path in files if path.suffix != ".wav"}
    assert not [name for name, content in text.items() if "{{" in content.replace("${{", "") or "PACKAGE" in name]
    assert "2031 Ada Byron" in text["LICENSE"] and text["LICENSE"].startswith("ISC License")
    assert (
        'license = "ISC"' in text["pyproject.toml"] and 'deep-voice = "deep_voice.cli:main"' in text["pyproject.toml"]
    )
    assert "${{ matrix.os }}" in text[".github/workflows/ci.yml"]
    assert ast.get_docstring(ast.parse(text["src/deep_voice/__init__.py"])) == "Lowers voices."


def test_the_golden_sound_is_what_the_definition_says():
    utils = lesson("project_utils")
    recorded, expected = utils.golden_recordings()
    assert 20 * np.log10(np.abs(expected).max()) == pytest.approx(-3)
    louder = recorded * np.abs(expected).max() / np.abs(recorded).max()
    start = next(i for i in range(len(recorded)) if np.allclose(louder[i : i + 50], expected[:50]))
    assert 0.3 * utils.GOLDEN_RATE < start < 0.5 * utils.GOLDEN_RATE  # half a second of room, a tenth of it kept


def test_a_program_that_hangs_is_ended(tmp_path):
    utils = lesson("project_utils")
    with pytest.raises(CourseError, match="more than 0.5 s"):
        utils.python("-c", "while True: pass", cwd=tmp_path, at_most=0.5)
    done = utils.python("-c", "import os; print(os.environ.get('PYTHONPATH'))", cwd=tmp_path, env={"PYTHONPATH": None})
    assert (done.code, done.last) == (0, "None")


def test_01_a_workflow_that_checks_less_is_named(project, tmp_path):
    structure = lesson("01_project_structure")
    workflow = (project / ".github/workflows/ci.yml").read_text("utf-8")
    (tmp_path / ".github/workflows").mkdir(parents=True)
    for spoilt, said in (
        (workflow.replace("run: mypy", "run: echo"), "does not run mypy"),
        (workflow.replace("contents: read", "contents: write"), "may write"),
        (workflow.replace("timeout-minutes: 10", "continue-on-error: false"), "six hours"),
        (workflow.replace("actions/checkout@v4", "actions/cache@v4"), "never gets the files"),
    ):
        (tmp_path / ".github/workflows/ci.yml").write_text(spoilt, "utf-8")
        assert [said in problem for problem in structure.ci_differs(tmp_path)] == [True]
    assert structure.ci_differs(project) == []


def test_01_the_longest_name_breaks_no_line(tmp_path):
    structure = lesson("01_project_structure")
    longest = structure.Answers("-".join(["recordings"] * 3) + "-at-home", "Ada Byron", "ISC")
    assert len(longest.name) == 40
    structure.make_project(tmp_path, longest)
    for name in ("ruff check", "ruff format"):
        done = structure.check(tmp_path, name)
        assert done.code == 0, done.output + done.errors


def test_01_your_own_folder_is_never_written_over(tmp_path):
    structure = lesson("01_project_structure")
    (tmp_path / "mine.txt").write_text("mine")
    settings = structure.PARSER.parse_args(["--quick", "--target", str(tmp_path)])
    settings.out = tmp_path
    with pytest.raises(CourseError, match="not empty"):
        structure.main(settings)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


# ------------------------------------------------------------------------------------------------------ settings


def test_02_a_secret_in_broken_yaml_is_not_repeated(tmp_path, monkeypatch):
    settings = lesson("02_configuration")
    (tmp_path / "s.yaml").write_text(f"workers: [2\napi_key: {settings.SECRET}\n")
    monkeypatch.setenv("MYVOICE_FILE", str(tmp_path / "s.yaml"))
    with pytest.raises(CourseError) as caught:
        settings.load({})
    assert settings.SECRET not in f"{caught.value} {caught.value.hint}" and caught.value.__suppress_context__


def test_02_a_bad_value_is_shown_and_a_bad_key_is_not(monkeypatch):
    settings = lesson("02_configuration")
    with pytest.raises(CourseError, match=r"workers \(argument\).*not 65"):
        settings.load({"workers": 65})
    monkeypatch.setenv("MYVOICE_API_KEY", "tiny-secret")
    with pytest.raises(CourseError, match=r"api_key \(MYVOICE_API_KEY\)") as caught:
        settings.load({})
    assert "tiny-secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "secret"),
    [("ghp_16C7e42F292c6912E7", True), ("AKIAIOSFODNN7EXAMPLE", True), ("recordings/of/a/long/evening", False),
     ("q8Zt3LmXw0Rk7VbN2yHc", True), ("24000", False), (24_000, False), ("aaaaaaaaaaaaaaaaaaaaaaaa1", False)],
)  # fmt: skip
def test_02_what_looks_like_a_key(value, secret):
    assert lesson("02_configuration").looks_secret(value) is secret


# ------------------------------------------------------------------------------------------------------ logging


def test_03_keys_are_struck_out_wherever_they_come_from():
    module = lesson("03_logging_and_errors")
    try:
        raise RuntimeError("with sk-abcdef999999")
    except RuntimeError as error:
        record = logging.LogRecord(
            "x", logging.ERROR, "f", 1, "key %s", ("hf_abcdef123456",), (type(error), error, error.__traceback__)
        )
    assert module.AddContext("r1").filter(record)
    line = module.JsonLines().format(record)
    assert "hf_abc" not in line and "sk-abc" not in line and line.count("[secret]") >= 2 and '"run": "r1"' in line
    assert "\n" not in line and "Traceback" not in module.ForPeople().format(record)


# ------------------------------------------------------------------------------------------------------ mutants

SOURCE = '''"""Doc with 1 < 2."""
LIMIT = 3


def f(x, y=1):
    """Return 1 < 2."""
    if x < LIMIT and y:
        return max(x, 2) * 3
    return x
'''


def test_04_every_mutant_is_one_change_inside_a_function(tmp_path):
    mutate = lesson("mutate")
    (tmp_path / "m.py").write_text(SOURCE)
    found = mutate.mutants(tmp_path, "m.py")
    changed = [(mutant.before, mutant.after) for mutant in found]
    assert sorted(changed) == sorted([
        ("if x < LIMIT and y:", "if x < LIMIT or y:"), ("if x < LIMIT and y:", "if x <= LIMIT and y:"),
        ("return max(x, 2) * 3", "return max(x, 2) / 3"), ("return max(x, 2) * 3", "return min(x, 2) * 3"),
        ("return max(x, 2) * 3", "return max(x, 3) * 3"), ("return max(x, 2) * 3", "return max(x, 2) * 4"),
    ])  # fmt: skip
    assert len({mutant.source for mutant in found}) == len(found)


def test_04_harmless_and_wrong_sounds_lie_on_both_sides_of_the_tolerance():
    testing = lesson("04_testing_strategies")
    x = (0.3 * np.sin(np.arange(8000) * 0.3)).astype(np.float32)
    harmless, mistakes = testing.differences(x, 8000)
    assert max(harmless.values()) < -100 and min(mistakes.values()) > testing.TOLERANCE_DB
    assert mistakes["polarity"] == pytest.approx(6.02, abs=0.01)


# ------------------------------------------------------------------------------------------------------ wheels


def test_05_a_wheel_that_was_changed_or_lacks_a_file_is_seen(tmp_path):
    package = lesson("05_package_and_install")
    record = "p/a.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\np.dist-info/RECORD,,\n"
    files = {"p/a.py": b"", "p.dist-info/RECORD": record.encode()}
    assert package.wrong_checksums(files) == []
    assert package.wrong_checksums({**files, "p/a.py": b"x"}) == ["p/a.py"]
    (tmp_path / "p" / "__pycache__").mkdir(parents=True)
    for name in ("a.py", "b.json", "__pycache__/a.pyc"):
        (tmp_path / "p" / name).write_bytes(b"")
    assert package.not_packed(tmp_path / "p", files) == ["p/b.json"]


# ------------------------------------------------------------------------------------------------------ licences


@pytest.mark.parametrize(
    ("before", "after", "fits"),
    [
        ("a", "a", True),
        ("a", "a, b=1", True),
        ("a", "a, b", False),
        ("a, b=1", "a, b", False),
        ("a, b=1", "a, c=1", False),
        ("a, b", "a", False),
        ("a, b", "b, a", False),
        ("a, b", "a, b=2", True),
    ],
)
def test_06_old_calls_that_still_fit(before, after, fits):
    assert lesson("06_documentation_and_licences").still_fits(before, after) is fits


@pytest.mark.parametrize(
    ("version", "part", "after"),
    [
        ("1.9.9", "patch", "1.9.10"),
        ("1.9.9", "minor", "1.10.0"),
        ("1.9.9", "major", "2.0.0"),
        ("0.3.1", "major", "0.4.0"),
    ],
)
def test_06_the_next_version(version, part, after):
    assert lesson("06_documentation_and_licences").bumped(version, part) == after


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("CC BY-SA 4.0 (Z. Jackson)", "CC-BY-SA-4.0"),
        ("CC BY 4.0", "CC-BY-4.0"),
        ("CC0 1.0", "CC0-1.0"),
        ("stated as CC BY-SA 3.0", "CC-BY-SA-3.0"),
        ("CC BY-NC-ND 4.0", "CC-BY-NC-ND-4.0"),
        ("public domain (LibriVox)", "CC0-1.0"),
        ("ask the owner", ""),
    ],
)
def test_06_licences_in_sentences(text, name):
    assert lesson("licence_terms").spdx(text) == name


def test_06_a_mixture_does_not_depend_on_the_order():
    terms = lesson("licence_terms")
    for names in itertools.combinations(terms.TERMS, 3):
        assert len({terms.verdict(list(order)) for order in itertools.permutations(names)}) == 1
    assert terms.verdict(["CC-BY-SA-4.0", "GPL-3.0-only"]).endswith("must itself be GPL-3.0-only")
    assert terms.verdict(["CC-BY-SA-3.0", "GPL-3.0-only"]).startswith("cannot be")


# ------------------------------------------------------------------------------------------------------ reviews


def test_07_a_finding_counts_for_the_nearest_defect_only():
    review = lesson("07_code_review")
    defects = [review.Defect(line, str(line), "?", "") for line in (10, 11, 30)]
    precision, recall, missed = review.score({10, 31, 20}, defects)
    assert (precision, recall) == pytest.approx((2 / 3, 2 / 3)) and [d.line for d in missed] == [11]
    assert review.score(set(), defects)[:2] == (0.0, 0.0)


def test_07_every_planted_defect_stands_where_it_is_said_to(tmp_path):
    review = lesson("07_code_review")
    lines = (MODULE / "review" / "after.py.txt").read_text("utf-8").splitlines()
    import json

    expected = ["keep_seconds: float = 0.0", "PAUSE_MS * sample_rate", "len(samples) - size", ":.1f", "< QUIETEST_DB",
                "= []", "{name}.wav", "except Exception", "with key", "zip(names, clips)", "manifest.json"]  # fmt: skip
    defects = [review.Defect(**row) for row in json.loads((MODULE / "review" / "defects.json").read_text("utf-8"))]
    assert [piece in lines[d.line - 1] for d, piece in zip(defects, expected, strict=True)] == [True] * 11
    (tmp_path / "f.txt").write_text("# mine\n15  default\n\n 22 unit\n")
    assert review.read_findings(tmp_path / "f.txt") == {15, 22}
    (tmp_path / "f.txt").write_text("line 15 default\n")
    with pytest.raises(CourseError, match="line number"):
        review.read_findings(tmp_path / "f.txt")
    assert f"{defects[0].line} +def ready" in review.change_as_diff()


# ------------------------------------------------------------------------------------------------------ plans


def a_plan(needs: dict[str, list[str]], days: dict[str, list[float]]) -> dict:
    return {
        "goal": "z",
        "risks": [],
        "issues": [{"id": name, "needs": needs.get(name, []), "days": days[name]} for name in days],
    }


def test_08_critical_path_and_people_against_the_library():
    plan = lesson("08_plan_the_capstone")
    numbers = random.Random(1)
    for _ in range(20):
        names = [f"i{n}" for n in range(9)] + ["z"]
        needs = {b: [a for a in names[:i] if numbers.random() < 0.4] for i, b in enumerate(names)}
        graph = plan.order(a_plan(needs, dict.fromkeys(names, [1, 1, 1])))
        days = {name: numbers.uniform(1, 9) for name in names}
        length = max(plan.earliest(graph, days).values())
        assert length == pytest.approx(plan.library_length(graph, days))
        ends = [plan.with_people(graph, days, people) for people in (1, 2, 20)]
        assert ends[0] == pytest.approx(sum(days.values())) and ends[2] == pytest.approx(length)
        assert ends[2] - 1e-9 <= ends[1] <= ends[0] + 1e-9
        assert min(plan.slack(graph, days).values()) == pytest.approx(0)


def test_08_futures_of_a_chain_are_its_mean_and_risks_add_up():
    module = lesson("08_plan_the_capstone")
    plan = a_plan({"z": ["a"]}, {"a": [1, 2, 3], "z": [1, 1.5, 2]})
    plan["risks"] = [{"issue": "a", "what": "rain", "probability": 0.5, "days": 4}]
    last, decides, cost = module.futures(plan, np.random.default_rng(0), 20_000)
    assert last.mean() == pytest.approx(2 + 1.5 + 2, abs=0.05) and cost["rain"] == pytest.approx(2, abs=0.05)
    assert decides == {"a": 1.0, "z": 1.0}


def test_08_the_capstones_plan_is_sound_and_a_stranger_in_it_is_named():
    module = lesson("08_plan_the_capstone")
    plan, steps = module.read_plan(module.PLAN), sorted(path.name for path in module.CAPSTONE.glob("0[1-8]_*.py"))
    assert len(steps) == 8 and module.plan_problems(plan, steps) == []
    spoilt = copy.deepcopy(plan)
    spoilt["risks"][0]["issue"] = "nobody"
    assert module.plan_problems(spoilt, steps) == ["the risk 'the room is too loud' is of no issue"]
    page = module.plan_page(
        plan, dict.fromkeys((i["id"] for i in plan["issues"]), 0.0), 9.0, {r["what"]: 1.0 for r in plan["risks"]}
    )
    assert page.count("- [ ] **") == 13 and page.count("shown by") == 13


@pytest.mark.parametrize("text", ["[1, 2]", "goal: x", "a: ["])
def test_08_what_is_no_plan_is_refused(text, tmp_path):
    (tmp_path / "plan.yaml").write_text(text)
    with pytest.raises(CourseError, match="plan.yaml"):
        lesson("08_plan_the_capstone").read_plan(tmp_path / "plan.yaml")


def test_the_extra_brings_every_tool():
    lines = (MODULE / "requirements-tools.txt").read_text("utf-8").splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == list(lesson("project_utils").TOOLS)


def test_a_device_that_nothing_here_can_use_and_a_missing_tool_are_refused():
    utils = lesson("project_utils")
    with pytest.raises(CourseError, match="--device cuda"):
        utils.prepare(Namespace(device="cuda", seed=0))
    with pytest.raises(CourseError, match="no_such_tool") as caught:
        utils.prepare(Namespace(device="cpu", seed=0), needs=("no_such_tool",))
    assert "extra tools" in caught.value.hint
