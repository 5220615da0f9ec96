"""Misconception: a bad line vanished without a word"""

import json


def read_manifest(lines: list[str]) -> tuple[list[dict], list[str]]:
    rows = []
    for line in lines:
        try:
            row = json.loads(line)
            if row["file"].strip() and row["text"].strip() and row["seconds"] > 0:
                rows.append(row)
        except Exception:
            continue
    return rows, []
