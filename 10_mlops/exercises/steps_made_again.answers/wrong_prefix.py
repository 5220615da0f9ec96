"""Misconception: compare whole names of folders"""


def made_again(steps: list[tuple[str, list[str]]], changed: str) -> list[int]:
    for place, (_, sources) in enumerate(steps):
        if any(source == "." or changed.startswith(source) for source in sources):
            return list(range(place, len(steps)))
    return []
