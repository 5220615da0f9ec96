"""The corpus of the starter voice: who speaks, what is said, and the frames the models learn from.

Used by `08_train_starter_voice.py`. Three kinds of speech go in, all of it free to ship a model from:
  kathleen   1,132 sentences, one woman, CC0 (real voice, most of the weight)
  libri      LibriSpeech and LibriTTS clips, CC BY 4.0 (many voices, little speech of each)
  flite      LJSpeech's public-domain sentences spoken by flite's slt, rms and awb voices (free licence),
             if the `flite` program is installed: variety of text, exact pronunciation
Every recording also goes in once more, played faster or slower: a shorter vocal tract and a higher voice, or the
reverse. That makes new "speakers" for the price of a resampling, and teaches the model what a speaker embedding means.

Never in the corpus: LJSpeech's own recordings, VCTK, and the LibriSpeech speakers in HELD_OUT_SPEAKERS. They are the
unseen voices that the starter voice is judged on.
"""

from __future__ import annotations

import hashlib
import random
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import librosa
import numpy as np
import pyloudnorm
import soundfile
import soxr

from coursekit.files import atomic_path
from voice_pipeline import acoustics
from voice_pipeline.engines.starter import frontend
from voice_pipeline.settings import AUDIO

HELD_OUT_SPEAKERS = {"1998", "3331", "1688", "2609"}  # two women and two men of LibriSpeech test-other
FLITE_VOICES = ("slt", "rms", "awb")
SPEEDS = (0.84, 0.90, 1.10, 1.18)  # playback speeds of the made-up speakers
HELD_OUT_KATHLEEN = 10  # her last sentences are for validation


@dataclass(frozen=True)
class Utterance:
    """One recording of the corpus.

    Attributes:
        speaker: who speaks; a made-up speaker has the playback speed in the name.
        source: "kathleen", "libri" or "flite".
        text: what is said.
        path: audio file; for flite the text is spoken when the frames are made.
        speed: playback speed; 1.0 is as recorded.
        held_out: True for validation sentences.
    """

    speaker: str
    source: str
    text: str
    path: Path | None = None
    speed: float = 1.0
    held_out: bool = False

    @property
    def key(self) -> str:
        """Name of the cached frames: changes with anything that changes them."""
        what = f"{self.speaker}|{self.source}|{self.text}|{self.path and self.path.name}|{self.speed}|{AUDIO}"
        return hashlib.sha256(what.encode()).hexdigest()[:20]


# ----------------------------------------------------------------------------------------------------------------------
# who says what


def kathleen(root: Path) -> list[Utterance]:
    """The CC0 set: audio with a metadata.csv (id|...|text), or as published, a .txt beside each .wav."""
    found = {path.stem: path for path in sorted(root.rglob("*")) if path.suffix in {".flac", ".wav"}}
    if (root / "metadata.csv").is_file():
        rows = [line.split("|") for line in (root / "metadata.csv").read_text(encoding="utf-8").splitlines() if line]
        texts = {row[0]: row[-1] for row in rows}
    else:
        texts = {
            name: path.with_suffix(".txt").read_text(encoding="utf-8").strip()
            for name, path in found.items()
            if path.with_suffix(".txt").is_file()
        }
    utterances = [Utterance("kathleen", "kathleen", text, found[name]) for name, text in texts.items() if name in found]
    edge = len(utterances) - HELD_OUT_KATHLEEN
    return [replace(item, held_out=index >= edge) for index, item in enumerate(utterances)]


def libri(root: Path, extra_transcripts: dict[str, str]) -> list[Utterance]:
    """LibriSpeech: clips with a transcript, or with one in `extra_transcripts` by clip id."""
    utterances = []
    for path in sorted(root.rglob("*.flac")):
        speaker = path.parts[-3]
        if speaker in HELD_OUT_SPEAKERS:
            continue
        text = extra_transcripts.get(path.stem)
        transcript = path.parent / f"{path.parent.parent.name}-{path.parent.name}.trans.txt"
        if transcript.is_file():
            rows = dict(line.split(" ", 1) for line in transcript.read_text(encoding="utf-8").splitlines() if line)
            text = rows.get(path.stem, text)
        if text:
            utterances.append(Utterance(f"libri{speaker}", "libri", text.capitalize() + ".", path))
    return utterances


def libritts(root: Path) -> list[Utterance]:
    """LibriTTS: a .normalized.txt beside each clip."""
    utterances = []
    for path in sorted(root.rglob("*.wav")):
        text = path.with_name(path.stem + ".normalized.txt")
        if text.is_file():
            utterances.append(Utterance(f"libri{path.parts[-3]}", "libri", text.read_text("utf-8").strip(), path))
    return utterances


def flite(sentences: list[str], per_voice: int, seed: int = 0) -> list[Utterance]:
    """Different sentences for each flite voice; a tenth of them played at another speed."""
    rng = random.Random(seed)
    pool = [text for text in sentences if 30 <= len(text) <= 130 and text.isascii()]
    rng.shuffle(pool)
    utterances = []
    for index, voice in enumerate(FLITE_VOICES):
        for number, text in enumerate(pool[index * per_voice : (index + 1) * per_voice]):
            speed = 1.0 if number % 3 else rng.choice(SPEEDS)
            speaker = voice if speed == 1.0 else f"{voice}@{speed}"
            utterances.append(Utterance(speaker, "flite", text, speed=speed))
    return utterances


def with_speeds(utterances: list[Utterance], copies: int, seed: int = 0) -> list[Utterance]:
    """Each utterance as it is, and `copies` times at other speeds."""
    rng = random.Random(seed)
    out = list(utterances)
    for item in utterances:
        if not item.held_out:
            for speed in rng.sample(SPEEDS, copies):
                out.append(replace(item, speaker=f"{item.speaker}@{speed}", speed=speed))
    return out


# ----------------------------------------------------------------------------------------------------------------------
# frames


def waveform_of(item: Utterance) -> np.ndarray:
    """Load (or speak), play at its speed, trim, bring to the common loudness.

    Returns:
        float32 `[samples]` at 24 kHz, at most 0.1 s of silence at either end.
    """
    if item.path is not None:
        samples, rate = soundfile.read(item.path, dtype="float32", always_2d=True)
        samples = samples.mean(axis=1)
    else:
        with tempfile.TemporaryDirectory() as folder:
            spoken = Path(folder) / "spoken.wav"
            voice = item.speaker.split("@")[0]
            subprocess.run(["flite", "-voice", voice, "-t", item.text, "-o", str(spoken)], check=True)
            samples, rate = soundfile.read(spoken, dtype="float32")
    waveform = soxr.resample(samples, rate * item.speed, AUDIO.sample_rate).astype(np.float32)
    _, (start, end) = librosa.effects.trim(y=waveform, top_db=38, frame_length=1024, hop_length=256)
    margin = AUDIO.sample_rate // 10
    waveform = waveform[max(0, start - margin) : end + margin]
    loudness = pyloudnorm.Meter(AUDIO.sample_rate).integrated_loudness(waveform)
    gain = 10 ** ((AUDIO.loudness - loudness) / 20)
    return waveform * min(gain, AUDIO.peak_limit / max(1e-6, float(np.abs(waveform).max())))


def make_frames(item: Utterance, folder: Path) -> Path:
    """Write `folder/KEY.npz`: ids, mel, f0, energy, embedding (256-d, Resemblyzer). Done before: nothing to do."""
    target = folder / f"{item.key}.npz"
    if not target.is_file():
        from voice_pipeline.speaker import SpeakerEncoder

        waveform = waveform_of(item)
        frames = {
            "ids": np.array(frontend.encode(item.text), dtype=np.int64),
            "mel": acoustics.log_mel(waveform).astype(np.float16),
            "f0": acoustics.fundamental_frequency(waveform),
            "energy": acoustics.energy(waveform),
            "embedding": SpeakerEncoder.shared().embed(waveform, AUDIO.sample_rate),
        }
        with atomic_path(target) as temporary, open(temporary, "wb") as handle:
            np.savez(handle, **frames)
    return target
