"""Checks still_missing on whole, broken, changed and shortened files."""

import hashlib

from coursekit.course import Wrong


def digits(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


PARTS = [b"once upon", b" a time", b" there was", b" a voice"]
ALL = {number: digits(part) for number, part in enumerate(PARTS, 1)}


def check(answer) -> None:
    compare(answer, PARTS, {}, [1, 2, 3, 4], "Nothing is there yet, and parts are counted from 1.")
    compare(answer, PARTS, ALL, [], "Everything is there; parts are counted from 1.")
    compare(answer, PARTS, {1: ALL[1], 2: ALL[2]}, [3, 4], "Parts are counted from 1, lists from 0.")
    compare(answer, PARTS, {1: ALL[1], 3: ALL[3]}, [2, 4], "Parts may arrive in any order: a gap has to be filled.")
    compare(answer, PARTS, {**ALL, 2: digits(b"older")}, [2], "A part with other content has to be sent again.")
    swapped = {**ALL, 1: ALL[2], 2: ALL[1]}
    compare(answer, PARTS, swapped, [1, 2], "The right content under the wrong number makes another file.")
    compare(answer, PARTS[:2], ALL, [], "The store has parts that this file has not; leave them alone.")


def compare(answer, here, there, wanted, why) -> None:
    seen = answer.still_missing(list(here), dict(there))
    if list(seen) != wanted:
        raise Wrong(f"{why} still_missing gave {seen} where {wanted} is right.")
