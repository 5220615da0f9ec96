"""Fetch many clips, a few at a time

A server gives out clips, slowly. Waiting for one after the other takes all day; asking for all at once makes the server
refuse. Write `fetch_clips(names, fetch, at_most)`, a coroutine: it awaits `fetch(name)` for every name, never more than
`at_most` at the same time, as many as allowed, and returns the results in the order of the names.

    async def fetch(name): ...                                  given to you; returns the clip
    asyncio.run(fetch_clips(["a", "b", "c"], fetch, at_most=2))   returns [clip a, clip b, clip c]

When a fetch raises ConnectionError, its result is None and the others go on.

After: 07_concurrency.py
Concepts: asyncio
Kind: exercise
Time: 25 min
"""

import asyncio  # noqa: F401  you will need it
from collections.abc import Awaitable, Callable
from typing import Any


async def fetch_clips(names: list[str], fetch: Callable[[str], Awaitable[Any]], at_most: int = 4) -> list[Any]:
    # TODO: asyncio.Semaphore(at_most) lets so many in; asyncio.gather(...) waits for all
    raise NotImplementedError("fetch_clips")
