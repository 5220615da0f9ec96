"""Misconception: the fraction of a minute was taken for seconds"""


def reading_time(text: str, words_per_minute: float = 157.0) -> str:
    words = [piece for piece in text.split() if any(c.isalnum() for c in piece)]
    return f"{len(words) / words_per_minute:.2f}".replace(".", ":")
