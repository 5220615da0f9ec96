"""Ten ways to change a recording on purpose, and what each does to the features a model sees.

What you will learn
    - why one makes more recordings out of few: a model must not learn the room, the level or the microphone
    - ten in a few lines each: level, noise, room, telephone, codec, clipping, speed, stretch, pitch, masks
    - what each changes and what it leaves alone: length, pitch, level, spectrum; checked against what it promises
    - which of them change the label too: a faster clip is another speaker, and its text takes another time
    - which of the results the capstone would refuse as recordings
How to run it
    python 08_augmentation.py --quick     a clip of 3 s, no network, about 12 s
    python 08_augmentation.py             the whole clip, about 11 s; the first run downloads 10 MB
Time and memory on 2 CPU cores: quick 12 s, full 11 s; 0.9 GB. Without data the first run makes its speech first.
Writes outputs/: augmented/, augmentation.png, stand_in/ (first run without data)
Concepts: AUDIO_CONCEPTS_EXPLAINED.md (augmentation, clipping)
"""

import importlib
import io
from collections.abc import Callable
from dataclasses import dataclass

import librosa
import numpy as np
import scipy.signal
import soundfile
import soxr
from audio_utils import (
    BLUE,
    ORANGE,
    SAMPLE_RATE,
    Clip,
    active_level,
    load_reader,
    make_noise,
    mix_at_snr,
    prepare,
    save_figure,
    write_wav,
)
from matplotlib.figure import Figure

from coursekit.cli import run_script, script_parser
from coursekit.expectations import Expected
from voice_pipeline import acoustics
from voice_pipeline.audio import decode
from voice_pipeline.ledger import Limits
from voice_pipeline.measurements import clipped_share, noise_and_snr
from voice_pipeline.vad import find_speech

yin = importlib.import_module("06_pitch_and_energy").yin  # the pitch tracker of script 06

# ----------------------------------------------------------------------------------------------------------------------
# settings: how strong. Weaker, and a model learns nothing from it; stronger, and it learns what no microphone records

PARSER = script_parser(__doc__)
GAIN_DB = -6.0  # usual range -12 to +6
SNR_DB = 15.0  # usual range 5 to 30
ROOM_SECONDS = 0.4  # time in which an echo fades by 60 dB; a living room has 0.4, a church 3
TELEPHONE = (300.0, 3400.0)  # Hz, what an old telephone lets through
CLIP_AT = 0.3  # of the peak; a level control turned up three times too far
SPEED = 1.1  # usual range 0.9 to 1.1: beyond, people sound like cartoons
SEMITONES = 2.0  # usual range -2 to 2
MASK_BANDS, MASK_FRAMES = 12, 15  # mel bands and frames set to the mean (SpecAugment, Park and others 2019)
QUICK_SECONDS = 3.0

# ----------------------------------------------------------------------------------------------------------------------
# the augmentations: waveform `[S]` in, waveform out


def louder(waveform: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return waveform * 10 ** (GAIN_DB / 20)


def noisier(waveform: np.ndarray, random: np.random.Generator) -> np.ndarray:
    noise = make_noise("pink", len(waveform), SAMPLE_RATE, random)
    return mix_at_snr(Clip("", "", waveform, SAMPLE_RATE), noise, SNR_DB)


def in_a_room(waveform: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Add the echoes of a room: noise that fades, convolved with the sound."""
    samples = int(ROOM_SECONDS * SAMPLE_RATE)
    echo = 0.03 * random.normal(size=samples) * 10 ** (-3 * np.arange(samples) / samples)  # -60 dB at its end
    echo[0] = 1.0  # the direct sound
    wet = scipy.signal.fftconvolve(waveform, echo)[: len(waveform)]
    return wet * (np.abs(waveform).max() / np.abs(wet).max())


def by_telephone(waveform: np.ndarray, random: np.random.Generator) -> np.ndarray:
    band = scipy.signal.butter(4, TELEPHONE, "bandpass", fs=SAMPLE_RATE, output="sos")
    return scipy.signal.sosfilt(band, waveform)


def through_mp3(waveform: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Encode and decode with the lowest quality of MP3."""
    file = io.BytesIO()
    soundfile.write(file, waveform, SAMPLE_RATE, format="MP3", subtype="MPEG_LAYER_III", compression_level=0.99)
    file.seek(0)
    decoded = soundfile.read(file, dtype="float32")[0]
    return np.pad(decoded, (0, max(0, len(waveform) - len(decoded))))[: len(waveform)]


def clipped(waveform: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Cut the tops off, and bring the result back to the old peak, as a limiter in a telephone does."""
    limit = CLIP_AT * np.abs(waveform).max()
    return np.clip(waveform, -limit, limit) / CLIP_AT  # concept: clipping


def faster(waveform: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Play it faster, as a record: pitch and formants go up with the speed."""
    return soxr.resample(waveform, SAMPLE_RATE * SPEED, SAMPLE_RATE, "HQ")


def stretched(waveform: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Make it shorter and leave the pitch: a phase vocoder, which smears what is sudden."""
    return librosa.effects.time_stretch(waveform, rate=SPEED)


def higher(waveform: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return librosa.effects.pitch_shift(waveform, sr=SAMPLE_RATE, n_steps=SEMITONES)


def masked(mel: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Blank a band of frequencies and a stretch of time in a mel spectrogram `[M, N]`. No waveform comes with it."""
    # concept: augmentation
    changed = mel.copy()
    band = random.integers(0, len(mel) - MASK_BANDS)
    frame = random.integers(0, mel.shape[1] - MASK_FRAMES)
    changed[band : band + MASK_BANDS] = mel.mean()
    changed[:, frame : frame + MASK_FRAMES] = mel.mean()
    return changed


AUGMENTATIONS: dict[str, Callable] = {
    "level": louder,
    "noise": noisier,
    "room": in_a_room,
    "telephone": by_telephone,
    "mp3": through_mp3,
    "clipping": clipped,
    "speed": faster,
    "stretch": stretched,
    "pitch": higher,
}

# ----------------------------------------------------------------------------------------------------------------------
# what they do to the features


@dataclass(frozen=True)
class Seen:
    """What a model, or the ledger, sees of a clip."""

    seconds: float
    f0: np.ndarray  # Hz, 0 where there is no pitch, [N]
    level: float  # dB, of the speech
    mel: np.ndarray  # [M, N]
    treble: float  # nepers: mean of the mel above 4 kHz, relative to the rest

    @staticmethod
    def of(waveform: np.ndarray) -> "Seen":
        mel = acoustics.log_mel(np.asarray(waveform, np.float32))
        return Seen(
            len(waveform) / SAMPLE_RATE,
            yin(waveform),
            active_level(waveform, SAMPLE_RATE),
            mel,
            float(mel[50:].mean() - mel[:50].mean()),
        )


def mel_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Return the mean absolute difference of two mels, the second brought to the first one's number of frames."""
    places = np.linspace(0, second.shape[1] - 1, first.shape[1]).round().astype(int)
    return float(np.abs(first - second[:, places]).mean())


def pitch_ratio(first: np.ndarray, second: np.ndarray) -> float:
    """Return how much higher the second track is, at the places where both have a pitch; 0 where there is none."""
    places = np.linspace(0, len(second) - 1, len(first)).round().astype(int)
    both = (first > 0) & (second[places] > 0)
    return float(np.median(second[places][both] / first[both])) if both.any() else 0.0


def refusal(waveform: np.ndarray) -> str:
    """Say which of two rules of the capstone's ledger a recording would break."""
    limits = Limits()
    share = clipped_share(np.asarray(waveform, np.float32))
    if share > limits.max_clipped_share:
        return f"clipped {share:.1%}"
    ratio = noise_and_snr(waveform, SAMPLE_RATE, find_speech(np.asarray(waveform, np.float32), SAMPLE_RATE))[1] or 0.0
    return f"noisy {ratio:.0f} dB" if ratio < limits.min_snr_db else "-"


def compare(waveform: np.ndarray, settings, random: np.random.Generator) -> dict[str, dict[str, float]]:
    plain = Seen.of(waveform)
    print(f"the clip: {plain.seconds:.2f} s, {np.mean(plain.f0 > 0):.0%} voiced, level {plain.level:.1f} dB")
    print("\naugmentation   length    pitch    level   treble   mel moved   the ledger says")
    found = {}
    for name, augment in AUGMENTATIONS.items():
        changed = np.asarray(augment(waveform, random), np.float32)
        write_wav(settings.out / "augmented" / f"{name}.wav", changed)
        with_16_bits = decode(settings.out / "augmented" / f"{name}.wav").waveform
        seen, said = Seen.of(with_16_bits), refusal(with_16_bits)
        found[name] = {
            "length": seen.seconds / plain.seconds,
            "pitch": pitch_ratio(plain.f0, seen.f0),
            "level": seen.level - plain.level,
            "treble": seen.treble - plain.treble,
            "moved": mel_distance(plain.mel, seen.mel),
            "refused": float(said != "-"),
        }
        row = found[name]
        print(
            f"{name:<13} {row['length']:>6.3f}x {row['pitch']:>7.3f}x {row['level']:>+6.1f} dB {row['treble']:>+6.2f}"
            f" {row['moved']:>11.2f}   {said}"
        )
    blanked = masked(plain.mel, random)
    found["mask"] = {"moved": mel_distance(plain.mel, blanked)}
    print(f"{'mask':<13} {'only the mel is changed, there is nothing to hear':<34} {found['mask']['moved']:>6.2f}")
    print("\nSpeed and pitch change who seems to speak: give such a clip another speaker's name, or leave it out of a")
    print("voice. Speed and stretch change durations: change the labels with them. The others keep every label.")
    return found


def plot(waveform: np.ndarray, found: dict[str, dict[str, float]], random: np.random.Generator, path) -> None:
    plain = acoustics.log_mel(waveform)
    shown = {"as it was": plain, "room": acoustics.log_mel(in_a_room(waveform, random).astype(np.float32)),
             "telephone": acoustics.log_mel(by_telephone(waveform, random).astype(np.float32)),
             "mask": masked(plain, random)}  # fmt: skip
    figure = Figure(figsize=(11, 8), layout="constrained")
    top, bottom = figure.subfigures(2, 1, height_ratios=(3, 2)).ravel()
    for axes, (name, mel) in zip(top.subplots(2, 2).ravel(), shown.items(), strict=True):
        axes.imshow(mel, origin="lower", aspect="auto", cmap="magma", vmin=plain.min(), vmax=plain.max(),
                    extent=(0, mel.shape[1] * 256 / SAMPLE_RATE, 0, len(mel)))  # fmt: skip
        axes.set(title=name, xlabel="time (s)", ylabel="mel band")
    axes = bottom.subplots()
    names = sorted(found, key=lambda name: found[name]["moved"])
    colours = [ORANGE if name in ("speed", "stretch", "pitch") else BLUE for name in names]
    axes.barh(names, [found[name]["moved"] for name in names], color=colours)
    axes.set(xlabel="mel moved by (nepers, mean)", title="orange: changes who speaks, or how long it takes")
    save_figure(figure, path)
    print(f"augmentation.png: four mels, and how far each augmentation moves it: {names[0]} least, {names[-1]} most")


def main(settings) -> dict:
    random = prepare(settings)
    waveform = load_reader(settings, 1)[0].at(SAMPLE_RATE).waveform
    waveform = waveform[: int(QUICK_SECONDS * SAMPLE_RATE)] if settings.quick else waveform
    found = compare(waveform, settings, random)
    plot(waveform, found, random, settings.out / "augmentation.png")
    return {
        "speed_length": found["speed"]["length"],
        "speed_pitch": found["speed"]["pitch"],
        "stretch_length": found["stretch"]["length"],
        "stretch_pitch": found["stretch"]["pitch"],
        "pitch_length": found["pitch"]["length"],
        "pitch_pitch": found["pitch"]["pitch"],
        "level_db": found["level"]["level"],
        "telephone_treble": found["telephone"]["treble"],
        "clipping_refused": found["clipping"]["refused"],
        "level_refused": found["level"]["refused"],
    }


# Speed, stretch and pitch keep their promises on any voice; the telephone's treble depends on what was there before.
EXPECTED = {
    "speed_length": Expected(quick=(0.9, 0.92), full=(0.9, 0.92)),
    "speed_pitch": Expected(quick=(1.07, 1.14), full=(1.08, 1.13)),
    "stretch_length": Expected(quick=(0.9, 0.92), full=(0.9, 0.92)),
    "stretch_pitch": Expected(quick=(0.95, 1.05), full=(0.97, 1.03)),
    "pitch_length": Expected(quick=(0.99, 1.01), full=(0.99, 1.01)),
    "pitch_pitch": Expected(quick=(1.07, 1.18), full=(1.09, 1.16)),
    "level_db": Expected(quick=(-6.3, -5.7), full=(-6.1, -5.9)),
    "telephone_treble": Expected(quick=(-6, -0.5), full=(-4, -1)),
    "clipping_refused": Expected(quick=(0, 1), full=(1, 1)),  # without data 0.35 % is cut, 0.5 % allowed
    "level_refused": Expected(quick=(0, 0), full=(0, 0)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="09_clip_quality.py")
