"""The next version number. Solved."""


def next_version(version: str, changes: list[tuple[str, bool]]) -> str:
    if not changes:
        raise ValueError("nothing changed, so there is nothing to release")
    major, minor, patch = map(int, version.split("."))
    something_breaks = any(breaks or kind == "Removed" for kind, breaks in changes)
    something_grows = any(kind in ("Added", "Changed", "Deprecated") for kind, _ in changes)
    if something_breaks and major > 0:
        return f"{major + 1}.0.0"
    if something_breaks or something_grows:
        return f"{major}.{minor + 1}.0"
    return f"{major}.{minor}.{patch + 1}"
