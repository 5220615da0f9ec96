"""From text to numbers: byte-pair encoding from scratch, equal to the tokenizers library merge by merge.

What you will learn
    - why a model reads neither letters nor words but pieces, and where the pieces come from
    - byte-pair encoding in two short functions: learn the merges, then apply them
    - the details that make two tokenizers equal: how text is cut first, who wins a tie, what a space is
    - what a larger vocabulary buys, and what text costs that the tokenizer was not trained on
How to run it
    python 01_tokenizers.py --quick              500 merges, about 8 s
    python 01_tokenizers.py                      2,000 merges
    python 01_tokenizers.py --model              beside GPT-2's own tokenizer (3 MB), or --model FOLDER
Time and memory on 2 CPU cores: quick 8 s, full 11 s; 0.6 GB.
Writes outputs/: tokenizers.png, merges.csv
Concepts: TRANSFORMERS_CONCEPTS_EXPLAINED.md (tokens and bpe)
"""

import re
from collections import Counter, defaultdict

from hf_utils import (
    BLUE,
    GREY,
    ORANGE,
    add_model_flag,
    load,
    load_lines,
    plain,
    prepare,
    public_model,
    save_figure,
    seconds_of,
    train_tokenizer,
    write_csv,
)
from matplotlib.figure import Figure

from coursekit.cli import run_script, script_parser
from coursekit.expectations import Expected

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = add_model_flag(script_parser(__doc__), "openai-community/gpt2")
QUICK_MERGES, FULL_MERGES = 500, 2_000  # GPT-2 has 50,000. More merges: fewer tokens for a text, rarer ones
SPECIAL = 3  # tokens the library puts first: end, padding, mask

# What GPT-2 cuts a text into before anything is merged: endings such as 's; words, numbers and the rest, each with the
# space BEFORE it; and runs of spaces. Merges never cross a cut, so "dog" and "dog." share their letters.
PIECE = re.compile(r"'(?:[sdmt]|ll|ve|re)| ?[^\W\d_]+| ?\d+| ?(?:[^\w\s]|_)+|\s+(?!\S)|\s+")

# ----------------------------------------------------------------------------------------------------------------------
# bytes as visible characters


def byte_characters() -> list[str]:
    """Return GPT-2's 256 characters, one for each byte: printable ones stand for themselves, others move up to 256.

    A text is bytes first, so there is nothing that a tokenizer of bytes cannot write: no unknown token. A space, byte
    32, becomes character 288, a G with a dot above it: that is why GPT-2's vocabulary is full of them.
    """
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in visible]
    return [chr(byte) if byte in visible else chr(256 + hidden.index(byte)) for byte in range(256)]


CHARACTERS = byte_characters()


def pieces(text: str) -> list[str]:
    """Cut a text, and write every piece in byte characters."""
    return ["".join(CHARACTERS[byte] for byte in piece.encode("utf-8")) for piece in PIECE.findall(text)]


# ----------------------------------------------------------------------------------------------------------------------
# byte-pair encoding (Gage 1994; Sennrich, Haddow and Birch 2016)


def merged(symbols: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    """Replace a pair of neighbours by one symbol, from left to right: (b, a, n, a, n), (a, n) -> (b, an, an)."""
    found, place = [], 0
    while place < len(symbols):
        if symbols[place : place + 2] == pair:
            found.append(pair[0] + pair[1])
            place += 2
        else:
            found.append(symbols[place])
            place += 1
    return tuple(found)


def learn_merges(texts: list[str], count: int) -> list[tuple[str, str]]:
    """Learn BPE: `count` times, make the most frequent pair of neighbours one symbol.

    Equal counts are settled as the library does: the pair whose symbols are older wins. The 256 bytes are the oldest,
    in the order of their characters. Without such a rule two runs of one program could differ.

    Returns:
        The merges, the first learnt first: all there is to know about the tokenizer.
    """
    # concept: tokens and bpe
    words = [(tuple(piece), number) for piece, number in Counter(p for text in texts for p in pieces(text)).items()]
    age = {symbol: number for number, symbol in enumerate(sorted(CHARACTERS))}
    pairs: Counter[tuple[str, str]] = Counter()  # how often each pair of neighbours stands in the whole text
    places = defaultdict(set)  # in which words it stands, so that a merge looks at those alone
    for place, (symbols, number) in enumerate(words):
        for pair in zip(symbols, symbols[1:], strict=False):
            pairs[pair] += number
            places[pair].add(place)
    merges = []
    for _ in range(count):
        best = min(pairs, key=lambda pair: (-pairs[pair], age[pair[0]], age[pair[1]]))
        merges.append(best)
        age.setdefault(best[0] + best[1], len(age))
        for place in places.pop(best):
            symbols, number = words[place]
            after = merged(symbols, best)
            for pair in zip(symbols, symbols[1:], strict=False):
                pairs[pair] -= number
            for pair in zip(after, after[1:], strict=False):
                pairs[pair] += number
                places[pair].add(place)
            words[place] = after, number
        del pairs[best]
    return merges


def encode(text: str, ranks: dict[tuple[str, str], int]) -> list[str]:
    """Apply the merges to a text: in each piece, the pair that was learnt first is merged first."""
    tokens = []
    for piece in pieces(text):
        symbols = tuple(piece)
        while len(symbols) > 1:
            best = min(zip(symbols, symbols[1:], strict=False), key=lambda pair: ranks.get(pair, len(ranks)))
            if best not in ranks:
                break
            symbols = merged(symbols, best)
        tokens += symbols
    return tokens


def decode(tokens: list[str]) -> str:
    """Byte characters back to text."""
    data = bytes(CHARACTERS.index(character) for character in "".join(tokens))
    return data.decode("utf-8", errors="replace")  # half of a letter may be missing in the middle of a text


# ----------------------------------------------------------------------------------------------------------------------
# the proof, and what the numbers mean


def library_merges(tokenizer) -> list[tuple[str, str]]:
    """Read the merges out of a tokenizer of the library."""
    import json

    return [tuple(pair) for pair in json.loads(tokenizer.backend_tokenizer.to_str())["model"]["merges"]]


# Text of other kinds. Escapes, because this file is plain ASCII: German, French, Greek, an emoji.
OTHERS = {
    "English, from a test chapter": "The President's party had left the hotel.",
    "English, glued and misspelt": "Thepresidentsparty hadleft theh0tel!!",
    "German": "Die Gesellschaft des Pr\u00e4sidenten hatte das Gasthaus verlassen.",
    "French": "L'\u00e9quipe du pr\u00e9sident avait quitt\u00e9 l'h\u00f4tel.",
    "Greek": "\u039a\u03b1\u03bb\u03b7\u03bc\u03ad\u03c1\u03b1 \u03ba\u03cc\u03c3\u03bc\u03b5",
    "a program": "for i in range(10):\n    print(i ** 2)",
    "an emoji": "\U0001f600",
}


def words_of(texts: list[str]) -> int:
    return sum(len(text.split()) for text in texts)


def prove(merges, texts: list[str], held_out: list[str]) -> tuple[dict[str, float], object]:
    """Compare with the library: merges, tokens of held-out lines and of other text, and the way back."""
    tokenizer, seconds = seconds_of(lambda: train_tokenizer(texts, SPECIAL + 256 + len(merges)))
    theirs = library_merges(tokenizer)
    ranks = {pair: rank for rank, pair in enumerate(merges)}
    same = sum(mine == other for mine, other in zip(merges, theirs, strict=True))
    checked = [*held_out, *OTHERS.values()]
    tokens = [encode(text, ranks) for text in checked]
    equal = sum(mine == tokenizer.tokenize(text) for mine, text in zip(tokens, checked, strict=True))
    back = sum(decode(mine) == text for mine, text in zip(tokens, checked, strict=True))
    print(f"   merges equal to the library's: {same} of {len(merges)} (it took {seconds:.2f} s)")
    print(f"   texts cut into the same tokens: {equal} of {len(checked)}; decoded to the very text: {back}")
    return {
        "merges_that_differ": len(merges) - same,
        "texts_that_differ": len(checked) - equal,
        "texts_not_decoded": len(checked) - back,
        "library_seconds": seconds,
    }, tokenizer


def show(token: str) -> str:
    """A token for the console: _ for a space, codes for what is not ASCII."""
    return plain(decode([token]).replace(" ", "_").replace("\ufffd", "?"))


def sizes(merges, held_out: list[str]) -> dict[int, float]:
    """Tokens for each word of held-out text, with the first 0, 50, 100, 200, ... merges."""
    counts = [0, 50, 100, 200, 500, 1000, 2000]
    found = {}
    for count in (count for count in counts if count <= len(merges)):
        ranks = {pair: rank for rank, pair in enumerate(merges[:count])}
        found[count] = sum(len(encode(text, ranks)) for text in held_out) / words_of(held_out)
    return found


def table_of_others(merges) -> dict[str, float]:
    """Print how many tokens each kind of text takes; return tokens for each byte."""
    ranks = {pair: rank for rank, pair in enumerate(merges)}
    print(f"\n   {'text':<30} {'bytes':>5} {'tokens':>6}   the tokens")
    found = {}
    for name, text in OTHERS.items():
        tokens = encode(text, ranks)
        found[name] = len(tokens) / len(text.encode("utf-8"))
        print(f"   {name:<30} {len(text.encode('utf-8')):>5} {len(tokens):>6}   {'|'.join(map(show, tokens))[:62]}")
    return found


def plot(seen: dict[int, float], held_out: dict[int, float], path) -> None:
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.plot(seen.keys(), seen.values(), "o-", color=ORANGE, label="lines it was trained on")
    axes.plot(held_out.keys(), held_out.values(), "o-", color=BLUE, label="lines of other chapters")
    axes.axhline(1, color=GREY, linestyle=":", label="whole words")
    axes.set(xlabel="merges learnt", ylabel="tokens for each word", ylim=(0, None), title="what a vocabulary buys")
    axes.grid(alpha=0.3)
    axes.legend()
    save_figure(figure, path)


def beside_public(folder, merges, held_out: list[str]) -> dict[str, float]:
    """Count the tokens of a public tokenizer on the same lines, and look at what it knows."""
    from transformers import AutoTokenizer

    tokenizer = load(AutoTokenizer, folder)
    rate = sum(len(tokenizer.tokenize(text)) for text in held_out) / words_of(held_out)
    theirs = library_merges(tokenizer) if "merges" in tokenizer.backend_tokenizer.to_str()[: 10**7] else []
    known = len(set(merges) & set(theirs))
    print(f"   vocabulary {len(tokenizer):,}, {rate:.2f} tokens for each word of the test chapters")
    if theirs:
        print(f"   {known} of our {len(merges)} merges are among its {len(theirs):,}")
    for name, text in OTHERS.items():
        print(f"   {name:<30} {len(tokenizer.tokenize(text)):>3} tokens")
    return {"public_tokens_per_word": rate}


def main(settings) -> dict:
    prepare(settings)
    train, test = ([line.text for line in lines] for lines in load_lines())
    count = QUICK_MERGES if settings.quick else FULL_MERGES
    print(f"{len(train):,} lines to learn from, {len(test)} lines of other chapters; {count} merges")
    merges, seconds = seconds_of(lambda: learn_merges(train, count))
    print(f"\nLearnt from scratch in {seconds:.1f} s")
    print("   the first ten merges: " + " ".join(f"{show(a)}+{show(b)}" for a, b in merges[:10]))
    print("   the last five: " + " ".join(show(a + b) for a, b in merges[-5:]))
    proof, _ = prove(merges, train, test)
    write_csv(
        settings.out / "merges.csv",
        [["rank", "left", "right"], *([rank, show(a), show(b)] for rank, (a, b) in enumerate(merges))],
    )

    held_out, seen = sizes(merges, test), sizes(merges, train[: len(test)])
    print("\nTokens for each word, in chapters that the tokenizer never saw")
    for number, rate in held_out.items():
        print(f"   {number:>5} merges: {rate:.2f}   (in lines it was trained on: {seen[number]:.2f})")
    others = table_of_others(merges)
    plot(seen, held_out, settings.out / "tokenizers.png")
    last = held_out[max(held_out)]
    print(f"\ntokenizers.png: from {held_out[0]:.1f} tokens for a word down to {last:.1f}; each doubling buys less")
    folder = public_model(settings, weights=False)
    public = beside_public(folder, merges, test) if folder else {}
    return {
        **proof,
        "tokens_per_word_bytes": held_out[0],
        "tokens_per_word": last,
        "tokens_per_word_seen": seen[max(seen)],
        "tokens_per_byte_english": others["English, from a test chapter"],
        "tokens_per_byte_german": others["German"],
        "tokens_per_byte_greek": others["Greek"],
        **public,
    }


EXPECTED = {
    "merges_that_differ": Expected(quick=(0, 0), full=(0, 0)),
    "texts_that_differ": Expected(quick=(0, 0), full=(0, 0)),
    "texts_not_decoded": Expected(quick=(0, 0), full=(0, 0)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="02_attention.py")
