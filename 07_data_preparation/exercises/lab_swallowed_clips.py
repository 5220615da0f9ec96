"""Lab: a third of the clips is gone

Run your copy (`python my_answers/lab_swallowed_clips.py`, in the folder of this module). A manifest of nine lines is
loaded, and fewer clips come out, one of them with a text far too long. No error, no warning; the training would
simply know less. Find the cause, put its letter into DIAGNOSIS, and repair `load` so that every line gives one clip
with its text exactly as it is written. A file that a Windows editor saved (the mark U+FEFF at its very beginning,
lines that end in CR LF) must load as well. Empty lines are no clips. Where there are three cells, the third is the
text.

    A  The writer forgot to quote the texts.
    B  Lines that begin with the same words are taken for duplicates.
    C  `csv.reader` takes a quotation mark at the start of a text for the beginning of a quoted cell.
    D  The separator stands inside of some texts.

After: 05_manifest_and_datasets.py
Concepts: manifests
Kind: lab
Time: 20 min
"""

import csv
import io

DIAGNOSIS = "?"
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
    rows = csv.reader(io.StringIO(manifest), delimiter="|")
    return [(row[0], row[-1]) for row in rows if row]


if __name__ == "__main__":
    clips = load(MANIFEST)
    print(f"{len(MANIFEST.splitlines())} lines, {len(clips)} clips")
    for clip_id, text in clips:
        print(f"   {clip_id}: {text!r}")
