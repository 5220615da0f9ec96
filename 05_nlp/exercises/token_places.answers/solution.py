"""Where in the text does each token stand? Solved."""


def token_places(text: str, tokens: list[str]) -> list[tuple[int, int]]:
    """Return (start, end) of each token."""
    found, place = [], 0
    for token in tokens:
        place += len(text[place:]) - len(text[place:].lstrip())
        if not token or not text.startswith(token, place):
            raise ValueError(f"{token!r} does not stand at {place}")
        found.append((place, place + len(token)))
        place += len(token)
    if text[place:].strip():
        raise ValueError(f"{text[place:]!r} is left over")
    return found
