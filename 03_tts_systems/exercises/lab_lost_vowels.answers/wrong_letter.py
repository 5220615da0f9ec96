"""Misconception: consonants arrive with the right numbers, and they stand in the same table"""

DIAGNOSIS = "C"
SYMBOLS = (
    "_ AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH".split()
)
NUMBERS = {symbol: number for number, symbol in enumerate(SYMBOLS)}
LEXICON = {
    "hello": "HH AH0 L OW1",
    "voice": "V OY1 S",
    "banana": "B AH0 N AE1 N AH0",
    "education": "EH2 JH AH0 K EY1 SH AH0 N",
    "hmm": "HH M",
}


def encode(word: str) -> list[int]:
    """Return the numbers of a word's sounds, as the model reads them."""
    numbers = []
    for sound in LEXICON[word].split():
        plain = sound.rstrip("012")  # the stress, which this table does not know
        if plain not in NUMBERS:
            raise ValueError(f"the sound {plain} of {word!r} is not in the symbol table")
        numbers.append(NUMBERS[plain])
    return numbers


def decode(numbers: list[int]) -> str:
    return " ".join(SYMBOLS[number] for number in numbers)


if __name__ == "__main__":
    for word in LEXICON:
        print(f"{word:<10} {LEXICON[word]:<28} the model is given: {decode(encode(word))}")
