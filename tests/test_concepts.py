"""Concept documents have all their parts, their numbers come from runs, and generated pages are up to date."""

from __future__ import annotations

import functools
import json
import shutil
from pathlib import Path

import pytest

from coursekit.course.concept_pages import stale_pages, write_pages
from coursekit.course.concepts import LABELS, Index
from coursekit.course.modules import ROOT, Module, modules

from . import lesson_gates

MODULES = [module for module in modules() if module.documents]
TAUGHT = [module for module in modules() if module.lessons]
DOCUMENTS = [document for module in MODULES for document in module.documents]


@functools.cache
def index() -> Index:
    return Index()


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.number)
def test_every_section_has_all_its_parts_and_its_line_of_code(module: Module) -> None:
    assert lesson_gates.document_problems(module, index()) == []


@pytest.mark.parametrize("module", TAUGHT, ids=lambda module: module.number)
def test_headers_name_sections_that_exist(module: Module) -> None:
    assert lesson_gates.header_document_problems(module) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_python_block_prints_what_it_says(document: Path) -> None:
    assert lesson_gates.block_problems(document) == []


def test_generated_pages_are_up_to_date() -> None:
    stale = [path.relative_to(ROOT).as_posix() for path in stale_pages(ROOT)]
    assert not stale, f"stale: {', '.join(stale)}; repair: course concept --write"


# ------------------------------------------------------------------------------------------------ the gates can go red

DOCUMENT = """# Numbers

## 1. Values
Terms: value, number

**Why it exists.** To count.

**In everyday words.** A thing.

**The formula.** v

**A worked example.**

```python
v = 1 + 1
print(v)  # prints: 2
```

**Where it lives.**
<!-- where -->
<!-- /where -->

**Usual mistakes.** None.

**Question.** What?

**Answer.** That.
"""
SCRIPT = '''"""Numbers.

What you will learn
    - that
How to run it
    python 01_numbers.py --quick    all of it
Time and memory on 2 CPU cores: quick 1 s, full 1 s; 0.1 GB.
Writes: nothing but the report
Concepts: NUMBERS_CONCEPTS_EXPLAINED.md (values)
"""

v = 1  # concept: values
run_script()
'''


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """A course of one module with one good concept."""
    module = tmp_path / "50_numbers"
    module.mkdir()
    (tmp_path / "00_env_setup").mkdir()
    (module / "01_numbers.py").write_text(SCRIPT)
    (module / "NUMBERS_CONCEPTS_EXPLAINED.md").write_text(DOCUMENT)
    write_pages(tmp_path)
    return tmp_path


def problems(course: Path) -> list[str]:
    module = Module(course / "50_numbers")
    found = lesson_gates.document_problems(module, Index(course)) + lesson_gates.header_document_problems(module)
    return found + [str(path) for path in stale_pages(course)]


def change(course: Path, name: str, before: str, after: str) -> None:
    path = course / "50_numbers" / name
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))


def test_a_good_module_passes(course: Path) -> None:
    assert problems(course) == []
    document = course / "50_numbers" / "NUMBERS_CONCEPTS_EXPLAINED.md"
    assert "- [01_numbers.py line 12](01_numbers.py#L12): `v = 1`" in document.read_text()
    assert "| **Values** | [Values](50_numbers/NUMBERS" in (course / "CONCEPTS.md").read_text()
    assert lesson_gates.block_problems(document) == []


def test_the_readme_gets_its_tables_and_keeps_the_rest(course: Path) -> None:
    readme = course / "README.md"
    readme.write_text(
        "before\n<!-- scripts -->\n<!-- /scripts -->\n<!-- cheat sheet -->\nold\n<!-- /cheat sheet -->\nafter\n"
    )
    assert problems(course) == [str(readme)]
    write_pages(course)
    text = readme.read_text()
    assert problems(course) == [] and text.startswith("before\n") and text.endswith("\nafter\n") and "old" not in text
    assert "| value, number | [Values](50_numbers/NUMBERS_CONCEPTS_EXPLAINED.md#1-values) (50) |" in text
    assert "[50/01 numbers](50_numbers/01_numbers.py)" in text


def test_terms_that_are_markup_or_hold_commas_are_shown_as_they_are(course: Path) -> None:
    change(course, "NUMBERS_CONCEPTS_EXPLAINED.md", "## 1. Values", "## 1. Values, all of them")
    change(course, "NUMBERS_CONCEPTS_EXPLAINED.md", "Terms: value,", "Terms: values, all of them, __init__,")
    write_pages(course)
    text = (course / "CONCEPTS.md").read_text()
    assert "| `__init__` |" in text and "| **Values, all of them** |" in text and "| all of them |" not in text


@pytest.mark.parametrize("label", LABELS)
def test_a_missing_label_is_named(course: Path, label: str) -> None:
    change(course, "NUMBERS_CONCEPTS_EXPLAINED.md", f"**{label}**", "")
    assert any(f"**{label}** is missing" in problem for problem in problems(course))


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        ("Terms: value, number\n", "", "no Terms"),
        ("Terms: value, number", "Terms: ", "no Terms"),
        ("## 1. Values", "## 2. Values", "not numbered"),
        ("**The formula.** v", "**The formula.**", "nothing stands under **The formula.**"),
        ("To count.\n\n", "To count.\n", "does not begin a paragraph"),
        ("<!-- /where -->", "", "do not stand on one line each"),
        ("## 1. Values", "## 1. Worths", "'values' is no section"),
        ("## 1. Values", "## 1. Worths", "has the marker # concept: worths"),
        ("**Question.** What?\n\n**Answer.** That.", "**Answer.** That.\n\n**Question.** What?", "in the order"),
        ("`v = 1`", "`v = 2`", "NUMBERS_CONCEPTS_EXPLAINED.md"),
    ],
)
def test_a_spoilt_document_is_named(course: Path, before: str, after: str, named: str) -> None:
    change(course, "NUMBERS_CONCEPTS_EXPLAINED.md", before, after)
    found = problems(course)
    assert any(named in problem for problem in found), found


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        ("# concept: values", "# concept: vectors", "01_numbers.py, line 12: 'vectors' is no section"),
        ("# concept: values", "", "has the marker # concept: values"),
        ("v = 1", "\nv = 1", "CONCEPTS.md"),
        ("(values)", "(vectors)", "'vectors' is no section of NUMBERS"),
        ("NUMBERS_C", "OTHER_C", "OTHER_CONCEPTS_EXPLAINED.md, which does not exist"),
        ("Concepts: ", "", '"Concepts:" is missing'),
    ],
)
def test_a_spoilt_script_is_named(course: Path, before: str, after: str, named: str) -> None:
    change(course, "01_numbers.py", before, after)
    found = problems(course)
    assert any(named in problem for problem in found), found


def test_a_section_that_stands_twice_is_named(course: Path) -> None:
    document = course / "50_numbers" / "NUMBERS_CONCEPTS_EXPLAINED.md"
    document.write_text(DOCUMENT + DOCUMENT.split("\n", 2)[2].replace("## 1.", "## 2."))
    assert "'values' is a section twice" in problems(course)


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        ("# prints: 2", "# prints: 3", "prints ['2'], and says it prints ['3']"),
        ("  # prints: 2", "", "proves nothing"),
        ("print(v)", "print(w)", "NameError"),
        ("print(v)", "print(v, v)", "prints ['2 2']"),
        ("print(v)  # prints: 2", "assert v == 3", "AssertionError"),
    ],
)
def test_a_block_that_does_not_hold_is_named(course: Path, before: str, after: str, named: str) -> None:
    change(course, "NUMBERS_CONCEPTS_EXPLAINED.md", before, after)
    [problem] = lesson_gates.block_problems(course / "50_numbers" / "NUMBERS_CONCEPTS_EXPLAINED.md")
    assert "EXPLAINED.md:15: " in problem and named in problem


def test_a_concept_with_commas_in_its_title_is_found(course: Path) -> None:
    change(course, "NUMBERS_CONCEPTS_EXPLAINED.md", "## 1. Values", "## 1. Values, names and types")
    change(course, "01_numbers.py", "# concept: values", "# concept: values, names and types")
    change(course, "01_numbers.py", "(values)", "(values, names and types)")
    write_pages(course)
    assert problems(course) == []


def test_each_module_of_a_copy_is_its_own(course: Path, tmp_path: Path) -> None:
    """The same title may stand in two modules; each marker belongs to its own module's section."""
    shutil.copytree(course / "50_numbers", course / "51_more")
    write_pages(course)
    assert problems(course) == []
    assert len(Index(course).find("number")) == 2
    assert json.dumps((course / "CONCEPTS.md").read_text()).count("**Values**") == 2
