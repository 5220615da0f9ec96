"""Checks has_drifted on ordinary days and on two new microphones, and the letter."""

from coursekit.course import Wrong


def check(answer) -> None:
    reference = answer.soft_levels("old", 400, 99)
    alarms = [day for day in range(40) if answer.has_drifted(reference, answer.soft_levels("old", 150, 1000 + day))]
    if alarms:
        raise Wrong(
            f"{len(alarms)} of 40 ordinary days are called drifted: an alarm that rings every week is switched off."
        )
    for microphone, why in (("automatic", "its mean is the old one's"), ("loud", "everything is 12 dB louder")):
        missed = sum(
            not answer.has_drifted(reference, answer.soft_levels(microphone, 150, 2000 + n)) for n in range(10)
        )
        if missed:
            raise Wrong(f"The {microphone} microphone is not noticed on {missed} of 10 days: {why}.")
    letter = str(answer.DIAGNOSIS).strip().upper()
    if letter == "?":
        raise Wrong("The check is right. Put the letter of the cause into DIAGNOSIS.")
    reasons = {
        "A": "the means differ by less than 1 dB, so no limit on the mean finds it without ringing on ordinary days",
        "C": "with the same 150 clips the difference can be seen at once",
        "D": "the levels that came in are quite different; print their spread",
    }
    if letter != "B":
        raise Wrong(f"The check is right; DIAGNOSIS is {letter!r}: {reasons.get(letter, 'there is no such cause')}.")
