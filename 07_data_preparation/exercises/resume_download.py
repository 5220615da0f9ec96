"""Go on with a broken download

A download stopped. Write `next_step(have, size)` and `after_answer(have, size, status, came)`, the two decisions of
every download manager; the network is somebody else's job.

`next_step(have, size)`: `have` bytes are in the unfinished file, `size` the whole one has. Return the headers of the
next request, a dictionary: `{}` for all of it, `{"Range": "bytes=N-"}` for the rest from byte N on (the first byte is
number 0). Return None when all is there. More than `size` bytes cannot be right: begin again.

`after_answer(have, size, status, came)`: the server answered with `status` and `came` bytes arrived. Return ("append"
or "replace", bytes that the unfinished file then has). 206 means: this is the part you asked for. 200 means: this is
all of it from the beginning, whatever you asked. Any other status brings no bytes of the file: return ("keep", have).

    next_step(400, 1000)                    returns {"Range": "bytes=400-"}
    after_answer(400, 1000, 206, 600)       returns ("append", 1000)

After: 06_libritts.py
Concepts: downloads
Kind: exercise
Time: 15 min
"""


def next_step(have: int, size: int) -> dict[str, str] | None:
    """Return the headers of the next request, or None when nothing is missing."""
    # TODO: three cases
    raise NotImplementedError("next_step")


def after_answer(have: int, size: int, status: int, came: int) -> tuple[str, int]:
    """Return what to do with the bytes that came, and how many the file then has."""
    # TODO: what does the server say these bytes are?
    raise NotImplementedError("after_answer")
