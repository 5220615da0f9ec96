"""The concepts of the course: the sections of its documents, and every place that belongs to one."""

import io
import re
import tokenize
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from coursekit.course.exercises import Exercise, find_exercises
from coursekit.course.modules import ROOT, Module, header, modules
from coursekit.course.quiz import Question, load_quiz
from coursekit.errors import CourseError

SECTION = re.compile(r"## (\d+)\. (.+)")
LABELS = (
    "Why it exists.",
    "In everyday words.",
    "The formula.",
    "A worked example.",
    "Where it lives.",
    "Usual mistakes.",
    "Question.",
    "Answer.",
)
MARKER = re.compile(r"#\s*concept:\s*(.*)")
NOTE = re.compile(r"\s*\([^)]*\)")  # a remark in brackets behind the terms


@dataclass(frozen=True)
class Concept:
    """One numbered section of a concept document.

    Attributes:
        title: Its heading without the number.
        line: The line of its heading, counted from 1.
        terms: What a learner would look up, from its "Terms:" line.
        text: The lines below the heading.
    """

    module: Module
    document: Path
    number: int
    title: str
    line: int
    terms: tuple[str, ...]
    text: tuple[str, ...]

    @property
    def name(self) -> str:
        """What markers, headers and quizzes call it: the title in lower case."""
        return self.title.lower()

    @property
    def anchor(self) -> str:
        return re.sub(r"[^\w\- ]", "", f"{self.number}. {self.title}".lower()).replace(" ", "-")

    @property
    def slug(self) -> str:
        return slug(self.title)

    def paragraph(self, label: str) -> str:
        """Return the paragraph that begins with a bold label, without the label."""
        found: list[str] = []
        for line in self.text:
            if line.startswith(f"**{label}**"):
                found = [line.removeprefix(f"**{label}**").strip()]
            elif found and not line.strip():
                break
            elif found:
                found.append(line.strip())
        return " ".join(found).strip()


@dataclass(frozen=True)
class Place:
    """A line of code that a marker ties to a concept."""

    path: Path
    line: int
    source: str


@dataclass
class Uses:
    """All that belongs to one concept."""

    places: list[Place] = field(default_factory=list)
    scripts: list[Path] = field(default_factory=list)
    exercises: list[Exercise] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)


@dataclass(frozen=True)
class Marker:
    """A `# concept:` comment: where it stands, the line it means, and its terms."""

    path: Path
    line: int
    source: str
    terms: tuple[str, ...]


def slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def split_terms(text: str, known: Iterable[str]) -> list[str]:
    """Take a comma separated list apart; a known title that holds commas itself stays whole.

    Args:
        text: For example "gradients, epochs, batches and iterations".
        known: Section titles in lower case.
    """
    rest = " ".join(text.lower().split()).strip(" ,")
    titles = sorted(known, key=len, reverse=True)
    found = []
    while rest:
        term = next((title for title in titles if rest == title or rest.startswith(f"{title},")), None)
        term = term or rest.split(",")[0]
        found.append(term.strip())
        rest = rest[len(term) :].lstrip(" ,")
    return found


def read_concepts(module: Module) -> list[Concept]:
    """Return the concept sections of a module's documents."""
    return [concept for document in module.documents for concept in read_document(module, document)]


def read_document(module: Module, document: Path) -> list[Concept]:
    """Return the concept sections of one document, in order."""
    lines = document.read_text(encoding="utf-8").splitlines()
    starts = [i for i in _headings(lines) if SECTION.fullmatch(lines[i].strip())]
    ends = [i for i in _headings(lines) if re.match(r"##? ", lines[i])] + [len(lines)]
    found = []
    for start in starts:
        matched = SECTION.fullmatch(lines[start].strip())
        assert matched
        text = lines[start + 1 : next(end for end in ends if end > start)]
        terms = next((line.removeprefix("Terms:") for line in text if line.startswith("Terms:")), "")
        terms = re.sub(re.escape(matched[2].strip()), "", terms, flags=re.I)  # a title may hold commas itself
        names = tuple(term.strip() for term in terms.split(",") if term.strip())
        found.append(Concept(module, document, int(matched[1]), matched[2].strip(), start + 1, names, tuple(text)))
    return found


def read_markers(path: Path, known: Iterable[str]) -> list[Marker]:
    """Return the `# concept:` comments of a Python file; one alone on its line means the next line of code."""
    text = path.read_text(encoding="utf-8")
    if "concept:" not in text:
        return []
    titles = list(known)
    lines = text.splitlines()
    found = []
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError) as error:
        raise CourseError(f"{path.name} is not Python: {error}") from error
    for token in tokens:
        matched = MARKER.search(token.string) if token.type == tokenize.COMMENT else None
        if matched:
            line, column = token.start
            source = lines[line - 1][:column].strip()
            if not source:
                line = _next_code(lines, line)
                source = lines[line - 1].strip()
            terms = split_terms(NOTE.sub("", matched[1]), titles)
            found.append(Marker(path, line, source, tuple(terms)))
    return found


def marked_files(module: Module) -> list[Path]:
    """Return the Python files of a module in which markers count: scripts and utils."""
    return sorted(path for path in module.folder.glob("*.py") if path.name != "quiz.py")


class Index:
    """Every concept of the course with its uses, and every script and exercise with its concepts.

    Raises:
        CourseError: A quiz cannot be imported.
    """

    def __init__(self, root: Path = ROOT) -> None:
        self.root = root
        self.concepts: list[Concept] = []
        self.uses: dict[tuple[str, str], Uses] = {}
        self.unknown: list[str] = []  # problems: terms that are no section of their module
        self.of_source: dict[Path, list[Concept]] = {}  # script or stub -> its concepts, headers first
        for module in modules(root):
            concepts = read_concepts(module)
            self.concepts += concepts
            self._add_module(module, {concept.name: concept for concept in concepts})

    def of(self, concept: Concept) -> Uses:
        return self.uses.setdefault((concept.module.number, concept.name), Uses())

    def find(self, typed: str) -> list[Concept]:
        """Return the concepts that `typed` means: by title or term, else those of which it is a part."""
        wanted = slug(typed)
        if not wanted:
            return []
        exact = [concept for concept in self.concepts if wanted in _names(concept)]
        return exact or [concept for concept in self.concepts if any(wanted in name for name in _names(concept))]

    def terms(self) -> dict[str, list[Concept]]:
        """Return every title and term, as first written, in alphabetical order, with the concepts it leads to."""
        found: dict[str, tuple[str, list[Concept]]] = {}
        for concept in self.concepts:
            for term in (concept.title, *concept.terms):
                concepts = found.setdefault(term.lower(), (term, []))[1]
                if concept not in concepts:
                    concepts.append(concept)
        return {term: concepts for _, (term, concepts) in sorted(found.items())}

    def _add_module(self, module: Module, known: dict[str, Concept]) -> None:
        for path in marked_files(module):
            markers = read_markers(path, known)
            for script_terms in [self._header_terms(path, known)] if path in module.scripts else []:
                self._add_source(path, script_terms, known)
            for marker in markers:
                self._add_source(path, marker.terms, known, marker.line)
                for term in marker.terms:
                    if term in known:
                        self.of(known[term]).places.append(Place(marker.path, marker.line, marker.source))
        for exercise in find_exercises(module):
            try:
                terms = split_terms(exercise.concepts, known)
            except CourseError as error:
                self.unknown.append(str(error))
                continue
            self._add_source(exercise.stub, terms, known)
            for term in terms:
                if term in known:
                    self.of(known[term]).exercises.append(exercise)
        for question in load_quiz(module):
            if question.concept in known:
                self.of(known[question.concept]).questions.append(question)
            else:
                self._say_unknown(module.quiz or module.folder, question.concept, question.id)

    def _header_terms(self, script: Path, known: dict[str, Concept]) -> Sequence[str]:
        try:
            terms = split_terms(header(script).concepts, known)
        except CourseError:
            return []  # the gate of the scripts names it
        for term in terms:
            if term in known and script not in self.of(known[term]).scripts:
                self.of(known[term]).scripts.append(script)
        return terms

    def _add_source(self, path: Path, terms: Iterable[str], known: dict[str, Concept], line: int = 0) -> None:
        mine = self.of_source.setdefault(path, [])
        for term in terms:
            if term not in known:
                self._say_unknown(path, term, f"line {line}" if line else "the docstring")
            elif known[term] not in mine:
                mine.append(known[term])

    def _say_unknown(self, path: Path, term: str, where: str) -> None:
        place = path.relative_to(self.root).as_posix()
        self.unknown.append(f"{place}, {where}: {term!r} is no section of the module's concept documents")


def _headings(lines: Sequence[str]) -> list[int]:
    """Line numbers (from 0) of headings; a `#` inside a code block is none."""
    found, fenced = [], False
    for i, line in enumerate(lines):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif line.startswith("#") and not fenced:
            found.append(i)
    return found


def _names(concept: Concept) -> list[str]:
    return [concept.slug, *(slug(term) for term in concept.terms)]


def _next_code(lines: Sequence[str], line: int) -> int:
    """The number of the next line that is code, after line number `line` (both from 1)."""
    for number in range(line + 1, len(lines) + 1):
        text = lines[number - 1].strip()
        if text and not text.startswith("#"):
            return number
    return line
