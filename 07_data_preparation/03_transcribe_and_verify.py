"""Does each clip say what its text says? A recogniser listens, and word error rate says how far apart the two are.

What you will learn
    - word error rate from scratch: the cheapest way to turn one sentence into another, and its three kinds of error
    - why both sides are brought to the same form first, and what it costs not to
    - that a recogniser's errors are not the speaker's: a small one gets one word in five wrong on perfect clips
    - how to find a clip with the wrong text anyway: compare sounds, and look at the gap between right and wrong pairs
How to run it
    python 03_transcribe_and_verify.py --quick                       6 clips, PocketSphinx, no network, about 9 s
    python 03_transcribe_and_verify.py                               16 clips; the first run downloads 10 MB
    python 03_transcribe_and_verify.py --whisper openai/whisper-tiny.en    a far better recogniser, 150 MB, once
Time and memory on 2 CPU cores: quick 9 s, full 27 s; 0.3 GB. Without data the first run makes its speech first.
Writes outputs/: verify.png, transcripts.csv, stand_in/ (first run without data)
Concepts: DATA_CONCEPTS_EXPLAINED.md (word error rate, verification)
"""

import os
from collections.abc import Callable, Sequence

import jiwer
import numpy as np
import soxr
from data_utils import (
    BLUE,
    ORANGE,
    SAMPLE_RATE,
    Reading,
    load_readings,
    prepare,
    save_figure,
)
from matplotlib.figure import Figure

from coursekit.cli import run_script, script_parser
from coursekit.errors import CourseError
from coursekit.expectations import Expected
from coursekit.files import write_text_atomic
from voice_pipeline.coverage import PAUSE, sounds
from voice_pipeline.ledger import Limits
from voice_pipeline.prompt_match import match
from voice_pipeline.recognizer import Recognizer, plain_words, word_errors

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
PARSER.add_argument("--whisper", metavar="MODEL", help="a Whisper model: a folder, or a name on the Hugging Face hub")
QUICK_CLIPS, FULL_CLIPS = 6, 16
WHISPER_RATE = 16_000  # Hz, what every Whisper expects

# ----------------------------------------------------------------------------------------------------------------------
# word error rate from scratch


def edit_table(reference: Sequence[str], heard: Sequence[str]) -> np.ndarray:
    """Return the fewest edits that turn the first r units of one into the first h of the other, `[R + 1, H + 1]`.

    Units are words, letters or sounds. Levenshtein (1965); each cell looks at three neighbours.
    """
    # concept: word error rate
    table = [list(range(len(heard) + 1))]  # nothing of the reference: all that was heard is an insertion
    for r, wanted in enumerate(reference, 1):
        table.append([r])  # nothing was heard: all of the reference is deleted
        for h, found in enumerate(heard, 1):
            deletion = table[r - 1][h] + 1  # `wanted` was not heard
            insertion = table[r][h - 1] + 1  # `found` was heard on top
            same_or_other = table[r - 1][h - 1] + (wanted != found)  # the same, or a substitution
            table[r].append(min(deletion, insertion, same_or_other))
    return np.array(table)


def edits(reference: Sequence[str], heard: Sequence[str]) -> list[tuple[str, str, str]]:
    """Return (kind, wanted, found) of each step on the cheapest way: "ok", "sub", "del" or "ins"."""
    table = edit_table(reference, heard)
    r, h = len(reference), len(heard)
    steps = []
    while r or h:
        if r and h and table[r, h] == table[r - 1, h - 1] + (reference[r - 1] != heard[h - 1]):
            r, h = r - 1, h - 1
            steps.append(("ok" if reference[r] == heard[h] else "sub", reference[r], heard[h]))
        elif r and table[r, h] == table[r - 1, h] + 1:
            r -= 1
            steps.append(("del", reference[r], ""))
        else:
            h -= 1
            steps.append(("ins", "", heard[h]))
    return steps[::-1]


def error_rate(references: Sequence[Sequence[str]], heard: Sequence[Sequence[str]]) -> float:
    """Return all errors over all units of the references: long sentences count more, as they should."""
    errors = sum(int(edit_table(a, b)[-1, -1]) for a, b in zip(references, heard, strict=True))
    return errors / sum(map(len, references))


def show_alignment(reference: str, heard: str) -> None:
    steps = edits(reference.split(), heard.split())
    widths = [max(len(wanted), len(found), 3) for _, wanted, found in steps]
    for name, column in (("text ", 1), ("heard", 2), ("     ", 0)):
        cells = ("" if column == 0 and step[0] == "ok" else step[column] or "-" for step in steps)
        print(f"   {name}  " + " ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())
    errors = sum(kind != "ok" for kind, _, _ in steps)
    words = len(reference.split())
    print(f"   {errors} errors / {words} words of the text = {errors / words:.2f}")


def the_form_of_the_text() -> tuple[float, float]:
    """Show what a perfect transcript scores when the text was not brought to the form in which it is spoken."""
    written = "Dr. Lee paid $5 on May 3rd, at 10."
    spoken = "Doctor Lee paid five dollars on May third, at ten."
    heard = "doctor lee paid five dollars on may third at ten"
    raw = error_rate([written.split()], [heard.split()])
    plain = error_rate([plain_words(written).split()], [plain_words(heard).split()])
    both = error_rate([plain_words(spoken).split()], [plain_words(heard).split()])
    print("\nA recogniser that makes no error at all hears: " + heard)
    print(f"   against {written!r} as it stands   {raw:.2f}")
    print(f"   against it in lower case, without marks           {plain:.2f}")
    print(f"   against the text as it is spoken                  {both:.2f}")
    return raw, both


# ----------------------------------------------------------------------------------------------------------------------
# recognisers


def pocketsphinx() -> Callable[[np.ndarray], str]:
    """A recogniser of 1990s design, its model inside its package: 40 MB, offline, about one word in five wrong."""
    return lambda waveform: Recognizer.shared().transcribe(waveform, SAMPLE_RATE)


def whisper(model: str, device: str) -> Callable[[np.ndarray], str]:
    """A Whisper model through Hugging Face's pipeline.

    Raises:
        CourseError: It cannot be loaded: no such folder, or no network.
    """
    from transformers import pipeline

    if os.environ.get("COURSE_OFFLINE") == "1":
        os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        listen = pipeline("automatic-speech-recognition", model=model, device=device)
    except (OSError, ValueError) as error:
        raise CourseError(
            f"the Whisper model {model!r} cannot be loaded: {str(error).splitlines()[0]}",
            hint="give a folder that holds one, or a name such as openai/whisper-tiny.en and a network",
        ) from error

    def transcribe(waveform: np.ndarray) -> str:
        at_rate = soxr.resample(waveform, SAMPLE_RATE, WHISPER_RATE)
        return str(listen({"raw": at_rate, "sampling_rate": WHISPER_RATE})["text"])

    return transcribe


def listen_to_all(name: str, recogniser: Callable[[np.ndarray], str], readings: list[Reading]) -> dict:
    """Transcribe every clip; print the three rates, each from scratch, and compare with jiwer."""
    heard = [plain_words(recogniser(reading.waveform)) for reading in readings]
    texts = [plain_words(reading.text) for reading in readings]
    words = error_rate([text.split() for text in texts], [said.split() for said in heard])
    letters = error_rate(texts, heard)  # a text is a sequence of letters, too
    library = jiwer.wer(texts, heard), jiwer.cer(texts, heard)
    capstone = word_errors([reading.text for reading in readings], heard).rate
    print(f"\n{name}, {len(readings)} clips: word error rate {words:.3f}, character error rate {letters:.3f}")
    print(f"   jiwer says {library[0]:.3f} and {library[1]:.3f}, the capstone {capstone:.3f}")
    worst = int(np.argmax([error_rate([a.split()], [b.split()]) for a, b in zip(texts, heard, strict=True)]))
    print(f"   the worst clip, {readings[worst].name}:")
    show_alignment(" ".join(texts[worst].split()[:14]), " ".join(heard[worst].split()[:14]))
    gap = max(abs(words - library[0]), abs(letters - library[1]), abs(words - capstone))
    return {"heard": heard, "words": words, "letters": letters, "gap": gap}


# ----------------------------------------------------------------------------------------------------------------------
# verification: is it the right text?


def sounds_of(text: str) -> tuple[str, ...]:
    return tuple(sound for sound in sounds(plain_words(text)) if sound != PAUSE)


def sound_match(text: str, heard: str) -> float:
    """Return 1 - edits / the longer of the two, over sounds: 0..1."""
    wanted, found = sounds_of(text), sounds_of(heard)
    return 1 - int(edit_table(wanted, found)[-1, -1]) / max(len(wanted), len(found), 1) if found else 0.0


def verify(readings: list[Reading], heard: list[str]) -> dict:
    """Compare every clip with every text: right pairs lie on the diagonal."""
    # concept: verification
    n = len(readings)
    measures = {
        "words": np.array([[1 - min(1, error_rate([plain_words(r.text).split()], [h.split()])) for r in readings]
                           for h in heard]),
        "sounds": np.array([[sound_match(r.text, h) for r in readings] for h in heard]),
    }  # fmt: skip
    theirs = np.array([[match(r.text, h) for r in readings] for h in heard])
    same = np.eye(n, dtype=bool)
    print(f"\nRight pairs ({n}) and wrong pairs ({n * n - n}): how alike are clip and text?")
    for name, table in measures.items():
        right, wrong = table[same], table[~same]
        print(
            f"   by {name:<7} right {right.min():.2f} to {right.max():.2f}, wrong {wrong.min():.2f} to "
            f"{wrong.max():.2f}: gap {right.min() - wrong.max():+.2f}"
        )
    limit = Limits().min_prompt_match
    print(f"   The capstone draws its line at {limit:.2f} of the sounds: ", end="")
    print(f"{(theirs[same] < limit).sum()} right pairs below it, {(theirs[~same] >= limit).sum()} wrong ones above.")
    return {
        "sounds": measures["sounds"],
        "words": measures["words"],
        "difference": float(np.abs(measures["sounds"] - theirs).max()),
        "same": same,
        "limit": limit,
    }


def swapped_texts(readings: list[Reading], heard: list[str], limit: float) -> tuple[int, int]:
    """Swap the texts of two clips, as a slip in a table does, and find them. Returns (found, blamed wrongly)."""
    texts = [reading.text for reading in readings]
    texts[0], texts[2] = texts[2], texts[0]
    rejected = {number for number, said in enumerate(heard) if match(texts[number], said) < limit}
    print(f"\nTwo texts swapped in the table, clips 0 and 2: rejected are {sorted(rejected)}")
    for number in sorted(rejected):
        fits = int(np.argmax([match(text, heard[number]) for text in texts]))
        print(f"   clip {number} does not fit its text; of all texts, number {fits} fits it best")
    return len(rejected & {0, 2}), len(rejected - {0, 2})


def plot(result: dict, path) -> None:
    figure = Figure(figsize=(10, 4.5), layout="constrained")
    same = result["same"]
    for axes, name in zip(figure.subplots(1, 2, sharey=True), ("words", "sounds"), strict=True):
        table = result[name]
        bins = np.linspace(0, 1, 26)
        axes.hist(table[~same], bins, weights=np.full((~same).sum(), 1 / (~same).sum()), color=ORANGE, alpha=0.8)
        axes.hist(table[same], bins, weights=np.full(same.sum(), 1 / same.sum()), color=BLUE, alpha=0.8)
        axes.set(xlabel=f"share of the {name} heard", ylabel="share of the pairs" if name == "words" else "")
        axes.set_title(f"by {name}: right pairs blue, wrong pairs orange")
    axes.axvline(result["limit"], color="black", linestyle="--")
    save_figure(figure, path)
    print(f"verify.png: right and wrong pairs by words and by sounds; the capstone's limit at {result['limit']:.2f}")


def main(settings) -> dict:
    prepare(settings)
    raw, spoken = the_form_of_the_text()
    readings = load_readings(settings, QUICK_CLIPS if settings.quick else FULL_CLIPS)
    readings = readings[: QUICK_CLIPS if settings.quick else FULL_CLIPS]
    found = listen_to_all("PocketSphinx", pocketsphinx(), readings)
    if settings.whisper:
        better = listen_to_all(f"Whisper ({settings.whisper})", whisper(settings.whisper, "cpu"), readings)
        print(f"   Whisper makes {better['words'] / max(found['words'], 1e-9):.2f} times PocketSphinx's errors")
    result = verify(readings, found["heard"])
    caught, blamed = swapped_texts(readings, found["heard"], result["limit"])
    plot(result, settings.out / "verify.png")
    lines = [f"{reading.name}|{reading.text}|{said}\n" for reading, said in zip(readings, found["heard"], strict=True)]
    write_text_atomic(settings.out / "transcripts.csv", "".join(lines))
    same = result["same"]
    return {
        "perfect_transcript_against_the_written_text": raw,
        "perfect_transcript_against_the_spoken_text": spoken,
        "word_error_rate": found["words"],
        "character_error_rate": found["letters"],
        "difference_to_jiwer_and_the_capstone": found["gap"],
        "difference_to_the_capstones_match": result["difference"],
        "worst_right_pair_by_sounds": float(result["sounds"][same].min()),
        "best_wrong_pair_by_sounds": float(result["sounds"][~same].max()),
        "swapped_texts_found": caught,
        "right_texts_rejected": blamed,
    }


EXPECTED = {
    "perfect_transcript_against_the_written_text": Expected(quick=(0.5, 1.2), full=(0.5, 1.2)),
    "perfect_transcript_against_the_spoken_text": Expected(quick=(0, 0), full=(0, 0)),
    "word_error_rate": Expected(quick=(0.05, 0.9), full=(0.1, 0.5)),
    "character_error_rate": Expected(quick=(0.02, 0.6), full=(0.05, 0.3)),
    "difference_to_jiwer_and_the_capstone": Expected(quick=(0, 1e-9), full=(0, 1e-9)),
    "difference_to_the_capstones_match": Expected(quick=(0, 1e-9), full=(0, 1e-9)),
    "worst_right_pair_by_sounds": Expected(quick=(0.38, 1), full=(0.38, 1)),
    "best_wrong_pair_by_sounds": Expected(quick=(0, 0.37), full=(0, 0.37)),
    "swapped_texts_found": Expected(quick=(2, 2), full=(2, 2)),
    "right_texts_rejected": Expected(quick=(0, 0), full=(0, 0)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="04_clip_ledger.py")
