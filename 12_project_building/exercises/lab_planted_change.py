"""Lab: a change whose tests are green

A colleague sends you this file. "All tests pass", and they do: run your copy (in the folder of this module:
`python my_answers/lab_planted_change.py`). Two days later a speaker complains that the last words of long recordings
are missing, and another hears somebody else's sentence under their name. Review it:

- Four of the eight numbered lines are defects. Put their numbers into FOUND, for example FOUND = [1, 2].
- Repair those lines, so that every docstring holds. Nothing else may change its behaviour.
- Put into DIAGNOSIS the letter of the reason why the tests noticed nothing.

    A  The tests call the functions in an order in which the mistakes cancel each other.
    B  A test that runs a line is taken for a test that guards it: they look at shapes, never at the values promised.
    C  Tests cannot find mistakes of this kind; only a review can.
    D  The tests were written before the code, so they know nothing of it.

After: 07_code_review.py
Concepts: code review, unit tests
Kind: lab
Time: 20 min
"""

DIAGNOSIS = "?"
FOUND: list[int] = []

PAUSE_SECONDS = 0.25


def pieces(samples: list[float], size: int) -> list[list[float]]:
    """Cut samples into pieces of `size`; the last one may be shorter. Nothing is lost."""
    starts = range(0, len(samples) - size + 1, size)  # (1)
    return [samples[start : start + size] for start in starts]  # (2)


def pause(sample_rate: int) -> list[float]:
    """Return PAUSE_SECONDS of silence."""
    return [0.0] * round(PAUSE_SECONDS * sample_rate)  # (3)


def is_loud(samples: list[float], threshold: float) -> bool:
    """Whether any sample, above or below zero, exceeds the threshold."""
    return max(samples, default=0.0) > threshold  # (4)


def by_speaker(rows: list[tuple[str, list[float]]], found: dict[str, list] = {}) -> dict[str, list]:  # noqa: B006  (5)
    """Return the clips of each speaker, in their order, of these rows and no others."""
    for speaker, samples in rows:
        found.setdefault(speaker, []).append(samples)  # (6)
    return found


def join(clips: list[list[float]], sample_rate: int) -> list[float]:
    """Join clips with a pause between two of them, none before the first or after the last."""
    joined: list[float] = []
    for number, clip in enumerate(clips):
        joined += clip
        joined += pause(sample_rate) if number < len(clips) else []  # (7)
    return joined  # (8)


def tests() -> None:
    """The tests that came with the change."""
    assert all(len(piece) == 2 for piece in pieces([0.1] * 6, 2))
    assert set(pause(8)) == {0.0}
    assert is_loud([0.5], 0.1) and not is_loud([0.0], 0.1)
    assert len(by_speaker([("anna", [0.1])])) == 1
    assert join([[0.1], [0.2]], 8)[0] == 0.1
    print("all tests pass")


if __name__ == "__main__":
    tests()
