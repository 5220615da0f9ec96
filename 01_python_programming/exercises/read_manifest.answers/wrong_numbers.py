"""Misconception: lines are counted from 1, the blank ones too"""

import json


def read_manifest(lines: list[str]) -> tuple[list[dict], list[str]]:
    rows, problems = [], []
    for number, line in enumerate(filter(str.strip, lines), start=1):
        if not line.strip():
            continue
        try:
            rows.append(parse_row(line))
        except ValueError as error:
            problems.append(f"line {number}: {error}")
    return rows, problems


def parse_row(line: str) -> dict:
    """Return one row, or raise a ValueError that says what is wrong with it."""
    row = json.loads(line)
    if not isinstance(row, dict):
        raise ValueError(f"a {type(row).__name__}, not an object in curly brackets")
    for name in ("file", "text"):
        if not isinstance(row.get(name), str) or not row[name].strip():
            raise ValueError(f"{name!r} is {row.get(name)!r}; it should be text that is not empty")
    seconds = row.get("seconds")
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not seconds > 0:
        raise ValueError(f"'seconds' is {seconds!r}; it should be a number greater than 0")
    return row
