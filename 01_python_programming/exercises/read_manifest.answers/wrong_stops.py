"""Misconception: one bad line stopped all the others"""

import json


def read_manifest(lines: list[str]) -> tuple[list[dict], list[str]]:
    rows, problems = [], []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        row = json.loads(line)
        if row["file"] and row["text"] and row["seconds"] > 0:
            rows.append(row)
        else:
            problems.append(f"line {number}: something is missing")
    return rows, problems
