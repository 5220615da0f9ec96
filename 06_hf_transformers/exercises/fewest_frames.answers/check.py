"""Checks fewest_frames by trying: all frame strings over a small alphabet, the shortest that collapses to the text."""

from itertools import groupby

from coursekit.course import Wrong

TEXTS = ("cat", "book", "", "a", "aa", "aaa", "abab", "aabb", "bookkeeper", "mississippi")


def truth(text: str) -> int:
    """Walk through the text, one frame after another, as a decoder would need it."""
    frames, last = 0, None
    for letter in text:
        frames += 2 if letter == last else 1
        last = letter
    return frames


def check(answer) -> None:
    for text in TEXTS:
        seen, wanted = answer.fewest_frames(text), truth(text)
        if seen == wanted:
            continue
        told = f"fewest_frames({text!r}) is {wanted}, it gave {seen}."
        runs = [len(list(group)) for _, group in groupby(text)]
        if seen == len(text):
            raise Wrong(f"{told} Without a blank between them, two equal letters become one.")
        if seen == 2 * len(text) + 1 or seen == max(0, 2 * len(text) - 1):
            raise Wrong(f"{told} A blank may stand between any two letters, but only equal neighbours need one.")
        if seen == len(text) + len(text) - len(set(text)):
            raise Wrong(f"{told} A letter that comes again later needs no blank: only neighbours are joined.")
        if seen == len(text) + sum(run > 1 for run in runs):
            raise Wrong(f"{told} Three equal letters need two blanks, one between each two.")
        raise Wrong(told)
