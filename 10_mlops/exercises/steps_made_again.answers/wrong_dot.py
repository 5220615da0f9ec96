"""Misconception: COPY . copies everything"""


def made_again(steps: list[tuple[str, list[str]]], changed: str) -> list[int]:
    for place, (_, sources) in enumerate(steps):
        if any(changed == source or changed.startswith(source + "/") for source in sources):
            return list(range(place, len(steps)))
    return []
