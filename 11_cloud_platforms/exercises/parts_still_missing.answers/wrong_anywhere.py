"""Misconception: The right content under the wrong number makes another file"""

import hashlib


def still_missing(here, there):
    known = set(there.values())
    return [n for n, part in enumerate(here, 1) if hashlib.md5(part, usedforsecurity=False).hexdigest() not in known]
