"""Misconception: the strongest change decides, wherever it stands"""


def next_version(version, changes):
    if not changes:
        raise ValueError("nothing")
    major, minor, patch = map(int, version.split("."))
    kind, breaks = changes[0]
    if (breaks or kind == "Removed") and major:
        return f"{major + 1}.0.0"
    if breaks or kind in ("Added", "Changed", "Deprecated", "Removed"):
        return f"{major}.{minor + 1}.0"
    return f"{major}.{minor}.{patch + 1}"
