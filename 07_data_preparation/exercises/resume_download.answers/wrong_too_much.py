"""Misconception: more than all cannot be right"""


def next_step(have: int, size: int) -> dict[str, str] | None:
    """Return the headers of the next request, or None when nothing is missing."""
    if have >= size:
        return None
    return {"Range": f"bytes={have}-"} if have else {}


def after_answer(have: int, size: int, status: int, came: int) -> tuple[str, int]:
    """Return what to do with the bytes that came, and how many the file then has."""
    return ("append", have + came) if status == 206 else ("replace", came) if status == 200 else ("keep", have)
