"""Lab: too good to be true

Run your copy (`python my_answers/lab_leaky_split.py`, in the folder of this module). A program learns to tell from
half a second of a voice which of two groups a person belongs to, and gets nearly everything right on held-out data.
Somebody wants to sell it. But the groups were drawn by lot! On new people it cannot be better than a coin. Find out
why the score is so high, put the letter of the cause into DIAGNOSIS, and repair `split`, and nothing else: about a
quarter of the rows is held out (10 to 40 %), every row stands on exactly one side, another seed holds out others, and
on lots the score is a coin's.

    A  The nearest neighbour memorises; a better classifier would be right less often.
    B  The noise is too small: the rows are too easy.
    C  Rows of one session stand on both sides, and its microphone tells.
    D  Rows of one person stand on both sides, and the voice tells who it is.

After: 08_split_without_leakage.py
Concepts: leakage, grouped splits
Kind: lab
Time: 25 min
"""

import numpy as np

DIAGNOSIS = "?"


def record_people(people: int = 12, sessions: int = 2, seed: int = 0) -> list[dict]:
    """Return one row for each half second: person, session, features, label. This function is right.

    Each person has a voice (the first eight numbers), each session a microphone (the other eight). The label, 0 or 1,
    was given to each person by lot: nothing in a voice can tell it for somebody new.
    """
    random = np.random.default_rng(seed)
    lots = random.permutation(people) % 2
    rows = []
    for person in range(people):
        voice = random.normal(size=8)
        for session in range(sessions):
            room = np.concatenate([voice, random.normal(size=8)])
            name = {"person": f"p{person}", "session": f"p{person}s{session}", "y": int(lots[person])}
            rows += [{**name, "x": room + 0.35 * random.normal(size=16)} for _ in range(10)]
    return rows


def split(rows: list[dict], seed: int) -> tuple[list[dict], list[dict]]:
    """Return (training, held out); about a quarter is held out."""
    random = np.random.default_rng(seed)
    drawn = set(random.permutation(len(rows))[: len(rows) // 4].tolist())
    return [row for n, row in enumerate(rows) if n not in drawn], [row for n, row in enumerate(rows) if n in drawn]


def accuracy(training: list[dict], held_out: list[dict]) -> float:
    """Label each held-out row like its nearest neighbour in training. This function is right."""
    known = np.stack([row["x"] for row in training])
    labels = np.array([row["y"] for row in training])
    right = 0
    for row in held_out:
        nearest = int(np.linalg.norm(known - row["x"], axis=1).argmin())
        right += int(labels[nearest] == row["y"])
    return right / len(held_out)


if __name__ == "__main__":
    for seed in range(5):
        rows = record_people(seed=seed)
        training, held_out = split(rows, seed)
        print(
            f"seed {seed}: {len(training)} to train, {len(held_out)} held out, {accuracy(training, held_out):.0%} right"
        )
