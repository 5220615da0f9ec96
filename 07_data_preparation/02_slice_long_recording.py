"""One long recording of many sentences: cut it at the pauses, and find out which piece is which sentence.

What you will learn
    - how a pause is found, and why every length of pause one could choose is wrong for somebody
    - why "the third piece is the third sentence" fails for everybody who ever said a sentence twice
    - a table of likenesses between pieces and sentences, from what a small recogniser hears
    - dynamic programming: the one best way to go through that table without going back
How to run it
    python 02_slice_long_recording.py --quick    5 sentences, no network, about 20 s
    python 02_slice_long_recording.py            7 sentences; the first run downloads 10 MB
Time and memory on 2 CPU cores: quick 20 s, full 27 s; 1.0 GB. Without data the first run makes its speech first.
Writes outputs/: session.wav, slicing.png, slices/, stand_in/ (first run without data)
Concepts: DATA_CONCEPTS_EXPLAINED.md (slicing, alignment)
"""

from dataclasses import dataclass

import numpy as np
from data_utils import (
    BLUE,
    FRAME,
    GREY,
    ORANGE,
    SAMPLE_RATE,
    Reading,
    as_course_error,
    frame_levels,
    load_readings,
    prepare,
    save_figure,
    speech_stretches,
    write_wav,
)
from matplotlib.figure import Figure

from coursekit.cli import run_script, script_parser
from coursekit.expectations import Expected
from voice_pipeline.prompt_match import match
from voice_pipeline.prompts import Prompt
from voice_pipeline.recognizer import Recognizer
from voice_pipeline.slicing import slice_recording

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
QUICK_SENTENCES, FULL_SENTENCES = 5, 7
MIN_PAUSE = 0.7  # seconds between two sentences; a comma is 0.2 to 0.5
MIN_MATCH = 0.38  # share of a sentence's sounds that must be heard in a piece; two other sentences share up to 0.30
MARGIN = 0.1  # seconds kept around a slice, so that no soft beginning is lost

# ----------------------------------------------------------------------------------------------------------------------
# a session as people really record it


@dataclass(frozen=True)
class Said:
    """A stretch of the recording as it truly is.

    Attributes:
        start: Seconds.
        end: Seconds.
        sentence: Number in the list; None for an aside that is not in it.
        whole: False for a false start.
    """

    start: float
    end: float
    sentence: int | None
    whole: bool = True


def make_session(readings: list[Reading], aside: Reading, random: np.random.Generator) -> tuple[np.ndarray, list[Said]]:
    """Put sentences into one recording: sentence 1 has a false start, and after sentence 2 somebody comes in."""
    parts: list[np.ndarray] = []
    truth: list[Said] = []

    def say(waveform: np.ndarray, sentence: int | None, whole: bool = True) -> None:
        stretches = speech_stretches(waveform, MIN_PAUSE)
        at = sum(map(len, parts)) / SAMPLE_RATE
        truth.append(Said(at + stretches[0][0], at + stretches[-1][1], sentence, whole))
        parts.append(waveform)
        level = 10 ** (np.percentile(frame_levels(waveform, FRAME, FRAME), 5) / 20)
        parts.append(level * random.normal(size=round(random.uniform(0.3, 0.8) * SAMPLE_RATE)))

    for number, reading in enumerate(readings):
        if number == 1:  # "The rabbit hole went - sorry."
            say(np.concatenate([reading.waveform[: round(0.35 * len(reading.waveform))], parts[1]]), number, False)
        say(reading.waveform, number)
        if number == 2:
            say(aside.waveform, None)
    return np.concatenate(parts).astype(np.float32), truth


# ----------------------------------------------------------------------------------------------------------------------
# which piece is which sentence?


def likeness(pieces: list[str], texts: list[str]) -> np.ndarray:
    """Return how much of each text was heard in each piece, 0..1 `[P, T]`."""
    return np.array([[match(text, heard) for text in texts] for heard in pieces])


def by_order(pieces: int, texts: int) -> list[int | None]:
    """The first piece is the first text, the second the second: what everybody tries first."""
    return [number if number < texts else None for number in range(pieces)]


def best_path(scores: np.ndarray) -> list[int | None]:
    """Give each piece a text or none, never going back in the list, so that the sum of the gains is highest.

    A pair gains what its likeness exceeds MIN_MATCH by. `best[p, t]` is the most that the first p pieces and the first
    t texts can gain; the last piece or the last text is left out, or they are a pair. This is the algorithm of
    Needleman and Wunsch (1970), made for proteins.

    Args:
        scores: `[P, T]`.

    Returns:
        For each piece the number of its text, or None.
    """
    # concept: alignment
    n_pieces, n_texts = scores.shape
    best = np.zeros((n_pieces + 1, n_texts + 1))
    for p in range(1, n_pieces + 1):
        for t in range(1, n_texts + 1):
            pair = best[p - 1, t - 1] + scores[p - 1, t - 1] - MIN_MATCH
            best[p, t] = max(best[p - 1, t], best[p, t - 1], pair)
    found: list[int | None] = [None] * n_pieces
    p, t = n_pieces, n_texts
    while p and t:  # back from the corner: which of the three was it?
        if best[p, t] == best[p - 1, t]:
            p -= 1
        elif best[p, t] == best[p, t - 1]:
            t -= 1
        else:
            p, t = p - 1, t - 1
            found[p] = t
    return found


def right(found: list[tuple[float, float, int | None]], truth: list[Said]) -> tuple[int, float]:
    """Count the sentences whose slice is the whole take and nothing else; return also the mean error of their edges.

    Args:
        found: (start, end, sentence) of each slice, seconds.
        truth: What was said.

    Returns:
        (sentences right, mean distance of an edge in seconds).
    """
    edges, number_right = [], 0
    for said in truth:
        if said.sentence is None or not said.whole:
            continue
        slices = [(start, end) for start, end, sentence in found if sentence == said.sentence]
        if len(slices) == 1 and abs(slices[0][0] - said.start) < 0.5 and abs(slices[0][1] - said.end) < 0.5:
            number_right += 1
            edges += [abs(slices[0][0] - said.start), abs(slices[0][1] - said.end)]
    return number_right, float(np.mean(edges)) if edges else float("nan")


# ----------------------------------------------------------------------------------------------------------------------
# the lesson


def sweep(waveform: np.ndarray, truth: list[Said]) -> dict[float, int]:
    print(f"\nHow long is a pause? {len(truth)} stretches were said; pieces found with different answers")
    found = {}
    for min_pause in (0.1, 0.2, 0.4, 0.7, 1.0, 2.0):
        # concept: slicing
        found[min_pause] = len(speech_stretches(waveform, min_pause))
        print(f"   at least {min_pause:.1f} s   {found[min_pause]:>3} pieces")
    print("   Too short cuts at commas, too long glues sentences together. In between lies a range, not a point.")
    return found


def compare(waveform: np.ndarray, truth: list[Said], readings: list[Reading]) -> dict:
    texts = [reading.text for reading in readings]
    stretches = speech_stretches(waveform, MIN_PAUSE)
    cuts = [slice(max(0, round((a - MARGIN) * SAMPLE_RATE)), round((b + MARGIN) * SAMPLE_RATE)) for a, b in stretches]
    listen = Recognizer.shared().transcribe  # slower than the capstone's here, and a little better
    heard = [listen(waveform[cut], SAMPLE_RATE) for cut in cuts]
    scores = likeness(heard, texts)
    print("\nLikeness of each piece to each sentence (share of its sounds that were heard)")
    print("   piece       " + " ".join(f"   s{number}" for number in range(len(texts))) + "   heard")
    for (start, end), row, words in zip(stretches, scores, heard, strict=True):
        marks = " ".join(f"{value:>4.2f}" + ("*" if value >= MIN_MATCH else " ") for value in row)
        print(f"   {start:>5.1f}-{end:<5.1f}  {marks}  {words[:34]}")
    ways = {"by order": by_order(len(stretches), len(texts)), "best path": best_path(scores)}
    found = {
        name: [(*stretch, number) for stretch, number in zip(stretches, numbers, strict=True)]
        for name, numbers in ways.items()
    }
    prompts = [Prompt(f"long_{number:02d}", text) for number, text in enumerate(texts, 1)]
    with as_course_error():
        slices = slice_recording(waveform, SAMPLE_RATE, prompts)  # the capstone's, from the sound to the end
    found["capstone"] = [
        (piece.start, piece.end, prompts.index(piece.prompt) if piece.prompt and piece.rule is None else None)
        for piece in slices
    ]
    print(f"\n{len(texts)} sentences")
    for name, pieces in found.items():
        count, edge = right(pieces, truth)
        print(f"   {name:<10} {count} right" + (f", edges {1000 * edge:.0f} ms off" if count else ""))
    print("   By order, everything behind the false start is one sentence off, and no program complains.")
    return {"found": found, "scores": scores, "slices": slices, "texts": texts}


def plot(waveform: np.ndarray, truth: list[Said], result: dict, path) -> None:
    figure = Figure(figsize=(11, 7), layout="constrained")
    above, below = figure.subplots(2, height_ratios=[1, 1.4])
    time = np.arange(0, len(waveform), 20) / SAMPLE_RATE
    above.plot(time, waveform[::20], color=GREY, linewidth=0.3)
    for said in truth:
        name = "aside" if said.sentence is None else f"s{said.sentence}" + ("" if said.whole else " (false start)")
        above.axvspan(said.start, said.end, color=ORANGE if name[-1].isalpha() or name[-1] == ")" else BLUE, alpha=0.2)
        above.text((said.start + said.end) / 2, 0.85, name, ha="center", fontsize=8)
    above.set(xlabel="time (s)", ylabel="amplitude", ylim=(-1, 1), title="what was said")
    scores = result["scores"]  # [P, T]
    image = below.imshow(scores.T, cmap="cividis", vmin=0, vmax=1, aspect="auto")
    for piece, (_, _, number) in enumerate(result["found"]["best path"]):
        if number is not None:
            below.plot(piece, number, "o", color="white", markersize=9, markeredgecolor="black")
    below.set(xlabel="piece", ylabel="sentence", yticks=range(scores.shape[1]), xticks=range(scores.shape[0]))
    below.set_title("likeness, and the best path through it (circles)")
    figure.colorbar(image, ax=below, label="share of the sounds heard")
    save_figure(figure, path)
    pairs = sum(number is not None for *_, number in result["found"]["best path"])
    print(f"slicing.png: the session, and {pairs} pairs on the best path through a table of {scores.size} likenesses")


def main(settings) -> dict:
    random = prepare(settings)
    wanted = QUICK_SENTENCES if settings.quick else FULL_SENTENCES
    readings = load_readings(settings, wanted + 1)
    *readings, aside = readings[: (QUICK_SENTENCES if settings.quick else FULL_SENTENCES) + 1]
    waveform, truth = make_session(readings, aside, random)
    write_wav(settings.out / "session.wav", waveform, SAMPLE_RATE)
    print(f"session.wav: {len(waveform) / SAMPLE_RATE:.0f} s, {len(readings)} sentences, a false start and an aside")
    pieces = sweep(waveform, truth)
    result = compare(waveform, truth, readings)
    for piece in result["slices"]:
        name = piece.prompt.prompt_id if piece.prompt and piece.rule is None else f"left_{piece.start:05.1f}"
        cut = waveform[round(piece.start * SAMPLE_RATE) : round(piece.end * SAMPLE_RATE)]
        write_wav(settings.out / "slices" / f"{name}.wav", cut, SAMPLE_RATE)
    plot(waveform, truth, result, settings.out / "slicing.png")
    share = {name: right(found, truth)[0] / len(readings) for name, found in result["found"].items()}
    return {
        "pieces_at_0.1_s_over_truth": pieces[0.1] / len(truth),
        "pieces_at_0.7_s_over_truth": pieces[0.7] / len(truth),
        "pieces_at_2.0_s_over_truth": pieces[2.0] / len(truth),
        "right_by_order": share["by order"],
        "right_by_best_path": share["best path"],
        "right_by_the_capstone": share["capstone"],
        "edges_off_s": right(result["found"]["capstone"], truth)[1],
    }


# The recogniser understands real people far better than the synthetic stand-in.
EXPECTED = {
    "pieces_at_0.1_s_over_truth": Expected(quick=(1.3, 8), full=(1.3, 6)),
    "pieces_at_0.7_s_over_truth": Expected(quick=(1, 1), full=(1, 1)),
    "pieces_at_2.0_s_over_truth": Expected(quick=(0.1, 0.9), full=(0.1, 0.9)),
    "right_by_order": Expected(quick=(0, 0.3), full=(0, 0.3)),
    "right_by_best_path": Expected(quick=(0.6, 1), full=(1, 1)),
    "right_by_the_capstone": Expected(quick=(0.4, 1), full=(0.8, 1)),
    "edges_off_s": Expected(quick=(0, 0.45), full=(0, 0.45)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="03_transcribe_and_verify.py")
