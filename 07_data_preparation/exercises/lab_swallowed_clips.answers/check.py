"""Checks load() on the manifest of the lab, on what Windows editors save, on texts with two cells, and the letter."""

from coursekit.course import Wrong

MARK, CR = chr(0xFEFF), chr(13)


def check(answer) -> None:
    lines = [line for line in answer.MANIFEST.splitlines() if line]
    wanted = [(line.split("|")[0], line.split("|")[-1]) for line in lines]
    found = [tuple(clip) for clip in answer.load(answer.MANIFEST)]
    if len(found) != len(wanted):
        raise Wrong(f"{len(wanted)} lines gave {len(found)} clips: a quotation mark that nobody closes swallows lines.")
    for one, other in zip(found, wanted, strict=True):
        if one[1].replace('"', "") == other[1].replace('"', "") and one[1] != other[1]:
            raise Wrong(f"{other[0]} is {one[1]!r}, written was {other[1]!r}: the marks belong to the text and stay.")
        if one != other:
            raise Wrong(f"Expected {other}, got {one}: with three cells, the third is what is spoken.")
    if tuple(answer.load(MARK + "a|x y|z\nb|u|v\n")[0]) != ("a", "z"):
        raise Wrong("After the mark of a Windows editor, the first id is not 'a': the mark is not part of the name.")
    windows = [tuple(clip) for clip in answer.load(f"a|x|z{CR}\nb|u|v{CR}\n")]
    if windows != [("a", "z"), ("b", "v")]:
        raise Wrong(f"With CR LF at the ends of the lines: {windows}; the CR is not part of the text.")
    two = [tuple(clip) for clip in answer.load('a|"x\n\nb|y"')]
    if two != [("a", '"x'), ("b", 'y"')]:
        raise Wrong(f"Two cells a line, an empty line, no line end at the end of the file: {two}.")
    letter = str(answer.DIAGNOSIS).strip().upper()
    if letter == "?":
        raise Wrong("The program is right. Put the letter of the cause into DIAGNOSIS.")
    reasons = {
        "A": "the form has no quoting at all, so there is nothing to forget",
        "B": "nothing in the program compares texts",
        "D": "no text of the manifest holds one; count the cells",
    }
    if letter != "C":
        raise Wrong(f"The program is right; DIAGNOSIS is {letter!r}: {reasons.get(letter, 'there is no such cause')}.")
