"""Misconception: the results stand in the order in which they came"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any


async def fetch_clips(names: list[str], fetch: Callable[[str], Awaitable[Any]], at_most: int = 4) -> list[Any]:
    places = asyncio.Semaphore(at_most)

    async def fetch_one(name: str) -> Any:
        async with places:
            try:
                return await fetch(name)
            except ConnectionError:
                return None

    return [await each for each in asyncio.as_completed([fetch_one(name) for name in names])]
