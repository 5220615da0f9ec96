"""A whole course in little, for tests of the `course` command: two modules, scripts, exercises, quizzes, concepts."""

from pathlib import Path

SCRIPT = '''"""{title}

What you will learn
    - how little a script needs
How to run it
    python {name}.py --quick     a small run, under 1 s
    python {name}.py             all of it, under 1 s
Time and memory on 2 CPU cores: quick 1 s, full 2 s; 0.1 GB.
Writes: nothing but the report
Concepts: SOUND_CONCEPTS_EXPLAINED.md ({concept})
"""

from coursekit.cli import run_script, script_parser
from coursekit.expectations import Expected

PARSER = script_parser(__doc__)
PARSER.add_argument("--loudness", type=float, default=0.5)
EXPECTED = {{"loudness": Expected(quick=(0.4, 0.6), full=(0.4, 0.6))}}


def main(settings):
    print("loudness", settings.loudness)
    return {{"loudness": settings.loudness}}  # concept: {concept}


if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER)
'''
STUB = '''"""Twice as loud.

Write louder(samples), which returns every sample doubled: louder([0.1, -0.2]) is [0.2, -0.4].

After: 01_first.py
Concepts: loudness
Kind: exercise
Time: 5 min
"""


def louder(samples):
    raise NotImplementedError("TODO: double every sample")
'''
CHECK = '''"""Checks louder()."""

from coursekit.course import Wrong


def check(answer):
    for samples in ([], [0.25, -0.5]):
        got, wanted = answer.louder(list(samples)), [2 * sample for sample in samples]
        if got != wanted:
            raise Wrong(f"louder({samples}) is {got}, expected {wanted}: a list times 2 is the list twice")
'''
SOLUTION = "def louder(samples):\n    return [2 * one_sample_of_many for one_sample_of_many in samples]\n"
WRONG = '"""Misconception: a list times 2 is the list twice"""\n\n\ndef louder(samples):\n    return 2 * samples\n'
HINTS = "# Hints\n\n## 1\nThink of one sample.\n\n## 2\nA comprehension.\n\n## 3\n[2 * ... for ... in samples]\n"
QUIZ = '''"""Questions about sound."""

from coursekit.course.quiz import Choice, Number, Question

QUESTIONS = [
    Question("samples", "sample rate", "How many samples has half a second at 24,000 Hz?",
             Number(lambda: 24_000 // 2, "24,000 / 2", {"48000": "That is two seconds."}, unit="samples")),
    Question("louder", "loudness", "What makes a sound louder?",
             [Choice("larger samples", "They push the membrane further.", right=True),
              Choice("more samples", "Then it is longer."),
              Choice("a higher rate", "Then it is finer.")]),
]
'''
SECTION = """## {number}. {title}
Terms: {terms}

**Why it exists.** To speak about {title}.
It has a second line.

**In everyday words.** Like a hill.

**The formula.** v

**A worked example.** 1

**Where it lives.**
<!-- where -->
<!-- /where -->

**Usual mistakes.** None.

**Question.** What?

**Answer.** That.

"""


def make_course(root: Path) -> Path:
    """Write the small course below `root` and return it."""
    (root / "00_env_setup").mkdir(parents=True)
    for number, name in (("40", "sound"), ("41", "voice")):
        module = root / f"{number}_{name}"
        answers = module / "exercises" / f"louder_{name}.answers"
        answers.mkdir(parents=True)
        (module / "README.md").write_text(f"# {number} About {name}\n", encoding="utf-8")
        for script, title, concept in (
            ("01_first", "Say it.", "loudness"),
            ("02_second", "Again.", "sample rate, or rate"),
        ):
            text = SCRIPT.format(title=title, name=script, concept=concept)
            (module / f"{script}.py").write_text(text, encoding="utf-8")
        (module / "exercises" / f"louder_{name}.py").write_text(STUB, encoding="utf-8")
        files = {"check.py": CHECK, "hints.md": HINTS, "solution.py": SOLUTION, "solution.md": "Because.\n"}
        for file, text in {**files, "wrong_list.py": WRONG}.items():
            (answers / file).write_text(text, encoding="utf-8")
        (module / "quiz.py").write_text(QUIZ.replace('"sample rate"', '"sample rate, or rate"'), encoding="utf-8")
        sections = SECTION.format(number=1, title="Loudness", terms="loudness, level, gain")
        sections += SECTION.format(number=2, title="Sample rate, or rate", terms="sample rate, Hz")
        (module / "SOUND_CONCEPTS_EXPLAINED.md").write_text(f"# Sound\n\n{sections}", encoding="utf-8")
    return root
