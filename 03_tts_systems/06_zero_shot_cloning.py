"""Zero-shot cloning: a vector says who speaks, and a voice that never heard the person speaks like them, more or less.

What you will learn
    - a speaker embedding: 256 numbers of a recording that say who, and hardly what
    - the similarity matrix of real people, and the error rate of "is this the same person?"
    - to clone by embedding: one function for the starter voice, for XTTS-v2 and for YourTTS
    - how to judge a clone between a floor (another person) and a ceiling (the person), and why its rank matters
    - a voice between two people, and why the capstone fine-tunes all the same
How to run it
    python 06_zero_shot_cloning.py --quick     8 people, no network, about 21 s
    python 06_zero_shot_cloning.py             24 people, about 27 s; the first run downloads 12 MB
    python 06_zero_shot_cloning.py --model tts_models/multilingual/multi-dataset/your_tts --accept-licence
Time and memory on 2 CPU cores: quick 21 s, full 27 s; 1.0 GB. Without data the first run makes its speech first.
Writes outputs/: zero_shot.png, reference.wav, clone.wav, between.wav, stand_in/ (first run without data)
Concepts: TTS_CONCEPTS_EXPLAINED.md (speaker embedding, zero-shot cloning, model licences)
"""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from tts_utils import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    SAMPLE_RATE,
    SENTENCES,
    XTTS,
    YOUR_TTS,
    Clip,
    as_course_error,
    coqui_model,
    coqui_says,
    load_speakers,
    prepare_cpu,
    save_figure,
    voice_of,
    write_wav,
)

from coursekit.cli import run_script, script_parser
from coursekit.errors import CourseError
from coursekit.expectations import Expected
from voice_pipeline.speaker import SpeakerEncoder, centroid, similarity

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
PARSER.add_argument("--model", metavar="NAME", help=f"a public model that clones, for example {YOUR_TTS} or {XTTS}")
PARSER.add_argument("--accept-licence", action="store_true", help="yes to the licence of --model, where it is not free")
SAID = (SENTENCES[1], SENTENCES[4])  # what the clones say: not what the references say
SHORTEST = 2.5  # seconds of speech an embedding needs; below, the same person looks like two

# ----------------------------------------------------------------------------------------------------------------------
# who is speaking


def embed(waveform: np.ndarray) -> np.ndarray:
    """Return who speaks, float32 `[256]`, length 1 (GE2E, Wan et al. 2018; the weights are in the package Resemblyzer).

    The network was trained to put recordings of one person close together, of two people far apart, whatever is said.
    """
    return SpeakerEncoder.shared().embed(waveform, SAMPLE_RATE)  # concept: speaker embedding


def equal_error_rate(same: np.ndarray, others: np.ndarray) -> tuple[float, float]:
    """Return the rate and the threshold at which as many same pairs are refused as other pairs are accepted."""
    thresholds = np.sort(np.concatenate([same, others]))
    missed = (same[None] < thresholds[:, None]).mean(axis=1)
    accepted = (others[None] >= thresholds[:, None]).mean(axis=1)
    best = int(np.abs(missed - accepted).argmin())
    return float((missed[best] + accepted[best]) / 2), float(thresholds[best])


def compare_people(clips: list[Clip]) -> tuple[np.ndarray, dict[str, float]]:
    """Cut each person's recording in two and compare every half with every half; return the matrix and what it says."""
    first, second = [], []
    for clip in clips:
        middle = len(clip.waveform) // 2
        first.append(embed(clip.waveform[:middle]))
        second.append(embed(clip.waveform[middle:]))
    matrix = np.array([[similarity(a, b) for b in second] for a in first])  # [people, people]
    own = np.eye(len(clips), dtype=bool)
    rate, threshold = equal_error_rate(matrix[own], matrix[~own])
    nearest = float((matrix.argmax(axis=1) == np.arange(len(clips))).mean())
    print(f"{len(clips)} people, two halves of a recording each: cosine of their embeddings")
    print(f"   the same person {matrix[own].mean():.2f} (lowest {matrix[own].min():.2f}), two people "
          f"{matrix[~own].mean():.2f} (highest {matrix[~own].max():.2f})")  # fmt: skip
    print(f"   nearest half is the person's own: {nearest:.0%}; equal error rate {rate:.1%} at {threshold:.2f}")
    return matrix, {"same_person": float(matrix[own].mean()), "two_people": float(matrix[~own].mean()),
                    "equal_error_rate": rate, "nearest_is_own": nearest}  # fmt: skip


# ----------------------------------------------------------------------------------------------------------------------
# cloning: text and a recording in, sound out, whoever does it


def clone_by_starter(text: str, reference: np.ndarray) -> np.ndarray:
    """The embedded starter voice: its acoustic model is told the embedding of the recording, nothing else."""
    with as_course_error():
        return voice_of(embed(reference)).synthesize(text)  # concept: zero-shot cloning


class CloneByCoqui:
    """A public model through Coqui's API. It wants the recording as a file, and embeds it by an encoder of its own."""

    def __init__(self, name: str, settings) -> None:
        self.tts = coqui_model(name, download=not settings.quick, accept_licence=settings.accept_licence)
        self.file = settings.out / "reference.wav"

    def __call__(self, text: str, reference: np.ndarray) -> np.ndarray:
        write_wav(self.file, reference, SAMPLE_RATE)
        return coqui_says(self.tts, text, self.file)


def cloners(settings) -> dict:
    """Return the ways of cloning that are at hand; a public model that cannot be had is said and left out."""
    found = {"starter voice": clone_by_starter}
    if settings.model:
        try:
            found[settings.model] = CloneByCoqui(settings.model, settings)
        except CourseError as error:
            print(f"NOTE: without {settings.model}: {error}\n      {error.hint}\n      The starter voice clones alone.")
    return found


def judge_clones(clips: list[Clip], clone, name: str) -> tuple[np.ndarray, dict[str, float]]:
    """Clone everybody; return the similarity of each clone (row) to each person (column), and what it says."""
    people = np.array([embed(clip.waveform) for clip in clips])
    voices = [centroid([embed(clone(text, clip.waveform)) for text in SAID]) for clip in clips]
    matrix = np.array([[similarity(voice, person) for person in people] for voice in voices])
    own = np.eye(len(clips), dtype=bool)
    # how many people the clone is more like than its own; 0 is best, chance is the half
    rank = np.array([(row > row[i]).sum() for i, row in enumerate(matrix)])
    print(f"\nclones by the {name}: {matrix[own].mean():.2f} like their person, {matrix[~own].mean():.2f} like others")
    print(f"   {np.mean(rank == 0):.0%} are most like the right person of {len(clips)}; "
          f"{np.mean(rank / (len(clips) - 1)):.0%} of the others are nearer on average (chance: 50%)")  # fmt: skip
    return matrix, {"clone_own": float(matrix[own].mean()), "clone_others": float(matrix[~own].mean()),
                    "clone_finds_its_person": float(np.mean(rank == 0)),
                    "others_nearer": float(np.mean(rank / (len(clips) - 1)))}  # fmt: skip


def between(clips: list[Clip], out: Path) -> dict[str, float]:
    """Speak with the mean of two people's embeddings; return how like either it is, beside the clones of the two."""
    a, b = (embed(clip.waveform) for clip in clips)
    middle = voice_of(centroid([a, b])).synthesize(SAID[0])
    write_wav(out / "between.wav", middle, SAMPLE_RATE)
    heard = embed(middle)
    print(f"between.wav: halfway between {clips[0].speaker} and {clips[1].speaker}, {similarity(heard, a):.2f} and "
          f"{similarity(heard, b):.2f} like them, who are {similarity(a, b):.2f} like each other")  # fmt: skip
    return {"between_gap": abs(similarity(heard, a) - similarity(heard, b))}


def plot(people: np.ndarray, clones: np.ndarray, path) -> None:
    """Draw both matrices, and all their values."""
    figure = Figure(figsize=(13, 4.5), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    for axis, matrix, names in (
        (left, people, ("second half", "first half")),
        (middle, clones, ("person", "clone of")),
    ):
        image = axis.imshow(matrix, cmap="cividis", vmin=0.4, vmax=1)
        axis.set(xlabel=f"{names[0]}, number", ylabel=f"{names[1]}, number")
        figure.colorbar(image, ax=axis, label="cosine")
    left.set_title("recordings of real people")
    middle.set_title("clones against people")
    own = np.eye(len(people), dtype=bool)
    bins = np.linspace(0.3, 1, 29)
    for values, name, colour, style in (
        (people[~own], "two people", GREY, "stepfilled"), (people[own], "same person", GREEN, "step"),
        (clones[own], "clone and person", BLUE, "step"), (clones[~own], "clone and others", ORANGE, "step"),
    ):  # fmt: skip
        right.hist(values, bins, density=True, histtype=style, color=colour, label=name, linewidth=2)
    right.set(xlabel="cosine", ylabel="density", title="floor, ceiling, and the clones")
    right.legend()
    save_figure(figure, path)
    print("zero_shot.png: the diagonal is sharp for recordings and faint for clones: the clones are all a little alike")


def main(settings) -> dict:
    prepare_cpu(settings, "the encoder and the starter voice are small")
    clips = [clip.at(SAMPLE_RATE) for clip in load_speakers(settings, 8 if settings.quick else 24)]
    clips = [clip for clip in clips if clip.seconds > 2 * SHORTEST]
    people, values = compare_people(clips)
    matrices = {}
    for name, clone in cloners(settings).items():
        matrices[name], measured = judge_clones(clips, clone, name)
        if name == "starter voice":
            values |= measured
    floor, ceiling = values["two_people"], values["same_person"]
    reached = (values["clone_own"] - floor) / (ceiling - floor)
    print(f"   Between another person (0 %) and the person (100 %) the starter voice's clones reach {reached:.0%}.")
    write_wav(settings.out / "reference.wav", clips[0].waveform, SAMPLE_RATE)
    write_wav(settings.out / "clone.wav", clone_by_starter(SAID[0], clips[0].waveform), SAMPLE_RATE)
    print(f"listen: reference.wav is {clips[0].speaker}, clone.wav the starter voice told so")
    values |= between([clips[0], clips[-1]], settings.out)
    plot(people, matrices["starter voice"], settings.out / "zero_shot.png")
    print("the capstone: 20 recordings instead of one, and fine-tuning: its proof card has both, zero-shot and tuned")
    return {**values, "reached": float(reached)}


# Two halves of one recording share room and microphone, so the ceiling is high. Synthetic people are easier still.
EXPECTED = {
    "same_person": Expected(quick=(0.75, 1), full=(0.8, 1)),
    "two_people": Expected(quick=(0.3, 0.9), full=(0.4, 0.75)),
    "equal_error_rate": Expected(quick=(0, 0.25), full=(0, 0.12)),
    "nearest_is_own": Expected(quick=(0.6, 1), full=(0.85, 1)),
    "clone_own": Expected(quick=(0.45, 1), full=(0.45, 0.9)),
    "others_nearer": Expected(quick=(0, 0.45), full=(0, 0.4)),
    "between_gap": Expected(quick=(0, 0.3), full=(0, 0.3)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="07_compare_engines.py")
