"""What exercises and concept documents must keep. Each gate returns a list of problems in words; none is a pass.

What a quiz must keep is in `coursekit.course.quiz.problems`.
"""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
from pathlib import Path

from coursekit.course.concept_pages import END, START
from coursekit.course.concepts import LABELS, Concept, Index, read_concepts, split_terms
from coursekit.course.exercises import Exercise, Verdict, check_answers
from coursekit.course.modules import Module, docstring, header
from coursekit.errors import CourseError

NEEDED = {"check.py", "hints.md", "solution.py", "solution.md"}
LEAK_LENGTH = 30  # a line up to this length may stand elsewhere: there are not many ways to write it
SECONDS_PER_DOCUMENT = 300  # for what hangs
SECONDS_PER_ANSWER = 240.0  # for what hangs; a busy machine is no reason to call an exercise bad
BLOCK_RUNNER = Path(__file__).with_name("run_blocks.py")

# --------------------------------------------------------------------------------------------------------- exercises


def form_problems(exercise: Exercise) -> list[str]:
    """The stub's fields, its hints and the files beside it are complete."""
    return [f"{exercise.name}: {problem}" for problem in [*_field_problems(exercise), *_file_problems(exercise)]]


def _field_problems(exercise: Exercise) -> list[str]:
    try:
        after, concepts, kind, time = exercise.after, exercise.concepts, exercise.kind, exercise.time
    except CourseError as error:
        return [str(error)]
    module, name = exercise.module, exercise.stub.stem
    known = [concept.name for concept in read_concepts(module)]
    source = exercise.stub.read_text(encoding="utf-8")
    rules = {
        f"After: {after} is no script of the module": after in [script.name for script in module.scripts],
        f"Kind: {kind!r} is neither exercise nor lab": kind in ("exercise", "lab"),
        "an exercise is a lab exactly when its name begins with lab_": (kind == "lab") == name.startswith("lab_"),
        f"Time: {time!r} is not like 10 min": re.fullmatch(r"\d+ min", time),
        "the docstring tells no task": len(exercise.task) > 60,
        f"{name} is the name of a module of Python's library": name not in sys.stdlib_module_names,
        f"{name} is the name of another file of the module": not (module.folder / exercise.stub.name).exists(),
        'a lab has DIAGNOSIS = "?" at its top': kind != "lab" or 'DIAGNOSIS = "?"' in source,
        "an exercise has a TODO": kind == "lab" or "TODO" in source,
    }
    unknown = [term for term in split_terms(concepts, known) if term not in known]
    faults = [f"Concepts: {term!r} is no section of the module's concept documents" for term in unknown]
    return faults + [problem for problem, holds in rules.items() if not holds]


def _file_problems(exercise: Exercise) -> list[str]:
    found = {path.name for path in exercise.answers.iterdir()} - {"__pycache__"} if exercise.answers.is_dir() else set()
    problems = [f"{name} is missing in {exercise.answers.name}" for name in sorted(NEEDED - found)]
    wrong = {path.name for path in exercise.wrong_answers}
    problems += [f"{name} does not belong in {exercise.answers.name}" for name in sorted(found - NEEDED - wrong)]
    if not wrong:
        problems.append(f"no wrong_*.py in {exercise.answers.name}")
    if "hints.md" in found and (len(exercise.hints) != 3 or not all(exercise.hints)):
        problems.append(f"{len([hint for hint in exercise.hints if hint])} hints that are not empty; three are needed")
    for path in [exercise.stub, *(exercise.answers / name for name in sorted(found))]:
        if not path.read_text(encoding="utf-8").isascii():
            problems.append(f"{path.name} is not plain ASCII")
    return problems


def proof_problems(exercise: Exercise) -> list[str]:
    """The stub fails, the solution passes, and every typical wrong answer is told its misconception."""
    answers = [exercise.stub, exercise.answers / "solution.py", *exercise.wrong_answers]
    stub, solution, *wrong = check_answers(exercise, answers, SECONDS_PER_ANSWER)
    problems = []
    if stub.passed or stub.kind in ("timeout", "died", "syntax"):
        problems.append(f"the stub must fail and say why; it {'passes' if stub.passed else f'ends with {stub.kind}'}")
    if not solution.passed:
        problems.append(f"the solution fails ({solution.kind}, line {solution.line}): {solution.message}")
    for path, verdict in zip(exercise.wrong_answers, wrong, strict=True):
        problems += _misconception_problems(path, verdict)
    return [f"{exercise.name}: {problem}" for problem in problems]


def _misconception_problems(path: Path, verdict: Verdict) -> list[str]:
    try:
        first = docstring(path).splitlines()[0]
    except CourseError as error:
        return [str(error)]
    misconception = first.removeprefix("Misconception:").strip()
    if not first.startswith("Misconception:") or not misconception:
        return [f"{path.name}: its docstring does not begin with Misconception: ..."]
    if verdict.passed:
        return [f"{path.name} passes"]
    if misconception not in " ".join(verdict.message.split()):
        return [f"{path.name} fails without naming {misconception!r}; it says ({verdict.kind}): {verdict.message}"]
    return []


def leak_problems(exercise: Exercise, root: Path) -> list[str]:
    """No telling line of the solution stands where a learner reads anyway."""
    solution = exercise.answers / "solution.py"
    if not solution.is_file():
        return []  # form_problems says it
    given = {line.strip() for line in exercise.stub.read_text(encoding="utf-8").splitlines()}
    lines = {line.strip() for line in solution.read_text(encoding="utf-8").splitlines()} - given
    telling = [line for line in lines if len(line) > LEAK_LENGTH and not line.startswith(("import ", "from "))]
    return [
        f"{exercise.name}: a line of the solution stands in {path.relative_to(root).as_posix()}: {line}"
        for path, text in _readable(root)
        for line in sorted(telling)
        if line in text
    ]


@functools.cache
def _readable(root: Path) -> list[tuple[Path, str]]:
    """Every document, script and stub, with its text."""
    patterns = ("*.md", "*/*.md", "[0-9][0-9]_*/**/*.md", "[0-9][0-9]_*/*.py", "[0-9][0-9]_*/exercises/*.py")
    found = {path for pattern in patterns for path in root.glob(pattern)}
    kept = [path for path in sorted(found) if not any(part.endswith(".answers") for part in path.parts)]
    return [(path, path.read_text(encoding="utf-8")) for path in kept]


# ----------------------------------------------------------------------------------------------------------- quizzes


def heavy_imports(quiz: Path) -> list[str]:
    """Importing a quiz brings no library that takes seconds."""
    code = "import sys; from coursekit.course.modules import load_script; load_script(sys.argv[1]); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, str(quiz)], capture_output=True, text=True, check=False)
    if done.returncode:
        return [f"{quiz.name} cannot be imported: {done.stderr.strip().splitlines()[-1]}"]
    heavy = {"torch", "sklearn", "scipy", "matplotlib", "tensorflow", "pandas", "librosa"} & set(done.stdout.split())
    return [f"{quiz.name} imports {name} at its top; import it in the lambda that needs it" for name in sorted(heavy)]


# ---------------------------------------------------------------------------------------------------------- concepts


def document_problems(module: Module, index: Index) -> list[str]:
    """Every section of a module's concept documents has all its parts, and a line of code that it is about."""
    problems = []
    for document in module.documents:
        concepts = [concept for concept in index.concepts if concept.document == document]
        if [concept.number for concept in concepts] != list(range(1, len(concepts) + 1)):
            problems.append(f"{document.name}: the sections are not numbered 1, 2, 3, ...")
        for concept in concepts:
            faults = _section_problems(concept)
            if not index.of(concept).places:
                faults.append(f"no line of the module's scripts or utils has the marker # concept: {concept.name}")
            problems += [f"{document.name}:{concept.line} {concept.title}: {fault}" for fault in faults]
    names = [concept.name for concept in index.concepts if concept.module == module]
    problems += [f"{name!r} is a section twice" for name in sorted({name for name in names if names.count(name) > 1})]
    return problems + [problem for problem in index.unknown if problem.startswith(module.folder.name + "/")]


def _section_problems(concept: Concept) -> list[str]:
    text = list(concept.text)
    first = next((line for line in text if line.strip()), "")
    problems = [] if first.startswith("Terms: ") and concept.terms else ["the first line is no Terms: ..."]
    labelled = [line for line in text if re.match(r"\*\*[A-Z][^*]+\.\*\*", line)]
    order = [re.match(r"\*\*([^*]+)\*\*", line).group(1) for line in labelled]  # type: ignore[union-attr]
    known = [label for label in order if label in LABELS]
    problems += [f"**{label}** is missing" for label in LABELS if label not in known]
    if not problems and known != list(LABELS):
        problems.append(f"the labels stand in the order {', '.join(known)}")
    for label in LABELS:
        place = next((i for i, line in enumerate(text) if line.startswith(f"**{label}**")), None)
        if place is None:
            continue
        if place and text[place - 1].strip():
            problems.append(f"**{label}** does not begin a paragraph")
        if not _content(text, place, label):
            problems.append(f"nothing stands under **{label}**")
    if text.count(START) != 1 or text.count(END) != 1:
        problems.append(f"{START} and {END} do not stand on one line each")
    return problems


def _content(text: list[str], place: int, label: str) -> str:
    lines = [text[place].removeprefix(f"**{label}**")]
    for line in text[place + 1 :]:
        if any(line.startswith(f"**{other}**") for other in LABELS):
            break
        lines.append(line)
    return "".join(lines).strip()


def header_document_problems(module: Module) -> list[str]:
    """The concept document that a script's header names exists, and the sections named are in it."""
    problems = []
    sections = {
        document.name: {c.name for c in read_concepts(module) if c.document == document}
        for document in module.documents
    }
    for script in module.lessons:
        try:
            named = header(script)
        except CourseError as error:
            problems.append(str(error))
            continue
        known = sections.get(named.document)
        if known is None:
            problems.append(f"{script.name}: its header names {named.document}, which does not exist")
            continue
        missing = [term for term in split_terms(named.concepts, known) if term not in known]
        problems += [f"{script.name}: {term!r} is no section of {named.document}" for term in missing]
    return problems


def block_problems(document: Path) -> list[str]:
    """Every python block of a document runs, and prints what it says it prints."""
    done = subprocess.run(
        [sys.executable, str(BLOCK_RUNNER), str(document)],
        capture_output=True,
        text=True,
        timeout=SECONDS_PER_DOCUMENT,
        check=False,
    )
    if done.returncode:
        return [f"{document.name}: the runner of the blocks stopped: {done.stderr[-1000:]}"]
    return list(json.loads(done.stdout.splitlines()[-1]))
