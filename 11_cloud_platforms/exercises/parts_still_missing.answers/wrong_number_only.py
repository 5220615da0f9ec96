"""Misconception: A part with other content has to be sent again"""


def still_missing(here, there):
    return [number for number in range(1, len(here) + 1) if number not in there]
