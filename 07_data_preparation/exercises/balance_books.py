"""The books must balance

After a run, a folder of recordings and two lists should agree: every file given is either accepted or rejected, once.
Write `balance_books(given, accepted, rejected)`, which returns a dictionary of sorted lists:

    "missing"   given, and in neither list: a program lost it
    "unknown"   in a list, and never given: left over from another run
    "twice"     in the lists more than once together: it would be trained on and reported as thrown away

File names are compared as Windows does, without regard to capitals: Take_1.wav and take_1.wav are one file. Names
come back as they were first written: `given` first, then `accepted`, then `rejected`. Each name stands in a list
once.

    balance_books(["a.wav", "b.wav", "c.wav"], ["a.wav"], ["B.wav", "a.wav"])
        returns {"missing": ["c.wav"], "unknown": [], "twice": ["a.wav"]}

After: 04_clip_ledger.py
Concepts: the clip ledger
Kind: exercise
Time: 15 min
"""


def balance_books(given: list[str], accepted: list[str], rejected: list[str]) -> dict[str, list[str]]:
    """Return what does not balance; three empty lists when all does."""
    # TODO: count each file in the lists, then compare with what was given
    raise NotImplementedError("balance_books")
