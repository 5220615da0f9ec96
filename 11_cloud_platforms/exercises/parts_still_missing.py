"""Which parts are still missing

An upload in parts broke off. `here` are the parts of the file on this disk, in order, as bytes. `there` is what the
store says it has: a dictionary from the number of a part, counted from 1, to the MD5 of its content in hexadecimal
digits, which `hashlib.md5(content).hexdigest()` gives. Write `still_missing(here, there)`: the numbers of the parts
that have to be sent, in order. A part that the store has under the right number with OTHER content (the file was
changed meanwhile) has to be sent again. Numbers that this file has not are none of your business.

    still_missing([b"one", b"two"], {})                                           returns [1, 2]
    still_missing([b"one", b"two"], {1: "f97c5d29941bfb1b2fdab0874906ab82"})      returns [2]

After: 01_object_storage.py
Concepts: resumable upload
Kind: exercise
Time: 10 min
"""


def still_missing(here: list[bytes], there: dict[int, str]) -> list[int]:
    # TODO: compare each part with what the store has under its number
    raise NotImplementedError("still_missing")
