"""`course exercise`, `hint`, `solution` and `reset`."""

from argparse import Namespace
from pathlib import Path

from coursekit.course.exercises import DEFAULT_SECONDS, Exercise, Verdict, check_answer, find_exercises
from coursekit.course.journey import Done, done, hints_given
from coursekit.course.modules import Module, modules
from coursekit.course.names import find_exercise, find_module, shown
from coursekit.course.parser import CommandParser
from coursekit.course.progress_file import events, record
from coursekit.course.quiz_session import say
from coursekit.errors import CourseError

MOST_PRINTED_LINES = 12

EXERCISE = """Begin an exercise, or check your answer.

    course exercise                  list all exercises
    course exercise 02               list those of module 02
    course exercise 02/gradients     the first time: copies it to 02_*/my_answers/ and shows the task;
                                     then: checks what you wrote there"""
HINT = """Show the next hint of an exercise: the idea first, then the tool, then almost the code.

    course hint 02/gradients         the next one
    course hint 02/gradients 1       the first one again
    course hint 02/gradients --all   all three"""
SOLUTION = """Show the solution of an exercise and why it is so.

    course solution 02/gradients"""
RESET = """Begin an exercise anew. Your answer is moved aside, never deleted.

    course reset 02/gradients"""


def exercise_parser() -> CommandParser:
    made = CommandParser("exercise", EXERCISE)
    made.add_argument("name", nargs="?", metavar="NN/NAME", help="an exercise, or a module to list")
    made.add_argument("--task", action="store_true", help="show the task again, without checking")
    return made


def hint_parser() -> CommandParser:
    made = CommandParser("hint", HINT)
    made.add_argument("name", metavar="NN/NAME")
    made.add_argument("number", nargs="?", type=int, metavar="N", help="this hint instead of the next")
    made.add_argument("--all", action="store_true", help="all hints")
    return made


def solution_parser() -> CommandParser:
    made = CommandParser("solution", SOLUTION)
    made.add_argument("name", metavar="NN/NAME")
    return made


def reset_parser() -> CommandParser:
    made = CommandParser("reset", RESET)
    made.add_argument("name", metavar="NN/NAME")
    return made


def resolve(settings: Namespace, root: Path) -> Exercise:
    return find_exercise(settings.name, root)


def resolve_exercise(settings: Namespace, root: Path) -> Exercise | list[Module]:
    """Return the exercise that is meant, or the modules whose exercises are to be listed."""
    if not settings.name:
        return [module for module in modules(root) if module.exercises]
    if settings.name[:1].isdigit() and not any(slash in settings.name.rstrip("/\\") for slash in "/\\"):
        module = find_module(settings.name, root)
        if not module.exercises:
            raise CourseError(f"module {module.number} has no exercises.", hint="course exercise lists them all")
        return [module]
    return find_exercise(settings.name, root)


# ---------------------------------------------------------------------------------------------------------- exercise


def run_exercise(settings: Namespace, root: Path) -> int:
    meant = resolve_exercise(settings, root)
    if isinstance(meant, list):
        return show_list(meant, root)
    if settings.task:
        show_task(meant)
        return 0
    if meant.hand_out():
        record("exercise", meant.name, "started", root=root)
        show_task(meant)
        print(f"\nYour copy: {shown(meant.copy)}")
        print(f"Write your answer there, then check it: course exercise {meant.name}")
        return 0
    if meant.is_untouched():
        show_task(meant)
        print(f"\nYour copy is still as it was handed out: {shown(meant.copy)}")
        print(f"Write your answer there, then check it: course exercise {meant.name}")
        return 1
    print(f"Checking (your code may take up to {DEFAULT_SECONDS:.0f} s) ...", flush=True)
    verdict = check_answer(meant, meant.copy)
    show_verdict(meant, verdict)
    if verdict.passed:
        record("exercise", meant.name, "passed", root=root)
    return 0 if verdict.passed else 1


def show_list(chosen: list[Module], root: Path) -> int:
    finished = done(events(root))
    for module in chosen:
        print(f"{module.number} {module.title}")
        for exercise in find_exercises(module):
            state = _state(exercise, finished.get(("exercise", exercise.name)))
            print(f"  {exercise.name:32} {state:8} {exercise.kind:9} {exercise.time:8} {exercise.title}")
    print("Begin one: course exercise NN/NAME" if chosen else "No module has exercises yet.")
    return 0


def _state(exercise: Exercise, finished: Done | None) -> str:
    if finished:
        return "solved"
    return "begun" if exercise.copy.exists() else "open"


def show_task(exercise: Exercise) -> None:
    lab = "  (a failure lab: find the cause, then repair it)" if exercise.kind == "lab" else ""
    print(f"{exercise.name}: {exercise.title}{lab}")
    print(f"After {exercise.after}; concepts: {exercise.concepts}; about {exercise.time}.\n")
    print(exercise.task)


def show_verdict(exercise: Exercise, verdict: Verdict) -> None:
    if verdict.printed.strip():
        lines = verdict.printed.rstrip().splitlines()
        print("Your code printed:")
        print("\n".join(f"  | {line[:160]}" for line in lines[:MOST_PRINTED_LINES]))
        if len(lines) > MOST_PRINTED_LINES:
            print(f"  | ... and more ({len(lines) - MOST_PRINTED_LINES} lines or more)")
    if verdict.passed:
        print(f"{exercise.name}: solved.")
        print(f"See how we did it, and why: course solution {exercise.name}. Then: course next")
        return
    place = f" ({shown(exercise.copy)}, line {verdict.line})" if verdict.line else f" ({shown(exercise.copy)})"
    print(f"{exercise.name}: not yet{place}")
    say(verdict.message, "  ")
    if verdict.source:
        print("\n".join(f"    {line}" for line in verdict.source.splitlines()))
    print(f"Stuck? course hint {exercise.name}")


# -------------------------------------------------------------------------------------------- hint, solution, reset


def run_hint(settings: Namespace, root: Path) -> int:
    exercise = resolve(settings, root)
    hints = exercise.hints
    if not hints:
        raise CourseError(f"{exercise.name} has no hints.", hint=f"course solution {exercise.name}")
    if settings.number is not None and not 1 <= settings.number <= len(hints):
        raise CourseError(f"{exercise.name} has hints 1 to {len(hints)}, not {settings.number}.")
    given = hints_given(events(root), exercise)
    last = len(hints) if settings.all else settings.number or min(given + 1, len(hints))
    first = 1 if settings.all else last
    for number in range(first, last + 1):
        print(f"Hint {number} of {len(hints)} for {exercise.name}\n\n{hints[number - 1]}\n")
    if last > given:
        record("exercise", exercise.name, f"hint {last}", root=root)
    left = max(last, given) < len(hints)
    print(f"The next one: course hint {exercise.name}" if left else f"These were all. course solution {exercise.name}")
    return 0


def run_solution(settings: Namespace, root: Path) -> int:
    exercise = resolve(settings, root)
    code = exercise.answers / "solution.py"
    if not code.is_file():
        raise CourseError(f"{exercise.name} has no solution.")
    print(f"# {shown(code)}\n")
    print(code.read_text(encoding="utf-8").strip())
    why = exercise.answers / "solution.md"
    if why.is_file():
        print(f"\n{'-' * 100}\n\n{why.read_text(encoding='utf-8').strip()}")
    record("exercise", exercise.name, "solution", root=root)
    return 0


def run_reset(settings: Namespace, root: Path) -> int:
    exercise = resolve(settings, root)
    target = exercise.set_aside()
    record("exercise", exercise.name, "reset", root=root)
    print(f"Your answer is now {shown(target)}.")
    print(f"Begin anew: course exercise {exercise.name}")
    return 0
