"""Lab: a change whose tests are green. Solved."""

from __future__ import annotations

DIAGNOSIS = "B"
FOUND: list[int] = [1, 4, 5, 7]

PAUSE_SECONDS = 0.25


def pieces(samples: list[float], size: int) -> list[list[float]]:
    """Cut samples into pieces of `size`; the last one may be shorter. Nothing is lost."""
    return [samples[start : start + size] for start in range(0, len(samples), size)]


def pause(sample_rate: int) -> list[float]:
    """Return PAUSE_SECONDS of silence."""
    return [0.0] * round(PAUSE_SECONDS * sample_rate)  # (3)


def is_loud(samples: list[float], threshold: float) -> bool:
    """Whether any sample, above or below zero, exceeds the threshold."""
    return any(abs(one_sample) > threshold for one_sample in samples)


def by_speaker(rows: list[tuple[str, list[float]]], found: dict[str, list] | None = None) -> dict[str, list]:
    """Return the clips of each speaker, in their order, of these rows and no others."""
    clips_by_name = {} if found is None else found
    for speaker, samples in rows:
        clips_by_name.setdefault(speaker, []).append(samples)
    return clips_by_name


def join(clips: list[list[float]], sample_rate: int) -> list[float]:
    """Join clips with a pause between two of them, none before the first or after the last."""
    joined: list[float] = []
    for number, clip in enumerate(clips):
        joined += pause(sample_rate) if number > 0 else []
        joined += clip
    return joined
