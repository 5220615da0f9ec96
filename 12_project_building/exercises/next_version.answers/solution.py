"""The next version number. Solved."""


def next_version(version: str, changes: list[tuple[str, bool]]) -> str:
    if not changes:
        raise ValueError("nothing changed, so there is nothing to release")
    major, minor, patch = map(int, version.split("."))
    something_breaks = any(breaks or kind == "Removed" for kind, breaks in changes)
    something_grows = any(kind in ("Added", "Changed", "Deprecated") for kind, _ in changes)
    if something_breaks and major > 0:
        parts = (major + 1, 0, 0)
    elif something_breaks or something_grows:
        parts = (major, minor + 1, 0)
    else:
        parts = (major, minor, patch + 1)
    return ".".join(map(str, parts))
