"""Checks critical_path() against a graph library, and on circles."""

import random

from coursekit.course import Wrong


def check(answer) -> None:
    days = {"record": 2, "clean": 1, "text": 2.5, "speak": 1}
    needs = {"clean": ["record"], "speak": ["clean", "text"]}
    compare(answer, days, needs)
    compare(answer, {"only": 3.0}, {})
    compare(answer, {"a": 1, "b": 5}, {})  # nothing needs anything: the longest issue decides
    compare(answer, {"a": 9, "b": 1, "c": 5, "d": 6}, {"b": ["a"], "d": ["c"]})  # 10 against 11
    compare(answer, {"a": 5, "b": 1, "c": 4, "d": 4}, {"b": ["a"], "d": ["c"]})  # the longest first issue is not on it
    numbers = random.Random(0)
    for _ in range(30):
        names = [f"i{n}" for n in range(12)]
        numbers.shuffle(names)  # needs may stand behind, in any order
        needs = {b: [a for a in names[:i] if numbers.random() < 0.25] for i, b in enumerate(names)}
        order = names[:]
        numbers.shuffle(order)
        compare(answer, {name: round(numbers.uniform(1, 9), 6) for name in order}, needs)
    chain = {f"i{n}": 1.0 for n in reversed(range(1500))}  # the last one first
    compare(answer, chain, {f"i{n}": [f"i{n - 1}"] for n in range(1, 1500)})
    for days, needs, circle in (
        ({"a": 1, "b": 1, "c": 1}, {"a": ["c"], "b": ["a"], "c": ["b"]}, "abc"),
        ({"x": 1, "a": 1, "b": 2}, {"a": ["b", "x"], "b": ["a"]}, "ab"),
        ({"a": 1}, {"a": ["a"]}, "a"),
    ):
        try:
            got = answer.critical_path(days, needs)
        except ValueError as error:
            if missing := [name for name in circle if name not in str(error)]:
                raise Wrong(f"The circle of {needs} is refused with {error}: it does not name {missing}.") from None
        except RecursionError:
            raise Wrong("A circle runs for ever: in a circle nobody can begin, so look for one and say so.") from None
        else:
            raise Wrong(f"A circle ({needs}) gave {got!r}: in a circle nobody can begin, so look for one and say so.")


def compare(answer, days, needs) -> None:
    end: dict[str, float] = {}
    while len(end) < len(days):  # round after round, whatever has all it needs
        ready = [n for n in days if n not in end and all(before in end for before in needs.get(n, []))]
        end |= {n: days[n] + max((end[before] for before in needs.get(n, [])), default=0) for n in ready}
    case = f"days {days}, needs {needs}" if len(days) < 6 else f"{len(days)} issues"
    try:
        got = answer.critical_path(dict(days), {name: list(before) for name, before in needs.items()})
    except RecursionError:
        raise Wrong(
            f"RecursionError on {case}: a chain of calls is limited to about 1,000; walk in order instead."
        ) from None
    length, path = got
    if abs(length - max(end.values())) > 1e-6:
        total = sum(days.values())
        if abs(length - total) < 1e-6:
            raise Wrong(f"{case}: the end is day {length:g}, expected {max(end.values()):g}: issues run side by side.")
        raise Wrong(
            f"{case}: the end is day {length:g}, expected {max(end.values()):g}: every chain counts, not the first."
        )
    if not path or abs(sum(days[name] for name in path) - length) > 1e-6:
        raise Wrong(f"{case}: the chain {path[:6]} takes another time than {length:g}.")
    for before, after in zip(path, path[1:], strict=False):
        if before not in needs.get(after, []):
            raise Wrong(f"{case}: {after} stands behind {before} and does not need it.")
