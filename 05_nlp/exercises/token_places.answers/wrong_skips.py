"""Misconception: was skipped without a complaint"""


def token_places(text: str, tokens: list[str]) -> list[tuple[int, int]]:
    found, place = [], 0
    for token in tokens:
        start = text.index(token, place)
        place = start + len(token)
        found.append((start, place))
    return found
