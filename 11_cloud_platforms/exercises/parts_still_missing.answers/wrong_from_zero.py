"""Misconception: counted from 1"""

import hashlib


def still_missing(here, there):
    return [n for n, part in enumerate(here) if there.get(n) != hashlib.md5(part, usedforsecurity=False).hexdigest()]
