"""Misconception: capitals and marks are not words"""

import jiwer


def pooled_errors(references: list[str], heard: list[str]) -> float:
    """Return errors over reference words, 0 or more; over 1 is possible."""
    return float(jiwer.wer(references, heard)) if references else 0.0
