"""The word error rate of a whole data set. Solved."""


def words_of(text: str) -> list[str]:
    return [bare for word in text.lower().split() if (bare := word.strip(".,;:!?"))]


def pooled_errors(references: list[str], heard: list[str]) -> float:
    """Return errors over reference words, 0 or more; over 1 is possible."""
    errors = n_words = 0
    for text, said in zip(references, heard, strict=True):
        wanted, found = words_of(text), words_of(said)
        above = list(range(len(found) + 1))
        for count, word in enumerate(wanted, start=1):
            row = [count]
            for column, other in enumerate(found):
                row.append(min(above[column + 1] + 1, row[column] + 1, above[column] + (word != other)))
            above = row
        errors += above[-1]
        n_words += len(wanted)
    return errors / n_words if n_words else 0.0
