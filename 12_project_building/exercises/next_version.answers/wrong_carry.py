"""Misconception: parts are numbers, not digits"""


def next_version(version, changes):
    if not changes:
        raise ValueError("nothing")
    major, minor, patch = map(int, version.split("."))
    breaks = any(flag or kind == "Removed" for kind, flag in changes)
    if breaks and major:
        return f"{major + 1}.0.0"
    if breaks or any(kind in ("Added", "Changed", "Deprecated") for kind, _ in changes):
        return f"{major + 1}.0.0" if minor == 9 else f"{major}.{minor + 1}.0"
    return f"{major}.{minor}.{patch + 1}"
