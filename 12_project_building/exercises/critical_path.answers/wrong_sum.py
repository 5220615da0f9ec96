"""Misconception: issues run side by side"""


def critical_path(days, needs):
    return sum(days.values()), list(days)
