"""Misconception: nothing holds the others back"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any


async def fetch_clips(names: list[str], fetch: Callable[[str], Awaitable[Any]], at_most: int = 4) -> list[Any]:
    async def fetch_one(name: str) -> Any:
        try:
            return await fetch(name)
        except ConnectionError:
            return None

    return list(await asyncio.gather(*(fetch_one(name) for name in names)))
