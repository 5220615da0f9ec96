"""Misconception: not the mean of the rates"""

import jiwer


def pooled_errors(references: list[str], heard: list[str]) -> float:
    """Return errors over reference words, 0 or more; over 1 is possible."""
    pairs = [(a.lower().strip(".,!"), b.lower()) for a, b in zip(references, heard, strict=True) if a]
    plain = [(" ".join(word.strip(".,!") for word in a.split()), b) for a, b in pairs]
    rates = [jiwer.wer(a, b) for a, b in plain]
    return sum(rates) / len(rates) if rates else 0.0
