"""A teacher for the starter voice: Kokoro-82M reads public-domain sentences in thousands of made-up voices.

Real recordings with their words, free to ship a model from, are few. Kokoro-82M (hexgrad, Apache License 2.0) reads
clearly, and its voices are 256 numbers each: the first half is timbre, the second half prosody. A blend of voices is a
new voice. So every sentence here is read by another person who does not exist: timbre anywhere between (and a little
beyond) the known voices, prosody always of the two American ones.

    python starter_teacher.py --model kokoro.onnx --voices DIR --sentences metadata.csv --out DIR --part 0/2 --hours 1.5

    --model      Kokoro-82M as ONNX with the inputs tokens, style, speed (kokoro-onnx publishes it, MIT)
    --voices     folder with vocab.json and NAME.bin or NAME.npz files of style vectors, float32 [510, 1, 256]
    --sentences  LJSpeech's metadata.csv; its sentences are public domain
    --skip       another metadata.csv, whose sentences are left out (those of clips that models are judged on)
    --part       this process speaks every n-th sentence: one process for each core

Needs the program espeak-ng for the phonemes. Writes OUT/SENTENCE.flac and OUT/part-I.jsonl; goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile

from coursekit.files import atomic_path

RATE = 24_000  # Hz, Kokoro's
ENGLISH = ("af_heart", "am_michael")  # voices whose prosody is American
SHORTEST, LONGEST = 25, 120  # characters of a sentence
_PAUSES = re.compile(r"([,;:.!?])")


def sentences(path: Path, skip: Path | None, seed: int) -> list[tuple[str, str]]:
    """(id, text) of the sentences of a usual length, shuffled."""
    left_out = {line.split("|")[0] for line in skip.read_text("utf-8").splitlines()} if skip else set()
    rows = [line.split("|") for line in path.read_text(encoding="utf-8").splitlines()]
    found = [(row[0], row[-1]) for row in rows if SHORTEST <= len(row[-1]) <= LONGEST and row[-1].isascii()]
    random.Random(seed).shuffle(found)
    return [row for row in found if row[0] not in left_out]


def phonemes(text: str) -> str:
    """IPA with the punctuation kept: Kokoro makes its pauses and its melody from it."""
    out = ""
    for part in _PAUSES.split(text):
        if _PAUSES.fullmatch(part):
            out += part
        elif part.strip(" -\"'()"):
            command = ["espeak-ng", "-q", "--ipa", "-v", "en-us", part.strip()]
            spoken = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            out += " " + " ".join(spoken.split())
    return out.strip()


def read_voices(folder: Path) -> dict[str, np.ndarray]:
    """Style vectors by voice, float32 `[510, 256]` (one row for each length of the text in symbols)."""
    voices = {path.stem: np.fromfile(path, np.float32).reshape(-1, 256) for path in folder.glob("*.bin")}
    for path in folder.glob("*.npz"):
        with np.load(path) as file:
            voices.update({name: file[name].reshape(-1, 256) for name in file.files})
    missing = [name for name in ENGLISH if name not in voices]
    if missing:
        raise SystemExit(f"{folder} lacks the voices {', '.join(missing)}")
    return voices


def blend(voices: dict[str, np.ndarray], rng: random.Random) -> tuple[np.ndarray, dict[str, float]]:
    """A voice that nobody has: style `[510, 256]`, and the weights of the timbres in it (their sum is 1)."""
    share = rng.choice((0.0, 1.0)) if rng.random() < 0.12 else rng.uniform(-0.35, 1.3)  # of af_heart; else am_michael
    weights = {ENGLISH[0]: share, ENGLISH[1]: 1.0 - share}
    others = sorted(set(voices) - set(ENGLISH))
    if others and rng.random() < 0.6:
        name, part = rng.choice(others), rng.uniform(-0.25, 0.45)  # beyond 0.5 the words get lost
        weights = {key: value * (1 - part) for key, value in weights.items()} | {name: part}
    timbre = sum(value * voices[name] for name, value in weights.items())
    tone = rng.uniform(0.0, 1.0)
    prosody = tone * voices[ENGLISH[0]] + (1 - tone) * voices[ENGLISH[1]]
    return np.concatenate([timbre[:, :128], prosody[:, 128:]], axis=1).astype(np.float32), weights


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("model", "voices", "sentences", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--skip", type=Path)
    parser.add_argument("--part", default="0/1", metavar="I/N")
    parser.add_argument("--hours", type=float, default=1.0, help="of speech, for this part")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    import onnxruntime

    part, parts = map(int, args.part.split("/"))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(args.model), options, providers=["CPUExecutionProvider"])
    vocabulary = json.loads((args.voices / "vocab.json").read_text("utf-8"))["vocab"]
    voices = read_voices(args.voices)
    args.out.mkdir(parents=True, exist_ok=True)
    index = args.out / f"part-{part}.jsonl"
    done = [json.loads(line) for line in index.read_text("utf-8").splitlines()] if index.is_file() else []
    seconds, known = sum(row["seconds"] for row in done), {row["id"] for row in done}
    for name, text in sentences(args.sentences, args.skip, args.seed)[part::parts]:
        if seconds >= args.hours * 3600:
            break
        if name in known:
            continue
        rng = random.Random(f"{args.seed}-{name}")
        style, weights = blend(voices, rng)
        speed = rng.uniform(0.85, 1.2)
        tokens = [0, *(vocabulary[c] for c in phonemes(text) if c in vocabulary), 0]
        inputs = {
            "tokens": np.array([tokens], dtype=np.int64),
            "style": style[min(len(tokens) - 2, len(style) - 1)][None],
            "speed": np.array([speed], dtype=np.float32),
        }
        waveform = session.run(None, inputs)[0].ravel()
        waveform = waveform / max(1.0, float(np.abs(waveform).max()) / 0.97)
        with atomic_path(args.out / f"{name}.flac") as temporary:
            soundfile.write(temporary, waveform, RATE, format="FLAC", subtype="PCM_16")
        seconds += len(waveform) / RATE
        row = {"id": name, "text": text, "seconds": len(waveform) / RATE, "speed": speed, "timbre": weights}
        with open(index, "a", encoding="utf-8") as handle:
            handle.write(json.dumps(row) + "\n")
        print(f"{seconds / 60:.1f} min", end="\r", flush=True)
    print(f"{seconds / 60:.1f} min of speech in part {part}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
