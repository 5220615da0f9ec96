"""Checks say_clock() at every minute of the day against a table made another way, special cases first."""

from coursekit.course import Wrong

CASES = (
    ("7:00", "seven o'clock", "a full hour is said with o'clock"),
    ("7:15", "a quarter past seven", "a quarter, not fifteen"),
    ("7:30", "half past seven", "half past belongs to the hour that has begun"),
    ("7:45", "a quarter to eight", "after half past, one counts to the next hour"),
    ("7:40", "twenty to eight", "after half past, one counts to the next hour"),
    ("12:45", "a quarter to one", "after twelve comes one, not thirteen"),
    ("23:45", "a quarter to twelve", "after twelve comes one, not thirteen"),
    ("0:15", "a quarter past twelve", "there is no hour zero on a clock face"),
    ("19:20", "twenty past seven", "a clock face has twelve hours"),
    ("7:03", "three minutes past seven", "only multiples of five go without the word minutes"),
    ("7:59", "one minute to eight", "one minute, not one minutes"),
    ("7:01", "one minute past seven", "one minute, not one minutes"),
    ("07:05", "five past seven", "a leading zero is not said"),
)
HOURS = "twelve one two three four five six seven eight nine ten eleven".split()


def check(answer) -> None:
    for written, wanted, why in CASES:
        said = answer.say_clock(written)
        if said != wanted:
            raise Wrong(f"{written} is {said!r}, expected {wanted!r}: {why}.")
    for minute in range(24 * 60):
        hour, rest = divmod(minute, 60)
        said = answer.say_clock(f"{hour}:{rest:02}")
        here = HOURS[(hour + (rest > 30)) % 12]
        if not isinstance(said, str) or here not in said.split():
            raise Wrong(f"{hour}:{rest:02} is {said!r}; the hour in it should be {here!r}.")
