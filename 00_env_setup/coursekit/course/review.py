"""When a quiz question comes back: 1, 3, 7 and 21 days after it was answered right, at once after it was missed."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from coursekit.course.modules import ROOT, Module, modules
from coursekit.course.progress_file import Event
from coursekit.course.quiz import Question, load_quiz

DAYS = (1, 3, 7, 21)


@dataclass
class Memory:
    """What the progress file tells about one question: the days in a row on which it was answered right."""

    right_days: list[date] = field(default_factory=list)
    asked: bool = False

    def answered(self, right: bool, day: date) -> None:
        self.asked = True
        if not right:
            self.right_days.clear()
        elif day not in self.right_days:
            self.right_days.append(day)

    def due_on(self) -> date | None:
        """The day it is asked again; None when it never was asked, or was right often enough."""
        if not self.asked or len(self.right_days) > len(DAYS):
            return None
        return self.right_days[-1] + timedelta(DAYS[len(self.right_days) - 1]) if self.right_days else date.min


def score(right: int, asked: int) -> str:
    return f"{right}/{asked}"


def quiz_details(right: Iterable[str], missed: Iterable[str], mode: str) -> tuple[str, ...]:
    """Return the details of a quiz's line in the progress file; `quiz_answers` reads them again."""
    right, missed = list(right), list(missed)
    lists = [f"{name}: {', '.join(ids)}" for name, ids in (("right", right), ("missed", missed)) if ids]
    return (score(len(right), len(right) + len(missed)), mode, *lists)


def quiz_answers(event: Event) -> list[tuple[str, bool]]:
    """Return (question id, whether it was right) of a quiz's line."""
    found = []
    for detail in event.details:
        name, _, ids = detail.partition(": ")
        if name in ("right", "missed"):
            found += [(word.strip(), name == "right") for word in ids.split(",") if word.strip()]
    return found


def memories(events: Iterable[Event]) -> dict[tuple[str, str], Memory]:
    """Return the memory of every question that was asked, by (module number, question id)."""
    found: dict[tuple[str, str], Memory] = {}
    for event in events:
        if event.kind == "quiz":
            for name, right in quiz_answers(event):
                found.setdefault((event.name, name), Memory()).answered(right, event.when.date())
    return found


def due(events: Iterable[Event], today: date, root: Path = ROOT) -> list[tuple[Module, Question]]:
    """Return the questions to ask today, those that wait longest first."""
    known = memories(events)
    numbers = {number for number, _ in known}
    waiting = []
    for module in modules(root):
        for question in load_quiz(module) if module.number in numbers else []:
            memory = known.get((module.number, question.id))
            day = memory.due_on() if memory else None
            if day is not None and day <= today:
                waiting.append((day, module, question))
    return [(module, question) for _, module, question in sorted(waiting, key=lambda entry: entry[0])]
