"""Misconception: after half past, one counts to the next hour"""

WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty twenty-one twenty-two twenty-three twenty-four twenty-five twenty-six twenty-seven "
    "twenty-eight twenty-nine thirty"
).split()


def say_clock(written: str) -> str:
    hour, minute = (int(part) for part in written.split(":"))
    count = 60 - minute if minute > 30 else minute
    if not count:
        return f"{WORDS[hour % 12 or 12]} o'clock"
    plain = WORDS[count] if count % 5 == 0 else f"{WORDS[count]} minute{'s' * (count > 1)}"
    name = {15: "a quarter", 30: "half"}.get(count, plain)
    return f"{name} {'to' if minute > 30 else 'past'} {WORDS[hour % 12 or 12]}"
