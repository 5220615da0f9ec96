"""`course status` and `course next`."""

from argparse import Namespace
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from coursekit.course import review
from coursekit.course.journey import Done, Item, done, items, next_item
from coursekit.course.modules import Module, modules
from coursekit.course.names import find_module
from coursekit.course.parser import CommandParser
from coursekit.course.progress_file import Event, events, progress_path, spoilt_lines

BAR = 20
WIDTH = 100
STATUS = """Show your journey: what is done, what comes next, what is due for review.

    course status       one line a module
    course status 02    every item of module 02, with the day you did it"""
NEXT = """Show the next thing to do in reading order. Nothing is locked: any other order is fine.

    course next"""
CAPSTONE = "capstone_voice_replication_pipeline"

Finished = Mapping[tuple[str, str], Done]


def status_parser() -> CommandParser:
    made = CommandParser("status", STATUS)
    made.add_argument("module", nargs="?", metavar="NN", help="a module, for example 02")
    return made


def next_parser() -> CommandParser:
    return CommandParser("next", NEXT)


def resolve_status(settings: Namespace, root: Path) -> Module | None:
    return find_module(settings.module, root) if settings.module else None


def run_status(settings: Namespace, root: Path) -> int:
    module = resolve_status(settings, root)
    happened = events(root)
    if module:
        show_module(module, done(happened))
    else:
        show_map(done(happened), root)
    print()
    show_next(happened, root, brief=True)
    spoilt = spoilt_lines(root)
    if spoilt:
        lines = ", ".join(map(str, spoilt[:5]))
        print(f"Note: {progress_path(root)} has lines that are no events and do not count: {lines}")
    return 0


def run_next(settings: Namespace, root: Path) -> int:
    del settings
    show_next(events(root), root, brief=False)
    return 0


def show_map(finished: Finished, root: Path) -> None:
    print(f"{'Your journey':40} {'scripts':>8} {'exercises':>10} {'quiz':>6}")
    for module in modules(root):
        todo = items(module)
        ready = [item for item in todo if (item.kind, item.name) in finished]
        filled = len(ready) * BAR // len(todo) if todo else 0
        bar = f"[{'#' * filled}{'.' * (BAR - filled)}]" if todo else "being written"
        scripts, exercises = (_count(todo, ready, kind) for kind in ("script", "exercise"))
        best = finished.get(("quiz", module.number))
        quiz = best.how if best else ("open" if module.quiz else "-")
        print(f"{module.number} {cut(module.title, 37):37} {scripts:>8} {exercises:>10} {quiz:>6}  {bar}")


def show_module(module: Module, finished: Finished) -> None:
    print(f"{module.number} {module.title}")
    todo = items(module)
    for item in todo:
        entry = finished.get((item.kind, item.name))
        when = f"{entry.when:%Y-%m-%d}" if entry else ""
        how = entry.how if entry else "open"
        name = item.name if item.kind != "quiz" else "quiz"
        row = f"  {'x' if entry else ' '} {name:36} {how:7} {when:10}  {item.title()}"
        print(cut(row))
    if not todo:
        print("  This module is being written.")
    if any(entry.how == "quick" for entry in (finished.get((i.kind, i.name)) for i in todo) if entry):
        print("  quick: passed with --quick; the full run measures more")


def show_next(happened: list[Event], root: Path, brief: bool) -> None:
    item = next_item(happened, root)
    if item is None:
        print(f"Everything here is done. Now your own voice: {CAPSTONE}/README.md")
    elif brief:
        print(cut(f"Next: {item.command}    {item.title()}"))
    else:
        show_item(item)
    due = len(review.due(happened, datetime.now().date(), root))
    if due:
        print(f"Due for review: {due} quiz question{'s' if due > 1 else ''}: course quiz --due")


def show_item(item: Item) -> None:
    print(f"Next: {item.title()}")
    print(f"  {item.command}")
    if item.kind == "script":
        print(f"  {item.command} --quick    a small run first")
    print(f"  Time: {item.time()}")
    print(f"  Why: {item.why()}.")
    print("Nothing is locked: course status shows the rest.")


def cut(line: str, width: int = WIDTH) -> str:
    """Return a line that fits a console."""
    plain = line.rstrip()
    return plain if len(plain) <= width else plain[: width - 3].rstrip() + "..."


def _count(todo: list[Item], ready: list[Item], kind: str) -> str:
    total = sum(item.kind == kind for item in todo)
    return f"{sum(item.kind == kind for item in ready)}/{total}" if total else "-"
