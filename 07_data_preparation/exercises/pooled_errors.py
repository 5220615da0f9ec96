"""The word error rate of a whole data set

Write `pooled_errors(references, heard)`: the word error rate over all sentences together. It is all errors
(substitutions, deletions, insertions; as few as possible for each sentence) divided by all words of the references.
Words are compared without capitals and without the marks . , ; : ! ? at their ends. Sentences whose reference has no
words count with the errors they have. Where there are no reference words at all, return 0.0.

    pooled_errors(["Good morning.", "He came home late that day"], ["good mourning", "he came home late that day"])
        returns 1 / 8: one error, eight words

After: 03_transcribe_and_verify.py
Concepts: word error rate
Kind: exercise
Time: 25 min
"""


def pooled_errors(references: list[str], heard: list[str]) -> float:
    """Return errors over reference words, 0 or more; over 1 is possible."""
    # TODO: bring both to the same form, count the edits of each pair, and divide once
    raise NotImplementedError("pooled_errors")
