"""Fetch many clips, a few at a time, solved."""

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

    return list(await asyncio.gather(*(fetch_one(name) for name in names)))
