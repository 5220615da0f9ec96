"""Checks the letter, and that calls share nothing."""

from coursekit.course import Wrong


def check(answer) -> None:
    anna = answer.clips_of("anna", ["a1", "a2"])
    seen = list(anna)
    ben = answer.clips_of("ben", ["b1"])
    if seen != ["anna/a1.wav", "anna/a2.wav"]:
        raise Wrong(f"Called clips_of('anna', ['a1', 'a2']). It returned {seen}.")
    if ben != ["ben/b1.wav"]:
        raise Wrong(f"Asked for Anna's clips, then for Ben's. Ben got {ben}: the calls still share one list.")
    if anna != seen:
        raise Wrong(
            f"Asked for Anna's clips, then for Ben's. Now Anna has {anna}: the second call changed the first's list."
        )
    mine = ["anna/a0.wav"]
    back = answer.clips_of("anna", ["a3"], clips=mine)
    if back != ["anna/a0.wav", "anna/a3.wav"] or back is not mine:
        raise Wrong(
            f"Passed a list of one clip and asked for one more. Returned {back}, my list is {mine}: not that list."
        )
    empty: list[str] = []
    if answer.clips_of("anna", ["a4"], clips=empty) is not empty:
        raise Wrong("Passed an empty list. Another one came back: an empty list is not the same as no list.")
    letter = str(answer.DIAGNOSIS).strip().upper()
    if letter == "?":
        raise Wrong("The function is right. Put the letter of the cause into DIAGNOSIS.")
    reasons = {
        "A": "nothing in the program compares names",
        "B": "append changes the list itself and makes no copy",
        "D": "a parameter is local; it is the list behind it that outlives the call",
    }
    if letter != "C":
        raise Wrong(f"The function is right; DIAGNOSIS is {letter!r}: {reasons.get(letter, 'there is no such cause')}.")
