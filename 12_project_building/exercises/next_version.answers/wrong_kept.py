"""Misconception: the parts behind the one that rises begin at 0 again"""


def next_version(version, changes):
    if not changes:
        raise ValueError("nothing")
    major, minor, patch = map(int, version.split("."))
    breaks = any(flag or kind == "Removed" for kind, flag in changes)
    if breaks and major:
        return f"{major + 1}.{minor}.{patch}"
    if breaks or any(kind in ("Added", "Changed", "Deprecated") for kind, _ in changes):
        return f"{major}.{minor + 1}.{patch}"
    return f"{major}.{minor}.{patch + 1}"
