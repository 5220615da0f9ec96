"""Misconception: seconds below ten have lost their zero"""


def reading_time(text: str, words_per_minute: float = 157.0) -> str:
    count = sum(any(c.isalnum() for c in piece) for piece in text.split())
    minutes, seconds = divmod(int(60 * count / words_per_minute), 60)
    return f"{minutes}:{seconds}"
