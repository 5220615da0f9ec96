"""What there is to do in reading order, and what of it is done."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from coursekit.course.exercises import Exercise, find_exercises
from coursekit.course.modules import ROOT, Module, header, modules
from coursekit.course.progress_file import Event
from coursekit.course.quiz import load_quiz
from coursekit.errors import CourseError


@dataclass(frozen=True)
class Item:
    """One thing to do.

    Attributes:
        kind: "script", "exercise" or "quiz".
        name: As in the progress file: "02/03_train_mnist", "02/gradients", "02".
        source: The script, the exercise's stub or the quiz.
        after: What comes before it, for the reason to do it now.
    """

    kind: str
    name: str
    source: Path
    after: str = ""

    @property
    def command(self) -> str:
        if self.kind == "script":
            return f"course run {self.name[:5]}"
        return f"course {self.kind} {self.name}"

    def title(self) -> str:
        try:
            if self.kind == "script":
                return header(self.source).title
            if self.kind == "exercise":
                return Exercise(self.source).title
        except CourseError as error:
            return f"({error})"
        return f"the quiz of module {self.name}"

    def time(self) -> str:
        """How long it takes, as its author measured or guessed it."""
        try:
            if self.kind == "script":
                return header(self.source).time.split(";")[0]
            if self.kind == "exercise":
                return f"about {Exercise(self.source).time}"
            return f"{len(load_quiz(Module(self.source.parent)))} questions"
        except CourseError:
            return "not said"

    def why(self) -> str:
        if self.kind == "script":
            return f"it is the next script after {self.after}" if self.after else "it is the first script of its module"
        if self.kind == "exercise":
            return f"it practises what {self.after} shows" if self.after else "it practises what the module shows"
        return f"it closes module {self.name}: what stayed, and what to look at again"


@dataclass(frozen=True)
class Done:
    """The last time an item was done: when, and how ("full", "quick", "7/9")."""

    when: datetime
    how: str


def items(module: Module) -> list[Item]:
    """Return what a module holds in reading order: each script, the exercises that follow it, the quiz."""
    exercises = {exercise: _after(exercise) for exercise in find_exercises(module)}
    found = []
    before = ""
    for script in module.lessons:
        found.append(Item("script", f"{module.number}/{script.stem}", script, before))
        before = script.name
        found += [_exercise_item(each, after) for each, after in exercises.items() if after == script.name]
    placed = {item.source for item in found}
    found += [_exercise_item(each, "") for each in exercises if each.stub not in placed]
    if module.quiz:
        found.append(Item("quiz", module.number, module.quiz))
    return found


def done(events: Iterable[Event]) -> dict[tuple[str, str], Done]:
    """Return what was done, by (kind, name). A full run of a script outweighs a later quick one."""
    found: dict[tuple[str, str], Done] = {}
    for event in events:
        key = (event.kind, event.name)
        if event.kind == "script" and "passed" in event.details:
            if not (key in found and found[key].how == "full" and event.details[0] != "full"):
                found[key] = Done(event.when, event.details[0])
        elif event.kind == "exercise" and "passed" in event.details:
            found[key] = Done(event.when, "passed")
        elif event.kind == "quiz" and "all" in event.details:
            best = max(event.details[0], found[key].how if key in found else "", key=_share)
            found[key] = Done(event.when, best)
    return found


def next_item(events: Sequence[Event], root: Path = ROOT) -> Item | None:
    """Return the first item that is not done; None at the end of the course."""
    finished = done(events)
    everything = (item for module in modules(root) for item in items(module))
    return next((item for item in everything if (item.kind, item.name) not in finished), None)


def hints_given(events: Iterable[Event], exercise: Exercise) -> int:
    """Return how many hints of an exercise were shown so far."""
    given = [
        int(match.group(1))
        for event in events
        if event.kind == "exercise" and event.name == exercise.name
        for detail in event.details
        if (match := re.fullmatch(r"hint (\d+)", detail))
    ]
    return max(given, default=0)


def _exercise_item(exercise: Exercise, after: str) -> Item:
    return Item("exercise", exercise.name, exercise.stub, after)


def _after(exercise: Exercise) -> str:
    try:
        return exercise.after
    except CourseError:
        return ""  # the gate of the exercises names it; the learner gets it at the end of the module


def _share(score: str) -> float:
    right, _, asked = score.partition("/")
    return int(right) / int(asked) if right.isdigit() and asked.isdigit() and int(asked) else -1.0
