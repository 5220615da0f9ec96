"""Misconception: each one is awaited before the next is begun"""

from collections.abc import Awaitable, Callable
from typing import Any


async def fetch_clips(names: list[str], fetch: Callable[[str], Awaitable[Any]], at_most: int = 4) -> list[Any]:
    results = []
    for name in names:
        try:
            results.append(await fetch(name))
        except ConnectionError:
            results.append(None)
    return results
