"""Checks the repairs, the lines named, and the reason."""

from coursekit.course import Wrong


def check(answer) -> None:
    repairs(answer)
    found = sorted(set(answer.FOUND))
    if not found:
        raise Wrong("The functions are right. Put the numbers of the four lines that were defects into FOUND.")
    if right := [number for number in found if number not in (1, 4, 5, 7)]:
        raise Wrong(f"FOUND holds {right}: a line that is right was called a defect. Who flags everything is not read.")
    if missing := [number for number in (1, 4, 5, 7) if number not in found]:
        raise Wrong(f"The functions are right, and FOUND names {len(found)} of four lines; {len(missing)} are missing.")
    letter = str(answer.DIAGNOSIS).strip().upper()
    if letter == "?":
        raise Wrong("The lines are right. Put the letter of the reason into DIAGNOSIS.")
    reasons = {
        "A": "each test calls one function, and none of them depends on another's mistake",
        "C": "tests find every one of them, once they ask for the values that the docstrings promise",
        "D": "it does not matter when a test was written, only what it asks for",
    }
    if letter != "B":
        raise Wrong(f"The lines are right; DIAGNOSIS is {letter!r}: {reasons.get(letter, 'there is no such reason')}.")


def repairs(answer) -> None:
    for samples, size, wanted in (
        ([1, 2, 3, 4, 5], 2, [[1, 2], [3, 4], [5]]),
        ([1, 2, 3, 4], 2, [[1, 2], [3, 4]]),
        ([1], 3, [[1]]),
        ([], 3, []),
    ):
        got = [list(piece) for piece in answer.pieces(samples, size)]
        if got != wanted:
            raise Wrong(
                f"pieces({samples}, {size}) is {got}, expected {wanted}: the end of a recording is lost or doubled."
            )
    if answer.pause(8) != [0.0, 0.0]:
        raise Wrong(f"pause(8) is {answer.pause(8)}, expected two samples: a quarter of a second at 8 Hz.")
    cases = (([-0.5, 0.1], 0.3, True), ([0.2, -0.2], 0.3, False), ([0.5], 0.3, True), ([], 0.3, False))
    for samples, threshold, wanted in cases:
        if answer.is_loud(samples, threshold) is not wanted:
            raise Wrong(f"is_loud({samples}, {threshold}) is not {wanted}: sound goes below zero as far as above it.")
    first = answer.by_speaker([("anna", [0.1]), ("ben", [0.2]), ("anna", [0.3])])
    if first != {"anna": [[0.1], [0.3]], "ben": [[0.2]]}:
        raise Wrong(f"by_speaker of three rows is {first}.")
    second = answer.by_speaker([("cleo", [0.4])])
    if second != {"cleo": [[0.4]]}:
        raise Wrong(
            f"Asked for Cleo's clip only, got those of {sorted(second)}: the default is made once and remembers."
        )
    for clips, wanted in (([[1.0], [2.0]], [1.0, 0.0, 0.0, 2.0]), ([[1.0]], [1.0]), ([], [])):
        got = answer.join(clips, 8)
        if got != wanted:
            raise Wrong(
                f"join({clips}, 8) is {got}, expected {wanted}: a pause stands between two clips, not at the end."
            )
