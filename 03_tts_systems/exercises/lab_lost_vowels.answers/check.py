"""Checks that every sound arrives, that the table is as it was, that a missing sound is told, and the letter."""

from coursekit.course import Wrong

SYMBOLS = (
    "_ AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH".split()
)
MORE = {"tattoo": "T AE2 T UW1", "zero": "Z IY1 R OW0", "shh": "SH", "bird": "B ER1 D", "measure": "M EH1 ZH ER0"}


def check(answer) -> None:
    if list(answer.SYMBOLS) != SYMBOLS or answer.NUMBERS != {symbol: i for i, symbol in enumerate(SYMBOLS)}:
        raise Wrong(
            "The symbol table was changed: the model is trained with the old one, and knows nothing of new rows."
        )
    answer.LEXICON.update(MORE)
    for word, sounds in answer.LEXICON.items():
        wanted = [SYMBOLS.index(sound.rstrip("012")) for sound in sounds.split()]
        seen = list(answer.encode(word))
        if seen == wanted:
            continue
        told = f"encode({word!r}) gives {' '.join(SYMBOLS[n] for n in seen) or 'nothing'}"
        if 0 in seen:
            raise Wrong(f"{told}: a padding in the place of a vowel keeps the length, not the vowel.")
        raise Wrong(f"{told}; the lexicon has {sounds}. Stress is written as 0, 1 or 2.")
    answer.LEXICON["loch"] = "L AA1 X"
    try:
        seen = answer.encode("loch")
    except ValueError as error:
        if "X" not in str(error):
            raise Wrong(f"A sound that the table lacks stops encode, but {str(error)!r} does not name it.") from None
    except KeyError:
        raise Wrong("A sound that the table lacks gives a KeyError; a ValueError that names it is asked for.") from None
    else:
        raise Wrong(f"The sound X is not in the table, and encode('loch') gave {seen}: it was dropped silently again.")
    letter = str(answer.DIAGNOSIS).strip().upper()
    if letter == "?":
        raise Wrong("No sound is lost any more. Put the letter of the cause into DIAGNOSIS.")
    reasons = {
        "A": "every word is in the lexicon, or encode would have stopped",
        "C": "consonants arrive with the right numbers, and they stand in the same table",
        "D": "the padding is number 0, and no vowel has it",
    }
    if letter != "B":
        raise Wrong(f"No sound is lost; DIAGNOSIS is {letter!r}: {reasons.get(letter, 'there is no such cause')}.")
