"""Seventeen questions about the Python of this course. `course quiz 01` asks them."""

import math

from coursekit.course.quiz import Choice, Number, Question


def shared_calls() -> int:
    """The pieces that a shared default list holds after three calls."""

    def add(piece, pieces=[]):  # noqa: B006  the mistake that is asked about
        pieces.append(piece)
        return pieces

    add("a")
    add("b")
    return len(add("c"))


def ten_tenths() -> float:
    """0.1 added ten times."""
    seconds = 0.0
    for _ in range(10):
        seconds += 0.1
    return seconds


QUESTIONS = [
    Question(
        "zeros-in-a-name",
        concept="files and paths",
        text="clip_1.wav, clip_2.wav and clip_10.wav lie in a folder. What does sorted(folder.glob('*')) put second?",
        answer=[
            Choice(
                "clip_2.wav", "Names are compared letter by letter, and '1' comes before '2': clip_10 before clip_2."
            ),
            Choice(
                "clip_10.wav", "clip_1.wav, clip_10.wav, clip_2.wav: '.' comes before '0', and '1' before '2'.", True
            ),
            Choice("it depends on the system", "glob's order does, sorted() makes it the same everywhere."),
        ],
    ),
    Question(
        "reading-time",
        concept="text",
        text="A script has 471 words and is read at 157 words a minute. How many seconds does it take?",
        answer=Number(
            lambda: 60 * len(("word " * 471).split()) / 157,
            f"471 / 157 = {471 / 157:g} minutes, times 60 seconds.",
            wrong={"3": "Those are the minutes."},
            unit="s",
        ),
    ),
    Question(
        "float-equality",
        concept="values and types",
        text="A loop adds 0.1 s ten times and then asks `if seconds == 1.0`. What happens?",
        answer=[
            Choice("It is true", f"A loop with += ends at {ten_tenths()!r}: 0.1 has no exact float."),
            Choice(
                "It is false, and a tolerance is needed: math.isclose",
                "Each addition rounds, and the errors add up.",
                True,
            ),
            Choice("Python rounds to the nearest tenth", "Only printing may hide digits; the value keeps its error."),
        ],
    ),
    Question(
        "lookup",
        concept="lists and dictionaries",
        text="For each of 50,000 words you ask whether it was seen before. Which collection should hold the seen ones?",
        answer=[
            Choice("a list", "It is searched from the front at each question: up to 50,000 steps, 50,000 times."),
            Choice("a set", "It finds a word in about one step, however many it holds.", True),
            Choice("one long text", "It is searched from the front, and 'art' would be found in 'heart'."),
        ],
    ),
    Question(
        "shared-default",
        concept="default arguments",
        text="def add(piece, pieces=[]): pieces.append(piece); return pieces\n"
        "add('a') and add('b') were called. How long is the list that add('c') returns?",
        answer=Number(
            shared_calls,
            "The default list is made once, when def is run, and all three calls append to it.",
            wrong={"1": "That would need a new list in each call: default None, and a list made inside."},
        ),
    ),
    Question(
        "generator-twice",
        concept="generators",
        text="pieces = pieces_of(text) is a generator. You print list(pieces) twice. What is printed second?",
        answer=[
            Choice("the same list", "A generator keeps no items. It remembers only where it stopped: at its end."),
            Choice("an empty list", "It was used up by the first. Call pieces_of(text) again for a new one.", True),
            Choice("an error, StopIteration", "next() would raise it; list() takes it as the end, here at once."),
        ],
    ),
    Question(
        "main-guard",
        concept="modules and imports",
        text='A script that starts processes has no `if __name__ == "__main__":`. What happens on Windows?',
        answer=[
            Choice(
                "It runs too, only more slowly", "A new process there imports the script, which starts processes again."
            ),
            Choice(
                "Each new process would run the whole script again; Python stops it with a RuntimeError",
                "Spawned processes import the file to find the functions in it.",
                True,
            ),
            Choice(
                "Windows has no processes", "It has; it cannot copy a running one (fork), so it starts with nothing."
            ),
        ],
    ),
    Question(
        "wav-bytes",
        concept="bytes and sample width",
        text="How many bytes has a plain WAV of 10 s, mono, 24,000 Hz, 16 bits? (Its header has 44.)",
        answer=Number(
            lambda: 44 + 10 * 24_000 * 16 // 8,
            f"10 * 24,000 samples of 2 bytes are {10 * 24_000 * 2:,}, and 44 for the header.",
            wrong={
                "480000": "The header is missing.",
                "240044": "16 bits are two bytes, not one.",
                "3840044": "Those are bits: eight of them are a byte.",
            },
            unit="bytes",
        ),
    ),
    Question(
        "csv-split",
        concept="manifests",
        text="Why does line.split(',') fail on a manifest that was written by the csv module?",
        answer=[
            Choice("CSV from Python uses semicolons", "It uses commas unless told otherwise."),
            Choice(
                "A sentence with commas in it is one column in quotes, and split cuts it",
                "csv.reader knows quotes.",
                True,
            ),
            Choice(
                "split removes the quotes", "split removes nothing but the commas; the quotes stay and are wrong, too."
            ),
        ],
    ),
    Question(
        "atomic-write",
        concept="atomic writes",
        text="What makes a write atomic?",
        answer=[
            Choice("Writing quickly", "A power cut needs no time at all."),
            Choice(
                "Writing to a temporary file beside it, then os.replace",
                "The name points to the old file or to the new one; nothing lies between.",
                True,
            ),
            Choice(
                "Opening with 'w' inside a with block",
                "'w' empties the file at once; with closes it, and brings nothing back.",
            ),
        ],
    ),
    Question(
        "frames",
        concept="vectorising",
        text="A clip of 2 s at 24,000 Hz is cut into frames of 1,024 samples with a hop of 256. How many whole frames?",
        answer=Number(
            lambda: len(range(0, 48_000 - 1024 + 1, 256)),
            f"1 + floor((48,000 - 1,024) / 256) = 1 + {(48_000 - 1024) // 256}.",
            wrong={
                "183": "The frame that starts at 0 counts too: add one.",
                "187": "The last frames would end after the clip.",
                "46": "That is for frames that do not overlap: the hop is 256, not 1,024.",
            },
        ),
    ),
    Question(
        "view",
        concept="views and copies",
        text="intro = recording[:24000]; intro *= 0. What is the first second of `recording` now?",
        answer=[
            Choice("as before: intro is a copy", "A slice of an array is a view. A slice of a list would be a copy."),
            Choice(
                "silent: intro is a window onto the same memory", "*= changes in place, and the place is shared.", True
            ),
            Choice("gone: the array is shorter", "A slice never removes anything."),
        ],
    ),
    Question(
        "gain",
        concept="decibels",
        text="A clip's peak is 0.05. By which factor do you multiply it to peak at -6.02 dB (an amplitude of 0.5)?",
        answer=Number(
            lambda: 10 ** ((-6.0206 - 20 * math.log10(0.05)) / 20),
            f"0.05 is {20 * math.log10(0.05):.2f} dB; 20 dB are missing, and 20 dB are a factor of 10.",
            wrong={"100": "20 dB are a factor of 100 in power, and of 10 in amplitude.", "20": "Those are the dB."},
            tolerance=0.01,
        ),
    ),
    Question(
        "except-pass",
        concept="exceptions",
        text="A loop over 9 files has `except Exception: pass`. It ends with 0 files and no message. What first?",
        answer=[
            Choice("Record the files again", "They may be fine: in script 06 a function name is misspelt."),
            Choice(
                "Catch only the errors that a bad file causes, and report them",
                "A mistake in the program then stops it, at the line where it is.",
                True,
            ),
            Choice("Add a second try around the first", "It would swallow the same error one floor higher."),
        ],
    ),
    Question(
        "log-levels",
        concept="logging",
        text="A handler has the level WARNING, the logger has DEBUG. Which calls does the handler show?",
        answer=[
            Choice("all of them", "The logger passes all on, and the handler shows what is at or above its own level."),
            Choice("warning, error and critical", "WARNING is 30; ERROR 40 and CRITICAL 50 are above it.", True),
            Choice("warning only", "A level is a lower bound, not a name to match."),
        ],
    ),
    Question(
        "threads-or-processes",
        concept="threads and processes",
        text="A loop written in Python computes for a minute per clip. Two cores are idle. What can halve the time?",
        answer=[
            Choice("two threads", "Only the thread that holds the GIL runs Python code: they take turns."),
            Choice("two processes", "Each has its own interpreter and its own GIL, so both cores work.", True),
            Choice("asyncio", "One thread, and a computation has no await in it: one clip after the other."),
        ],
    ),
    Question(
        "waits",
        concept="asyncio",
        text="12 answers take 0.5 s of waiting each; a semaphore lets 4 in at a time. How many seconds at least?",
        answer=Number(
            lambda: math.ceil(12 / 4) * 0.5,
            "Four wait at the same time, so there are three rounds of 0.5 s.",
            wrong={"6": "That is one by one.", "0.5": "That is all at once, without the semaphore."},
            unit="s",
        ),
    ),
]
