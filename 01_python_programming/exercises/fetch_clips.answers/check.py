"""Checks fetch_clips with a pretended server that counts who is inside. No seconds are measured: turns are."""

import asyncio

from coursekit.course import Wrong


class Server:
    """Answers after a number of turns of the event loop, and remembers how many were inside at once."""

    def __init__(self, turns: dict[str, int], broken: str = "") -> None:
        self.turns, self.broken = turns, broken
        self.inside, self.most = 0, 0

    async def fetch(self, name: str) -> str:
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            for _ in range(self.turns[name]):
                await asyncio.sleep(0)
            if name == self.broken:
                raise ConnectionError(f"{name} cannot be had")
            return f"clip {name}"
        finally:
            self.inside -= 1


def check(answer) -> None:
    for at_most in (1, 3, 5):
        names = [f"n{i}" for i in range(12)]
        server = Server({name: 40 - 3 * i for i, name in enumerate(names)}, broken="n4")
        results = run(answer, names, server, at_most)
        called = f"12 names, at most {at_most} at a time"
        if server.most > at_most:
            raise Wrong(f"{called}. {server.most} were inside at once: nothing holds the others back.")
        if server.most == 1 < at_most:
            raise Wrong(f"{called}. Never more than 1 was inside: each one is awaited before the next is begun.")
        wanted = [None if name == "n4" else f"clip {name}" for name in names]
        if isinstance(results, list) and results != wanted and sorted(map(str, results)) == sorted(map(str, wanted)):
            raise Wrong(f"{called}. It returned {results[:3]}...: the results stand in the order in which they came.")
        if results != wanted:
            raise Wrong(f"{called}, n4 raises ConnectionError. It returned {results!r}; it should be {wanted!r}.")
    slow_one(answer)
    if run(answer, [], Server({}), 4) != []:
        raise Wrong("No names should give an empty list.")


def slow_one(answer) -> None:
    """With two places and a very slow first clip, all others go through the other place meanwhile."""
    names = ["slow", "b", "c", "d", "e"]
    finished: list[str] = []

    async def fetch(name: str) -> str:
        for _ in range(2000 if name == "slow" else 2):
            await asyncio.sleep(0)
        finished.append(name)
        return name

    asyncio.run(answer.fetch_clips(names, fetch, 2))
    if finished[-1] != "slow":
        raise Wrong(
            f"Two places, the first clip slow. They ended in the order {finished}: a slow clip keeps free places empty."
        )


def run(answer, names: list[str], server: Server, at_most: int):
    try:
        return asyncio.run(answer.fetch_clips(names, server.fetch, at_most))
    except ConnectionError as error:
        raise Wrong(
            f"A fetch raised ConnectionError, and fetch_clips passed it on: {error}. Its result should be None."
        ) from error
