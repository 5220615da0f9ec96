"""How short may a recording be?

A CTC model says one token in each frame: a letter, or the blank. Equal neighbours become one letter, then blanks go.
Write `fewest_frames(text)`: the smallest number of frames in which this text can be said at all. A clip with fewer
frames has an infinite loss, and every careful data set throws it out.

    fewest_frames("cat")    returns 3
    fewest_frames("book")   returns 5: between the two o's stands a blank
    fewest_frames("")       returns 0

After: 05_ctc_digits.py
Concepts: ctc
Kind: exercise
Time: 10 min
"""


def fewest_frames(text: str) -> int:
    # TODO: one frame for each letter, and what doubled letters need besides
    raise NotImplementedError("fewest_frames")
