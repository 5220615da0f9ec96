"""From any recording to a clip that a voice can be trained on: trimmed, as loud as all others, 24 kHz, mono, 16 bits.

What you will learn
    - trimming by level, from scratch and equal to librosa's, and what a wrong threshold cuts away
    - three meanings of "equally loud": peak, RMS and LUFS, and which of them people agree with
    - LUFS written from scratch: two filters, blocks of 0.4 s, two gates; within 0.1 LU of pyloudnorm
    - resampling: what is wrong with joining the dots, in dB, and why a library does it
    - the whole chain on a messy stereo recording, beside the capstone's
How to run it
    python 04_trim_normalise_resample.py --quick     three clips, no network, about 13 s
    python 04_trim_normalise_resample.py             eight clips, about 12 s
Time and memory on 2 CPU cores: quick 13 s, full 12 s; 1.0 GB. Without data the first run makes its speech first.
Writes outputs/: messy.wav, tidy.wav, trim_and_loudness.png, stand_in/ (first run without data)
Concepts: AUDIO_CONCEPTS_EXPLAINED.md (levels and loudness, resampling)
"""

import librosa
import numpy as np
import pyloudnorm
import scipy.signal
import soundfile
import soxr
from audio_utils import (
    AUDIO,
    BLUE,
    GREY,
    ORANGE,
    SAMPLE_RATE,
    Clip,
    decibels,
    frames_of,
    load_reader,
    make_noise,
    prepare,
    rms,
    save_figure,
    write_wav,
)
from matplotlib.figure import Figure

from coursekit.cli import run_script, script_parser
from coursekit.expectations import Expected
from coursekit.files import atomic_path
from voice_pipeline import preprocessing
from voice_pipeline.measurements import true_peak

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
TOP_DB = 35.0  # dB below the loudest frame that still counts as sound; librosa's default, 60, is for music studios
FRAME, HOP = 1024, 256  # samples; 43 and 11 ms, as everywhere in the course
ROOM = 1.0  # seconds of room noise put before and after each clip, so that the right cut is known
ROOM_DB = -60.0  # dB, its level
TARGET_LUFS = AUDIO.loudness  # -23 LUFS, the level of European broadcasting (EBU R 128)
PEAK_LIMIT = AUDIO.peak_limit  # 0.97: room for what a codec or a filter adds on top

# ----------------------------------------------------------------------------------------------------------------------
# trimming


def trim(waveform: np.ndarray, top_db: float) -> tuple[int, int]:
    """Return (start, end) in samples of what lies between the first and the last frame of enough level."""
    padded = np.pad(waveform, FRAME // 2)  # frames are centred, as librosa's
    level = np.sqrt(np.mean(frames_of(padded, FRAME, HOP) ** 2, axis=1))  # [N]
    loud = np.flatnonzero(20 * np.log10(np.maximum(level, 1e-5) / level.max()) > -top_db)
    return int(loud[0]) * HOP, min(len(waveform), (int(loud[-1]) + 1) * HOP)


def show_trim(clips: list[Clip], random: np.random.Generator) -> dict[str, float]:
    """Trim clips with a known second of room before and after, at several thresholds."""
    print(f"Trimming {len(clips)} clips with {ROOM:.0f} s of room at {ROOM_DB:.0f} dB before and after")
    print("   threshold   room left   speech cut off   (mean, ms)")
    rooms, cuts, gap = {}, {}, 0
    for top_db in (15.0, TOP_DB, 60.0):
        left, cut = [], []
        for clip in clips:
            pad = int(ROOM * SAMPLE_RATE)
            whole = np.pad(clip.waveform, pad)
            whole = whole + 10 ** (ROOM_DB / 20) * make_noise("pink", len(whole), SAMPLE_RATE, random)
            start, end = trim(whole, top_db)
            first, last = trim(clip.waveform, TOP_DB + 5)  # where the clean clip itself begins and ends
            first, last = first + pad, last + pad
            left.append(max(0, first - start) + max(0, end - last))
            cut.append(max(0, start - first) + max(0, last - end))
            library = librosa.effects.trim(whole, top_db=top_db, frame_length=FRAME, hop_length=HOP)[1]
            gap = max(gap, abs(start - int(library[0])), abs(end - int(library[1])))
        rooms[top_db], cuts[top_db] = (1000 * float(np.mean(x)) / SAMPLE_RATE for x in (left, cut))
        print(f"   {top_db:>6.0f} dB {rooms[top_db]:>9.0f} ms {cuts[top_db]:>13.0f} ms")
    print(f"   largest difference to librosa.effects.trim: {gap} samples")
    print("   Too strict cuts the soft s and f at the ends; too generous keeps the room: a model learns to be silent.")
    return {"strict_cut_ms": cuts[15.0], "room_left_ms": rooms[TOP_DB], "generous_room_ms": rooms[60.0], "gap": gap}


# ----------------------------------------------------------------------------------------------------------------------
# loudness


def k_weighting(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """Filter as the head and the ear do (ITU-R BS.1770): lift what is above 1.5 kHz by 4 dB, cut what is below 38 Hz.

    Both are second-order filters by R. Bristow-Johnson's cookbook, with the constants of BS.1770.
    """
    gain, corner, quality = 10 ** (4.0 / 40), 2 * np.pi * 1500.0 / sample_rate, 1 / np.sqrt(2)
    alpha, cosine = np.sin(corner) / (2 * quality), np.cos(corner)
    root = 2 * np.sqrt(gain) * alpha
    plus, minus = gain + 1, gain - 1
    above = gain * np.array([plus + minus * cosine + root, -2 * (minus + plus * cosine), plus + minus * cosine - root])
    below = np.array([plus - minus * cosine + root, 2 * (minus - plus * cosine), plus - minus * cosine - root])
    shelf = scipy.signal.lfilter(above / below[0], below / below[0], waveform)

    corner, quality = 2 * np.pi * 38.0 / sample_rate, 0.5
    alpha, cosine = np.sin(corner) / (2 * quality), np.cos(corner)
    above = np.array([(1 + cosine) / 2, -(1 + cosine), (1 + cosine) / 2])
    below = np.array([1 + alpha, -2 * cosine, 1 - alpha])
    return scipy.signal.lfilter(above / below[0], below / below[0], shelf)


def lufs(waveform: np.ndarray, sample_rate: int) -> float:
    """Return the integrated loudness: the mean power of the blocks of 0.4 s that are not pauses, in LUFS."""
    # concept: levels and loudness
    block = round(0.4 * sample_rate)
    blocks = frames_of(k_weighting(waveform, sample_rate), block, block // 4)  # three quarters of overlap
    power = np.mean(blocks**2, axis=1)  # [blocks]
    level = -0.691 + 10 * np.log10(np.maximum(power, 1e-12))  # -0.691: a sine of 997 Hz at 0 dB is -3.01 LUFS
    kept = level > -70  # the first gate: digital silence never counts
    gate = -0.691 + 10 * np.log10(power[kept].mean()) - 10  # the second: 10 below the mean of what is left
    kept &= level > gate
    return float(-0.691 + 10 * np.log10(power[kept].mean()))


def by_peak(waveform: np.ndarray) -> np.ndarray:
    return waveform * (PEAK_LIMIT / np.abs(waveform).max())


def by_rms(waveform: np.ndarray) -> np.ndarray:
    return waveform * (10 ** (TARGET_LUFS / 20) / rms(waveform))


def by_lufs(waveform: np.ndarray) -> np.ndarray:
    return waveform * 10 ** ((TARGET_LUFS - lufs(waveform, SAMPLE_RATE)) / 20)


def show_loudness(clips: list[Clip], random: np.random.Generator) -> dict[str, float]:
    """Make clips equally loud in three ways and look at their loudness afterwards."""
    gap = max(
        abs(lufs(clip.waveform, SAMPLE_RATE) - pyloudnorm.Meter(SAMPLE_RATE).integrated_loudness(clip.waveform))
        for clip in clips
    )
    # The same recordings as people send them: one with a knock on the table, one with a long pause, one as it was.
    spoilt = []
    for number, clip in enumerate(clips):
        waveform = clip.waveform.copy()
        if number % 3 == 1:
            waveform[len(waveform) // 2 :][:200] += 0.9 * np.hanning(200)
        if number % 3 == 2:
            waveform = np.concatenate([waveform, 1e-4 * make_noise("white", 3 * SAMPLE_RATE, SAMPLE_RATE, random)])
        spoilt.append(waveform)
    print(
        f"\nLoudness of {len(clips)} clips, some with a knock or a long pause; largest gap to pyloudnorm {gap:.4f} LU"
    )
    print("   made equal by   loudness of each (LUFS)                    spread")
    spreads = {}
    for name, method in (("peak", by_peak), ("RMS", by_rms), ("LUFS", by_lufs)):
        found = [lufs(method(waveform), SAMPLE_RATE) for waveform in spoilt]
        spreads[name] = max(found) - min(found)
        print(f"   {name:<12} {' '.join(f'{value:6.1f}' for value in found[:6]):<44} {spreads[name]:5.1f} LU")
    print("   One knock decides a peak, one pause moves an RMS. LUFS leaves pauses out and hardly sees a knock.")
    return {"gap": gap, **spreads}


def show_true_peak() -> float:
    """A tone whose samples all miss the top of its wave."""
    t = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    tone = np.sin(2 * np.pi * SAMPLE_RATE / 4 * t + np.pi / 4) * np.hanning(len(t))  # at 45, 135, 225, 315 degrees
    over = decibels(true_peak(tone.astype(np.float32), SAMPLE_RATE)) - decibels(float(np.abs(tone).max()))
    print(
        f"   A tone of {SAMPLE_RATE // 4:,} Hz: its highest sample is {decibels(float(np.abs(tone).max())):.1f} dB, "
        f"the wave between the samples {over:.1f} dB higher. That is why the limit is {PEAK_LIMIT}, not 1."
    )
    return over


# ----------------------------------------------------------------------------------------------------------------------
# resampling


def join_the_dots(waveform: np.ndarray, source: int, target: int) -> np.ndarray:
    """Resample by straight lines between the samples: the first idea everyone has."""
    samples = len(waveform) * target // source
    return np.interp(np.arange(samples) * source / target, np.arange(len(waveform)), waveform)


def show_resampling() -> dict[str, float]:
    """Resample tones from 22,050 to 24,000 Hz and measure everything that is not the tone."""
    source = 22_050
    print(f"\nResampling {source:,} to {SAMPLE_RATE:,} Hz: error, in dB below the tone")
    print("   tone         straight lines      soxr")
    found = {}
    for hz in (200.0, 2_000.0, 8_000.0):
        tone = np.sin(2 * np.pi * hz * np.arange(source) / source)
        wanted = np.sin(2 * np.pi * hz * np.arange(SAMPLE_RATE) / SAMPLE_RATE)
        middle = slice(2000, -2000)
        errors = []
        for method in (join_the_dots(tone, source, SAMPLE_RATE), soxr.resample(tone, source, SAMPLE_RATE, "HQ")):
            # concept: resampling
            samples = min(len(method), len(wanted))
            errors.append(decibels(rms((method[:samples] - wanted[:samples])[middle]) / rms(wanted)))
        found[f"lines_{hz:.0f}"], found[f"soxr_{hz:.0f}"] = errors
        print(f"   {hz:>6,.0f} Hz {errors[0]:>12.0f} dB {errors[1]:>12.0f} dB")
    print("   The ear hears -40 dB beside a pure tone. Straight lines fail where s and sh are.")
    return found


# ----------------------------------------------------------------------------------------------------------------------
# the whole chain


def make_messy(clip: Clip, path, random: np.random.Generator) -> None:
    """Write a recording as a telephone would: 44.1 kHz stereo, quiet, with a second of room at both ends."""
    pad = int(ROOM * SAMPLE_RATE)
    speech = np.pad(clip.waveform, pad) * 0.2
    speech = speech + 10 ** ((ROOM_DB - 14) / 20) * make_noise("pink", len(speech), SAMPLE_RATE, random)
    left = soxr.resample(speech, SAMPLE_RATE, 44_100, "HQ")
    with atomic_path(path) as temporary:
        soundfile.write(temporary, np.stack([left, 0.7 * left], axis=1), 44_100, subtype="PCM_24")


def tidy(path) -> np.ndarray:
    """Do all of it: mono, 24 kHz, trim, loudness, peak limit."""
    channels, rate = soundfile.read(path, dtype="float32", always_2d=True)
    waveform = soxr.resample(channels.mean(axis=1), rate, SAMPLE_RATE, "HQ")
    start, end = trim(waveform, TOP_DB)
    margin = round(0.1 * SAMPLE_RATE)  # a little room, so that no first sound is cut in its middle
    waveform = by_lufs(waveform[max(0, start - margin) : end + margin])
    return waveform * min(1.0, PEAK_LIMIT / np.abs(waveform).max())


def plot(clips: list[Clip], spreads: dict[str, float], path) -> None:
    figure = Figure(figsize=(10, 6), layout="constrained")
    top, bottom = figure.subplots(2, 1)
    waveform = clips[0].waveform
    top.plot(np.arange(len(waveform)) / SAMPLE_RATE, waveform, color=GREY, linewidth=0.5)
    for top_db, colour in ((15.0, ORANGE), (TOP_DB, BLUE)):
        for place in trim(waveform, top_db):
            top.axvline(place / SAMPLE_RATE, color=colour, label=f"{top_db:.0f} dB")
    handles, labels = top.get_legend_handles_labels()
    top.legend(handles[::2], labels[::2], title="trimmed at", loc="upper right")
    top.set(xlabel="time (s)", ylabel="amplitude", title=f"{clips[0].name}: where two thresholds cut")
    bars = bottom.bar(["peak", "RMS", "LUFS"], [spreads[name] for name in ("peak", "RMS", "LUFS")], color=BLUE)
    bottom.bar_label(bars, fmt="%.1f")
    bottom.set_ylim(0, 1.15 * max(0.1, *(spreads[name] for name in ("peak", "RMS"))))
    bottom.set(ylabel="spread of loudness (LU)", title="How far apart clips still are after making them equal by ...")
    save_figure(figure, path)
    print(
        f"trim_and_loudness.png: spread {spreads['peak']:.1f} LU by peak, {spreads['RMS']:.1f} by RMS, "
        f"{spreads['LUFS']:.1f} by LUFS"
    )


def main(settings) -> dict:
    random = prepare(settings)
    clips = [clip.at(SAMPLE_RATE) for clip in load_reader(settings, 3 if settings.quick else 8)]
    trimmed = show_trim(clips, random)
    loudness = show_loudness(clips, random)
    over = show_true_peak()
    errors = show_resampling()

    make_messy(clips[0], settings.out / "messy.wav", random)
    mine = tidy(settings.out / "messy.wav")
    write_wav(settings.out / "tidy.wav", mine.astype(np.float32))
    grown_up, measured = preprocessing.prepare(settings.out / "messy.wav", "", preprocessing.PreprocessSettings())
    loud_mine, loud_theirs = lufs(mine, SAMPLE_RATE), lufs(grown_up, SAMPLE_RATE)
    print(f"\nmessy.wav: 44,100 Hz stereo, {measured.duration:.2f} s, {measured.loudness_lufs:.1f} LUFS when trimmed")
    print(f"   this script:  {len(mine) / SAMPLE_RATE:.2f} s, {loud_mine:.1f} LUFS, peak {np.abs(mine).max():.2f}")
    print(
        f"   the capstone: {len(grown_up) / SAMPLE_RATE:.2f} s, {loud_theirs:.1f} LUFS, "
        f"peak {np.abs(grown_up).max():.2f}; it cuts where a detector of speech says (script 05)"
    )
    plot(clips, loudness, settings.out / "trim_and_loudness.png")
    return {
        "trim_gap_to_librosa_samples": trimmed["gap"],
        "speech_cut_at_15_db_ms": trimmed["strict_cut_ms"],
        "room_left_at_35_db_ms": trimmed["room_left_ms"],
        "room_left_at_60_db_ms": trimmed["generous_room_ms"],
        "lufs_gap_to_pyloudnorm": loudness["gap"],
        "spread_by_peak_lu": loudness["peak"],
        "spread_by_lufs_lu": loudness["LUFS"],
        "true_peak_above_sample_peak_db": over,
        "straight_lines_at_8000_hz_db": errors["lines_8000"],
        "soxr_at_8000_hz_db": errors["soxr_8000"],
        "tidy_lufs": loud_mine,
        "seconds_from_capstone": abs(len(mine) - len(grown_up)) / SAMPLE_RATE,
        "lufs_from_capstone": abs(loud_mine - loud_theirs),
    }


# Trimming and loudness depend on how a clip begins and ends; equalities and tones do not.
EXPECTED = {
    "trim_gap_to_librosa_samples": Expected(quick=(0, 0), full=(0, 0)),
    "speech_cut_at_15_db_ms": Expected(quick=(10, 1500), full=(50, 600)),
    "room_left_at_35_db_ms": Expected(quick=(0, 150), full=(0, 60)),
    "room_left_at_60_db_ms": Expected(quick=(800, 3500), full=(1500, 2200)),
    "lufs_gap_to_pyloudnorm": Expected(quick=(0, 0.1), full=(0, 0.1)),
    "spread_by_peak_lu": Expected(quick=(0.5, 15), full=(1, 8)),
    "spread_by_lufs_lu": Expected(quick=(0, 0.01), full=(0, 0.01)),
    "true_peak_above_sample_peak_db": Expected(quick=(2.9, 3.1), full=(2.9, 3.1)),
    "straight_lines_at_8000_hz_db": Expected(quick=(-8, -5), full=(-8, -5)),
    "soxr_at_8000_hz_db": Expected(quick=(-130, -80), full=(-130, -80)),
    "tidy_lufs": Expected(quick=(-26, -22.9), full=(-23.1, -22.9)),
    "seconds_from_capstone": Expected(quick=(0, 0.6), full=(0, 0.4)),
    "lufs_from_capstone": Expected(quick=(0, 1), full=(0, 0.5)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="05_voice_activity.py")
