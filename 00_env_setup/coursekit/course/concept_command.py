"""`course concept`."""

import re
from argparse import Namespace
from pathlib import Path

from coursekit.course.concept_pages import write_pages
from coursekit.course.concepts import Concept, Index
from coursekit.course.names import shown, suggestion
from coursekit.course.parser import CommandParser
from coursekit.course.quiz_session import say
from coursekit.errors import CourseError

DESCRIPTION = """Look up a term: where it is explained, the lines of code where it lives, exercises, quiz questions.

    course concept                  list every term
    course concept learning rate    show one (any part of a term will do)"""
MOST_SHOWN = 3


def parser() -> CommandParser:
    made = CommandParser("concept", DESCRIPTION)
    made.add_argument("term", nargs="*", metavar="TERM", help="a title or a term, for example learning rate")
    made.add_argument(
        "--write", action="store_true", help="for authors: write CONCEPTS.md and the documents' where blocks anew"
    )
    return made


def resolve(settings: Namespace, root: Path) -> list[Concept]:
    """Return the concepts that are meant; none when no term was given."""
    if not settings.term:
        return []
    return _find(Index(root), " ".join(settings.term))


def run(settings: Namespace, root: Path) -> int:
    if settings.write:
        written = write_pages(root)
        print("\n".join(f"wrote {shown(path)}" for path in written) or "Every page is as it should be.")
        return 0
    index = Index(root)
    if not settings.term:
        return show_terms(index)
    typed = " ".join(settings.term)
    found = _find(index, typed)
    if len(found) > MOST_SHOWN:
        print(f"{typed!r} is part of {len(found)} terms:")
        for concept in found:
            print(f"  course concept {concept.name}")
        return 0
    for number, concept in enumerate(found):
        print("\n" if number else "", end="")
        show_concept(concept, index)
    return 0


def show_terms(index: Index) -> int:
    terms = index.terms()
    for term, concepts in terms.items():
        titles = ", ".join(f"{concept.title} ({concept.module.number})" for concept in concepts)
        print(f"  {term:36} {titles}")
    print("Show one: course concept TERM" if terms else "No module has concepts yet.")
    return 0


def show_concept(concept: Concept, index: Index) -> None:
    uses = index.of(concept)
    print(f"{concept.title}  (module {concept.module.number})")
    others = [term for term in concept.terms if term.lower() != concept.name]
    if others:
        print(f"  also: {', '.join(others)}")
    print(f"  read: {shown(concept.document)}:{concept.line}\n")
    for label in ("Why it exists.", "In everyday words."):
        if concept.paragraph(label):
            say(f"{label} {plain(concept.paragraph(label))}")
            print()
    for place in uses.places:
        print(f"  code      {shown(place.path)}:{place.line}  {place.source}")
    for script in uses.scripts:
        if script not in {place.path for place in uses.places}:
            print(f"  script    {shown(script)}")
    for exercise in uses.exercises:
        print(f"  exercise  course exercise {exercise.name}  {exercise.title}")
    if uses.questions:
        ids = ", ".join(question.id for question in uses.questions)
        print(f"  quiz      course quiz {concept.module.number}  ({ids})")


def plain(markdown: str) -> str:
    """Return a paragraph as a console shows it best: no stars, no link targets."""
    return re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", re.sub(r"\*\*?([^*\n]+)\*\*?", r"\1", markdown))


def _find(index: Index, typed: str) -> list[Concept]:
    found = index.find(typed)
    if not found:
        near = suggestion(typed.lower(), index.terms())
        raise CourseError(f"{typed!r} is no term of the course.{near}", hint="course concept lists every term")
    return found
