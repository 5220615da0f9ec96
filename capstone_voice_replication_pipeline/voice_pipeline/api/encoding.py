"""Audio encoded piece by piece, so that a listener hears the first sentence while the next is spoken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import soxr

from voice_pipeline.audio import encoded_rate, to_int16

STREAMED = ("mp3", "opus", "aac", "pcm", "wav")
"""Formats that can be sent before their end is known. FLAC cannot: without its length, players do not open it."""

_CODECS = {
    "mp3": ("libmp3lame", "mp3", 64_000, {"write_xing": "0"}),
    "opus": ("libopus", "ogg", 48_000, {"page_duration": "20000"}),
    "aac": ("aac", "adts", 96_000, {}),
    "wav": ("pcm_s16le", "wav", None, {}),
}
_FLUSH_PACKETS = 0x200  # AVFMT_FLAG_FLUSH_PACKETS: what is encoded is handed out at once
_BUFFER_BYTES = 1024
_BLOCK = 4_800


class StreamEncoder:
    """Waveform pieces in, file bytes out, with no byte held back longer than a codec frame. By FFmpeg (PyAV).

    A WAV streamed in this way states the largest size there is, since its true one is not known yet.

    Args:
        sample_rate: Hz, of the waveforms.
        audio_format: one of `STREAMED`.
        tags: as `audio.encode`; aac and pcm hold none.
    """

    def __init__(self, sample_rate: int, audio_format: str, tags: Mapping[str, str] | None = None) -> None:
        self._rate = encoded_rate(sample_rate, audio_format)
        self._resampler = (
            soxr.ResampleStream(sample_rate, self._rate, 1, dtype="float32", quality="HQ")
            if self._rate != sample_rate
            else None
        )
        self._out = _Drain()
        self._samples = 0
        self._container: Any = None
        if audio_format != "pcm":
            self._open(audio_format, tags or {})

    def add(self, waveform: np.ndarray) -> bytes:
        """Encode a piece.

        Args:
            waveform: float32 `[samples]`, -1..1.

        Returns:
            what can be sent now; may be empty.
        """
        sound = np.asarray(waveform, np.float32)
        return self._encode(self._resampler.resample_chunk(sound) if self._resampler else sound)

    def end(self) -> bytes:
        """The rest of the file."""
        if self._resampler:
            self._out.parts.append(self._encode(self._resampler.resample_chunk(np.zeros(0, np.float32), last=True)))
        if self._container is not None:
            self._container.mux(self._stream.encode(None))
            self._container.close()
        return self._out.take()

    def _open(self, audio_format: str, tags: Mapping[str, str]) -> None:
        import av

        codec, container, bit_rate, options = _CODECS[audio_format]
        self._container = av.open(self._out, "w", format=container, options=dict(options), buffer_size=_BUFFER_BYTES)
        self._container.flags |= _FLUSH_PACKETS
        self._container.metadata.update(tags)
        self._stream = self._container.add_stream(codec, rate=self._rate)
        self._stream.codec_context.layout = "mono"
        if bit_rate:
            self._stream.codec_context.bit_rate = bit_rate

    def _encode(self, sound: np.ndarray) -> bytes:
        samples = to_int16(sound)
        if self._container is None:
            return samples.tobytes()
        import av

        for start in range(0, len(samples), _BLOCK):
            frame = av.AudioFrame.from_ndarray(samples[None, start : start + _BLOCK], format="s16", layout="mono")
            frame.sample_rate = self._rate
            frame.pts = self._samples + start
            self._container.mux(self._stream.encode(frame))
        self._samples += len(samples)
        return self._out.take()


class _Drain:
    """A file that can only be written; what was written is taken out in between."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self.parts.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        taken = b"".join(self.parts)
        self.parts.clear()
        return taken
