"""Questions about building software. `course quiz 12` asks them."""

import base64
import hashlib
import math

from coursekit.course.quiz import Choice, Number, Question


def pert(best: float, likely: float, worst: float) -> float:
    """The mean of three guesses."""
    return (best + 4 * likely + worst) / 6


QUESTIONS = [
    Question(
        "why-src",
        concept="project structure",
        text="The package lies in src/ and not beside the tests. What is that good for?",
        answer=[
            Choice("Python finds packages in src/ by itself", "It does not; that is the point."),
            Choice(
                "Tests cannot import it from the current folder by accident",
                "So what is tested is what was installed, and a file that is not packed is missed.",
                True,
            ),
            Choice("Wheels must have a src/ folder", "A wheel holds the package at its top; src/ is not in it."),
        ],
    ),
    Question(
        "red-once",
        concept="continuous integration",
        text="A new check is green on its first day. What do you do before you trust it?",
        answer=[
            Choice("Run it ten more times", "Ten greens of a check that cannot fail are still nothing."),
            Choice("Break the project on purpose, and see it go red", "Only a change of colour proves anything.", True),
            Choice("Nothing, green is what we want", "A check that looks at nothing is always green."),
        ],
    ),
    Question(
        "who-wins",
        concept="configuration",
        text="workers is 1 by default, 2 in the file, 4 in the environment, 8 as an argument. How many are at work?",
        answer=Number(
            lambda: ({"workers": 1} | {"workers": 2} | {"workers": 4} | {"workers": 8})["workers"],
            "The nearest and latest wins: argument, environment, file, default.",
            wrong={"4": "The environment beats the file, and the argument beats both.", "2": "The file is weak."},
        ),
    ),
    Question(
        "bool-false",
        concept="configuration",
        text='MYVOICE_WATERMARK is "false". What is bool(os.environ["MYVOICE_WATERMARK"])?',
        answer=[
            Choice("True", "Every text that is not empty is true. A settings class with types reads it right.", True),
            Choice("False", "bool() does not read English: only the empty text is false."),
            Choice("an error", "bool() takes anything."),
        ],
    ),
    Question(
        "key-committed",
        concept="secrets",
        text="A key was committed yesterday and pushed. What comes first?",
        answer=[
            Choice("Delete the line and commit again", "The history keeps it, and so does every copy."),
            Choice("Have the key revoked and a new one made", "From then on nobody can use what they have.", True),
            Choice("Make the repository private", "Who has a copy keeps it; and it was public for a day."),
        ],
    ),
    Question(
        "exit-code",
        concept="errors a user can act on",
        text="A command prints ERROR and ends with exit code 0. What goes wrong?",
        answer=[
            Choice("Nothing: people read the text", "Programs do not. They read the exit code."),
            Choice("The script that calls it goes on as if it had worked", "0 means done, whatever was printed.", True),
            Choice("The text is not shown", "Texts and exit codes have nothing to do with each other."),
        ],
    ),
    Question(
        "lazy-log",
        concept="structured logging",
        text='Why log.debug("samples %s", samples) and not log.debug(f"samples {samples}")?',
        answer=[
            Choice("The first is shorter", "It is longer by two signs."),
            Choice("f-strings cannot hold arrays", "They can, that is the trouble."),
            Choice(
                "The text is made only when somebody wants the line",
                "An f-string is made before debug() is called; for an array that costs about 200 times as much.",
                True,
            ),
        ],
    ),
    Question(
        "limit-test",
        concept="unit tests",
        text="A rule says: at least 1.0 s. Which clip tells `<` from `<=` in its code?",
        answer=[
            Choice("one of 0.5 s", "Both refuse it."),
            Choice("one of exactly 1.0 s", "Only at the limit do the two differ.", True),
            Choice("one of 1.5 s", "Both take it."),
        ],
    ),
    Question(
        "shrinking",
        concept="property-based tests",
        text="Hypothesis finds a list of 40 numbers that breaks a promise, and reports [-1.0]. Why?",
        answer=[
            Choice("It only tries short lists", "It tries long ones as well."),
            Choice("It leaves out and simplifies as long as the promise stays broken", "That is shrinking.", True),
            Choice("It reports the smallest number in the list", "It reports an input, and a list of one is one."),
        ],
    ),
    Question(
        "gain-db",
        concept="golden tests",
        text="A gain is off by 0.1 dB. At how many dB, relative to the golden sound, is the difference? (one decimal)",
        answer=Number(
            lambda: 20 * math.log10(10 ** (0.1 / 20) - 1),
            "The difference is x times (10^(0.1/20) - 1) = 0.0116 x, and 20 log10 of that is -38.7 dB.",
            wrong={
                "0.1": "That is the gain; the difference is what is left when the sound is taken away.",
                "-20": "0.1 as a factor would be -20 dB. 0.1 dB is a factor of 1.0116.",
            },
            tolerance=0.1,
            unit="dB",
        ),
    ),  # fmt: skip
    Question(
        "mutation-score",
        concept="mutation testing",
        text="Of 56 mutants 45 are noticed. What is the mutation score, in percent? (one decimal)",
        answer=Number(
            lambda: 100 * 45 / 56,
            f"45 / 56 = {45 / 56:.3f}.",
            wrong={"19.6": "That is the share that survives.", "45": "That is how many, not which share."},
            tolerance=0.1,
            unit="%",
        ),
    ),
    Question(
        "equivalent",
        concept="mutation testing",
        text="In silence every sample is 0, and the gain of silence is changed from 1.0 to 2.0. No test notices. Why?",
        answer=[
            Choice("The tests are bad", "No test in the world could notice."),
            Choice("The mutant is the same program: twice nothing is nothing", "It is called equivalent.", True),
            Choice("Gains are never tested", "The other gain is: normalising reaches the peak asked for."),
        ],
    ),
    Question(
        "missing-data",
        concept="packaging",
        text="All tests pass, and the installed command says that rules.json does not exist. What happened?",
        answer=[
            Choice("The file was deleted while installing", "Installers add files."),
            Choice(
                "The wheel never had it: data files must be named", "And tests of the source tree see the tree.", True
            ),
            Choice("The command runs in another folder", "It looks beside the package, wherever it runs."),
        ],
    ),
    Question(
        "record-length",
        concept="packaging",
        text="RECORD holds each file's SHA-256 in base64 without padding. How many characters is one digest?",
        answer=Number(
            lambda: len(base64.urlsafe_b64encode(hashlib.sha256(b"any").digest()).rstrip(b"=")),
            "32 bytes are 256 bits; 6 bits a character makes 42.7, so 43.",
            wrong={"64": "That is hexadecimal, 4 bits a character.", "44": "With the padding '='.", "32": "Bytes."},
            unit="characters",
        ),
    ),
    Question(
        "next-version",
        concept="semantic versioning",
        text="1.9.3, and one new optional argument. Which version is next?",
        answer=[
            Choice("1.9.4", "A repair would be 1.9.4; something new is more."),
            Choice("1.10.0", "minor rises by one, after 9 comes 10, and patch begins again.", True),
            Choice("2.0.0", "Every old call still fits."),
            Choice("1.10.3", "What stands behind the part that rises begins at 0."),
        ],
    ),
    Question(
        "voice-licence",
        concept="licences",
        text="A recording is in the public domain. May you let that person's voice say new things?",
        answer=[
            Choice("Yes, public domain asks for nothing", "That is about copying the recording, not about the person."),
            Choice(
                "Not by that alone: a voice is part of a person, and needs consent",
                "Copyright covers recordings. The voice is protected as a part of the person.",
                True,
            ),
            Choice("Yes, if the speaker is named", "Naming is what CC BY asks for a recording."),
        ],
    ),
    Question(
        "precision",
        concept="code review",
        text="A review has 8 remarks, 6 of them real defects. There are 11 defects. What is its recall, in percent?",
        answer=Number(
            lambda: 100 * 6 / 11,
            "6 of 11 defects were found: 54.5 %. The precision is 6 of 8, 75 %.",
            wrong={
                "75": "That is the precision: the share of remarks that were defects.",
                "73": "8 / 11: remarks.",
            },
            tolerance=0.6,
            unit="%",
        ),
    ),
    Question(
        "more-people",
        concept="issues and their order",
        text="The critical path takes 10.7 days, all issues together 14.1. How soon can 5 people be done?",
        answer=[
            Choice("after 2.8 days", "14.1 / 5, if everything could be done side by side. It cannot."),
            Choice("after 10.7 days", "A chain does not get shorter by more hands.", True),
            Choice("after 14.1 days", "That is one person."),
        ],
    ),
    Question(
        "three-guesses",
        concept="estimates and risks",
        text="Best 0.5, likely 1.5, worst 5 days. How many days on average, by the formula of PERT? (two decimals)",
        answer=Number(
            lambda: pert(0.5, 1.5, 5),
            "(0.5 + 4 * 1.5 + 5) / 6 = 1.92: more than likely, since it can go wrong further than right.",
            wrong={
                "1.5": "That is the likely one; what goes wrong is not in it.",
                "2.33": "The likely one counts four times.",
            },
            tolerance=0.02,
            unit="days",
        ),
    ),
    Question(
        "done-when",
        concept="definition of done",
        text="Which of these can somebody else check?",
        answer=[
            Choice("The preprocessing works properly", "Whose properly?"),
            Choice("At least 18 of 20 takes are accepted, each rejection has a reason", "Count, and look.", True),
            Choice("The voice sounds good", "To whom, in which test?"),
        ],
    ),
    Question(
        "one-change",
        concept="retrospective",
        text="A retrospective ends with ten good resolutions. What is missing?",
        answer=[
            Choice("An eleventh", "Ten are too many already."),
            Choice(
                "One change, and the day on which you look whether it helped",
                "What is not looked at is not done.",
                True,
            ),
            Choice("Who was at fault", "Then nobody says anything next time."),
        ],
    ),
]
