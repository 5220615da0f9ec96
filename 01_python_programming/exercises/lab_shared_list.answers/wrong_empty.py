"""Misconception: an empty list is not the same as no list"""

DIAGNOSIS = "C"


def clips_of(speaker: str, names: list[str], clips: list[str] | None = None) -> list[str]:
    """Return the paths of a speaker's clips, added to `clips`."""
    if not clips:
        clips = []  # made inside the call, so every call has its own
    for name in names:
        clips.append(f"{speaker}/{name}.wav")
    return clips


def main() -> None:
    anna = clips_of("anna", ["a1", "a2"])
    ben = clips_of("ben", ["b1"])
    print("Anna:", anna)
    print("Ben: ", ben)


if __name__ == "__main__":
    main()
