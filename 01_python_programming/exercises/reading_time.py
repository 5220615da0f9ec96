"""Reading time of a script

A narrator asks how long a text takes. Write `reading_time(text, words_per_minute)`: it returns minutes and seconds as
text, rounded down to the whole second.

    reading_time("Oh dear! " * 80, words_per_minute=150)   returns "1:04"

because 160 words at 150 a minute are 64 seconds. A word is whatever stands between white space (blanks, line ends)
and has at least one letter or digit: in "yes - or no" there are three words, the dash is none. Seconds below ten get
a zero in front: "2:05". An empty text takes "0:00".

After: 01_python_basics.py
Concepts: text, loops and comprehensions
Kind: exercise
Time: 10 min
"""


def reading_time(text: str, words_per_minute: float = 157.0) -> str:
    # TODO: count the words, compute the seconds, and return them as minutes and seconds
    raise NotImplementedError("reading_time")
