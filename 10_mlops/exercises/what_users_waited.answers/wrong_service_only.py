"""Misconception: measure from `due`"""


def waited(due, service):
    return [service for _ in due]
