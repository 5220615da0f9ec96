"""`course quiz`: ask, score, record, and tell what to look at again."""

from argparse import Namespace
from datetime import datetime
from pathlib import Path

from coursekit.course import review
from coursekit.course.journey import done
from coursekit.course.modules import Module, modules
from coursekit.course.names import find_module
from coursekit.course.parser import CommandParser
from coursekit.course.progress_file import events, record
from coursekit.course.quiz import Question, load_quiz
from coursekit.course.quiz_session import Answers, Stopped, ask_all
from coursekit.errors import CourseError

DESCRIPTION = """Answer a module's quiz. Every answer is explained, also why the others are wrong.

    course quiz 02           all questions of module 02
    course quiz --due        what you missed before, and what is due for review, over all modules
    course quiz --list       every quiz with your best score

A question comes back 1, 3, 7 and 21 days after you knew it, and at once after you missed it.
Ctrl-C or q stops; what you answered is kept."""


def parser() -> CommandParser:
    made = CommandParser("quiz", DESCRIPTION)
    made.add_argument("module", nargs="?", metavar="NN", help="a module, for example 02")
    made.add_argument("--due", action="store_true", help="only what was missed or is due for review")
    made.add_argument("--list", action="store_true", help="list the quizzes")
    return made


def resolve(settings: Namespace, root: Path) -> list[Module]:
    """Return the modules whose quiz is meant."""
    if not settings.module:
        return [module for module in modules(root) if module.quiz]
    module = find_module(settings.module, root)
    if not module.quiz:
        raise CourseError(f"module {module.number} has no quiz.", hint="course quiz --list")
    return [module]


def run(settings: Namespace, root: Path) -> int:
    chosen = resolve(settings, root)
    if settings.list or not (settings.module or settings.due):
        return show_list(chosen, root)
    if settings.due:
        numbers = {module.number for module in chosen}
        waiting = [
            entry for entry in review.due(events(root), datetime.now().date(), root) if entry[0].number in numbers
        ]
        if not waiting:
            print("Nothing is due for review. course next tells what comes next.")
            return 0
        return ask(waiting, "review", root)
    questions = [(chosen[0], question) for question in load_quiz(chosen[0])]
    return ask(questions, "all", root)


def ask(questions: list[tuple[Module, Question]], mode: str, root: Path) -> int:
    answers = Answers()
    code = 0
    try:
        ask_all(questions, answers)
    except Stopped:
        pass  # what was answered counts
    except KeyboardInterrupt:
        print()
        code = 130
    finally:
        whole = answers.number_asked == len(questions)
        keep(answers, mode if whole or mode != "all" else "stopped", root)
    show_result(answers, len(questions))
    return code


def keep(answers: Answers, mode: str, root: Path) -> None:
    """Record what was answered, one line a module."""
    for number in sorted(answers.right.keys() | answers.missed.keys()):
        missed = [question.id for question in answers.missed.get(number, [])]
        record("quiz", number, *review.quiz_details(answers.right.get(number, []), missed, mode), root=root)


def show_result(answers: Answers, asked_for: int) -> None:
    if not answers.number_asked:
        print("Nothing was answered, nothing is recorded.")
        return
    left = asked_for - answers.number_asked
    print(f"\n{answers.number_right} of {answers.number_asked} right" + (f"; {left} not asked." if left else "."))
    for concept in sorted({question.concept for missed in answers.missed.values() for question in missed}):
        print(f"  look again at: course concept {concept}")
    if answers.missed:
        print("  ask the missed ones again: course quiz --due")


def show_list(chosen: list[Module], root: Path) -> int:
    happened = events(root)
    best = done(happened)
    waiting = review.due(happened, datetime.now().date(), root)
    print("quiz  questions  best   due  module")
    for module in chosen:
        score = best[("quiz", module.number)].how if ("quiz", module.number) in best else "-"
        due = sum(entry[0].number == module.number for entry in waiting)
        print(f"{module.number:4}  {len(load_quiz(module)):9}  {score:5}  {due:3}  {module.title}")
    print("Start one: course quiz NN" if chosen else "No module has a quiz yet.")
    return 0
