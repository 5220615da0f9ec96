"""Checks sounds_of on small tables, among them one whose order is against the learner."""

from coursekit.course import Wrong

RULES = {
    "t": ["T"], "h": ["HH"], "th": ["TH"], "i": ["IH"], "s": ["S"], "o": ["AA"], "n": ["N"], "io": ["IY", "OW"],
    "tion": ["SH", "AH", "N"], "a": ["AE"], "c": ["K"], "u": ["AH"], "ou": ["AW"], "ough": ["AO"], "g": ["G"],
    "gh": [], "x": ["K", "S"], "f": ["F"], "p": ["P"], "ph": ["F"], "e": ["EH"],
}  # fmt: skip
CASES = (
    ("this", "TH IH S"),
    ("action", "AE K SH AH N"),
    ("thought", "TH AO T"),
    ("high", "HH IH"),
    ("fox", "F AA K S"),
    ("photon", "F AA T AA N"),
    ("cat-nap", "K AE T N AE P"),
    ("", ""),
    ("---", ""),
)


def check(answer) -> None:
    for rules in (dict(reversed(list(RULES.items()))), RULES):
        for word, wanted in CASES:
            try:
                seen = " ".join(answer.sounds_of(word, dict(rules)))
            except KeyError as missing:
                raise Wrong(
                    f"sounds_of({word!r}) stops at {missing}: a letter without a rule is to be skipped."
                ) from None
            if seen != wanted:
                raise Wrong(f"sounds_of({word!r}) is {seen!r}, expected {wanted!r}.{_why(word, seen, rules)}")


def _why(word: str, seen: str, rules: dict[str, list[str]]) -> str:
    first, place = [], 0
    while place < len(word):
        group = next((group for group in rules if word.startswith(group, place)), None)
        first += rules.get(group, [])
        place += len(group or "x")
    if seen == " ".join(first):
        return " The first group that fits depends on the order of the table; the longest does not."
    if seen == " ".join(sound for letter in word for sound in rules.get(letter, [])):
        return " Letters alone are not enough: groups such as th come first."
    longest = (max((g for g in rules if word.startswith(g, i)), key=len, default="") for i in range(len(word)))
    if seen == " ".join(sound for group in longest for sound in rules.get(group, [])):
        return " Behind a group of four letters the next place is four letters on."
    return ""
