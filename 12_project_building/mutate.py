"""Mutation testing in one page: change a program in one place, and see whether any test notices.

A mutant is the module's source with one small, plausible mistake in it. Tests that pass on the mutant would also have
passed if somebody had made that mistake: they do not guard that line. `04_testing_strategies.py` explains and uses it;
well-kept tools that do the same for a whole project are mutmut and cosmic-ray.

    python mutate.py PROJECT MUTANTS.json      (run by the script, in a process of its own; prints JSON)
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

SWAPS: dict[type, type] = {  # each operator by the one that is mistaken for it most easily
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip
NAMES = {"max": "min", "min": "max"}


@dataclass(frozen=True)
class Mutant:
    """One changed program.

    Attributes:
        file: The module, relative to the project.
        line: Where it was changed.
        before: The line as it was.
        after: The line as it is in the mutant.
        source: The whole mutated module.
    """

    file: str
    line: int
    before: str
    after: str
    source: str


def mutants(project: Path, file: str) -> list[Mutant]:
    """Return every mutant of one module, in the order of its lines.

    Comparisons, arithmetic, and/or, numbers (plus one) and max/min are changed, one place at a time; docstrings,
    constants outside functions and type hints are let be.
    """
    text = (project / file).read_text(encoding="utf-8")
    places = len(list(_places(ast.parse(text))))
    return [_mutant(file, text, number) for number in range(places)]


def _mutant(file: str, text: str, number: int) -> Mutant:
    tree = ast.parse(text)
    place, change = list(_places(tree))[number]
    line = place.lineno
    before = ast.unparse(_statement(tree, line)).splitlines()[0]
    change()
    after = ast.unparse(_statement(tree, line)).splitlines()[0]
    return Mutant(file, line, before, after, ast.unparse(tree))


def _statement(tree: ast.Module, line: int) -> ast.AST:
    """Return the innermost statement that holds a line."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.stmt) and node.lineno <= line <= node.end_lineno]  # type: ignore[operator]
    return max(found, key=lambda node: node.lineno)


def _places(tree: ast.Module) -> Iterator[tuple[Any, Any]]:
    """Yield (node with a line, function that changes it) for every place in a function's body."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    nodes = [node for function in functions for statement in function.body for node in ast.walk(statement)]
    for node in sorted((n for n in nodes if hasattr(n, "lineno")), key=lambda n: (n.lineno, n.col_offset)):
        if isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS:
            yield node, lambda node=node: node.ops.__setitem__(0, SWAPS[type(node.ops[0])]())
        elif isinstance(node, (ast.BinOp, ast.BoolOp)) and type(node.op) in SWAPS:
            yield node, lambda node=node: setattr(node, "op", SWAPS[type(node.op)]())
        elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
            yield node, lambda node=node: setattr(node, "value", node.value + 1)
        elif isinstance(node, ast.Name) and node.id in NAMES:
            yield node, lambda node=node: setattr(node, "id", NAMES[node.id])


# ----------------------------------------------------------------------------------------------------------------------
# the tests on every mutant, in one process: starting Python anew for each would take most of the time


class Recorder:
    """A pytest plugin that notes which test files have a failure."""

    def __init__(self) -> None:
        self.failed: set[str] = set()
        self.collected = 0

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        self.collected = len(items)

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed:
            self.failed.add(Path(report.nodeid.split("::")[0]).stem)

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self.failed.add(Path(report.nodeid).stem or "import")


def test_files_that_fail(project: Path) -> set[str]:
    """Run the project's tests as they stand on the disk; return the names of the files with a failure."""
    import pytest

    for name, module in list(sys.modules.items()):  # Python keeps what it imported; a mutant must be imported anew
        if str(getattr(module, "__file__", None) or "").startswith(str(project)):
            del sys.modules[name]
    recorder = Recorder()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        pytest.main(["-q", "-p", "no:cacheprovider", "--rootdir", str(project), str(project)], plugins=[recorder])
    return recorder.failed if recorder.collected else {"import"}


def main(project: Path, wanted: list[dict[str, Any]]) -> list[list[str]]:
    """Put each mutant in its module's place, run the tests, put the module back; return who noticed, by mutant."""
    noticed = []
    for row in wanted:
        path = project / row["file"]
        original = path.read_bytes()
        path.write_text(row["source"], encoding="utf-8")
        try:
            noticed.append(sorted(test_files_that_fail(project)))  # concept: mutation testing
        finally:
            path.write_bytes(original)
    return noticed


def as_rows(found: list[Mutant]) -> str:
    """Return mutants as JSON, for the process that tests them."""
    return json.dumps([asdict(mutant) for mutant in found])


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    rows = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    print(json.dumps(main(Path(sys.argv[1]).resolve(), rows)))
