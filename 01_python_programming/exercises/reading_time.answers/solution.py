"""Reading time of a script, solved."""


def reading_time(text: str, words_per_minute: float = 157.0) -> str:
    count = 0
    for piece in text.split():
        if any(character.isalnum() for character in piece):
            count += 1
    total = int(count * 60 / words_per_minute)
    return f"{total // 60}:{total % 60:02d}"
