"""Lab: a third of the clips is gone. Solved."""

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
    text = manifest.removeprefix(chr(0xFEFF)).replace(chr(13), "")
    parts = [one.split("|") for one in text.split(chr(10)) if one.strip()]
    return [(cells[0], cells[-1]) for cells in parts]


if __name__ == "__main__":
    clips = load(MANIFEST)
    print(f"{len(MANIFEST.splitlines())} lines, {len(clips)} clips")
    for clip_id, text in clips:
        print(f"   {clip_id}: {text!r}")
