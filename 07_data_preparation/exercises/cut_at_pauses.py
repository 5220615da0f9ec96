"""Cut at the longest pause

A detector gave the stretches of speech in a long take: (start, end) in seconds, in the order of time. Write
`cut_at_pauses(stretches, longest)`, which returns pieces as (start, end), none longer than `longest` seconds where
that is possible. A piece begins where a stretch begins and ends where one ends. Cut as a reader would: a piece that
is too long is cut at the LONGEST pause inside it (the first of them, where several are equally long), and its two
parts are looked at again. A single stretch that is too long stays as it is: there is no pause to cut at.

    cut_at_pauses([(0, 3), (3.5, 6), (7.5, 9)], longest=7)     returns [(0, 6), (7.5, 9)]

After: 02_slice_long_recording.py
Concepts: slicing
Kind: exercise
Time: 20 min
"""


def cut_at_pauses(stretches: list[tuple[float, float]], longest: float) -> list[tuple[float, float]]:
    """Return the pieces in the order of time."""
    # TODO: is it short enough? Where is the longest pause? What about the two parts?
    raise NotImplementedError("cut_at_pauses")
