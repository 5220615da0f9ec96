"""Misconception: a dash, a line end or a second blank was counted as part of the words"""


def reading_time(text: str, words_per_minute: float = 157.0) -> str:
    count = len(text.split(" ")) if text else 0
    minutes, seconds = divmod(int(60 * count / words_per_minute), 60)
    return f"{minutes}:{seconds:02d}"
