"""Checks token_places() on texts with repeated tokens, gaps and faults, and against spaCy's own places."""

from coursekit.course import Wrong

GOOD = (
    (
        "to be or not to be",
        "to be or not to be".split(),
        "the second 'to' stands behind the first one, not at its place",
    ),
    ("didn't", ["did", "n't"], "tokens may touch each other"),
    ("a  b\n c ", ["a", "b", "c"], "any number of spaces and line ends may lie between"),
    ("", [], "no text, no tokens"),
    ("aaa", ["a", "a", "a"], "each token begins where the last one ended"),
)
BAD = (
    ("one two three", ["one", "three"], "the word two was skipped without a complaint"),
    ("one two", ["one"], "the word behind the last token was lost without a complaint"),
    ("one two", ["two", "one"], "tokens come in the order of the text"),
    ("one", ["ONE"], "a token stands in the text as it is written"),
)


def check(answer) -> None:
    for text, tokens, why in GOOD:
        wanted, place = [], 0
        for token in tokens:
            while text[place].isspace():
                place += 1
            wanted.append((place, place + len(token)))
            place += len(token)
        try:
            found = [tuple(pair) for pair in answer.token_places(text, list(tokens))]
        except ValueError as error:
            raise Wrong(f"token_places({text!r}, {tokens}) raises ValueError ({error}): {why}.") from error
        if found != wanted:
            raise Wrong(f"token_places({text!r}, {tokens}) is {found}, expected {wanted}: {why}.")
    for text, tokens, why in BAD:
        try:
            found = answer.token_places(text, list(tokens))
        except ValueError:
            continue
        raise Wrong(f"token_places({text!r}, {tokens}) is {found}, expected ValueError: {why}.")
    import spacy

    text = "Mr. Hill didn't pay $3.50, did he? 'No,' he said."
    doc = spacy.blank("en")(text)
    found = [tuple(pair) for pair in answer.token_places(text, [token.text for token in doc])]
    if found != [(token.idx, token.idx + len(token)) for token in doc]:
        raise Wrong(f"For {text!r} spaCy has other places than {found}.")
