"""The clock as people say it

The normaliser of script 01 reads "7:45" as "seven forty-five". People rather say "a quarter to eight". Write
`say_clock(written)` for times such as "7:45" or "19:05", hours 0 to 23:

    full hours          "7:00" -> "seven o'clock"
    quarters and halves "7:15" -> "a quarter past seven", "7:30" -> "half past seven", "7:45" -> "a quarter to eight"
    up to half past     "7:20" -> "twenty past seven", after it "7:40" -> "twenty to eight"
    other minutes       "7:03" -> "three minutes past seven", "7:59" -> "one minute to eight"

Only multiples of five go without the word "minutes". Hours are said from one to twelve: "0:15" is "a quarter past
twelve", "12:45" is "a quarter to one", "23:30" is "half past eleven".

After: 01_text_normalisation.py
Concepts: numbers in words, text normalisation
Kind: exercise
Time: 20 min
"""

WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty twenty-one twenty-two twenty-three twenty-four twenty-five twenty-six twenty-seven "
    "twenty-eight twenty-nine thirty"
).split()


def say_clock(written: str) -> str:
    """Return the time in words."""
    # TODO: before half past or after it? Then the name of the minutes, then the hour they count from or to
    raise NotImplementedError("say_clock")
