"""The clock as people say it. Solved."""

WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty twenty-one twenty-two twenty-three twenty-four twenty-five twenty-six twenty-seven "
    "twenty-eight twenty-nine thirty"
).split()


def say_clock(written: str) -> str:
    """Return the time in words."""
    hour, minute = (int(part) for part in written.split(":"))
    late = minute > 30
    count = 60 - minute if late else minute
    spoken_hour = WORDS[(hour + late) % 12 or 12]
    if not count:
        return f"{spoken_hour} o'clock"
    plain = WORDS[count] if count % 5 == 0 else f"{WORDS[count]} minute{'s' * (count > 1)}"
    special_name = {15: "a quarter", 30: "half"}.get(count, plain)
    return f"{special_name} {'to' if late else 'past'} {spoken_hour}"
