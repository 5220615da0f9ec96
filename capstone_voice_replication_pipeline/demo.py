"""The whole thing in one command: clone a voice, speak through the REST API, check what came back.

Run (from the repository root, on a bare machine):
    python3 00_env_setup/bootstrap.py demo

The voice is a real person whom the starter model never heard: 20 clips of LJSpeech (public domain, 10 MB, got once).
Without a network the demo makes a synthetic stand-in and says so.

Writes: voices/demo/ (or --home DIR), see voice_pipeline/voice_folder.py
Time: about 7 minutes on 2 CPU cores; a second run takes one minute, since every step finds its result.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import soundfile

from coursekit.cli import ScriptParser, run_main
from coursekit.data import DataUnavailable, fetch, transcripts
from coursekit.files import atomic_path, write_text_atomic
from voice_pipeline import steps
from voice_pipeline.consent import declare_licence, describe, require_consent
from voice_pipeline.errors import PipelineError
from voice_pipeline.recording import import_folder
from voice_pipeline.voice_folder import VoiceFolder, resolve_home

HERE = Path(__file__).resolve().parent
SENTENCE = "Hello. This voice was made a moment ago, on this computer, from twenty short recordings."
N_SHORT = N_LONG = 10


def main(argv: list[str] | None = None) -> int:
    parser = ScriptParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", metavar="DIR", help="where the voice goes (default: $VOICE_HOME, else voices/)")
    parser.add_argument("--steps", type=int, metavar="N", help="optimiser steps (default: the engine's choice)")
    parser.add_argument("--offline", action="store_true", help="use the synthetic stand-in, touch no network")
    arguments = parser.parse_args(argv)
    started = time.monotonic()
    home = resolve_home(arguments.home)
    name, recordings, licence = find_speaker(home, offline=arguments.offline)
    folder = VoiceFolder(home, name).create()
    with folder.lock():
        _heading("1/6 recordings")
        if not folder.consent.is_file():
            declare_licence(folder, *licence)
        print(describe(require_consent(folder)))
        report = import_folder(folder, recordings)
        print(f"{report.given} recordings in {recordings}")
        _heading("2/6 preprocess: decode, trim, loudness, ledger")
        steps.preprocess_step(folder)
        _heading("3/6 features")
        steps.features_step(folder)
        _heading("4/6 fine-tune")
        steps.fine_tune_step(folder, max_steps=arguments.steps)
        _heading("5/6 evaluate on sentences that were held out")
        card = steps.evaluate_step(folder)
    _heading("6/6 speak through the REST API")
    speech = folder.speech / "from_the_api.wav"
    with serving(home) as url:
        body = {"model": "starter", "voice": name, "input": SENTENCE, "response_format": "wav"}
        request = urllib.request.Request(
            f"{url}/v1/audio/speech", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=120) as answer:
            audio = answer.read()
    with atomic_path(speech) as temporary:
        temporary.write_bytes(audio)
    check_speech(speech, folder)
    print_summary(folder, speech, card, time.monotonic() - started)
    return 0


# ----------------------------------------------------------------------------------------------------------------------
# whose voice


def find_speaker(home: Path, *, offline: bool) -> tuple[str, Path, tuple[str, str]]:
    """Name of the demo's voice, the folder with its recordings, and (licence, source) of them."""
    if not offline:
        try:
            data = fetch("ljspeech_sample")
        except DataUnavailable as reason:
            print(f"NOTE: {reason}")
        else:
            print(data.message)
            clips = _twenty_clips(list(data.files), transcripts("ljspeech_sample"), home / "demo-recordings")
            return "demo", clips, ("public domain", "LJSpeech 1.1, keithito.com/LJ-Speech-Dataset")
    print("NOTE: without LJSpeech the demo clones a synthetic stand-in. The steps are the same; the proof card then")
    print("      says how well one synthetic voice imitates another, not a person.")
    licence = ("MIT", "synthetic stand-in, spoken by the starter voice of this repository; nobody's voice")
    return "demo-standin", _stand_in(home / "demo-standin-recordings"), licence


def _twenty_clips(files: list[Path], texts: dict[str, str], target: Path) -> Path:
    clips = sorted(
        (path for path in files if path.suffix == ".wav" and path.stem in texts),
        key=lambda path: soundfile.info(path).duration,
    )
    chosen = [*clips[:N_SHORT], *clips[-N_LONG:]]
    target.mkdir(parents=True, exist_ok=True)
    for path in chosen:
        if not (target / path.name).is_file():
            with atomic_path(target / path.name) as temporary:
                shutil.copyfile(path, temporary)
    lines = [f"{path.stem}|{texts[path.stem]}\n" for path in sorted(chosen)]
    write_text_atomic(target / "metadata.csv", "".join(lines))
    return target


def _stand_in(target: Path) -> Path:
    """Twenty prompts by the starter model, with a blend of two voices it knows well, a little higher than either."""
    from voice_pipeline.audio import resample, write_wav
    from voice_pipeline.engines.starter.base_voice import main_embeddings
    from voice_pipeline.engines.starter.engine import StarterEngine
    from voice_pipeline.prompts import load_prompts
    from voice_pipeline.settings import AUDIO

    target.mkdir(parents=True, exist_ok=True)
    known = main_embeddings()
    voice = StarterEngine().of_embedding((known[0] + known[1]) / 2)
    for prompt in load_prompts():
        path = target / f"{prompt.prompt_id}.wav"
        if not path.is_file():
            waveform = voice.synthesize(prompt.text)
            write_wav(path, resample(waveform, round(AUDIO.sample_rate * 1.06), AUDIO.sample_rate), AUDIO.sample_rate)
    return target


# ----------------------------------------------------------------------------------------------------------------------
# the API


@contextmanager
def serving(home: Path) -> Iterator[str]:
    """A server process on a free loopback port; its address. It is stopped at the end, whatever happens."""
    command = [sys.executable, str(HERE / "07_serve_api.py"), "--home", str(home), "--host", "127.0.0.1", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    try:
        lines = []
        for line in process.stdout or ():
            lines.append(line)
            found = re.search(r"http://127\.0\.0\.1:\d+", line)
            if found:
                yield found.group()
                break
        else:
            raise PipelineError(
                "the API did not start: " + " ".join(lines).strip(),
                hint=f'python {HERE.name}/07_serve_api.py --home "{home}"',
            )
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
        if process.stdout:
            process.stdout.close()


def check_speech(path: Path, folder: VoiceFolder) -> None:
    """Refuse speech that is no speech: wrong rate, silence, or not the words.

    Raises:
        PipelineError: the file is not what was asked for.
    """
    from voice_pipeline.recognizer import Recognizer, word_errors

    waveform, rate = soundfile.read(path, dtype="float32")
    seconds, peak = len(waveform) / rate, float(abs(waveform).max()) if len(waveform) else 0.0
    heard = Recognizer.shared().transcribe(waveform, rate)
    errors = word_errors([SENTENCE], [heard])
    print(f"got {seconds:.1f} s at {rate} Hz, peak {peak:.2f}; the recogniser heard: {heard}")
    if rate != 24_000 or not 2.0 < seconds < 30.0 or not 0.05 < peak <= 1.0 or errors.rate > 0.9:
        raise PipelineError(
            f"the speech from the API is not right (word error rate {errors.rate:.2f})",
            hint=f"look at {folder.proof_card}; python 04_fine_tune.py --voice {folder.name} makes the voice again",
        )


def print_summary(folder: VoiceFolder, speech: Path, card: dict, seconds: float) -> None:
    """What was made, where it is, and the next command."""
    _heading("done")
    print(f"the clone speaks:  {speech}")
    print(f"the proof card:    {folder.proof_card}")
    print(f"                   {folder.reports / 'proof_card.png'}")
    print(f"plots:             {folder.reports}")
    print(f"ledger:            {folder.ledger}")
    similarity, wer = card["similarity"]["normalized"], card["wer"]
    print(f"\nnormalized similarity {similarity:.2f}, ", end="")
    print(f"word error rate {wer['clone']:.2f} (real clips {wer['real']:.2f})")
    print(f"{seconds / 60:.1f} minutes in all")
    print("\nNext, serve it and ask it to speak:")
    print(f'  .venv/bin/python {HERE.name}/07_serve_api.py --home "{folder.home}" --port 8000')
    body = json.dumps({"model": "starter", "voice": folder.name, "input": "Good morning."})
    print(f"  curl http://127.0.0.1:8000/v1/audio/speech -H 'Content-Type: application/json' -d '{body}' -o hello.mp3")
    print("Your own voice: record the prompts, then")
    print(f'  .venv/bin/python {HERE.name}/run_pipeline.py --voice me --recordings DIR --text "Hello."')


def _heading(text: str) -> None:
    print(f"\n--- {text} " + "-" * max(0, 70 - len(text)), flush=True)


if __name__ == "__main__":
    run_main(main)
