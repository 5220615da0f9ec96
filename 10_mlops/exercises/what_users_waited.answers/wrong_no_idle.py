"""Misconception: it cannot begin before the request is there"""


def waited(due, service):
    return [(place + 1) * service - moment for place, moment in enumerate(due)]
