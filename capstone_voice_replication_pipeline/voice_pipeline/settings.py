"""The one place where audio numbers live. Everything else derives from `AUDIO`."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class AudioSettings:
    """How sound becomes frames, for preprocessing, features, models and vocoders alike.

    Attributes:
        sample_rate: Hz, mono.
        n_fft: samples per analysis window (43 ms at 24 kHz).
        hop_length: samples from one frame to the next (10.7 ms at 24 kHz).
        n_mels: mel bands per frame.
        mel_fmin: lower edge of the lowest mel band, Hz.
        mel_fmax: upper edge of the highest mel band, Hz.
        log_floor: smallest mel magnitude before the natural logarithm.
        f0_min: lowest fundamental frequency looked for, Hz.
        f0_max: highest fundamental frequency looked for, Hz.
        loudness: target integrated loudness of a clip, LUFS (ITU-R BS.1770).
        peak_limit: highest sample peak after loudness normalisation, 0..1.
    """

    sample_rate: int = 24_000
    n_fft: int = 1024
    hop_length: int = 256
    n_mels: int = 80
    mel_fmin: float = 0.0
    mel_fmax: float = 12_000.0
    log_floor: float = 1e-5
    f0_min: float = 60.0
    f0_max: float = 500.0
    loudness: float = -23.0
    peak_limit: float = 0.97

    @property
    def frames_per_second(self) -> float:
        """Frames in one second of sound (93.75 with the defaults)."""
        return self.sample_rate / self.hop_length

    def seconds(self, n_frames: int) -> float:
        """Duration of `n_frames` frames, seconds."""
        return n_frames * self.hop_length / self.sample_rate

    def as_dict(self) -> dict[str, float]:
        """Plain values, for sidecars and configuration files."""
        return asdict(self)


AUDIO = AudioSettings()
