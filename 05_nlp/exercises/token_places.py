"""Where in the text does each token stand?

A token without its place cannot be shown, marked or cut out. spaCy stores the place with every token; many other
tokenizers return words only. Write `token_places(text, tokens)`: for each token its (start, end) in the text, so that
`text[start:end] == token`. The tokens come in the order of the text. Between two tokens there may be spaces and line
ends, and nothing else: if anything else would be skipped, or a token is not there, raise `ValueError`. What is left
behind the last token may be spaces only, too.

    token_places("to be or not to be", ["to", "be", "or", "not", "to", "be"])
        returns [(0, 2), (3, 5), (6, 8), (9, 12), (13, 15), (16, 18)]
    token_places("didn't", ["did", "n't"])        returns [(0, 3), (3, 6)]

After: 02_spacy_pipeline.py
Concepts: tokens
Kind: exercise
Time: 15 min
"""


def token_places(text: str, tokens: list[str]) -> list[tuple[int, int]]:
    """Return (start, end) of each token."""
    # TODO: remember where the last token ended, and look no further back
    raise NotImplementedError("token_places")
