"""Planning the capstone: eight steps become issues with an end, an order, risks, and a date you can believe.

What you will learn
    - an issue that can be finished: one result, a check that shows it, and what must come first
    - the order as a graph: a cycle means that nobody can begin; the longest path says when the end can be
    - three guesses instead of one, and why the sum of the likely days is almost never enough
    - risks with an early sign, a definition of done, and a retrospective that compares the guess with what came
How to run it
    python 08_plan_the_capstone.py --quick              2,000 made-up futures, about 2 s
    python 08_plan_the_capstone.py                      20,000
    python 08_plan_the_capstone.py --plan MY_PLAN.yaml  your own issues and estimates (start from capstone_plan.yaml)
Time and memory on 2 CPU cores: quick 2 s, full 2 s; 0.1 GB.
Writes outputs/: PLAN.md, RETROSPECTIVE.md, issues.csv, plan.png
Concepts: PROJECT_CONCEPTS_EXPLAINED.md (issues and their order, estimates and risks, definition of done,
retrospective)
"""

import copy
import csv
import io
import re
from argparse import Namespace
from pathlib import Path
from typing import Any

import networkx
import numpy as np
import yaml
from project_utils import BLUE, GREY, ORANGE, prepare, save_figure, subplots

from coursekit.cli import run_script, script_parser
from coursekit.course.modules import ROOT
from coursekit.errors import CourseError
from coursekit.expectations import Expected
from coursekit.files import write_text_atomic

# ----------------------------------------------------------------------------------------------------------------------
# settings

PLAN = Path(__file__).resolve().parent / "capstone_plan.yaml"
CAPSTONE = ROOT / "capstone_voice_replication_pipeline"
SURE = 0.8  # the date you give to others: it holds in so many of the futures
VAGUE = re.compile(r"\b(good|nice|works|finished|properly|as needed)\b")  # words that nobody can check

Plan = dict[str, Any]

# ----------------------------------------------------------------------------------------------------------------------
# 1. the plan, and what can be wrong with it


def read_plan(path: Path) -> Plan:
    """Return the plan in a YAML file; raise CourseError when it is none."""
    try:
        plan = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise CourseError(f"{path.name} cannot be read: {error}", hint=f"start from {PLAN.name}") from error
    if not isinstance(plan, dict) or not {"goal", "issues", "risks"} <= plan.keys():
        raise CourseError(f"{path.name} has no goal, issues and risks.", hint=f"start from {PLAN.name}")
    return plan


def order(plan: Plan) -> "networkx.DiGraph[str]":
    """Return the graph of the issues: an arrow from what comes first to what needs it."""
    graph: networkx.DiGraph[str] = networkx.DiGraph()
    graph.add_nodes_from(issue["id"] for issue in plan["issues"])
    graph.add_edges_from((needed, issue["id"]) for issue in plan["issues"] for needed in issue["needs"])
    return graph


def plan_problems(plan: Plan, steps: list[str]) -> list[str]:
    """Return what is wrong with a plan, in words.

    Args:
        plan: Issues, risks and the goal.
        steps: Scripts that must each be the step of an issue.
    """
    issues = {issue["id"]: issue for issue in plan["issues"]}
    problems = [] if len(issues) == len(plan["issues"]) else ["two issues have the same id"]
    for name, issue in issues.items():
        low, likely, high = issue["days"]
        unknown = set(issue["needs"]) - issues.keys()
        checks = {
            f"needs {', '.join(unknown)}, which is no issue": not unknown,
            f"guesses {low}, {likely}, {high} days: best, likely, worst must rise": 0 < low <= likely <= high,
            "is longer than a week even if all goes well: cut it": low <= 5,
            "says not when it is done": len(issue.get("done", "")) > 20,  # concept: definition of done
            "is done by a word nobody can check": not VAGUE.search(issue.get("done", "")),
            "names no check that exists": (script := re.search(r"(\S+\.py)", issue.get("check", ""))) is not None
            and any((place / script.group(1)).is_file() for place in (ROOT, CAPSTONE)),
        }  # fmt: skip
        problems += [f"{name}: {problem}" for problem, fine in checks.items() if not fine]
    missing = set(steps) - {issue.get("step") for issue in plan["issues"]}
    problems += [f"no issue for {step}" for step in sorted(missing)]
    problems += [f"the risk {risk['what']!r} is of no issue" for risk in plan["risks"] if risk["issue"] not in issues]
    graph = order(plan)
    if not networkx.is_directed_acyclic_graph(graph):
        cycle = [start for start, _ in networkx.find_cycle(graph)]
        return [*problems, f"a circle: {' needs '.join(reversed(cycle))} needs {cycle[-1]}"]
    useless = issues.keys() - networkx.ancestors(graph, plan["goal"]) - {plan["goal"]}
    return problems + [f"{name}: the goal does not need it" for name in sorted(useless)]


def spoilt_plans(plan: Plan) -> dict[str, Plan]:
    """Return plans with one mistake each, by what is wrong."""
    made = {}

    def spoil(what: str, number: int, **values: Any) -> None:
        made[what] = copy.deepcopy(plan)
        made[what]["issues"][number].update(values)

    spoil("a circle", 2, needs=["prove"])
    spoil("needs what nobody does", 3, needs=["record", "sing"])
    spoil("no end", 4, done="")
    spoil("an end nobody can check", 4, done="the features look good and everything works")
    spoil("guesses that fall", 5, days=[3, 1, 2])
    spoil("no check", 6, check="ask a friend")
    spoil("too large", 6, days=[8, 10, 30])
    spoil("a step forgotten", 9, step="06_synthesize.py")
    spoil("leads nowhere", 10, needs=["speak"], id="prove")
    made["leads nowhere"]["issues"][11]["needs"] = ["speak"]
    return made


# ----------------------------------------------------------------------------------------------------------------------
# 2. when it can be finished


def expected_days(plan: Plan) -> dict[str, float]:
    """Return each issue's days as planners have computed them since 1959 (PERT): (best + 4 likely + worst) / 6."""
    days = {issue["id"]: issue["days"] for issue in plan["issues"]}
    return {name: (low + 4 * likely + high) / 6 for name, (low, likely, high) in days.items()}


def earliest(graph: "networkx.DiGraph[str]", days: dict[str, float]) -> dict[str, float]:
    """Return the earliest day on which each issue can end: its own days after the last one it needs."""
    end: dict[str, float] = {}
    for name in networkx.topological_sort(graph):  # so that everything needed stands there already
        end[name] = max((end[needed] for needed in graph.predecessors(name)), default=0.0) + days[name]
    return end


def slack(graph: "networkx.DiGraph[str]", days: dict[str, float]) -> dict[str, float]:
    """Return by how many days each issue may be late before the end is late; 0 on the critical path."""
    end = earliest(graph, days)
    latest = dict.fromkeys(graph, max(end.values()))
    for name in reversed(list(networkx.topological_sort(graph))):
        latest[name] = min((latest[after] - days[after] for after in graph.successors(name)), default=latest[name])
    return {name: latest[name] - end[name] for name in graph}  # concept: issues and their order


def library_length(graph: "networkx.DiGraph[str]", days: dict[str, float]) -> float:
    """Return the length of the longest path as networkx finds it."""
    weighted = networkx.DiGraph()
    weighted.add_weighted_edges_from((one, other, days[other]) for one, other in graph.edges)
    first = {name: days[name] for name in graph if not graph.in_degree(name)}
    weighted.add_weighted_edges_from(("begin", name, length) for name, length in first.items())
    return float(networkx.dag_longest_path_length(weighted))


def with_people(graph: "networkx.DiGraph[str]", days: dict[str, float], people: int) -> float:
    """Return the day of the end when at most `people` issues are worked on at once, the least slack first."""
    room, ended, running, now = slack(graph, days), set(), {}, 0.0
    while len(ended) < len(graph):
        open_now = [n for n in graph if n not in ended | running.keys() and ended >= set(graph.predecessors(n))]
        for name in sorted(open_now, key=room.__getitem__)[: people - len(running)]:
            running[name] = now + days[name]
        name = min(running, key=running.__getitem__)
        now = running.pop(name)
        ended.add(name)
    return now


def futures(plan: Plan, random: np.random.Generator, n: int) -> tuple[np.ndarray, dict[str, float], dict[str, float]]:
    """Draw `n` futures; return (day of the end `[n]`, share in which each issue decides it, mean days of each risk).

    An issue's days are drawn from a triangle between best and worst with its top at likely. Risks strike with their
    probability and add their days to their issue.
    """
    graph, names = order(plan), [issue["id"] for issue in plan["issues"]]
    drawn = {issue["id"]: random.triangular(*issue["days"], size=n) for issue in plan["issues"]}  # [n] each
    cost = {}
    for risk in plan["risks"]:
        strikes = random.random(n) < risk["probability"]
        drawn[risk["issue"]] = drawn[risk["issue"]] + strikes * risk["days"]  # concept: estimates and risks
        cost[risk["what"]] = float(np.mean(strikes) * risk["days"])
    end: dict[str, np.ndarray] = {}
    for name in networkx.topological_sort(graph):
        before = [end[needed] for needed in graph.predecessors(name)]
        end[name] = (np.max(before, axis=0) if before else 0.0) + drawn[name]  # [n]
    last, decides = end[plan["goal"]], dict.fromkeys(names, 0.0)
    latest = {name: np.full(n, np.inf) for name in names}
    latest[plan["goal"]] = last
    for name in reversed(list(networkx.topological_sort(graph))):
        for needed in graph.predecessors(name):
            latest[needed] = np.minimum(latest[needed], latest[name] - drawn[name])
        decides[name] = float(np.mean(latest[name] - end[name] < 1e-9))
    return last, decides, cost


# ----------------------------------------------------------------------------------------------------------------------
# 3. what is written down


def plan_page(plan: Plan, room: dict[str, float], sure: float, cost: dict[str, float]) -> str:
    """Return the plan as a page: issues with their checks, risks by what they cost, the definition of done."""
    lines = ["# Plan of the capstone", "", f"Done in {SURE:.0%} of the futures by day {sure:.1f}.", "", "## Issues", ""]
    for issue in plan["issues"]:
        late = "on the critical path" if room[issue["id"]] < 1e-9 else f"may be {room[issue['id']]:.1f} days late"
        needs = ", ".join(issue["needs"]) or "nothing"
        lines += [f"- [ ] **{issue['id']}**: {issue['title']} ({issue['days'][1]:g} days, after {needs}; {late})",
                  f"  - done when {issue['done']}", f"  - shown by `{issue['check']}`"]  # fmt: skip
    lines += ["", "## Risks", "", "| risk | issue | costs, on average | early sign | answer |", "|---|---|---|---|---|"]
    for risk in sorted(plan["risks"], key=lambda one: -cost[one["what"]]):
        mean = f"{cost[risk['what']]:.1f} days"
        lines.append(f"| {risk['what']} | {risk['issue']} | {mean} | {risk['sign']} | {risk['answer']} |")
    lines += ["", "## Done, for every issue", "", "- [ ] its check ran, by somebody else or in CI",
              "- [ ] a test would fail if it broke", "- [ ] README, guide and changelog say what changed",
              "- [ ] no secret and no recording of anybody went into the history"]  # fmt: skip
    return "\n".join(lines) + "\n"


def retrospective_page(plan: Plan) -> str:
    """Return the page to fill in afterwards: what was guessed beside what it took."""
    rows = [f"| {issue['id']} | {issue['days'][0]:g} to {issue['days'][2]:g} | |" for issue in plan["issues"]]
    return "\n".join([  # concept: retrospective
        "# Retrospective", "", "| issue | guessed (days) | took |", "|---|---|---|", *rows, "",
        "1. How many lie between best and worst? Of honest guesses about nine in ten do. Which way do yours lean?",
        "2. What went well, and would not have by itself? Keep it.",
        "3. What cost most? What was its first sign, and on which day could it have been seen?",
        "4. Which risk struck, which was not in the list?",
        "5. One change for the next project, with the day on which you look whether it helped.", "",
    ])  # fmt: skip


def plot(
    plan: Plan, graph: Any, days: dict[str, float], decides: dict[str, float], last: np.ndarray, path: Path
) -> None:
    """Draw the earliest days of each issue, and when the end came in the futures."""
    end, room = earliest(graph, days), slack(graph, days)
    figure, (left, right) = subplots(1, 2, size=(12, 5))
    names = sorted(end, key=lambda name: end[name] - days[name], reverse=True)
    colours = [ORANGE if room[name] < 1e-9 else BLUE for name in names]
    left.barh(names, [days[name] for name in names], left=[end[name] - days[name] for name in names], color=colours)
    left.barh(names, [room[name] for name in names], left=[end[name] for name in names], color=GREY, alpha=0.3)
    for name in names:
        left.text(end[name] + 0.1, name, f"{decides[name]:.0%}", va="center", fontsize=8)
    left.set(xlabel="day", title="Orange: critical path; grey: may wait.\nBeside: share of futures in which it decides")
    right.hist(last, bins=40, color=BLUE)
    right.axvline(max(end.values()), color="black", linestyle="--", label="one guess for each issue")
    right.axvline(float(np.quantile(last, SURE)), color=ORANGE, label=f"{SURE:.0%} sure")
    right.set(xlabel="day of the end", ylabel="futures", title="When it was finished")
    right.legend()
    save_figure(figure, path)


# ----------------------------------------------------------------------------------------------------------------------
# main


def main(settings: Namespace) -> dict[str, float]:
    """Check the plan, find its longest path, draw futures, and write the pages."""
    random = prepare(settings)
    plan = read_plan(settings.plan)
    steps = sorted(path.name for path in CAPSTONE.glob("0[1-8]_*.py"))
    print(f"1. {len(plan['issues'])} issues for the capstone's {len(steps)} steps")
    problems = plan_problems(plan, steps)
    if problems:
        raise CourseError("; ".join(problems) + ".", hint=f"correct {settings.plan.name}")
    noticed = 0
    for what, spoilt in spoilt_plans(read_plan(PLAN)).items():
        found = plan_problems(spoilt, steps)
        noticed += bool(found)
        print(f"  {what:24} {found[0] if found else 'NOT noticed'}")

    print("2. The order")
    graph, days = order(plan), expected_days(plan)
    room, length = slack(graph, days), max(earliest(graph, days).values())
    path = [name for name in networkx.topological_sort(graph) if room[name] < 1e-9]
    print(f"  critical path, {length:.1f} days: {' -> '.join(path)}")
    difference = abs(length - library_length(graph, days))
    ends = {people: with_people(graph, days, people) for people in (1, 2, 3)}
    print("  " + "; ".join(f"{people} at work: day {end:.1f}" for people, end in ends.items()))

    print("3. Futures")
    likely = {issue["id"]: issue["days"][1] for issue in plan["issues"]}
    guess = max(earliest(graph, likely).values())
    last, decides, cost = futures(plan, random, 2_000 if settings.quick else 20_000)
    sure, held = float(np.quantile(last, SURE)), float(np.mean(last <= guess))
    print(f"  the likely days alone give day {guess:.1f}; it is met in {held:.1%} of {len(last)} futures")
    print(f"  half of them end by day {np.median(last):.1f}, {SURE:.0%} by day {sure:.1f}: promise that one")
    worst = max(cost, key=cost.__getitem__)
    print(f"  the dearest risk: {worst} ({cost[worst]:.2f} days on average)")

    print("4. Written down: PLAN.md, RETROSPECTIVE.md, issues.csv, plan.png")
    write_text_atomic(settings.out / "PLAN.md", plan_page(plan, room, sure, cost))
    write_text_atomic(settings.out / "RETROSPECTIVE.md", retrospective_page(plan))
    table = io.StringIO()
    rows = [(i["id"], i["title"], " ".join(i["needs"]), *i["days"], i["done"], i["check"]) for i in plan["issues"]]
    csv.writer(table, lineterminator="\n").writerows(
        [("id", "title", "needs", "best", "likely", "worst", "done", "check"), *rows]
    )
    write_text_atomic(settings.out / "issues.csv", table.getvalue())
    plot(plan, graph, days, decides, last, settings.out / "plan.png")
    return {
        "issues": len(plan["issues"]),
        "spoilt_plans_noticed": noticed,
        "critical_path_issues": len(path),
        "critical_path_days": length,
        "difference_to_the_library": difference,
        "days_alone": ends[1],
        "days_of_two": ends[2],
        "likely_days_hold": held,
        "sure_over_likely": sure / guess,
        "largest_share_that_decides": max(decides.values()),
    }


# For capstone_plan.yaml; with a plan of your own the values are yours.
EXPECTED = {
    "issues": Expected((13, 13), (13, 13)),
    "spoilt_plans_noticed": Expected((9, 9), (9, 9)),
    "critical_path_issues": Expected((8, 10), (8, 10)),
    "difference_to_the_library": Expected((0, 1e-9), (0, 1e-9)),
    "likely_days_hold": Expected((0, 0.05), (0, 0.05)),
    "sure_over_likely": Expected((1.2, 3), (1.2, 3)),
    "largest_share_that_decides": Expected((1, 1), (1, 1)),
}

PARSER = script_parser(__doc__)
PARSER.add_argument(
    "--plan", type=Path, default=PLAN, metavar="FILE", help="issues and risks (default: the capstone's)"
)

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="course exercise 12")
