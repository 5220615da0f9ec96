"""Record sentences from a list, and judge each take while the speaker is still there.

What you will learn
    - why one reads prompts instead of talking freely: the text is known, and so is how long it should take
    - seven numbers that tell a good take from a bad one within a second, and the sentence that helps the speaker
    - why a take is refused at once, and not a week later in the data set
    - a session that can be stopped: what is recorded stays, the rest is asked for next time
How to run it
    python 01_record_prompts.py --quick          a loudspeaker instead of you, no network, about 17 s
    python 01_record_prompts.py                  the same with more sentences; the first run downloads 10 MB
    python 01_record_prompts.py --microphone     read three sentences yourself, afterwards
Time and memory on 2 CPU cores: quick 17 s, full 28 s; 0.9 GB. Without data the first run makes its speech first.
Writes outputs/: takes/, takes.png, voices/, stand_in/ (first run without data)
Concepts: DATA_CONCEPTS_EXPLAINED.md (prompts, takes)
"""

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from data_utils import (
    BLUE,
    FRAME,
    GREY,
    ORANGE,
    SAMPLE_RATE,
    Reading,
    as_course_error,
    decibels,
    frame_levels,
    load_readings,
    make_noise,
    mix_at_snr,
    prepare,
    save_figure,
    speech_stretches,
    write_wav,
)
from matplotlib.figure import Figure

from coursekit.cli import run_script, script_parser
from coursekit.expectations import Expected
from voice_pipeline.measurements import clipped_share
from voice_pipeline.microphone import ConsoleTerminal, open_microphone, record_prompts
from voice_pipeline.prompt_match import heard_in, match
from voice_pipeline.prompts import Prompt, load_prompts
from voice_pipeline.takes import check_take
from voice_pipeline.voice_folder import VoiceFolder, read_jsonl

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
PARSER.add_argument("--microphone", action="store_true", help="then read three sentences into your own microphone")
QUIETEST_PEAK = -40.0  # dBFS; a take below it was spoken into the wrong microphone
CLIPPED = 0.001  # share of samples on flat tops; stricter than for files, because a take can be repeated
LOWEST_SNR = 15.0  # dB; 9 for files
EDGE = 0.05  # seconds of room that must be left at both ends; less is a word cut off
FASTEST, SLOWEST = 27.0, 4.0  # characters a second; people read 7 to 23
FEWEST_SOUNDS = 0.38  # share of the text's sounds that a small recogniser hears; the worst true pair had 0.46

# ----------------------------------------------------------------------------------------------------------------------
# a take, judged


def measure(waveform: np.ndarray, text: str) -> dict[str, float]:
    """Return the numbers of a take; the last, which takes a second, only where nothing else is wrong."""
    # concept: takes
    stretches = speech_stretches(waveform, min_pause=0.3)
    start, end = (stretches[0][0], stretches[-1][1]) if stretches else (0.0, 0.0)
    levels = frame_levels(waveform, FRAME, FRAME)
    seconds = len(waveform) / SAMPLE_RATE
    found = {
        "peak": decibels(float(np.abs(waveform).max())),  # dBFS
        "clipped": clipped_share(waveform),  # 0..1
        "snr": float(np.percentile(levels, 90) - np.percentile(levels, 5)),  # dB, loud frames over quiet ones
        "before": start,  # seconds of room
        "after": seconds - end,
        "rate": len(text) / max(end - start, 0.1),  # characters a second
    }
    if not complaints(found):
        found["sounds"] = match(text, heard_in(waveform, SAMPLE_RATE))  # share of the text's sounds, 0..1
    return found


def complaints(found: dict[str, float]) -> list[str]:
    """Return what is wrong, as a speaker needs to hear it: what to do, not what was measured."""
    rules = {
        "too quiet: come nearer": found["peak"] < QUIETEST_PEAK,
        "too loud, clipped: turn it down": found["clipped"] > CLIPPED,
        "too noisy: close the window": found["snr"] < LOWEST_SNR,
        "the beginning is cut off: wait before you begin": found["before"] < EDGE,
        "the end is cut off: wait before you stop": found["after"] < EDGE,
        "part of it is missing: read all of it": found["rate"] > FASTEST,
        "too slow for the text: read only the sentence": found["rate"] < SLOWEST,
        "other words: read the sentence as it stands": found.get("sounds", 1.0) < FEWEST_SOUNDS,
    }
    return [sentence for sentence, broken in rules.items() if broken]


# ----------------------------------------------------------------------------------------------------------------------
# takes as they really come: good ones, and one for each mistake


def mistakes(readings: list[Reading], random: np.random.Generator) -> list[tuple[str, Reading, str, str]]:
    """Return (what the speaker did, the take, word of my complaint, the capstone's rule) for each mistake."""
    one, text = readings[0], readings[0].text
    sound, room = one.waveform, round(0.4 * SAMPLE_RATE)
    speech = sound[room:-room]
    loud = np.clip(sound / np.abs(sound).max() * 4.0, -1, 1) * np.float32(0.8)  # turned up, then turned down again
    hiss = mix_at_snr(one, make_noise("white", len(sound), SAMPLE_RATE, random), 3.0)
    part = np.concatenate([sound[: room + round(0.5 * len(speech))], sound[-room:]])
    late = sound[room + round(0.15 * SAMPLE_RATE) :]
    early = sound[: -room - round(0.25 * SAMPLE_RATE)]
    takes = [
        ("whispered across the room", sound * np.float32(0.006 / np.abs(sound).max()), text, "quiet", "silent"),
        ("turned up too far", loud, text, "clipped", "clipped"),
        ("fan beside the microphone", hiss, text, "noisy", "noisy"),
        ("began before the signal", late, text, "beginning", "cut_off_start"),
        ("pressed Enter too early", early, text, "end is", "cut_off_end"),
        ("stopped in the middle", part, text, "missing", "text_longer_than_speech"),
        ("read another sentence", sound, readings[1].text, "other words", "other_words"),
    ]
    return [
        (did, Reading(f"mistake_{number}", one.speaker, take.astype(np.float32), SAMPLE_RATE, asked), word, rule)
        for number, (did, take, asked, word, rule) in enumerate(takes)
    ]


def judge_all(readings: list[Reading], random: np.random.Generator) -> tuple[list[tuple], float, dict[str, float]]:
    """Judge good takes and mistakes, by the seven numbers and by the capstone; print both.

    Returns:
        (all takes, median share of the good ones' sounds that were heard, values for the report).
    """
    cases = [("read well", reading, "", "") for reading in readings] + mistakes(readings, random)
    print(
        f"\n{'what the speaker did':<26} {'peak':>5} {'clip':>6} {'SNR':>4} {'edges':>9} {'ch/s':>5} {'heard':>5}  said"
    )
    kept = found_mine = found_theirs = agreed = 0
    shown, heard = [], []
    for did, take, word, rule in cases:
        numbers = measure(take.waveform, take.text)
        mine = complaints(numbers)
        heard_share = f"{numbers['sounds']:.2f}" if "sounds" in numbers else "-"
        theirs = check_take(take.waveform, SAMPLE_RATE, Prompt(take.name, take.text))  # the capstone's judgement
        print(
            f"{did:<26} {numbers['peak']:>5.0f} {numbers['clipped']:>6.2%} {numbers['snr']:>4.0f} "
            f"{numbers['before']:>4.2f} {numbers['after']:>4.2f} {numbers['rate']:>5.1f} {heard_share:>5}  "
            f"{mine[0] if mine else 'good'}"
        )
        kept += not word and not mine
        found_mine += bool(word) and any(word in sentence for sentence in mine)
        found_theirs += bool(rule) and rule in theirs.rules
        agreed += bool(mine) != theirs.ok
        shown.append((did, take, mine))
        heard += [numbers["sounds"]] if not word and "sounds" in numbers else []
    wrong = len(cases) - len(readings)
    print(f"The seven numbers name {found_mine} of {wrong} mistakes, the capstone {found_theirs}; ", end="")
    print(f"they agree on {agreed} of {len(cases)} takes.")
    understood = float(np.median(heard)) if heard else 0.0
    return (
        shown,
        understood,
        {
            "good_takes_kept": kept / len(readings),
            "mistakes_named": found_mine / wrong,
            "mistakes_named_by_the_capstone": found_theirs / wrong,
            "both_agree": agreed / len(cases),
        },
    )


# ----------------------------------------------------------------------------------------------------------------------
# a session with the capstone's recorder: a file plays the speaker


class PlayedMicrophone:
    """A microphone that hears a list of takes, one each time it is opened."""

    def __init__(self, takes: list[np.ndarray]) -> None:
        self.name, self.sample_rate = "a file instead of a person", SAMPLE_RATE
        self._takes = list(takes)

    @contextmanager
    def open(self) -> Iterator[Iterator[np.ndarray]]:
        waveform = self._takes.pop(0)
        yield (waveform[place : place + 1200] for place in range(0, len(waveform), 1200))  # 50 ms at a time


class ScriptedSpeaker:
    """The person in front of the recorder, whose answers are known beforehand."""

    def __init__(self, answers: list[str]) -> None:
        self._answers = list(answers)

    def show(self, text: str) -> None:
        print("\n".join(f"   | {line}" for line in text.strip().splitlines()))

    def ask(self, question: str) -> str:
        answer = self._answers.pop(0) if self._answers else "q"
        print(f"   | {question}{answer or '(Enter)'}")
        return answer

    def pause(self, seconds: float) -> None: ...
    def level(self, dbfs: float, seconds: float) -> None: ...
    def enter_pressed(self) -> Callable[[], bool]:
        return lambda: False


def session(readings: list[Reading], clipped: Reading, words: bool, settings) -> tuple[int, int]:
    """Record three sentences in two sittings; return takes kept in each. `words`: let the recogniser check them."""
    # concept: prompts
    prompts = [Prompt(f"short_{n:02d}", reading.text) for n, reading in enumerate(readings[:3], 1)]
    seconds = ", ".join(f"{prompt.expected_seconds:.1f}" for prompt in prompts)
    print(f"\nA session with the capstone's recorder. Expected from the number of letters: {seconds} s.")
    shutil.rmtree(settings.out / "voices", ignore_errors=True)
    folder = VoiceFolder(settings.out / "voices", "lesson")
    takes = [reading.waveform for reading in readings[:3]]
    # First sitting: sentence 1 is kept; then the telephone rings.
    speaker = ScriptedSpeaker(["", "", "q"])
    first = record_prompts(folder, prompts, PlayedMicrophone(takes[:1]), speaker, check_words=words)
    # Second sitting: it goes on with sentence 2. The first try is clipped and repeated, the second is kept.
    speaker = ScriptedSpeaker(["", "", "", "", "", ""])
    microphone = PlayedMicrophone([clipped.waveform, *takes[1:]])
    second = record_prompts(folder, prompts, microphone, speaker, check_words=words)
    rows = read_jsonl(folder.manifest)
    print(f"   {folder.manifest.name}: " + "; ".join(f"{row['id']} {row['sha256'][:8]}" for row in rows))
    return first, second


def plot(shown: list[tuple], path) -> None:
    chosen = [entry for entry in shown if entry[0] != "read well"]
    chosen = [shown[0], *chosen]
    figure = Figure(figsize=(10, 9), layout="constrained")
    for axes, (did, take, mine) in zip(figure.subplots(len(chosen)), chosen, strict=True):
        time = np.arange(len(take.waveform)) / SAMPLE_RATE
        axes.plot(time, take.waveform, color=ORANGE if mine else BLUE, linewidth=0.4)
        for start, end in speech_stretches(take.waveform, min_pause=0.3):
            axes.axvspan(start, end, color=GREY, alpha=0.15, linewidth=0)
        axes.set(xlim=(0, 11), ylim=(-1, 1), yticks=[])
        axes.set_ylabel(did.replace(" ", "\n", 1), rotation=0, ha="right", va="center", fontsize=8)
        axes.text(10.9, 0.6, mine[0] if mine else "good", ha="right", fontsize=8)
    axes.set_xlabel("time (s)")
    save_figure(figure, path)
    print(f"takes.png: one good take and {len(chosen) - 1} mistakes, what was found grey, and what the speaker is told")


def main(settings) -> dict:
    random = prepare(settings)
    readings = load_readings(settings, 3 if settings.quick else 6)
    shown, heard, values = judge_all(readings, random)
    understood = heard > 0.6  # a synthetic voice is often not, and then its words cannot be checked
    for did, take, _ in shown:
        write_wav(settings.out / "takes" / f"{did.replace(' ', '_')}.wav", take.waveform, SAMPLE_RATE)
    clipped = next(take for did, take, _ in shown if did == "turned up too far")
    with as_course_error():
        first, second = session(readings, clipped, understood, settings)
        plot(shown, settings.out / "takes.png")
        if settings.microphone:
            mine = VoiceFolder(settings.out / "voices", "me")
            record_prompts(mine, load_prompts()[:3], open_microphone(), ConsoleTerminal(sys.stdout, sys.stdin.readline))
    print("Your whole voice, 20 sentences: python 01_collect_recordings.py --voice me --record, in the capstone.")
    return {**values, "takes_of_the_first_sitting": first, "takes_of_the_second_sitting": second}


# The recogniser understands real people far better than the synthetic stand-in.
EXPECTED = {
    "good_takes_kept": Expected(quick=(0.5, 1), full=(0.9, 1)),
    "mistakes_named": Expected(quick=(1, 1), full=(1, 1)),
    "mistakes_named_by_the_capstone": Expected(quick=(0.8, 1), full=(0.8, 1)),
    "both_agree": Expected(quick=(0.7, 1), full=(0.9, 1)),
    "takes_of_the_first_sitting": Expected(quick=(1, 1), full=(1, 1)),
    "takes_of_the_second_sitting": Expected(quick=(2, 2), full=(2, 2)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="02_slice_long_recording.py")
