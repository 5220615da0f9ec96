"""Engines side by side: one text, one table: speed, words understood, likeness, sound, size, licence.

What you will learn
    - formant synthesis, the oldest of them: rules for resonances, no recordings, no training, and quick
    - to measure every engine in the same way: the same sentences, the same recogniser, the same target speaker
    - that a word error rate means nothing without that of a real recording, and a similarity nothing without a floor
    - which engine for what: a table decides, with the licence as one of its columns
    - public models (VITS, YourTTS, XTTS-v2, Bark) in the same table where their weights are at hand
How to run it
    python 07_compare_engines.py --quick     3 sentences, the engines that are here, about 30 s
    python 07_compare_engines.py             10 sentences, about 79 s; the first run downloads 10 MB of recordings
    python 07_compare_engines.py --models vits your_tts xtts bark --accept-licence     fetches the models, some GB
Time and memory on 2 CPU cores: quick 30 s, full 79 s; 1.3 GB. Without data the first run makes its speech first.
Writes outputs/: engines.png, engines.csv, spoken/, target.wav, stand_in/ (first run without data)
Concepts: TTS_CONCEPTS_EXPLAINED.md (formant synthesis, judging a voice, model licences)
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from tts_utils import (
    BARK,
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    SAMPLE_RATE,
    SENTENCES,
    VITS,
    XTTS,
    YOUR_TTS,
    as_course_error,
    at_course_rate,
    coqui_model,
    coqui_says,
    espeak,
    load_reader,
    prepare_cpu,
    save_figure,
    seconds_of,
    voice_of,
    write_csv,
    write_wav,
)

from coursekit.cli import run_script, script_parser
from coursekit.data import transcripts
from coursekit.errors import CourseError
from coursekit.expectations import Expected
from voice_pipeline.quality import dnsmos
from voice_pipeline.recognizer import Recognizer, word_errors
from voice_pipeline.speaker import SpeakerEncoder, centroid, similarity

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
PUBLIC = {"vits": VITS, "your_tts": YOUR_TTS, "xtts": XTTS, "bark": BARK}
PARSER.add_argument("--models", nargs="+", choices=PUBLIC, default=[], help="public models to fetch, some GB together")
PARSER.add_argument("--accept-licence", action="store_true", help="yes to the licences of --models that are not free")
COLUMNS = ("engine", "seconds a second", "word errors", "like target", "DNSMOS", "MB", "licence")

# ----------------------------------------------------------------------------------------------------------------------
# engines: a name, a way to speak, a size on disk, a licence


@dataclass
class Engine:
    """One way to speak.

    Attributes:
        name: For the table.
        speak: Text to float32 `[S]` at 24 kHz.
        megabytes: Of what it needs on disk, weights and rules.
        licence: Of the weights, or of the program where there are none.
    """

    name: str
    speak: object
    megabytes: float
    licence: str


def formant_engine() -> Engine:
    """espeak-ng: a buzz or a hiss through three resonators, whose frequencies rules move from sound to sound."""
    import espeakng_loader

    data = Path(espeakng_loader.get_data_path())
    parts = [data / "en_dict", *(data / name for name in ("phondata", "phonindex", "phontab", "intonations"))]

    def speak(text: str) -> np.ndarray:
        return at_course_rate(espeak().speak(text), espeak().sample_rate)  # concept: formant synthesis

    size = sum(file.stat().st_size for file in [*parts, Path(espeakng_loader.get_library_path())])
    return Engine("espeak-ng (formants)", speak, size / 1e6, "GPL 3")


def starter_engine(target: np.ndarray) -> Engine:
    """The capstone's embedded voice, told who speaks by an embedding."""
    from voice_pipeline.engines.starter.base_voice import BASE_DIR

    voice = voice_of(target)
    size = sum(file.stat().st_size for file in BASE_DIR.glob("*.safetensors"))

    def speak(text: str) -> np.ndarray:
        with as_course_error():
            return voice.synthesize(text)

    return Engine("starter voice, zero-shot", speak, size / 1e6, "MIT")


def public_engine(short: str, settings, reference: Path) -> Engine:
    """A published model through Coqui's API.

    Raises:
        CourseError: It is not on this machine and may not be fetched, or its licence was not accepted.
    """
    from voice_pipeline.engines.coqui_models import base_model, cached_files

    name, wanted = PUBLIC[short], short in settings.models
    model = base_model(name)
    tts = coqui_model(name, download=wanted and not settings.quick, accept_licence=settings.accept_licence)
    files = cached_files(model)
    size = sum(file.stat().st_size for file in files.folder.rglob("*") if file.is_file()) if files else 0
    return Engine(short, lambda text: coqui_says(tts, text, reference), size / 1e6, model.licence)


def engines(settings, target: np.ndarray, reference: Path) -> list[Engine]:
    """Return the engines at hand; of the others, say why they are not."""
    found, absent = [formant_engine(), starter_engine(target)], []
    for short in PUBLIC:
        try:
            found.append(public_engine(short, settings, reference))
        except CourseError as error:
            absent.append(f"   {short:<9} {str(error).rstrip('.')[:150]}")
    if absent:
        print("Not in the table, because they are not on this machine (--models fetches them):")
        print("\n".join(absent))
    return found


# ----------------------------------------------------------------------------------------------------------------------
# measuring


def measure(name: str, waveforms: list, texts: list[str], target: np.ndarray, took: float, quick: bool) -> dict:
    """Return one row's numbers. A quick run listens once to each sentence, a full run three times (better, slower)."""
    recognizer = Recognizer.quick() if quick else Recognizer.shared()
    heard = [recognizer.transcribe(waveform, SAMPLE_RATE) for waveform in waveforms]
    alike = [similarity(SpeakerEncoder.shared().embed(waveform, SAMPLE_RATE), target) for waveform in waveforms]
    rated = [rating.overall for rating in (dnsmos(waveform, SAMPLE_RATE) for waveform in waveforms) if rating]
    return {
        "name": name,
        "speed": took / sum(len(waveform) / SAMPLE_RATE for waveform in waveforms),
        "errors": word_errors(texts, heard).rate,  # concept: judging a voice
        "alike": float(np.mean(alike)),
        "mos": float(np.mean(rated)) if rated else 0.0,
        "heard": heard[0],
    }


def row_of(one: dict, engine: Engine | None) -> list[str]:
    size, licence = (f"{engine.megabytes:.1f}", engine.licence) if engine else ("-", "-")
    speed = f"{one['speed']:.3f}" if engine else "-"
    return [one["name"], speed, f"{one['errors']:.0%}", f"{one['alike']:.2f}", f"{one['mos']:.2f}", size, licence]


def show(rows: list[list[str]], path: Path) -> None:
    """Print the table and write it as CSV."""
    widths = [max(len(row[i]) for row in [list(COLUMNS), *rows]) + 2 for i in range(len(COLUMNS))]
    for row in [COLUMNS, *rows]:
        print("".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    write_csv(path, [COLUMNS, *rows])


def plot(measured: list[dict], path: Path) -> None:
    """Draw four numbers of every row, each on its own axis."""
    figure = Figure(figsize=(13, 1.6 + 0.5 * len(measured)), layout="constrained")
    names = [one["name"] for one in measured][::-1]
    columns = (
        ("speed", "seconds a second (log)", BLUE), ("errors", "word error rate", ORANGE),
        ("alike", "cosine with the target", GREEN), ("mos", "DNSMOS, 1 to 5", PURPLE),
    )  # fmt: skip
    for axis, (key, label, colour) in zip(figure.subplots(1, 4, sharey=True), columns, strict=True):
        axis.barh(names, [one[key] for one in measured][::-1], color=colour)
        axis.set_xlabel(label)
        if key == "speed":
            axis.set_xscale("log")
    save_figure(figure, path)


def main(settings) -> dict:
    prepare_cpu(settings, "so that every engine is measured on the same cores")
    clips = [clip.at(SAMPLE_RATE) for clip in load_reader(settings, 3 if settings.quick else 10)]
    target = centroid([SpeakerEncoder.shared().embed(clip.waveform, SAMPLE_RATE) for clip in clips[1:]])
    write_wav(settings.out / "target.wav", clips[0].waveform, SAMPLE_RATE)
    texts = list(SENTENCES[: 3 if settings.quick else len(SENTENCES)])
    ready = engines(settings, target, settings.out / "target.wav")
    (settings.out / "spoken").mkdir(exist_ok=True)
    measured, rows = [], []
    known = transcripts("ljspeech_sample")
    said = [known.get(clip.name, SENTENCES[number % len(SENTENCES)]) for number, clip in enumerate(clips)]
    real = measure("target's recordings", [clip.waveform for clip in clips], said, target, 0.0, settings.quick)
    rows.append(row_of(real, None))
    for engine in ready:
        engine.speak("Ready.")  # libraries load at the first sentence; that is not the engine's speed
        waveforms, took = seconds_of(
            lambda engine=engine: [np.asarray(engine.speak(text), np.float32) for text in texts]
        )
        measured.append(measure(engine.name, waveforms, texts, target, took, settings.quick))
        rows.append(row_of(measured[-1], engine))
        write_wav(settings.out / "spoken" / f"{engine.name.split()[0].strip(',')}.wav", waveforms[0], SAMPLE_RATE)
    print(f"\n{len(texts)} sentences each (the recordings say others). The recogniser is small: compare rows.")
    show(rows, settings.out / "engines.csv")
    print(f'\n"{texts[0]}" was heard as')
    for one in measured:
        print(f"   {one['name']:<26} {one['heard']}")
    plot(measured, settings.out / "engines.png")
    formant, starter = measured[0], measured[1]
    print(f"engines.png: formants are {starter['speed'] / formant['speed']:.0f} times as quick, like "
          f"nobody. The capstone's proof card measures a fine-tuned voice with these same functions")  # fmt: skip
    return {
        "engines": len(measured),
        "recording_word_errors": real["errors"],
        "recording_like_target": real["alike"],
        "formant_word_errors": formant["errors"],
        "formant_like_target": formant["alike"],
        "starter_word_errors": starter["errors"],
        "starter_like_target": starter["alike"],
        "formant_times_quicker": starter["speed"] / formant["speed"],
    }


EXPECTED = {
    "engines": Expected(quick=(2, 6), full=(2, 6)),
    "recording_word_errors": Expected(quick=(0.05, 0.9), full=(0.05, 0.6)),
    "recording_like_target": Expected(quick=(0.7, 1), full=(0.8, 1)),
    "formant_word_errors": Expected(quick=(0.05, 0.95), full=(0.0, 0.95)),
    "formant_like_target": Expected(quick=(0, 0.7), full=(0, 0.7)),
    "starter_word_errors": Expected(quick=(0.05, 0.95), full=(0, 0.8)),
    "starter_like_target": Expected(quick=(0.5, 1), full=(0.5, 0.95)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="course quiz 03")
