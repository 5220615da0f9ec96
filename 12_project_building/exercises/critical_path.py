"""The path that decides the end

Write `critical_path(days, needs)`. `days` gives each issue's length, `needs` the issues that must be done before it (an
issue that needs nothing may be missing there). With enough people every issue begins as soon as all it needs is done.
Return (day on which the last issue ends, the chain of issues that decides it, first to last).

    days  = {"record": 2, "clean": 1, "text": 2.5, "speak": 1}
    needs = {"clean": ["record"], "speak": ["clean", "text"]}
    critical_path(days, needs)   returns (4, ["record", "clean", "speak"])

In a circle nobody can begin: raise ValueError, with the names of the issues of the circle in its text. There is exactly
one such chain in every case that is tried. Do it without a graph library, once in your life.

After: 08_plan_the_capstone.py
Concepts: issues and their order
Kind: exercise
Time: 25 min
"""


def critical_path(days: dict[str, float], needs: dict[str, list[str]]) -> tuple[float, list[str]]:
    # TODO: an issue ends its own days after the latest of those it needs. Remember which one that was
    raise NotImplementedError("critical_path")
