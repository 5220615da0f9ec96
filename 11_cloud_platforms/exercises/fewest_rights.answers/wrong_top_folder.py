"""Misconception: take the folder of the object, not a folder above"""


def fewest_rights(used):
    return sorted({(action, name.split("/")[0] + "/*" if "/" in name else name) for action, name in used})
