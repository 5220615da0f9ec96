"""Checks next_version()."""

from coursekit.course import Wrong

CASES = [
    ("1.2.3", [("Fixed", False)], "1.2.4", "a repair raises the last part"),
    ("1.2.3", [("Security", False)], "1.2.4", "a repair raises the last part"),
    ("1.2.3", [("Added", False)], "1.3.0", "the parts behind the one that rises begin at 0 again"),
    ("1.2.3", [("Deprecated", False), ("Fixed", False)], "1.3.0", "the strongest change decides"),
    ("1.2.3", [("Fixed", False), ("Changed", False)], "1.3.0", "the strongest change decides, wherever it stands"),
    ("1.9.3", [("Added", False)], "1.10.0", "parts are numbers, not digits: after 9 comes 10"),
    ("1.2.9", [("Fixed", False)], "1.2.10", "parts are numbers, not digits: after 9 comes 10"),
    ("1.2.3", [("Fixed", True)], "2.0.0", "a repair that breaks programs is no small thing"),
    ("1.2.3", [("Fixed", False), ("Removed", False)], "2.0.0", "what is Removed breaks, whoever says otherwise"),
    ("0.4.2", [("Changed", True)], "0.5.0", "before 1.0.0 nothing is promised: minor rises"),
    ("0.4.2", [("Removed", False)], "0.5.0", "before 1.0.0 nothing is promised: minor rises"),
    ("10.0.0", [("Changed", True)], "11.0.0", "parts are numbers, not digits"),
]


def check(answer) -> None:
    for version, changes, wanted, why in CASES:
        got = answer.next_version(version, list(changes))
        if got != wanted:
            raise Wrong(f"next_version({version!r}, {changes}) is {got!r}, expected {wanted!r}: {why}.")
    try:
        got = answer.next_version("1.2.3", [])
    except ValueError:
        return
    raise Wrong(f"Without any change it returned {got!r}, expected ValueError: there is nothing to release.")
