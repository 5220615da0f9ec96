"""Checks that the model learns the next letter, that it was left as it is, and the letter."""

from coursekit.course import Wrong


def check(answer) -> None:
    model = answer.Model()
    model.learn(list("abcd"), list("abcd"))
    if model.next_letter("a") != "b":
        raise Wrong("The model was changed: the library moves the labels itself. Repair batch_of.")
    for text in ("abcdefgh", answer.TEXT, "xy"):
        inputs, labels = answer.batch_of(text)
        if len(inputs) != len(labels):
            raise Wrong(
                f"batch_of({text!r}) gave {len(inputs)} inputs and {len(labels)} labels; the library wants as many."
            )
        model = answer.train([text])
        if any(model.next_letter(letter) == letter for letter in "bcdxy" if letter in text):
            raise Wrong("Moved backwards, the answer is the letter itself, and every loss falls to nothing.")
        for place in range(len(text) - 1):
            if text.count(text[place]) == 1 and model.next_letter(text[place]) != text[place + 1]:
                seen = model.next_letter(text[place])
                told = f"After {text[place]!r} in {text!r} comes {text[place + 1]!r}; the model learnt {seen!r}."
                if seen == text[place]:
                    raise Wrong(
                        f"{told} Moved backwards, the answer is the letter itself, and every loss falls to nothing."
                    )
                if seen == "?":
                    raise Wrong(f"{told} A letter was cut off: the last lesson of the text is lost.")
                raise Wrong(f"{told} The answers are still moved twice.")
    letter = str(answer.DIAGNOSIS).strip().upper()
    if letter == "?":
        raise Wrong("The model learns. Put the letter of the cause into DIAGNOSIS.")
    reasons = {
        "A": "it sees one letter, and with the answers in step one letter is enough here",
        "C": "nothing is drawn; the most frequent letter is taken",
        "D": "more of the same lessons teach the same wrong thing",
    }
    if letter != "B":
        raise Wrong(f"The model learns; DIAGNOSIS is {letter!r}: {reasons.get(letter, 'there is no such cause')}.")
