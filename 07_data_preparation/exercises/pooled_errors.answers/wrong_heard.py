"""Misconception: not those that were heard"""

import jiwer


def pooled_errors(references: list[str], heard: list[str]) -> float:
    """Return errors over reference words, 0 or more; over 1 is possible."""
    errors = words = 0
    for a, b in zip(references, heard, strict=True):
        plain = " ".join(word.strip(".,!") for word in a.lower().split())
        out = jiwer.process_words(plain or "-", b.lower())
        errors += out.substitutions + out.deletions + out.insertions
        words += len(b.split())
    return errors / words if words else 0.0
