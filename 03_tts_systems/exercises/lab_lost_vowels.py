"""Lab: a voice without vowels

A new lexicon was put in place of the old one, and since then the voice mumbles: "hello" comes out as "hl". Nothing
stops, nothing warns, the training loss looks as always. Run your copy (`python my_answers/lab_lost_vowels.py`, in the
folder of this module): it prints what the model is given. Find the cause, put its letter into DIAGNOSIS, and repair
`encode` so that no sound is lost. The symbol table belongs to a trained model: it must stay as it is. A sound that
the table really does not have must stop the program with a ValueError that names it, so that this never happens
silently again.

    A  The words are not in the lexicon.
    B  The lexicon writes the stress behind its vowels, the table has vowels without it, and what is unknown is dropped.
    C  The table numbers vowels from another place than the model does.
    D  The padding has the number of a vowel.

After: 01_text_to_phonemes.py
Concepts: phonemes, pronunciation lexicon
Kind: lab
Time: 15 min
"""

DIAGNOSIS = "?"
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
    return [NUMBERS[sound] for sound in LEXICON[word].split() if sound in NUMBERS]


def decode(numbers: list[int]) -> str:
    return " ".join(SYMBOLS[number] for number in numbers)


if __name__ == "__main__":
    for word in LEXICON:
        print(f"{word:<10} {LEXICON[word]:<28} the model is given: {decode(encode(word))}")
