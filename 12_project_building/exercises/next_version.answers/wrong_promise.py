"""Misconception: before 1.0.0 nothing is promised: minor rises"""


def next_version(version, changes):
    if not changes:
        raise ValueError("nothing")
    major, minor, patch = map(int, version.split("."))
    if any(flag or kind == "Removed" for kind, flag in changes):
        return f"{major + 1}.0.0"
    if any(kind in ("Added", "Changed", "Deprecated") for kind, _ in changes):
        return f"{major}.{minor + 1}.0"
    return f"{major}.{minor}.{patch + 1}"
