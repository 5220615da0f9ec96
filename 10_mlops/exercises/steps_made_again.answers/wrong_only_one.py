"""Misconception: Every step stands on the one before"""


def made_again(steps: list[tuple[str, list[str]]], changed: str) -> list[int]:
    for place, (_, sources) in enumerate(steps):
        if any(source == "." or changed == source or changed.startswith(source + "/") for source in sources):
            return [place]
    return []
