"""Misconception: the mark is not part of the name"""

import csv
import io

DIAGNOSIS = "C"
MANIFEST = (
    "n01|The night was dark.|The night was dark.\n"
    'n02|"Who is there?" she asked.|"Who is there?" she asked.\n'
    'n03|"Only I|"Only I\n'
    'n04|and my dog," said he.|and my dog," said he.\n'
    "n05|Nobody moved.|Nobody moved.\n"
    'n06|"Come in.|"Come in.\n'
    "n07|They came in at 8.|They came in at eight.\n"
    "n08|The dog lay down.|The dog lay down.\n"
    "n09|So it began.|So it began.\n"
)


def load(manifest: str) -> list[tuple[str, str]]:
    """Return (id, text) of each clip."""
    rows = csv.reader(io.StringIO(manifest), delimiter="|", quoting=csv.QUOTE_NONE)
    return [(row[0], row[-1]) for row in rows if row]


if __name__ == "__main__":
    clips = load(MANIFEST)
    print(f"{len(MANIFEST.splitlines())} lines, {len(clips)} clips")
    for clip_id, text in clips:
        print(f"   {clip_id}: {text!r}")
