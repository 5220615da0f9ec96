"""Precision and recall of each speaker

"The program knows 97 % of the speakers" can hide that it never finds the Dormouse. Write `per_speaker(said, true)`: for
each speaker who occurs in either list, (precision, recall) over the quotations.

    said: what the program says, one name for each quotation, or None where it says nothing
    true: who it is

Precision is the share of the quotations given to a speaker that are theirs; where none was given to them, it is None.
Recall is the share of a speaker's quotations that were given to them; where they have none, it is None.

    per_speaker(["Alice", "Alice", None, "Cat"], ["Alice", "Cat", "Cat", "Cat"])
        returns {"Alice": (0.5, 1.0), "Cat": (1.0, 1/3)}

After: 04_dialogue.py
Concepts: precision and recall
Kind: exercise
Time: 15 min
"""


def per_speaker(said: list[str | None], true: list[str]) -> dict[str, tuple[float | None, float | None]]:
    """Return (precision, recall) of each speaker."""
    # TODO: for each name count three things: given to them, theirs, and both
    raise NotImplementedError("per_speaker")
