"""Misconception: a gap has to be filled"""


def still_missing(here, there):
    return list(range(len([n for n in there if n <= len(here)]) + 1, len(here) + 1))
