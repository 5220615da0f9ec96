"""What the root README takes from the scripts and concept documents: two tables between comments."""

import re

from coursekit.course.concepts import Concept, Index
from coursekit.course.modules import Module, header, modules

TERMS_SHOWN = 4


def with_blocks(text: str, index: Index) -> str:
    """Return the README's text with both tables as they should be; a README without the comments stays as it is."""
    for name, table in (("scripts", scripts_table(index)), ("cheat sheet", cheat_sheet(index))):
        block = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", flags=re.S)
        text = block.sub(lambda found, table=table: f"{found[1]}{table}\n{found[2]}", text)  # type: ignore[misc]
    return text


def scripts_table(index: Index) -> str:
    """Every lesson script, what it is, what it writes, and how long it says it takes."""
    rows = ["| script | what it does | writes | time and memory on 2 CPU cores |", "|---|---|---|---|"]
    for module in modules(index.root):
        rows += _script_rows(module)
    return "\n".join(rows)


def _script_rows(module: Module) -> list[str]:
    rows = []
    for script in module.lessons:
        head = header(script)
        title = head.title.rstrip(".")
        writes = head.writes.removeprefix("Writes outputs/:").removeprefix("Writes:").strip()
        link = f"[{module.number}/{script.name[:2]} {script.stem[3:]}]({module.folder.name}/{script.name})"
        rows.append(f"| {link} | {title} | {writes} | {head.time.rstrip('.')} |")
    return rows


def cheat_sheet(index: Index) -> str:
    """Every concept: the words that lead to it, its section, its first line of code, its exercises."""
    rows = ["| when you see | look here | in code | try it |", "|---|---|---|---|"]
    rows += [_concept_row(concept, index) for concept in index.concepts]
    return "\n".join(rows)


def _concept_row(concept: Concept, index: Index) -> str:
    uses = index.of(concept)
    section = f"[{concept.title}]({concept.document.relative_to(index.root).as_posix()}#{concept.anchor})"
    code = ""
    if uses.places:
        first = uses.places[0]
        code = f"[{first.path.name}]({first.path.relative_to(index.root).as_posix()}#L{first.line})"
    exercises = ", ".join(f"`course exercise {exercise.name}`" for exercise in uses.exercises[:2])
    return f"| {', '.join(concept.terms[:TERMS_SHOWN])} | {section} ({concept.module.number}) | {code} | {exercises} |"
