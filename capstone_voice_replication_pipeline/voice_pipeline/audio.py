"""Sound in and out of files: any format to a mono waveform, a waveform to the formats people ask for.

Files are recognised by their content; their names are not trusted. libsndfile reads what it can and FFmpeg
(inside PyAV) the rest. Every refusal is an `AudioError` whose `rule` names the ledger rule it stands for.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from coursekit.files import write_bytes_atomic
from voice_pipeline.errors import PipelineError
from voice_pipeline.settings import AUDIO

MAX_SECONDS = 30 * 60
MAX_SAMPLES = MAX_SECONDS * 48_000  # per channel: 350 MB as float32, whatever the sample rate

CONTENT_TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
"""Formats `encode` writes, with their media types. `pcm` is headerless signed 16-bit little-endian."""

_BLOCK = 1 << 16
# Mix energy below this share of the loudest channel's: the channels cancel, or one alone carries sound.
_CANCELLED = 0.1
_SUBTYPE_BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32, "FLOAT": 32, "DOUBLE": 64}
FFMPEG_OPTIONS = {
    # A playlist named as a recording could make FFmpeg open other files or the network.
    "protocol_whitelist": "file",
    "format_whitelist": "mov,matroska,webm,aac,mp3,ogg,flac,wav,w64,aiff,au,caf,amr,asf,avi",
}
_MP3_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
_AAC_RATES = (*_MP3_RATES, 64_000, 88_200, 96_000)
_OPUS_RATES = (24_000, 48_000)


class AudioError(PipelineError):
    """A file that gives no usable sound."""

    rule = "unreadable"


class NotFiniteError(AudioError):
    """Samples that are not numbers, or infinite."""

    rule = "not_finite"


class TooLargeError(AudioError):
    """More sound than one file may hold."""

    rule = "file_too_long"


@dataclass(frozen=True)
class Decoded:
    """A decoded file and what it was.

    Attributes:
        waveform: float32 `[samples]`, mono, about -1..1 (float files may exceed it).
        sample_rate: Hz, as in the file.
        channels: channels in the file, before they were mixed.
        container: for example "WAV", "OGG", "mov".
        codec: for example "PCM_16", "VORBIS", "aac".
        bit_depth: bits per sample of uncompressed sound; None for compressed.
        mix: "mono", "mean of channels", or "channel N" when the mix would have cancelled.
    """

    waveform: np.ndarray
    sample_rate: int
    channels: int
    container: str
    codec: str
    bit_depth: int | None
    mix: str

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return len(self.waveform) / self.sample_rate


@dataclass(frozen=True)
class _Source:
    sample_rate: int
    channels: int
    container: str
    codec: str
    bit_depth: int | None
    seconds: float | None
    blocks: Callable[[], Iterator[np.ndarray]]  # each [samples, channels], float32
    close: Callable[[], None] = lambda: None


def decode(path: str | os.PathLike[str]) -> Decoded:
    """Read any audio file as one mono waveform, block by block, within a memory bound.

    Channels are averaged. When that cancels the sound (channels in opposite phase), the loudest channel is taken.

    Args:
        path: the file; its suffix does not matter.

    Raises:
        AudioError: the file is missing, empty, no audio, or damaged (`rule` "unreadable").
        NotFiniteError: it holds NaN or infinite samples.
        TooLargeError: it is longer than `MAX_SECONDS` or has more than `MAX_SAMPLES` samples.
    """
    path = Path(path)
    source = _open(path)
    try:
        if source.seconds is not None:
            _check_length(path, source.seconds, source.sample_rate)
        waveform, mix = _mix_down(path, source)
    finally:
        source.close()
    if not len(waveform):
        raise AudioError(f"{path.name} contains no sound", hint="record or export it again")
    return Decoded(waveform, source.sample_rate, source.channels, source.container, source.codec, source.bit_depth, mix)


def _open(path: Path) -> _Source:
    if source := _open_soundfile(path):
        return source
    try:
        with open(path, "rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise AudioError(f"{path.name} cannot be read: {error.strerror or error}", hint=f"check {path}") from error
    if empty:
        raise AudioError(f"{path.name} is empty (0 bytes)", hint="copy or record it again")
    return _open_ffmpeg(path)


def _open_soundfile(path: Path) -> _Source | None:
    try:
        opened = soundfile.SoundFile(path)
    except (soundfile.LibsndfileError, TypeError, RuntimeError, OSError):
        return None
    # RAW is libsndfile guessing by suffix; 0 frames may still be readable by FFmpeg.
    if opened.format == "RAW" or not opened.frames or not opened.samplerate:
        opened.close()
        return None

    def blocks() -> Iterator[np.ndarray]:
        try:
            with soundfile.SoundFile(path) if opened.closed else opened as file:
                while len(block := file.read(_BLOCK, dtype="float32", always_2d=True)):
                    yield block
        except (soundfile.LibsndfileError, RuntimeError) as error:
            raise AudioError(f"{path.name} is damaged: {error}", hint="copy or export it again") from error

    return _Source(
        sample_rate=opened.samplerate,
        channels=opened.channels,
        container=opened.format,
        codec=opened.subtype,
        bit_depth=_SUBTYPE_BITS.get(opened.subtype),
        seconds=opened.frames / opened.samplerate,
        blocks=blocks,
        close=opened.close,
    )


def _open_ffmpeg(path: Path) -> _Source:
    import av

    not_audio = AudioError(
        f"{path.name} is not audio that can be read, or its header is damaged",
        hint="export it as WAV or FLAC and try again",
    )
    try:
        with av.open(str(path), options=FFMPEG_OPTIONS) as container:
            if not container.streams.audio:
                raise not_audio
            stream = container.streams.audio[0]
            seconds = container.duration / av.time_base if container.duration else None
            context = stream.codec_context
            if context is None:  # a header that names no codec FFmpeg has
                raise not_audio
            source = _Source(
                sample_rate=context.sample_rate,
                channels=context.channels,
                container=container.format.name.split(",")[0],
                codec=context.name,
                bit_depth=None,
                seconds=seconds,
                blocks=lambda: _ffmpeg_blocks(path),
            )
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise not_audio from error
    if not source.sample_rate or not source.channels:
        raise not_audio
    return source


def _ffmpeg_blocks(path: Path) -> Iterator[np.ndarray]:
    import av

    try:
        with av.open(str(path), options=FFMPEG_OPTIONS) as container:
            planar = av.AudioResampler(format="fltp")
            for frame in container.decode(container.streams.audio[0]):
                for part in planar.resample(frame):
                    yield part.to_ndarray().T
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise AudioError(f"{path.name} is damaged: {error}", hint="copy or export it again") from error


def _check_length(path: Path, seconds: float, sample_rate: int) -> None:
    if seconds > MAX_SECONDS or seconds * sample_rate > MAX_SAMPLES:
        limit = min(MAX_SECONDS, MAX_SAMPLES / sample_rate) / 60
        raise TooLargeError(
            f"{path.name} lasts {seconds / 60:.1f} minutes at {sample_rate} Hz; one file may last {limit:.1f} minutes",
            hint="cut it into one file per sentence",
        )


def _mix_down(path: Path, source: _Source) -> tuple[np.ndarray, str]:
    """Average the channels, or take the loudest when the average cancels. Returns float32 `[samples]` and which."""
    whole: np.ndarray = np.empty(
        round((source.seconds or 0.0) * source.sample_rate), np.float32
    )  # one copy of a long file, not two
    samples = 0
    energies = np.zeros(source.channels)
    mixed_energy = 0.0
    for block in source.blocks():
        if block.shape[1] != source.channels:
            raise AudioError(f"{path.name} changes its number of channels midway", hint="export it as mono WAV")
        if not np.isfinite(block).all():
            raise NotFiniteError(
                f"{path.name} holds NaN or infinite samples", hint="export it as 16-bit WAV from the original"
            )
        start, samples = samples, samples + len(block)
        _check_length(path, samples / source.sample_rate, source.sample_rate)
        if samples > len(whole):  # the header said less, or nothing
            whole = np.concatenate([whole[:start], np.empty(max(len(block), len(whole)), np.float32)])
        mono = block[:, 0] if source.channels == 1 else block.mean(axis=1, dtype=np.float32)
        whole[start:samples] = mono
        if source.channels > 1:
            energies += np.square(block, dtype=np.float64).sum(axis=0)
            mixed_energy += float(np.square(mono, dtype=np.float64).sum())
    loudest = int(energies.argmax())
    if source.channels > 1 and mixed_energy < _CANCELLED * energies[loudest]:
        samples = 0
        for block in source.blocks():
            whole[samples : samples + len(block)] = block[:, loudest]
            samples += len(block)
        mix = f"channel {loudest + 1}"
    else:
        mix = "mono" if source.channels == 1 else "mean of channels"
    return whole[:samples], mix


def resample(waveform: np.ndarray, source_rate: int, target_rate: int = AUDIO.sample_rate) -> np.ndarray:
    """Change the sample rate by soxr, quality HQ.

    Args:
        waveform: float32 `[samples]`.
        source_rate: its sample rate, Hz.
        target_rate: wanted sample rate, Hz.

    Returns:
        float32 `[samples * target_rate / source_rate]`; the same array when the rates are equal.
    """
    if source_rate == target_rate:
        return waveform
    return soxr.resample(waveform, source_rate, target_rate, quality="HQ")


def to_int16(waveform: np.ndarray) -> np.ndarray:
    """Quantise float `[samples]` to int16; what exceeds -1..1 is clipped.

    Raises:
        PipelineError: NaN or infinite samples.
    """
    if not np.isfinite(waveform).all():
        raise PipelineError("the waveform holds NaN or infinite samples", hint="report this with the text spoken")
    return np.rint(np.clip(waveform, -1.0, 1.0) * 32_767.0).astype("<i2")


def write_wav(path: str | os.PathLike[str], waveform: np.ndarray, sample_rate: int = AUDIO.sample_rate) -> str:
    """Write a mono 16-bit WAV atomically.

    Args:
        path: where; its folder is made.
        waveform: float32 `[samples]`, -1..1.
        sample_rate: Hz.

    Returns:
        SHA-256 of the file.
    """
    data = encode(waveform, sample_rate, "wav")
    write_bytes_atomic(path, data)
    return hashlib.sha256(data).hexdigest()


def encode(waveform: np.ndarray, sample_rate: int, format: str, *, tags: Mapping[str, str] | None = None) -> bytes:
    """Encode mono sound as a whole file in memory, with a header that states its true size.

    Args:
        waveform: float32 `[samples]`, -1..1.
        sample_rate: Hz. mp3, opus and aac know only some rates; others are resampled (see `encoded_rate`).
        format: a key of `CONTENT_TYPES`.
        tags: "title", "comment", "software", "date": the INFO chunk of wav, comments of flac and opus, ID3 of mp3.
            aac and pcm can hold none.

    Returns:
        The file's bytes; for "pcm" the bare samples, signed 16-bit little-endian.

    Raises:
        PipelineError: unknown format, or NaN in the waveform.
    """
    if format not in CONTENT_TYPES:
        raise PipelineError(f"unknown audio format '{format}'", hint=f"use one of {', '.join(CONTENT_TYPES)}")
    rate = encoded_rate(sample_rate, format)
    samples = to_int16(resample(np.asarray(waveform, np.float32), sample_rate, rate))
    if format == "pcm":
        return samples.tobytes()
    if format == "aac":
        return _encode_aac(samples, rate)
    container, subtype = {
        "wav": ("WAV", "PCM_16"),
        "flac": ("FLAC", "PCM_16"),
        "mp3": ("MP3", "MPEG_LAYER_III"),
        "opus": ("OGG", "OPUS"),
    }[format]
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", rate, 1, format=container, subtype=subtype) as file:
        for name, text in (tags or {}).items():
            setattr(file, name, text)
        for start in range(0, len(samples), _BLOCK):
            file.write(samples[start : start + _BLOCK])
    return buffer.getvalue()


def encoded_rate(sample_rate: int, format: str) -> int:
    """Sample rate in Hz that `encode` gives a file: `sample_rate` where the format knows it, else 24 or 48 kHz."""
    known = {"mp3": _MP3_RATES, "opus": _OPUS_RATES, "aac": _AAC_RATES}.get(format)
    if known is None or sample_rate in known:
        return sample_rate
    return 24_000 if sample_rate <= 24_000 else 48_000


def _encode_aac(samples: np.ndarray, rate: int) -> bytes:
    import av

    buffer = io.BytesIO()
    with av.open(buffer, "w", format="adts") as container:
        stream = container.add_stream("aac", rate=rate)
        stream.codec_context.layout = "mono"
        stream.codec_context.bit_rate = 96_000
        for start in range(0, len(samples), _BLOCK):
            frame = av.AudioFrame.from_ndarray(samples[None, start : start + _BLOCK], format="s16", layout="mono")
            frame.sample_rate = rate
            frame.pts = start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()
