"""Misconception: Moved backwards, the answer is the letter itself"""

from collections import Counter, defaultdict

DIAGNOSIS = "B"
TEXT = "the small quiz box "


class Model:
    """A model that counts which letter follows which; it is called as a causal model of transformers is."""

    def __init__(self) -> None:
        self.counts: dict[str, Counter] = defaultdict(Counter)

    def learn(self, input_ids: list[str], labels: list[str]) -> None:
        """Learn from one text. As in the library, labels are given in step with the inputs, and are moved here."""
        for seen, answer in zip(input_ids[:-1], labels[1:], strict=True):
            self.counts[seen][answer] += 1

    def next_letter(self, letter: str) -> str:
        return self.counts[letter].most_common(1)[0][0] if self.counts[letter] else "?"


def batch_of(text: str) -> tuple[list[str], list[str]]:
    """Return what the model is shown: (input_ids, labels), equally long."""
    letters = list(text)
    return letters[1:], letters[:-1]


def train(texts: list[str]) -> Model:
    model = Model()
    for text in texts:
        model.learn(*batch_of(text))
    return model


def write(model: Model, first: str, count: int) -> str:
    letters = [first]
    while len(letters) < count:
        letters.append(model.next_letter(letters[-1]))
    return "".join(letters)


if __name__ == "__main__":
    print(write(train([TEXT]), "q", 8), "should be", "quiz box")
