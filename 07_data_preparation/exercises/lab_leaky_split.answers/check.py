"""Checks the repaired split on new data: sides, sizes, seeds, and the score of labels that were drawn by lot."""

import numpy as np

from coursekit.course import Wrong


def check(answer) -> None:
    scores, chosen = [], set()
    for seed in range(24):
        rows = answer.record_people(people=14, sessions=1 + seed % 3, seed=100 + seed)
        training, held_out = answer.split(list(rows), seed)
        if sorted(id(row) for row in (*training, *held_out)) != sorted(id(row) for row in rows):
            raise Wrong(
                f"{len(rows)} rows were given, {len(training)} and {len(held_out)} came back: every row stands on "
                "exactly one side; leaving rows out is no repair."
            )
        if not 0.1 <= len(held_out) / len(rows) <= 0.4:
            raise Wrong(f"{len(held_out)} of {len(rows)} rows are held out; about a quarter is asked for.")
        score = answer.accuracy(training, held_out)
        sessions = {row["session"] for row in training} & {row["session"] for row in held_out}
        people = {row["person"] for row in training} & {row["person"] for row in held_out}
        if sessions:
            raise Wrong(
                f"Session {sorted(sessions)[0]} is on both sides: its rows are neighbours of each other, and "
                f"{score:.0%} of labels that were drawn by lot are guessed."
            )
        if people:
            raise Wrong(
                f"{sorted(people)[0]} is on both sides, with different sessions: another microphone does not make "
                f"another person, and {score:.0%} are guessed."
            )
        scores.append(score)
        chosen.add(tuple(sorted({row["person"] for row in held_out})))
    if len(chosen) < 8:
        raise Wrong("Another seed must hold out others; here the same people are held out again and again.")
    if not 0.25 <= float(np.mean(scores)) <= 0.62:
        raise Wrong(f"On lots the score is {np.mean(scores):.2f} on the average; a coin has 0.5.")
    letter = str(answer.DIAGNOSIS).strip().upper()
    if letter == "?":
        raise Wrong("The split is right. Put the letter of the cause into DIAGNOSIS.")
    reasons = {
        "A": "any classifier knows a person again who stands on both sides",
        "B": "with more noise the score would fall, and still be made of nothing",
        "C": "with sessions kept apart the score stays far above a coin, because the person is known",
    }
    if letter != "D":
        raise Wrong(f"The split is right; DIAGNOSIS is {letter!r}: {reasons.get(letter, 'there is no such cause')}.")
