"""Misconception: stands behind the first one, not at its place"""


def token_places(text: str, tokens: list[str]) -> list[tuple[int, int]]:
    found = []
    for token in tokens:
        if token not in text:
            raise ValueError(token)
        found.append((text.find(token), text.find(token) + len(token)))
    return found
