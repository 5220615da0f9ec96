"""What is written from the index: "where" blocks of concept documents, CONCEPTS.md and two tables of the README."""

import re
from pathlib import Path

from coursekit.course.concepts import Concept, Index, Place
from coursekit.course.exercises import Exercise
from coursekit.course.readme_blocks import with_blocks
from coursekit.files import write_text_atomic

START, END = "<!-- where -->", "<!-- /where -->"
BLOCK = re.compile(rf"{START}\n.*?{END}", flags=re.S)
LONGEST_SOURCE = 72
HEAD = """# Concept index

<!-- written by `course concept --write`; edit the scripts, exercises, quizzes and documents, not this file -->

When you meet a term, look here: where it is explained, the lines of code where it lives, and what asks you about it.
In a terminal, `course concept` lists the terms, and `course concept learning rate` shows one.
"""


def stale_pages(root: Path) -> dict[Path, str]:
    """Return the pages that differ from what the index says, with the text they should have."""
    index = Index(root)
    wanted = {document: _document(document, index) for document in {c.document for c in index.concepts}}
    if index.concepts:
        wanted[root / "CONCEPTS.md"] = index_page(index)
    readme = root / "README.md"
    if readme.is_file():
        wanted[readme] = with_blocks(_read(readme), index)
    return {path: text for path, text in wanted.items() if not path.is_file() or _read(path) != text}


def write_pages(root: Path) -> list[Path]:
    """Write the stale pages; return which."""
    stale = stale_pages(root)
    for path, text in stale.items():
        write_text_atomic(path, text)
    return sorted(stale)


def where_block(concept: Concept, index: Index) -> str:
    """Return what stands between the two `where` comments of a concept's section."""
    uses, folder = index.of(concept), concept.document.parent
    lines = [f"- {_link(place, folder)}: `{_short(place.source)}`" for place in uses.places]
    elsewhere = [script for script in uses.scripts if script not in {place.path for place in uses.places}]
    if elsewhere:
        lines.append("- also in " + ", ".join(f"[{script.name}]({script.name})" for script in elsewhere))
    lines += [
        f"- exercise {_exercise(exercise, folder)}: `course exercise {exercise.name}`" for exercise in uses.exercises
    ]
    if uses.questions:
        ids = ", ".join(question.id for question in uses.questions)
        lines.append(f"- quiz: `course quiz {concept.module.number}` ({ids})")
    return "\n".join(lines)


def index_page(index: Index) -> str:
    """Return the text of CONCEPTS.md."""
    lines = [HEAD, "## From a term to its places", "", "| term | explained in | code | exercises | quiz |"]
    lines.append("|---|---|---|---|---|")
    for term, concepts in index.terms().items():
        lines += [_term_row(term, concept, index) for concept in concepts]
    lines += ["", "## From a script or an exercise to its concepts"]
    for number in sorted({concept.module.number for concept in index.concepts}):
        module = next(concept.module for concept in index.concepts if concept.module.number == number)
        lines += ["", f"### {module.number} {module.title}", "", "| file | concepts |", "|---|---|"]
        for path, concepts in index.of_source.items():
            if concepts and module.folder in path.parents:
                relative = path.relative_to(index.root).as_posix()
                titles = ", ".join(_section(concept, index) for concept in concepts)
                lines.append(f"| [{path.relative_to(module.folder).as_posix()}]({relative}) | {titles} |")
    return "\n".join(lines) + "\n"


def _term_row(term: str, concept: Concept, index: Index) -> str:
    explained = f"{_section(concept, index)} ({concept.module.number})"
    shown = f"`{term}`" if re.search(r"[_*<>]", term) else term
    if term.lower() != concept.name:
        return f"| {shown} | {explained} | | | |"
    uses = index.of(concept)
    cells = [
        ", ".join(_link(place, index.root) for place in uses.places),
        ", ".join(_exercise(exercise, index.root) for exercise in uses.exercises),
        ", ".join(question.id for question in uses.questions),
    ]
    return f"| **{shown}** | {explained} | {' | '.join(cells)} |"


def _section(concept: Concept, index: Index) -> str:
    return f"[{concept.title}]({concept.document.relative_to(index.root).as_posix()}#{concept.anchor})"


def _link(place: Place, folder: Path) -> str:
    return f"[{place.path.name} line {place.line}]({place.path.relative_to(folder).as_posix()}#L{place.line})"


def _exercise(exercise: Exercise, folder: Path) -> str:
    return f"[{exercise.stub.stem}]({exercise.stub.relative_to(folder).as_posix()})"


def _short(source: str) -> str:
    plain = source.replace("`", "'")
    return plain if len(plain) <= LONGEST_SOURCE else plain[: LONGEST_SOURCE - 3] + "..."


def _document(document: Path, index: Index) -> str:
    """The document with every where block as it should be."""
    text = _read(document)
    lines = text.splitlines(keepends=True)
    mine = [concept for concept in index.concepts if concept.document == document]
    for concept in reversed(mine):  # from the end, so that line numbers before stay right
        end = concept.line + len(concept.text)
        section = "".join(lines[concept.line : end])
        block = "\n".join(filter(None, [START, where_block(concept, index), END]))
        lines[concept.line : end] = [BLOCK.sub(lambda _, new=block: new, section, count=1)]  # type: ignore[misc]
    return "".join(lines)


def _read(path: Path) -> str:
    """The text with its own line ends, but for Windows' (git may have put them there)."""
    return path.read_bytes().decode("utf-8").replace("\r\n", "\n")
