"""Misconception: a slow clip keeps free places empty"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any


async def fetch_clips(names: list[str], fetch: Callable[[str], Awaitable[Any]], at_most: int = 4) -> list[Any]:
    async def fetch_one(name: str) -> Any:
        try:
            return await fetch(name)
        except ConnectionError:
            return None

    results = []
    for start in range(0, len(names), at_most):
        results += await asyncio.gather(*(fetch_one(name) for name in names[start : start + at_most]))
    return results
