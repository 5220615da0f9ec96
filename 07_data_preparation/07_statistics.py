"""Look at a data set before you train on it: how long, how fast, how loud, how noisy, and which sounds are in it.

What you will learn
    - six numbers a clip, and what their histograms say that no mean says
    - outliers by median and MAD: a rule that an outlier cannot bend
    - which sounds a text holds, why the rare ones decide, and how quickly new sentences stop bringing new sounds
    - to choose sentences instead of taking them as they come: greedy set cover, in ten lines
How to run it
    python 07_statistics.py --quick             6 clips, 8 people, no network, about 11 s
    python 07_statistics.py                     24 clips, 50 people; the first run downloads 22 MB
    python 07_statistics.py --folder my_data    a data set of your own in LJSpeech form
Time and memory on 2 CPU cores: quick 11 s, full 11 s; 0.9 GB. Without data the first run makes its speech first.
Writes outputs/: statistics.png, coverage.png, statistics.csv, stand_in/ (first run without data)
Concepts: DATA_CONCEPTS_EXPLAINED.md (data statistics, outliers, phoneme coverage)
"""

from collections import Counter
from pathlib import Path

import numpy as np
import soundfile
from data_utils import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    SAMPLE_RATE,
    Clip,
    Reading,
    load_readings,
    load_speakers,
    prepare,
    read_manifest,
    save_figure,
)
from matplotlib.figure import Figure

from coursekit.cli import run_script, script_parser
from coursekit.expectations import Expected
from coursekit.files import write_text_atomic
from voice_pipeline.audio import Decoded
from voice_pipeline.coverage import coverage_table, measure_coverage, pairs, sounds
from voice_pipeline.measurements import measure, noise_and_snr
from voice_pipeline.preprocessing import measure_loudness
from voice_pipeline.prompt_plan import load_pool
from voice_pipeline.prompts import CHARACTERS_PER_SECOND, load_prompts
from voice_pipeline.vad import find_speech

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
PARSER.add_argument("--folder", type=Path, metavar="FOLDER", help="a data set of your own: wavs/ and metadata.csv")
QUICK_CLIPS, FULL_CLIPS = 6, 24
QUICK_PEOPLE, FULL_PEOPLE = 8, 50
CHOSEN = 20  # sentences to choose for a voice, as many as the capstone's prompts
FAR = 3.5  # a clip this many robust deviations from the median is looked at (Iglewicz and Hoaglin, 1993)

# what is measured -> (name on the plot, unit)
MEASURES = {
    "seconds": ("length", "s"),
    "pauses": ("share of pauses", ""),
    "letters": ("rate", "characters/s"),
    "loudness": ("loudness", "LUFS"),
    "snr": ("SNR", "dB"),
    "peak": ("peak", "of full scale"),
}

# ----------------------------------------------------------------------------------------------------------------------
# numbers of a clip


def describe(clip: Clip, text: str = "") -> dict[str, float]:
    """Return the six numbers of a clip; the rate only where there is a text."""
    # concept: data statistics
    waveform = clip.at(SAMPLE_RATE).waveform
    speech = find_speech(waveform, SAMPLE_RATE)
    span = speech.end - speech.start
    found = {
        "seconds": clip.seconds,
        "pauses": 1 - speech.seconds / span if span else 1.0,
        "letters": len(text) / span if text and span else None,
        "loudness": measure_loudness(waveform, SAMPLE_RATE),
        "snr": noise_and_snr(waveform, SAMPLE_RATE, speech)[1],
        "peak": float(np.abs(waveform).max()),
    }
    return {name: float(value) for name, value in found.items() if value is not None}


def column(rows: list[dict[str, float]], name: str) -> np.ndarray:
    return np.array([row.get(name, np.nan) for row in rows])


def robust_distance(values: np.ndarray) -> np.ndarray:
    """Return how far each value is from the median, in units that an outlier cannot stretch.

    The unit is the median distance from the median (MAD), times 1.4826, so that it equals the standard deviation of a
    bell curve. One wild value moves mean and deviation as far as it likes, and so hides itself; the median ignores it.
    """
    # concept: outliers
    centre = np.nanmedian(values)
    spread = 1.4826 * np.nanmedian(np.abs(values - centre))
    return np.abs(values - centre) / max(spread, 1e-9)


def summarise(title: str, rows: list[dict[str, float]], names: list[str]) -> list[str]:
    """Print a table and return the names of the outliers."""
    print(f"\n{title}: {len(rows)} clips, {sum(row['seconds'] for row in rows) / 60:.1f} minutes")
    print("   what                lowest  median  highest   unit")
    far: list[str] = []
    for name, (label, unit) in MEASURES.items():
        values = column(rows, name)
        if np.isfinite(values).any():
            low, middle, high = np.nanmin(values), np.nanmedian(values), np.nanmax(values)
            print(f"   {label:<18} {low:>7.2f} {middle:>7.2f} {high:>8.2f}   {unit}")
            distances = robust_distance(values)
            far += [f"{names[n]} ({label} {values[n]:.1f})" for n in np.flatnonzero(distances > FAR)]
    print(f"   look at: {', '.join(far) or 'nothing stands out'}")
    return far


def an_outlier_hides_itself() -> tuple[float, float]:
    """Show ten lengths with one slip of the finger, by mean and deviation and by median and MAD."""
    lengths = np.array([4.1, 4.4, 4.6, 4.8, 5.0, 5.1, 5.3, 5.5, 5.7, 58.0])  # the last one is 5.8
    usual = float(np.abs(lengths - lengths.mean())[-1] / lengths.std())
    robust = float(robust_distance(lengths)[-1])
    print(
        f"\nTen lengths around 5 s, and one of 58: {usual:.1f} standard deviations away, or {robust:.0f} robust ones."
    )
    print("   With the rule 'more than three standard deviations' it stays in the data.")
    return usual, robust


# ----------------------------------------------------------------------------------------------------------------------
# sounds of a text


def diphones(text: str) -> set[tuple[str, str]]:
    return set(pairs(sounds(text)))


def greedy(pool: list[str], wanted: int, language: Counter) -> list[str]:
    """Choose sentences one by one, always the one that brings most that is new, counted by how often it is needed.

    Set cover: no quick way to the very best set is known, and this one is never worse than 63 % of it.

    Args:
        pool: Sentences to choose from.
        wanted: How many.
        language: How often each diphone occurs in the language.
    """
    # concept: phoneme coverage
    held = {text: diphones(text) for text in pool}
    chosen: list[str] = []
    covered: set[tuple[str, str]] = set()
    while len(chosen) < wanted:
        gains = {
            text: sum(language[pair] for pair in new - covered) for text, new in held.items() if text not in chosen
        }
        best = max(gains, key=lambda text: gains[text])
        chosen.append(best)
        covered |= held[best]
    return chosen


def growth(texts: list[str], language: Counter) -> list[float]:
    """Return the share of the language's running diphones that is covered after 1, 2, 3 ... sentences."""
    covered: set[tuple[str, str]] = set()
    shares = []
    for text in texts:
        covered |= diphones(text)
        shares.append(sum(count for pair, count in language.items() if pair in covered) / language.total())
    return shares


def coverage(readings_texts: list[str], random: np.random.Generator, quick: bool) -> dict:
    """Compare ways to choose sentences from the pool that the capstone plans its prompts from."""
    pool = load_pool().sentences
    pool = pool[:: 4 if quick else 1]
    language = Counter(pair for text in load_pool().sentences for pair in pairs(sounds(text)))
    phonemes = Counter(sound for text in load_pool().sentences for sound in sounds(text) if sound != "_")
    rare = [f"{name!a} {count}" for name, count in phonemes.most_common()[:-5:-1]]
    print(f"\nSounds of {len(load_pool().sentences)} sentences: {len(phonemes)} phonemes, {len(language)} diphones")
    top = sum(count for _, count in language.most_common(100)) / language.total()
    print(f"   the 100 most frequent diphones are {top:.0%} of all; the rarest phonemes: {', '.join(rare)}")
    sets = {
        "as they come": pool[:CHOSEN],
        "drawn": [pool[n] for n in random.choice(len(pool), CHOSEN, replace=False)],
        "greedy": greedy(pool, CHOSEN, language),
        "the capstone's": [prompt.text for prompt in load_prompts()],
        "these clips": readings_texts,
    }
    measured = {name: measure_coverage(texts, load_pool().sentences) for name, texts in sets.items() if texts}
    print(coverage_table(measured))
    curves = {name: growth(texts, language) for name, texts in sets.items() if texts}
    gap = max(abs(curves[name][-1] - found.running) for name, found in measured.items())
    print(f"   growth() and the capstone's measure_coverage() differ by {gap:.0e} at most")
    seconds = {name: np.cumsum([len(text) for text in texts]) / CHARACTERS_PER_SECOND for name, texts in sets.items()}
    return {"measured": measured, "curves": curves, "seconds": seconds, "gap": gap, "phonemes": phonemes}


# ----------------------------------------------------------------------------------------------------------------------
# plots, and the lesson


def plot_numbers(one: list[dict[str, float]], many: list[dict[str, float]], path: Path) -> None:
    figure = Figure(figsize=(11, 6), layout="constrained")
    for axes, (name, (label, unit)) in zip(figure.subplots(2, 3).flat, MEASURES.items(), strict=True):
        parts = [values[np.isfinite(values)] for values in (column(one, name), column(many, name))]
        bins = np.histogram_bin_edges(np.concatenate(parts), 14)
        for values, colour, title in zip(parts, (BLUE, ORANGE), ("one reader", "many people"), strict=True):
            if len(values):
                weights = np.full(len(values), 1 / len(values))
                axes.hist(values, bins, weights=weights, color=colour, alpha=0.6, label=title)
        axes.set(xlabel=f"{label} ({unit})" if unit else label, ylabel="share of the clips")
    axes.legend()
    save_figure(figure, path)
    spread = {name: np.nanmax(column(rows, "loudness")) - np.nanmin(column(rows, "loudness"))
              for name, rows in (("one reader", one), ("many people", many))}  # fmt: skip
    print(
        f"\nstatistics.png: six histograms; loudness spreads over {spread['one reader']:.1f} LU with one reader and "
        f"{spread['many people']:.1f} LU with many"
    )


def plot_coverage(found: dict, path: Path) -> None:
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    for (name, shares), colour in zip(found["curves"].items(), (GREY, BLUE, ORANGE, GREEN, "black"), strict=False):
        left.plot(found["seconds"][name], shares, ".-", label=name, color=colour)
    left.set(
        xlabel="time to read them (s)",
        ylabel="share of running diphones",
        ylim=(0, 1),
        title="new sentences, new sounds",
    )
    left.legend()
    left.grid(alpha=0.3)
    counts = [count for _, count in found["phonemes"].most_common()]
    right.bar(range(len(counts)), counts, color=BLUE)
    right.set(xlabel="phonemes, the most frequent first", ylabel="occurrences", yscale="log")
    right.set_title("a few sounds are everywhere, and a few nearly nowhere")
    save_figure(figure, path)
    print(f"coverage.png: how {CHOSEN} sentences cover the diphones, and how unevenly {len(counts)} phonemes occur")


def load(settings) -> list[Reading]:
    """Return the learner's own data set, or the one at hand."""
    wanted = QUICK_CLIPS if settings.quick else FULL_CLIPS
    if settings.folder is None:
        return load_readings(settings, wanted)[:wanted]
    found = []
    for row in read_manifest(settings.folder):
        waveform, rate = soundfile.read(settings.folder / "wavs" / f"{row.clip_id}.wav", dtype="float32")
        mono = waveform.mean(axis=1) if waveform.ndim > 1 else waveform
        clip = Clip(row.clip_id, "you", mono, rate).at(SAMPLE_RATE)
        found.append(Reading(clip.name, clip.speaker, clip.waveform, SAMPLE_RATE, row.spoken))
    return found


def main(settings) -> dict:
    random = prepare(settings)
    usual, robust = an_outlier_hides_itself()
    readings = load(settings)
    one = [describe(reading, reading.text) for reading in readings]
    people = load_speakers(settings, QUICK_PEOPLE if settings.quick else FULL_PEOPLE, sentences_each=1)
    many = [describe(person) for person in people]
    summarise("One reader", one, [reading.name for reading in readings])
    summarise("Many people", many, [person.name for person in people])
    plot_numbers(one, many, settings.out / "statistics.png")
    first = readings[0]
    speech = find_speech(first.waveform, SAMPLE_RATE)
    decoded = Decoded(first.waveform, SAMPLE_RATE, 1, "WAV", "PCM_16", 16, "mono")
    theirs = measure(decoded, speech, first.text, clip_duration=0.0, loudness=None, clip_loudness=None)
    gap = abs((theirs.characters_per_second or 0) - one[0]["letters"]) + abs((theirs.snr_db or 0) - one[0]["snr"])
    print(f"The capstone's ledger measures the same rate and SNR of {first.name}: together {gap:.0e} apart")
    found = coverage([reading.text for reading in readings], random, settings.quick)
    plot_coverage(found, settings.out / "coverage.png")
    header = "clip," + ",".join(MEASURES)
    lines = [
        ",".join([clip.name, *(f"{row.get(name, float('nan')):.3f}" for name in MEASURES)])
        for clip, row in zip([*readings, *people], [*one, *many], strict=True)
    ]
    write_text_atomic(settings.out / "statistics.csv", "\n".join([header, *lines]) + "\n")
    measured = found["measured"]
    return {
        "outlier_by_standard_deviation": usual,
        "outlier_by_mad": robust,
        "median_rate_letters_s": float(np.median(column(one, "letters"))),
        "loudness_spread_of_many_lu": float(np.ptp(column(many, "loudness"))),
        "median_snr_of_many_db": float(np.nanmedian(column(many, "snr"))),
        "difference_to_the_ledger": gap,
        "difference_to_measure_coverage": found["gap"],
        "running_diphones_drawn": measured["drawn"].running,
        "running_diphones_greedy": measured["greedy"].running,
        "running_diphones_of_the_capstones": measured["the capstone's"].running,
    }


EXPECTED = {
    "outlier_by_standard_deviation": Expected(quick=(2.9, 3), full=(2.9, 3)),
    "outlier_by_mad": Expected(quick=(50, 90), full=(50, 90)),
    "median_rate_letters_s": Expected(quick=(8, 22), full=(12, 19)),
    "loudness_spread_of_many_lu": Expected(quick=(0.1, 25), full=(3, 25)),
    "median_snr_of_many_db": Expected(quick=(15, 100), full=(25, 40)),
    "difference_to_the_ledger": Expected(quick=(0, 1e-6), full=(0, 1e-6)),
    "difference_to_measure_coverage": Expected(quick=(0, 1e-9), full=(0, 1e-9)),
    "running_diphones_drawn": Expected(quick=(0.5, 0.85), full=(0.5, 0.85)),
    "running_diphones_greedy": Expected(quick=(0.75, 0.98), full=(0.75, 0.98)),
    "running_diphones_of_the_capstones": Expected(quick=(0.75, 0.98), full=(0.75, 0.98)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="08_split_without_leakage.py")
