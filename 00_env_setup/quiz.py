"""Questions on the environment: what runs your programs, and what numbers and sounds are to a computer."""

import math

from coursekit.course.quiz import Choice, Number, Question

RATE = 24_000  # Hz, the course's sample rate

QUESTIONS = [
    Question(
        "no-module-named-coursekit",
        concept="virtual environment",
        text="A new terminal says: No module named 'coursekit'. Yesterday everything worked. What do you try first?",
        answer=[
            Choice("Activate .venv in this terminal", "Each terminal starts outside of the environment.", right=True),
            Choice("pip install coursekit", "The package is in this repository. The index has none, or a stranger's."),
            Choice("Install Python again", "Python runs: it is Python that prints this message."),
            Choice("Delete .venv and set up again", "That helps in the end, but repairs what is not broken."),
        ],
    ),
    Question(
        "moved-environment",
        concept="virtual environment",
        text="You copied the whole course, .venv included, to another computer. Why does it fail there?",
        answer=[
            Choice(
                "An environment remembers its folder and its Python",
                "Both are written into it as full paths. Make it anew there: bootstrap.py setup.",
                right=True,
            ),
            Choice("Packages are licensed for one computer", "These are all free to copy."),
            Choice("The other computer is too slow", "A slow one runs it slowly; it does not refuse."),
        ],
    ),
    Question(
        "why-a-lock",
        concept="lock file",
        text="Why does the course install from requirements.lock and not from requirements.txt?",
        answer=[
            Choice(
                "It names the versions of all packages, also of those that packages need",
                "So everybody gets the set that was tested together, next year as well.",
                right=True,
            ),
            Choice("It installs faster", "A little, but that is not the reason."),
            Choice("It forbids changing the packages", "Nothing does. `bootstrap.py repair` undoes such changes."),
        ],
    ),
    Question(
        "exit-codes",
        concept="command line",
        text="A script of this course ends with exit code 1. What has happened?",
        answer=[
            Choice("Everything went well", "That is exit code 0."),
            Choice(
                "It ran to its end, and a value lay outside of its expected range",
                "The line that ends in NOT as expected says which. A crash of Python itself gives 1, too.",
                right=True,
            ),
            Choice("A flag was wrong", "That is exit code 2, with a HINT."),
            Choice("You pressed Ctrl-C", "That is 130."),
        ],
    ),
    Question(
        "check-mark-on-windows",
        concept="character encoding",
        text="print('\\u2713'), a check mark, works on a friend's Linux. On a console with cp1252 it stops. Why?",
        answer=[
            Choice(
                "cp1252 has no byte for that character",
                "It knows 256 characters. Python will not guess, so it raises UnicodeEncodeError.",
                right=True,
            ),
            Choice("Windows has no fonts for it", "A missing font shows a box; nothing stops."),
            Choice("The file was saved wrongly", "The program holds plain ASCII: the character is written as \\u2713."),
        ],
    ),
    Question(
        "gpu-is-idle",
        concept="device",
        text="The computer has an NVIDIA GPU, nvidia-smi prints its table, and scripts still print: device cpu, this\n"
        "PyTorch is built without CUDA. What is missing?",
        answer=[
            Choice("The driver", "nvidia-smi works, so the driver does."),
            Choice("PyTorch's build with CUDA", "`course doctor` prints the command that installs it.", right=True),
            Choice("The flag --device cuda", "It would be refused, with the same reason."),
        ],
    ),
    Question(
        "bytes-of-a-model",
        concept="number formats",
        text="A model has 3,000,000 weights. How many MB (of 1,000,000 bytes) do they take in bfloat16?",
        answer=Number(
            lambda: 3_000_000 * 16 / 8 / 1e6,
            "bfloat16 has 16 bits, so 2 bytes: 3,000,000 * 2 bytes.",
            wrong={"12": "That is float32, with 4 bytes a weight.", "48": "These are megabits; a byte has 8 bits."},
            unit="MB",
        ),
    ),
    Question(
        "how-many-gflops",
        concept="measuring speed",
        text="Two 1,000 x 1,000 matrices are multiplied in 0.1 s. How many GFLOP/s\n"
        "(10**9 operations a second) is that?",
        answer=Number(
            lambda: 2 * 1000**3 / 0.1 / 1e9,
            "Each of 1,000 * 1,000 results takes 1,000 products and 1,000 additions: 2 * 1000**3 operations.",
            wrong={
                "10": "Only the products are counted; the additions are as many.",
                "0.02": "Results are counted here.",
            },
            unit="GFLOP/s",
        ),
    ),
    Question(
        "what-a-seed-promises",
        concept="reproducibility and seeds",
        text="Same script, same seed, same versions, but another computer.\n"
        "The accuracy differs in the third digit. Why?",
        answer=[
            Choice("The seed was ignored", "Then the first digits would differ as well, from run to run."),
            Choice(
                "Another processor adds in another order, and rounds differently",
                "Tiny differences grow during training. So scripts expect a range, not a number.",
                right=True,
            ),
            Choice("Random numbers cannot be repeated", "A seeded generator repeats them exactly."),
        ],
    ),
    Question(
        "samples-in-a-take",
        concept="sample rate",
        text="How many samples are 3 seconds of mono sound at 24,000 Hz?",
        answer=Number(
            lambda: 3 * RATE,
            f"Samples = seconds * sample rate = 3 * {RATE:,}.",
            wrong={
                "144000": "That is the number of bytes in a 16-bit file: 2 a sample.",
                "8000": "Divided, not multiplied.",
            },
        ),
    ),
    Question(
        "half-the-amplitude",
        concept="level and clipping",
        text="A tone of amplitude 1.0 peaks at 0 dBFS. At how many dBFS does it peak with half the amplitude?\n"
        "One digit after the point will do.",
        answer=Number(
            lambda: 20 * math.log10(0.5),
            "20 log10(0.5) = -6.02: each halving takes 6 dB away.",
            wrong={
                "-3": "That is 10 log10(0.5), the rule for power, not for amplitude.",
                "-50": "Decibels are no percent.",
            },
            tolerance=0.1,
            unit="dBFS",
        ),
    ),
]
