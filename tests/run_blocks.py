"""Runs the python blocks of a document, those of one section in one namespace, and prints the problems as JSON.

A block must end in a proof: `# prints: ...` comments that say, line by line, what it prints, or an assert.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import sys
import tempfile
import traceback
import types
from pathlib import Path

PRINTS = re.compile(r"#\s*prints:\s?(.*)$")


def blocks(lines: list[str]) -> list[tuple[int, int, str]]:
    """(number of its section, line of its first line, source) of each python block."""
    found, section, start = [], 0, None
    for number, line in enumerate(lines, 1):
        if start is None and line.startswith("## "):
            section += 1
        if line.startswith("```"):
            if start is not None:
                if start > 0:
                    found.append((section, start, "\n".join(lines[start - 1 : number - 1])))
                start = None
            else:
                start = number + 1 if line.strip() == "```python" else -1
    return found


def problems(document: Path) -> list[str]:
    found: list[str] = []
    lines = document.read_text(encoding="utf-8").splitlines()
    modules: dict[int, types.ModuleType] = {}
    for section, line, source in blocks(lines):
        if section not in modules:
            modules[section] = sys.modules["block"] = types.ModuleType("block")  # dataclasses look their module up
        space = vars(modules[section])
        found += [f"{document.name}:{line}: {problem}" for problem in run(source, space)]
    return found


def run(source: str, space: dict[str, object]) -> list[str]:
    promised = [match.group(1).rstrip() for line in source.splitlines() if (match := PRINTS.search(line))]
    if not promised and not re.search(r"^\s*assert ", source, flags=re.M):
        return ["the block proves nothing: it has neither '# prints: ...' nor an assert"]
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            exec(compile(source, "<block>", "exec"), space)
    except Exception as error:
        line = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "<block>"]
        where = f" in its line {line[-1]}" if line else ""
        return [f"the block stops{where}: {type(error).__name__}: {error}"]
    seen = [line.rstrip() for line in printed.getvalue().splitlines()]
    if seen != promised:
        return [f"the block prints {seen}, and says it prints {promised}"]
    return []


if __name__ == "__main__":
    path = Path(sys.argv[1]).resolve()
    sys.path.insert(0, str(path.parent))
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        print(json.dumps(problems(path)))
        os.chdir(path.parent)  # Windows cannot remove a folder that is somebody's current one
