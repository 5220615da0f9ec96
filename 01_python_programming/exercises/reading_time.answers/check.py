"""Checks reading_time on made-up texts with known numbers of words."""

import random

from coursekit.course import Wrong


def expected(count: int, rate: float) -> str:
    minutes, seconds = divmod(int(60 * count / rate), 60)
    return f"{minutes}:{seconds:02d}"


def check(answer) -> None:
    rng = random.Random(1865)
    for separator in (" ", "\n", "  ", " - "):
        for _ in range(20):
            count, rate = rng.randrange(1, 900), rng.choice([100.0, 120.0, 150.0, 160.0])
            words = [rng.choice(["Alice", "rabbit-hole,", "late!", '"Oh', "7"]) for _ in range(count)]
            compare(answer, separator.join(words), count, rate, separator)
    compare(answer, "", 0, 150.0, " ")
    if answer.reading_time("a " * 157) != "1:00":
        raise Wrong("Called reading_time with 157 words and no speed. It should be '1:00', at 157 words a minute.")


def compare(answer, text: str, count: int, rate: float, separator: str) -> None:
    seen, wanted = answer.reading_time(text, rate), expected(count, rate)
    if seen == wanted:
        return
    called = f"Called reading_time with {count} words at {rate:g} a minute, {separator!r} between them. "
    called += f"It returned {seen!r}; it should be {wanted!r}"
    if seen in (f"{count / rate:.2f}".replace(".", ":"), f"{int(100 * count / rate) / 100:.2f}".replace(".", ":")):
        raise Wrong(f"{called}: the fraction of a minute was taken for seconds.")
    if isinstance(seen, str) and seen.replace(":", ":0") == wanted:
        raise Wrong(f"{called}: seconds below ten have lost their zero.")
    if separator != " " and count > 1:
        raise Wrong(f"{called}: a dash, a line end or a second blank was counted as part of the words.")
    raise Wrong(f"{called}.")
