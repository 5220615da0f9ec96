"""Misconception: A star alone would be the whole bucket"""


def fewest_rights(used):
    return sorted({(action, name[: name.rfind("/") + 1] + "*") for action, name in used})
