"""Accept or reject each clip by rules, and write down why. Every rule here meets a clip that breaks it.

What you will learn
    - a rule is four things: a name, what is measured, a limit with a reason, and what to do about it
    - why a rejected clip is listed and not deleted, and why the books must balance: given = accepted + rejected
    - that one fault sets off several rules, and that a person needs to hear the cause, not its consequences
    - how to choose a limit: by looking at good clips, not at bad ones
How to run it
    python 04_clip_ledger.py --quick    4 good clips and 14 faults, no network, about 7 s
    python 04_clip_ledger.py            8 good clips and 16 faults, two of them heard only by listening, about 24 s
Time and memory on 2 CPU cores: quick 7 s, full 24 s; 1.0 GB. Without data the first run makes its speech first.
Writes outputs/: inbox/, ledger.csv, ledger.png, voices/, stand_in/ (first run without data)
Concepts: DATA_CONCEPTS_EXPLAINED.md (the clip ledger, limits)
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from data_utils import (
    BLUE,
    GREY,
    ORANGE,
    SAMPLE_RATE,
    Reading,
    as_course_error,
    decibels,
    load_readings,
    load_speakers,
    make_noise,
    mix_at_snr,
    prepare,
    save_figure,
    write_wav,
)
from matplotlib.figure import Figure

from coursekit.cli import run_script, script_parser
from coursekit.expectations import Expected
from coursekit.files import atomic_path, sha256_file, write_bytes_atomic, write_text_atomic
from voice_pipeline import ledger
from voice_pipeline.audio import AudioError, decode
from voice_pipeline.errors import PipelineError
from voice_pipeline.measurements import clipped_share, noise_and_snr
from voice_pipeline.preprocessing import preprocess
from voice_pipeline.recording import import_folder
from voice_pipeline.vad import find_speech
from voice_pipeline.voice_folder import VoiceFolder

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
QUICK_GOOD, FULL_GOOD = 4, 8

# ----------------------------------------------------------------------------------------------------------------------
# rules


@dataclass(frozen=True)
class Rule:
    """One check.

    Attributes:
        name: Short, for a table.
        measure: The measured number it looks at.
        low: A value below it breaks the rule.
        high: A value above it breaks the rule.
        repair: What the person can do, one sentence.
    """

    name: str
    measure: str
    low: float
    high: float
    repair: str


# concept: limits
RULES = (
    # Half of the rate is the highest frequency: below 16 kHz, s and f are gone, and the voice will lisp.
    Rule("sample_rate_too_low", "rate", 16_000, np.inf, "Record again at 24,000 Hz or more."),
    Rule("silent", "peak", -50, 1, "Record again nearer to the microphone."),  # dBFS
    Rule("no_speech", "speech", 1e-9, np.inf, "Check that this is the right file."),  # seconds
    Rule("too_short", "speech", 1.0, np.inf, "Record the whole sentence."),  # too short to have a melody
    Rule("too_long", "length", 0, 11.6, "Slice it at a pause."),  # a loader of XTTS silently swaps longer ones
    Rule("clipped", "clipped", 0, 0.005, "Turn the level down and record again."),  # share of samples
    Rule("noisy", "snr", 9, np.inf, "Record again in a quieter room."),  # dB
    Rule("pause_inside", "pause", 0, 3.0, "Read the sentence in one go."),  # seconds; a comma is under 1
    Rule("text_longer_than_speech", "letters_a_second", 0, 27, "Check the text, or whether the end is missing."),
    Rule("text_shorter_than_speech", "letters_a_second", 4, np.inf, "Check the text."),  # people read 7 to 23
)
# A fault and what follows from it: only the cause is told.
CONSEQUENCES = {
    "silent": {"no_speech", "too_short", "noisy", "clipped"},
    "no_speech": {"too_short", "noisy", "text_shorter_than_speech", "text_longer_than_speech"},
}


def measure(path: Path, text: str) -> dict[str, float]:
    """Measure a file. Raises AudioError where it gives no sound."""
    decoded = decode(path)
    speech = find_speech(decoded.waveform, decoded.sample_rate)  # module 04, script 05: knows speech from a fan
    gaps = [b - a for (_, a), (b, _) in zip(speech.segments, speech.segments[1:], strict=False)]
    span = speech.end - speech.start
    found = {
        "rate": decoded.sample_rate,
        "peak": decibels(float(np.abs(decoded.waveform).max())),
        "speech": speech.seconds,
        "length": span + 0.2,  # after trimming to the speech, with a tenth of a second on each side
        "clipped": clipped_share(decoded.waveform),
        "snr": noise_and_snr(decoded.waveform, decoded.sample_rate, speech)[1],
        "pause": max(gaps, default=0.0),
        "letters_a_second": len(text) / span if text and span else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def judge(measured: dict[str, float]) -> list[tuple[Rule, float]]:
    """Return the rules that are broken, each with the value seen; consequences of another broken rule left out."""
    # concept: the clip ledger
    broken = [
        (rule, measured[rule.measure])
        for rule in RULES
        if rule.measure in measured and not rule.low <= measured[rule.measure] <= rule.high
    ]
    follow: set[str] = set().union(*(CONSEQUENCES.get(rule.name, set()) for rule, _ in broken))
    return [(rule, value) for rule, value in broken if rule.name not in follow]


def make_ledger(folder: Path, texts: dict[str, str]) -> list[tuple[str, list[str], str]]:
    """Return (file, names of the rules it breaks, explanation) of every file; none is left out, whatever is wrong."""
    rows = []
    first_with: dict[str, str] = {}
    for path in sorted(folder.glob("*.wav")):
        original = first_with.setdefault(sha256_file(path), path.name)
        try:
            broken = judge(measure(path, texts.get(path.stem, "")))
            names = [rule.name for rule, _ in broken]
            why = "; ".join(f"{rule.name} ({value:.3g}): {rule.repair}" for rule, value in broken)
        except AudioError as error:
            names, why = [error.rule], f"{error.rule}: {error.hint}"
        if original != path.name:
            names, why = ["duplicate"], f"duplicate of {original}: delete one of them."
        elif path.stem not in texts and "unreadable" not in names:
            names, why = [*names, "no_text"], f"{why} no_text: add a line to metadata.csv.".strip()
        rows.append((path.name, names, why))
    return rows


# ----------------------------------------------------------------------------------------------------------------------
# clips, good ones and one for each fault


def fill_inbox(folder: Path, readings: list[Reading], random: np.random.Generator, settings) -> dict[str, str]:
    """Write the clips and their metadata.csv; return the rule that each is made to break ("" for a good one)."""
    shutil.rmtree(folder, ignore_errors=True)
    meant: dict[str, str] = {}
    texts: dict[str, str] = {}

    def add(name: str, rule: str, waveform: np.ndarray, text: str, rate: int = SAMPLE_RATE) -> None:
        write_wav(folder / f"{name}.wav", np.asarray(waveform, np.float32), rate)
        meant[name], texts[name] = rule, text

    for reading in readings:
        add(f"good_{reading.name}", "", reading.waveform, reading.text)
    short = min(readings, key=lambda reading: reading.seconds)
    sound, text = short.waveform, short.text
    half = len(sound) // 2
    room = np.tile(sound[: round(0.3 * SAMPLE_RATE)], 14)[: round(3.8 * SAMPLE_RATE)]  # its own room, repeated
    several = (readings * 4)[: 2 + round(8 / short.seconds)]
    first = find_speech(sound, SAMPLE_RATE).start
    stub = sound[: round((first + 0.75) * SAMPLE_RATE)]
    noise = make_noise("clicks", 4 * SAMPLE_RATE, SAMPLE_RATE, random) * np.float32(0.03)
    hiss = mix_at_snr(short, make_noise("white", len(sound), SAMPLE_RATE, random), 2.0)
    add("telephone", "sample_rate_too_low", soxr.resample(sound, SAMPLE_RATE, 8000), text, 8000)
    add("far_away", "silent", sound * np.float32(0.002 / np.abs(sound).max()), text)
    add("keyboard", "no_speech", noise, text)
    add("stub", "too_short", np.pad(stub, (0, 2400)), text[:11])
    add("three_in_one", "too_long", np.concatenate([r.waveform for r in several]), " ".join(r.text for r in several))
    add("overdriven", "clipped", np.clip(sound / np.abs(sound).max() * 4, -1, 1) * np.float32(0.7), text)
    add("fan", "noisy", hiss * np.float32(0.9 / max(0.9, np.abs(hiss).max())), text)
    add("telephone_rang", "pause_inside", np.concatenate([sound[:half], room, sound[half:]]), text)
    add("cut_off", "text_longer_than_speech", sound[: round(0.45 * len(sound))], text + " " + text)
    add("chatter", "text_shorter_than_speech", 0.9 * max(readings, key=lambda r: r.seconds).waveform, "Yes, I do.")
    add("unknown_words", "no_text", readings[0].waveform[::-1].copy(), "")
    del texts["unknown_words"]
    if not settings.quick:  # these two only a recogniser and a speaker encoder find
        other = load_speakers(settings, 3)[1].at(SAMPLE_RATE)
        add("somebody_else", "another_speaker", other.waveform[: 8 * SAMPLE_RATE], "Who is it " * 10)
        add("other_sentence", "other_words", 0.8 * readings[1].waveform, readings[2].text)
    shutil.copyfile(folder / f"good_{readings[0].name}.wav", folder / "zz_copy.wav")
    write_bytes_atomic(folder / "web_page.wav", b"<html><body>404 Not Found</body></html>")
    with atomic_path(folder / "not_a_number.wav") as temporary:
        broken = sound.copy()
        broken[1000] = np.nan
        soundfile.write(temporary, broken, SAMPLE_RATE, format="WAV", subtype="FLOAT")
    meant |= {"zz_copy": "duplicate", "web_page": "unreadable", "not_a_number": "not_finite"}
    texts |= {name: text for name in ("zz_copy", "web_page", "not_a_number")}
    write_text_atomic(folder / "metadata.csv", "".join(f"{name}|{said}\n" for name, said in texts.items()))
    return meant


# ----------------------------------------------------------------------------------------------------------------------
# the lesson


def with_the_capstone(inbox: Path, settings) -> list[dict]:
    """Run the capstone's steps 1 and 2 on the same folder; return its ledger."""
    shutil.rmtree(settings.out / "voices", ignore_errors=True)
    folder = VoiceFolder(settings.out / "voices", "ledger")
    with as_course_error():
        import_folder(folder, inbox)
        return preprocess(folder, allow_few=True, listening=not settings.quick).rows


def compare(rows: list[tuple], theirs: list[dict], meant: dict[str, str]) -> dict[str, float]:
    """Print both ledgers beside what each clip was made to break."""
    by_file = {row["file"]: [reason["rule"] for reason in row["reasons"]] for row in theirs}
    print(f"\n{'clip':<22} {'made to break':<25} {'this ledger':<27} the capstone's")
    named = named_there = good = good_there = 0
    for file, names, _ in rows:
        rule, there = meant[Path(file).stem], by_file.get(file, ["(missing)"])
        print(
            f"{file[:-4]:<22} {rule or '-':<25} {', '.join(names) or 'accepted':<27} {', '.join(there) or 'accepted'}"
        )
        named += bool(rule) and names == [rule]
        named_there += bool(rule) and rule in there
        good += not rule and not names
        good_there += not rule and not there
    faults = sum(bool(rule) for rule in meant.values())
    heard_only = sum(rule in ("another_speaker", "other_words") for rule in meant.values())
    n_good = len(meant) - faults
    print(
        f"{good} of {n_good} good clips accepted; {named} of {faults - heard_only} faults named, nothing else of them"
    )
    return {
        "good_clips_accepted": good / n_good,
        "good_clips_accepted_by_the_capstone": good_there / n_good,
        "faults_named_exactly": named / (faults - heard_only),
        "faults_named_by_the_capstone": named_there / faults,
    }


def the_books_balance(given: list[str], theirs: list[dict]) -> bool:
    """Take one line out of the ledger, as a bug would, and see the capstone notice."""
    ledger.check_complete(given, theirs)
    try:
        ledger.check_complete(given, theirs[1:])
    except PipelineError as error:
        print(f"\nOne line lost on purpose: {error}")
        return True
    return False


def sweep_limit(readings: list[Reading], random: np.random.Generator) -> dict[str, np.ndarray]:
    """Measure the SNR of good and of noisy clips: where should the limit stand?"""

    def measured(waveforms: list[np.ndarray]) -> np.ndarray:
        found = [noise_and_snr(w, SAMPLE_RATE, find_speech(w, SAMPLE_RATE))[1] or 0.0 for w in waveforms]
        return np.array(found)

    noisy = [mix_at_snr(r, make_noise("pink", len(r.waveform), SAMPLE_RATE, random), 5.0) for r in readings]
    found = {"good": measured([r.waveform for r in readings]), "noisy": measured([w.astype(np.float32) for w in noisy])}
    print("\nWhere to put a limit: SNR as the ledger measures it")
    for name, values in found.items():
        print(f"   {name:<6} {values.min():>5.1f} to {values.max():>5.1f} dB")
    print("   limit    good ones lost   noisy ones let through")
    for limit in (5, 9, 15, 25, 35):
        print(f"   {limit:>3} dB {np.mean(found['good'] < limit):>13.0%} {np.mean(found['noisy'] >= limit):>20.0%}")
    return found


def plot(rows: list[tuple], theirs: list[dict], values: dict[str, np.ndarray], path: Path) -> None:
    names = sorted(
        {name for _, broken, _ in rows for name in broken} | {r["rule"] for t in theirs for r in t["reasons"]}
    )
    by_file = {row["file"]: {reason["rule"] for reason in row["reasons"]} for row in theirs}
    figure = Figure(figsize=(11, 8), layout="constrained")
    left, right_ = figure.subplots(1, 2, width_ratios=[2.2, 1])
    for y, (file, broken, _) in enumerate(rows):
        for x, name in enumerate(names):
            if name in broken:
                left.plot(x, y, "o", color=ORANGE, markersize=6)
            if name in by_file.get(file, set()):
                left.plot(x, y, "o", color=BLUE, markersize=12, fillstyle="none")
    left.set_xticks(range(len(names)), names, rotation=60, ha="right", fontsize=8)
    left.set_yticks(range(len(rows)), [file[:-4] for file, _, _ in rows], fontsize=8)
    left.set(title="broken rules: this ledger (dots), the capstone's (rings)", ylim=(len(rows) - 0.5, -0.5))
    left.grid(alpha=0.3)
    limits: np.ndarray = np.linspace(0, 50, 101)
    right_.plot(limits, [np.mean(values["good"] < limit) for limit in limits], color=BLUE, label="good clips lost")
    right_.plot(limits, [np.mean(values["noisy"] >= limit) for limit in limits], color=ORANGE, label="noisy clips kept")
    right_.axvline(9, color=GREY, linestyle="--")
    right_.set(xlabel="limit of the SNR (dB)", ylabel="share", title="the rule 'noisy': limit at 9 dB")
    right_.legend()
    save_figure(figure, path)
    print(f"ledger.png: {len(rows)} clips against {len(names)} rules, and what another SNR limit would do")


def main(settings) -> dict:
    random = prepare(settings)
    readings = load_readings(settings, QUICK_GOOD if settings.quick else FULL_GOOD)
    readings = readings[: QUICK_GOOD if settings.quick else FULL_GOOD]
    inbox = settings.out / "inbox"
    meant = fill_inbox(inbox, readings, random, settings)
    lines = (inbox / "metadata.csv").read_text(encoding="utf-8").splitlines()
    texts = dict(line.split("|", 1) for line in lines)
    rows = make_ledger(inbox, texts)
    theirs = with_the_capstone(inbox, settings)
    values = compare(rows, theirs, meant)
    accepted = sum(not names for _, names, _ in rows)
    print(f"{len(meant)} files given = {accepted} accepted + {len(rows) - accepted} rejected")
    noticed = the_books_balance([path.name for path in inbox.glob("*.wav")], theirs)
    snr = sweep_limit(readings, random)
    plot(rows, theirs, snr, settings.out / "ledger.png")
    table = "".join(f"{file}|{'rejected' if names else 'accepted'}|{why}\n" for file, names, why in rows)
    write_text_atomic(settings.out / "ledger.csv", table)
    return {
        **values,
        "files_not_accounted_for": len(meant) - len(rows),
        "lost_line_noticed": int(noticed),
        "worst_good_snr_db": float(snr["good"].min()),
        "best_noisy_snr_db": float(snr["noisy"].max()),
    }


EXPECTED = {
    "good_clips_accepted": Expected(quick=(1, 1), full=(1, 1)),
    "good_clips_accepted_by_the_capstone": Expected(quick=(1, 1), full=(1, 1)),
    "faults_named_exactly": Expected(quick=(1, 1), full=(1, 1)),
    "faults_named_by_the_capstone": Expected(quick=(1, 1), full=(1, 1)),
    "files_not_accounted_for": Expected(quick=(0, 0), full=(0, 0)),
    "lost_line_noticed": Expected(quick=(1, 1), full=(1, 1)),
    "worst_good_snr_db": Expected(quick=(12, 100), full=(12, 60)),
    "best_noisy_snr_db": Expected(quick=(0, 12), full=(0, 12)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="05_manifest_and_datasets.py")
