"""Checks hold_out_groups(): whole groups, the share, the order of the seed, and the same answer in another process."""

import hashlib
import subprocess
import sys

import numpy as np

from coursekit.course import Wrong

CHILD = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("other", sys.argv[1])
other = importlib.util.module_from_spec(spec)
spec.loader.exec_module(other)
print([int(n) for n in other.hold_out_groups(sys.argv[2].split(","), 0.25, 3)])
"""


def expected(groups, share, seed):
    held: list[int] = []
    for name in sorted(set(groups), key=lambda one: hashlib.sha256(f"{seed}:{one}".encode()).hexdigest()):
        clips = [n for n, group in enumerate(groups) if group == name]
        if len(held) + len(clips) <= share * len(groups):
            held += clips
    return sorted(held)


def check(answer) -> None:
    random = np.random.default_rng(0)
    sizes = (3, 1, 2, 5, 4, 2, 1, 6)
    names = [f"speaker_{n}" for n, size in enumerate(sizes) for _ in range(size)]
    for seed in range(12):
        share = (0.13, 0.26, 0.41)[seed % 3]
        shuffled = [names[n] for n in random.permutation(len(names))]
        found = [int(n) for n in answer.hold_out_groups(list(shuffled), share, seed)]
        rest = {name for n, name in enumerate(shuffled) if n not in set(found)}
        sides = {shuffled[n] for n in found} & rest
        if sides:
            raise Wrong(f"{sorted(sides)[0]} is on both sides (seed {seed}): a group is held out whole or not at all.")
        if len(found) > share * len(names):
            raise Wrong(
                f"{len(found)} of {len(names)} clips are held out, and {share:.0%} are the most: the share is one of "
                "clips, not of groups."
            )
        if found != sorted(found):
            raise Wrong(f"The numbers are not sorted: {found}.")
        backwards = shuffled[::-1]
        again = {backwards[n] for n in answer.hold_out_groups(list(backwards), share, seed)}
        if again != {shuffled[n] for n in found}:
            raise Wrong(f"With the clips in another order, other groups are held out (seed {seed}): only names matter.")
    here = [int(n) for n in answer.hold_out_groups(list(names), 0.25, 3)]
    for _ in range(3):
        command = [sys.executable, "-c", CHILD, answer.__file__, ",".join(names)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0 and done.stdout.strip() != str(here):
            raise Wrong("Another process gives another answer: hash() of a text differs from process to process.")
    for seed in range(12):
        wanted, found = expected(names, 0.41, seed), [int(n) for n in answer.hold_out_groups(list(names), 0.41, seed)]
        if found != wanted:
            raise Wrong(
                f"With seed {seed}, the groups come in the order of their digests, and one that is too large is "
                f"skipped for the next: expected the clips {wanted}, got {found}."
            )
