"""Misconception: tokens may touch each other"""


def token_places(text: str, tokens: list[str]) -> list[tuple[int, int]]:
    found, place = [], 0
    for token in tokens:
        if not text.startswith(token, place):
            raise ValueError(token)
        found.append((place, place + len(token)))
        place += len(token) + 1
    return found
