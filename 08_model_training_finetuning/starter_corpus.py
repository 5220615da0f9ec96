"""The corpus of the starter voice: who speaks, what is said, and the frames the models learn from.

Used by `08_train_starter_voice.py` and `09_train_starter_vocoder.py`. What goes in is free to ship a model from:
  kathleen   1,132 sentences, one woman, CC0 (real voice)
  libri      LibriSpeech and LibriTTS clips, CC BY 4.0 (many real voices, little speech of each)
  german     40 sentences, one woman, CC0: for the vocoder alone, which knows no words
  teacher    public-domain sentences read by Kokoro-82M (Apache 2.0) in thousands of blended voices, see
             `starter_teacher.py`: exact pronunciation, many voices, varied text
Every recording is also played faster or slower: a shorter vocal tract and a higher voice, or the reverse. That makes
new "speakers" for the price of a resampling, and teaches the model what a speaker embedding means.

Never in the corpus: LJSpeech's own recordings, VCTK, and the LibriSpeech speakers in HELD_OUT_SPEAKERS. They are the
unseen voices that the starter voice is judged on.

A packed corpus is one .npz file: sounds as Ogg Opus, and what costs a CPU minutes to find (F0, speaker embeddings,
symbols). It can be carried to another machine; spectra are made from it where the training runs.
"""

from __future__ import annotations

import hashlib
import io
import json
import random
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile
import torch
import torchaudio
from torch import Tensor

from coursekit.files import atomic_path
from voice_pipeline.acoustics import mel_filters
from voice_pipeline.engines.starter.data import Batch, carry_over
from voice_pipeline.settings import AUDIO

HELD_OUT_SPEAKERS = {"1998", "3331", "1688", "2609"}  # two women and two men of LibriSpeech test-other
SPEEDS = (0.80, 0.86, 0.92, 1.08, 1.14, 1.20)  # playback speeds of the made-up speakers
COPIES = 2  # other speeds of each recording
HELD_OUT_KATHLEEN = 10  # her last sentences are for validation


@dataclass(frozen=True)
class Utterance:
    """One recording of the corpus.

    Attributes:
        speaker: who speaks.
        source: "kathleen", "libri", "german" or "teacher".
        text: what is said.
        path: audio file.
        held_out: True for validation sentences.
    """

    speaker: str
    source: str
    text: str
    path: Path
    held_out: bool = False


# ----------------------------------------------------------------------------------------------------------------------
# who says what


def with_metadata(root: Path, name: str) -> list[Utterance]:
    """One speaker: audio with a metadata.csv (id|...|text), or as published, a .txt beside each .wav."""
    found = {path.stem: path for path in sorted(root.rglob("*")) if path.suffix in {".flac", ".wav"}}
    if (root / "metadata.csv").is_file():
        rows = [line.split("|") for line in (root / "metadata.csv").read_text(encoding="utf-8").splitlines() if line]
        texts = {row[0]: row[-1] for row in rows}
    else:
        texts = {
            key: path.with_suffix(".txt").read_text(encoding="utf-8").strip()
            for key, path in found.items()
            if path.with_suffix(".txt").is_file()
        }
    return [Utterance(name, name, text, found[key]) for key, text in texts.items() if key in found]


def kathleen(root: Path) -> list[Utterance]:
    """The CC0 set, its last sentences held out."""
    utterances = with_metadata(root, "kathleen")
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


def teacher(folder: Path) -> list[Utterance]:
    """What `starter_teacher.py` wrote: a blended voice of its own for each sentence."""
    rows = [json.loads(line) for path in sorted(folder.glob("part-*.jsonl")) for line in path.open(encoding="utf-8")]
    return [Utterance(f"teacher-{row['id']}", "teacher", row["text"], folder / f"{row['id']}.flac") for row in rows]


# ----------------------------------------------------------------------------------------------------------------------
# packing


def waveform_of(path: Path) -> np.ndarray:
    """Load, trim, bring to the common loudness: float32 at 24 kHz, at most 0.1 s of silence at either end."""
    import librosa
    import pyloudnorm
    import soxr

    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    waveform = soxr.resample(samples.mean(axis=1), rate, AUDIO.sample_rate).astype(np.float32)
    _, (start, end) = librosa.effects.trim(y=waveform, top_db=38, frame_length=1024, hop_length=256)
    margin = AUDIO.sample_rate // 10
    waveform = waveform[max(0, start - margin) : end + margin]
    loudness = pyloudnorm.Meter(AUDIO.sample_rate).integrated_loudness(waveform)
    gain = 10 ** ((AUDIO.loudness - loudness) / 20)
    return waveform * min(gain, AUDIO.peak_limit / max(1e-6, float(np.abs(waveform).max())))


def pack_one(item: Utterance, quality: float) -> dict[str, np.ndarray]:
    """All that is slow to find about one recording.

    Args:
        item: the recording.
        quality: libsndfile's compression level of Opus; 0.8 is 59 kbit/s, 0.85 is 46.
    """
    import soxr

    from voice_pipeline import acoustics
    from voice_pipeline.engines.starter import frontend
    from voice_pipeline.speaker import SpeakerEncoder

    waveform = waveform_of(item.path)
    rng = random.Random(hashlib.sha256(item.path.name.encode()).hexdigest())
    speeds = [1.0, *rng.sample(SPEEDS, COPIES)]
    embeddings = [
        SpeakerEncoder.shared().embed(
            soxr.resample(waveform, AUDIO.sample_rate * speed, AUDIO.sample_rate), AUDIO.sample_rate
        )
        for speed in speeds
    ]
    sound = io.BytesIO()
    soundfile.write(sound, waveform, AUDIO.sample_rate, format="OGG", subtype="OPUS", compression_level=quality)
    return {
        "sound": np.frombuffer(sound.getvalue(), dtype=np.uint8),
        "ids": np.array(frontend.encode(item.text), dtype=np.int16),
        "f0": acoustics.fundamental_frequency(waveform).astype(np.float16),
        "speeds": np.array(speeds, dtype=np.float32),
        "embeddings": np.stack(embeddings).astype(np.float16),
    }


def write_pack(path: Path, items: list[Utterance], rows: list[dict[str, np.ndarray]]) -> None:
    """Write a packed corpus, atomically."""
    arrays: dict[str, np.ndarray] = {
        "source": np.array([item.source for item in items]),
        "speaker": np.array([item.speaker for item in items]),
        "held_out": np.array([item.held_out for item in items]),
    }
    for name in ("sound", "ids", "f0"):
        arrays[name] = np.concatenate([row[name] for row in rows])
        arrays[f"{name}_lengths"] = np.array([len(row[name]) for row in rows])
    for name in ("speeds", "embeddings"):
        arrays[name] = np.stack([row[name] for row in rows])
    with atomic_path(path) as temporary, open(temporary, "wb") as handle:
        np.savez(handle, **arrays)


@dataclass
class Packed:
    """Packed corpora in memory; see `pack_one` for the fields. Durations are added by the aligner, at speed 1."""

    source: np.ndarray
    speaker: np.ndarray
    held_out: np.ndarray
    ids: list[np.ndarray]
    f0: list[np.ndarray]
    sounds: list[np.ndarray]
    speeds: np.ndarray
    embeddings: np.ndarray
    durations: list[np.ndarray]

    @classmethod
    def read(cls, paths: list[Path]) -> Packed:
        """Read and join `.npz` files, with the durations in NAME.durations.npz beside each where they are there."""
        parts = []
        for path in paths:
            with np.load(path) as file:
                split = {
                    name: np.split(file[name], np.cumsum(file[f"{name}_lengths"])[:-1])
                    for name in ("ids", "f0", "sound")
                }
                plain = {name: file[name] for name in ("source", "speaker", "held_out", "speeds", "embeddings")}
            found = path.with_suffix(".durations.npz")
            durations: list[np.ndarray] = []
            if found.is_file():
                with np.load(found) as file:
                    durations = np.split(file["durations"], np.cumsum([len(row) for row in split["ids"]])[:-1])
            parts.append((split, plain, durations))
        plain = {name: np.concatenate([part[1][name] for part in parts]) for name in parts[0][1]}
        split = {name: [row for part in parts for row in part[0][name]] for name in ("ids", "f0", "sound")}
        durations = [row for part in parts for row in part[2]]
        return cls(ids=split["ids"], f0=split["f0"], sounds=split["sound"], durations=durations, **plain)

    def __len__(self) -> int:
        return len(self.ids)

    def waveform(self, index: int) -> np.ndarray:
        """float32 `[samples]` at 24 kHz, as long as its F0 says (Opus may add a few samples)."""
        samples, _ = soundfile.read(io.BytesIO(self.sounds[index].tobytes()), dtype="float32")
        longest = len(self.f0[index]) * AUDIO.hop_length - 1
        return samples[: min(len(samples), longest)]


# ----------------------------------------------------------------------------------------------------------------------
# frames


class Spectra:
    """Log-mel frames and levels by torch, equal to `voice_pipeline.acoustics` (a test compares them)."""

    def __init__(self, device: str) -> None:
        self.filters = torch.from_numpy(mel_filters()).to(device)  # [80, 513]
        self.window = torch.hann_window(AUDIO.n_fft, device=device)

    def log_mel(self, waveform: Tensor) -> Tensor:
        """`[..., n]` to `[..., 80, frames]`."""
        spectrum = torch.stft(
            waveform,
            AUDIO.n_fft,
            AUDIO.hop_length,
            window=self.window,
            center=True,
            pad_mode="reflect",
            return_complex=True,
        )
        magnitude = (spectrum.real.square() + spectrum.imag.square()).clamp_min(1e-12).sqrt()
        return (self.filters @ magnitude).clamp_min(AUDIO.log_floor).log()

    def level(self, waveform: Tensor) -> Tensor:
        """Root mean square of each frame: `[n]` to `[frames]`."""
        half = AUDIO.n_fft // 2
        padded = torch.nn.functional.pad(waveform[None, None], (half, half), mode="reflect")[0, 0]
        return padded.unfold(0, AUDIO.n_fft, AUDIO.hop_length).square().mean(-1).sqrt()


def at_speed(waveform: Tensor, speed: float) -> Tensor:
    """Played at `speed`: shorter and higher above 1. The SPEEDS are multiples of 0.02: small resampling kernels."""
    if speed == 1.0:
        return waveform
    return torchaudio.functional.resample(waveform, round(AUDIO.sample_rate * speed), AUDIO.sample_rate)


def contour_at_speed(f0: np.ndarray, speed: float, n_frames: int) -> tuple[np.ndarray, np.ndarray]:
    """F0 (0 where unvoiced) and F0 without holes, on the frames of the recording played at `speed`."""
    position = np.arange(n_frames) * speed
    contour = np.interp(position, np.arange(len(f0)), carry_over(f0.astype(np.float32))) * speed
    voiced = f0[np.clip(np.round(position).astype(int), 0, len(f0) - 1)] > 0
    contour = np.clip(contour, AUDIO.f0_min, AUDIO.f0_max) if contour.any() else contour
    return (contour * voiced).astype(np.float32), contour.astype(np.float32)


def durations_at_speed(durations: np.ndarray, speed: float, n_frames: int) -> np.ndarray:
    """Frames of each symbol at `speed`, sum `n_frames`, at least one each where there are enough."""
    edges = np.round(np.cumsum(durations) / durations.sum() * n_frames).astype(np.int64)
    order = np.arange(len(edges))
    edges = np.maximum.accumulate(edges - order) + order  # each edge at least one frame after the one before
    edges = np.maximum(edges, order + 1)
    edges = np.minimum(edges, n_frames - order[::-1])
    return np.diff(edges, prepend=0)


class FrameBank:
    """Every recording at every speed as frames on one device; batches are cut out of long arrays without copying.

    Args:
        packed: with durations.
        device: where training runs.
        sources: which kinds to take.
    """

    def __init__(self, packed: Packed, device: str, sources: set[str]) -> None:
        spectra = Spectra(device)
        rows: list[tuple[int, float]] = []
        mels, levels, f0s, contours, durations = [], [], [], [], []
        with ThreadPoolExecutor() as pool:
            aligned = [i for i in range(len(packed)) if packed.durations[i].any()]
            chosen = [i for i in aligned if packed.source[i] in sources]
            for index, waveform in zip(chosen, pool.map(packed.waveform, chosen), strict=True):
                sound = torch.from_numpy(waveform).to(device)
                for which, speed in enumerate(packed.speeds[index]):
                    played = at_speed(sound, float(speed))
                    mel = spectra.log_mel(played).T
                    if len(mel) < len(packed.ids[index]) + 2 or len(mel) > 1200:
                        continue
                    f0, contour = contour_at_speed(packed.f0[index], float(speed), len(mel))
                    rows.append((index, which))
                    mels.append(mel.half())
                    levels.append(spectra.level(played)[: len(mel)])
                    f0s.append(f0)
                    contours.append(contour)
                    durations.append(durations_at_speed(packed.durations[index], float(speed), len(mel)))
                    if abs(int(packed.durations[index].sum()) - len(packed.f0[index])) > 2:
                        raise ValueError(f"recording {index}: its durations belong to another recording; align again")
        self.index = np.array([row[0] for row in rows])
        self.which = np.array([row[1] for row in rows])
        self.source = packed.source[self.index]
        self.held_out = packed.held_out[self.index]
        self.lengths = np.array([len(mel) for mel in mels])
        self.device = device
        self.mel = torch.cat(mels)
        self.level = torch.cat(levels)
        self.f0 = torch.from_numpy(np.concatenate(f0s)).to(device)
        self.contour = torch.from_numpy(np.concatenate(contours)).to(device)
        self.durations = torch.from_numpy(np.concatenate(durations)).to(device)
        self.ids = torch.from_numpy(np.concatenate([packed.ids[i] for i in self.index]).astype(np.int64)).to(device)
        self.embedding = torch.from_numpy(packed.embeddings[self.index, self.which].astype(np.float32)).to(device)
        self._frames = torch.from_numpy(np.cumsum(self.lengths) - self.lengths).to(device)
        symbols = np.array([len(packed.ids[i]) for i in self.index])
        self._symbols = torch.from_numpy(np.cumsum(symbols) - symbols).to(device)
        self._n_frames = torch.from_numpy(self.lengths).to(device)
        self._n_symbols = torch.from_numpy(symbols).to(device)

    def __len__(self) -> int:
        return len(self.index)

    def batch(self, rows: list[int]) -> Batch:
        """The rows, padded with zeros, on the device."""
        chosen = torch.tensor(rows, device=self.device)
        frames, inside = _cut(self._frames[chosen], self._n_frames[chosen])
        symbols, spoken = _cut(self._symbols[chosen], self._n_symbols[chosen])
        return Batch(
            ids=self.ids[symbols] * spoken,
            id_lengths=self._n_symbols[chosen],
            mel=self.mel[frames].float() * inside.unsqueeze(-1),
            mel_lengths=self._n_frames[chosen],
            f0=(self.f0[frames] * inside).unsqueeze(1),
            contour=self.contour[frames] * inside,
            energy=(self.level[frames] * inside).unsqueeze(1),
            embedding=self.embedding[chosen],
            durations=self.durations[symbols] * spoken,
        )

    def weights(self, shares: Iterable[tuple[str, float]]) -> np.ndarray:
        """How often to draw each row, `[rows]`: a kind's share over its rows; 0 for what is held out or not named."""
        drawn = np.zeros(len(self))
        for name, share in shares:
            rows = (self.source == name) & ~self.held_out
            drawn[rows] = share / max(1, int(rows.sum()))
        return drawn

    def batches(self, batch_frames: int, weights: np.ndarray, rng: random.Random) -> list[list[int]]:
        """Rows drawn by weight, as many as there are, in batches of similar length and random order."""
        drawn = rng.choices(range(len(self)), weights=weights.tolist(), k=len(self))
        batches = []
        for start in range(0, len(drawn), 2048):
            batch: list[int] = []
            for row in sorted(drawn[start : start + 2048], key=lambda row: self.lengths[row]):
                if batch and self.lengths[row] * (len(batch) + 1) > batch_frames:
                    batches.append(batch)
                    batch = []
                batch.append(row)
            batches.append(batch)
        rng.shuffle(batches)
        return batches


def _cut(starts: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Positions `[B, longest]` in a long array, and whether each is inside its row."""
    offsets = torch.arange(int(lengths.max()), device=starts.device)[None]
    inside = offsets < lengths[:, None]
    return torch.where(inside, starts[:, None] + offsets, 0), inside
