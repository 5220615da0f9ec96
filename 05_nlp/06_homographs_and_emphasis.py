"""Words with two sounds, and words that carry the sentence: which "read" is it, and which word is stressed?

What you will learn
    - homographs: one spelling, two sounds; why a lexicon alone cannot help
    - three ways to decide: the commoner sound, the part of speech, and rules about the neighbours
    - to write rules on one list and to judge them on another
    - what gruut, which gives the capstone its sounds, says of the same sentences
    - emphasis: the authors' own italics as labels, and how much of it plain rules find
How to run it
    python 06_homographs_and_emphasis.py --quick     the test list, three chapters, no network, about 8 s
    python 06_homographs_and_emphasis.py             with every mistake printed
    python 06_homographs_and_emphasis.py --model en_core_web_sm     tags of a public pipeline as well
Time and memory on 2 CPU cores: quick 8 s, full 13 s; 0.7 GB.
Writes outputs/: homographs.csv, homographs.png, emphasis.csv
Concepts: NLP_CONCEPTS_EXPLAINED.md (homographs, parts of speech, emphasis)
"""

import re
from collections import Counter
from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure
from nlp_utils import (
    ALICE,
    AUSTEN,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    paragraphs,
    prepare,
    read_table,
    save_figure,
    sibling,
    spacy_pipeline,
    tags_of,
    write_csv,
)

from coursekit.cli import run_script, script_parser
from coursekit.errors import CourseError
from coursekit.expectations import Expected
from voice_pipeline.lexicon import index_gruut
from voice_pipeline.text import split_sentences

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
PARSER.add_argument("--model", metavar="NAME", help="a spaCy pipeline that is installed, or a folder that holds one")

# The sounds of each reading, in the names of the CMU dictionary; the first reading is the commoner one in print.
SOUNDS = {
    "read": {"reed": "R IY D", "red": "R EH D"}, "lead": {"leed": "L IY D", "led": "L EH D"},
    "wind": {"wind": "W IH N D", "wined": "W AY N D"}, "live": {"liv": "L IH V", "lyve": "L AY V"},
    "tear": {"teer": "T IH R", "tair": "T EH R"}, "close": {"cloze": "K L OW Z", "cloce": "K L OW S"},
    "wound": {"woond": "W UW N D", "wownd": "W AW N D"}, "minute": {"minit": "M IH N AH T", "my-newt": "M AY N UW T"},
    "object": {"OBject": "AA B JH EH K T", "obJECT": "AH B JH EH K T"},
    "record": {"REcord": "R EH K ER D", "reCORD": "R AH K AO R D"},
    "present": {"PREsent": "P R EH Z AH N T", "preSENT": "P R IY Z EH N T"},
    "use": {"yooz": "Y UW Z", "yoose": "Y UW S"}, "desert": {"DEsert": "D EH Z ER T", "deSERT": "D IH Z ER T"},
    "refuse": {"reFUSE": "R AH F Y UW Z", "REfuse": "R EH F Y UW S"}, "bow": {"boh": "B OW", "bau": "B AW"},
    "row": {"roh": "R OW", "rau": "R AW"},
}  # fmt: skip

# What a part of speech says. Names of tags (Penn Treebank): VB verb, VBD past, VBN participle, NN noun, JJ adjective,
# RB adverb.
BY_TAG = {
    "read": {"VBD": "red", "VBN": "red"}, "lead": {"NN": "led", "JJ": "led"}, "wind": {"VB": "wined"},
    "live": {"JJ": "lyve", "RB": "lyve", "NN": "lyve"}, "tear": {"VB": "tair"}, "close": {"JJ": "cloce", "RB": "cloce"},
    "wound": {"VB": "wownd"}, "minute": {"JJ": "my-newt"}, "object": {"VB": "obJECT"}, "record": {"VB": "reCORD"},
    "present": {"VB": "preSENT"}, "use": {"NN": "yoose"}, "desert": {"VB": "deSERT"}, "refuse": {"NN": "REfuse"},
    "bow": {"VB": "bau"}, "row": {},
}  # fmt: skip

# Rules about the neighbours, from the lines of "tune": pattern over the sentence in small letters -> reading.
NEIGHBOURS = {
    "read": [(r"\b(yesterday|ago|last)\b", "red"), (r"\b(has|have|had|was|were|be|been) (\w+ )?read\b", "red"),
             (r"\b(he|she|it) read\b", "red"), (r"\b(to|will|can|could|must|may|not|please) (you )?read\b", "reed")],
    "lead": [(r"\b(the|a|in) lead (in|of|to)\b|\btake[sn]? the lead|\btook the lead|\bin the lead\b", "leed"),
             (r"\blead (pipe|paint|roof|weight)|\b(of|as) lead\b", "led")],
    "wind": [(r"\b(to|must|will|we|you|they|i|can) wind\b|\bwind (it|the|up)\b", "wined"),
             (r"\b(the|a|strong|north) wind\b", "wind")],
    "live": [(r"\b(to|they|we|you|i|parents|people) live\b", "liv"), (r"\ba live\b|\blive from\b", "lyve")],
    "tear": [(r"\b(a|the|one) tear\b", "teer"), (r"\b(not|to|will|they|please) tear\b", "tair")],
    "close": [(r"\bclose (to|by)\b|\b(a|very|so) close\b", "cloce"),
              (r"\b(please|to|will|you) close\b|\bclose (the|your|at)\b", "cloze")],
    "wound": [(r"\bwound (the|it|up|round)\b", "wownd"), (r"\b(a|the|his|her) wound\b", "woond")],
    "minute": [(r"\bminute (grain|part|amount|detail|difference)", "my-newt")],
    "bow": [(r"\bbow (to|and|before)\b|\b(they|to) bow\b", "bau"), (r"\b(the|a|his|her) bow\b", "boh")],
    "row": [(r"\b(had|have|having) (a|an)( \w+)? row\b|\bterrible row\b", "rau")],
}  # fmt: skip

# ----------------------------------------------------------------------------------------------------------------------
# deciding


def tokens_of(sentence: str) -> list[str]:
    return re.findall(r"[\w']+|[^\w\s]", sentence)


def place_of(word: str, tokens: list[str]) -> int:
    return [token.lower() for token in tokens].index(word)


def commoner(word: str, sentence: str) -> str:
    """The sound that is met more often, whatever the sentence says."""
    return next(iter(SOUNDS[word]))


def by_tag(word: str, sentence: str, tagger: Callable[[list[str]], list[str]] = tags_of) -> str:
    """The sound that goes with the part of speech; where a tag says nothing, the commoner one."""
    tokens = tokens_of(sentence)
    tag = tagger(tokens)[place_of(word, tokens)]  # concept: parts of speech
    table = BY_TAG[word]
    return table.get(tag) or table.get(tag[:2]) or commoner(word, sentence)


def by_neighbours(word: str, sentence: str) -> str:
    """The first rule that fits; else the part of speech."""
    for pattern, reading in NEIGHBOURS.get(word, []):  # concept: homographs
        if re.search(pattern, sentence.lower()):
            return reading
    return by_tag(word, sentence)


def by_gruut(word: str, sentence: str) -> str:
    """The reading whose sounds gruut gives the word; "other" where it says something else."""
    import gruut

    index_gruut()  # the lexicon in memory: seconds instead of minutes
    spoken = next(one for part in gruut.sentences(sentence, lang="en-us") for one in part if one.text.lower() == word)
    sounds = loose([sound for part in spoken.phonemes for sound in sibling("03_tts_systems", "tts_utils").of_ipa(part)])
    return next((name for name, wanted in SOUNDS[word].items() if loose(wanted.split()) == sounds), "other")


def loose(sounds: list[str]) -> str:
    """Sounds as one string; weak vowels that dictionaries write either way become the same."""
    return " ".join({"AH": "IH", "IY": "IH", "AO": "AA"}.get(sound, sound) for sound in sounds)


def judge(deciders: dict[str, Callable[[str, str], str]], rows: list[list[str]]) -> tuple[dict, list[list[str]]]:
    """Ask everybody for every sentence; return the shares that are right on both lists, and all answers."""
    answers = [[word, reading, part, sentence, *(decide(word, sentence) for decide in deciders.values())]
               for word, reading, part, sentence in rows]  # fmt: skip
    shares = {}
    for column, name in enumerate(deciders, 4):
        for part in ("tune", "test"):
            good = [row[column] == row[1] for row in answers if row[2] == part]
            shares[name, part] = sum(good) / len(good)
    return shares, answers


# ----------------------------------------------------------------------------------------------------------------------
# emphasis

FUNCTION = set(
    "a an the of to in on at by for from with as and or but nor so if that than this these those there here it its is "
    "was were are be been am do does did have has had will would shall should can could may might must not no i you "
    "he she we they me him her us them my your his their our who what which when where why how all any some such then "
    "just ".split()
)


def stressed_sentences(names: tuple[str, ...]) -> list[tuple[list[str], set[int]]]:
    """Return sentences in which the author has put a word into italics: (words, places of those words)."""
    found = []
    for name in names:
        for paragraph in paragraphs(name, italics=True):
            for sentence in split_sentences(paragraph.replace('"', " ").replace("--", " , ")):
                marked = re.findall(r"_?[A-Za-z'-]+_?|[,;:.?!]", sentence)
                words = [word.strip("_") for word in marked]
                places = {place for place, word in enumerate(marked) if word.startswith("_") and word.endswith("_")}
                if places:
                    found.append((words, places))
    return found


def last_content_word(words: list[str]) -> int:
    """The default of English: the last word that is not a small one carries the sentence."""
    places = [place for place, word in enumerate(words) if word[0].isalpha() and word.lower() not in FUNCTION]
    return places[-1] if places else len(words) - 1


def emphasised(words: list[str]) -> int:
    """Guess the word in italics: what is stressed although its kind never is, or what makes another word stronger."""
    lower, scores = [word.lower() for word in words], []
    for place, word in enumerate(lower):
        before, after = lower[max(place - 1, 0)], lower[min(place + 1, len(lower) - 1)]
        end = not after[0].isalpha() or place == len(words) - 1
        score = 0.1 * place / len(words)  # late rather than early, when nothing else speaks
        score += 3 * (word in ("very", "never", "plenty", "best"))
        score += 2 * (
            word in ("mine", "yours", "him", "her", "them", "us", "there", "that", "one", "more", "less") and end
        )
        score += 2 * (word == "your") + 1.5 * (word in ("you", "he", "she") and before in ("before", "way", "just"))
        score += 1.5 * (word in ("is", "was", "have", "would", "may") and lower[0] != word and not end)
        scores.append(score if word[0].isalpha() else -1.0)  # concept: emphasis
    return int(np.argmax(scores))


def judge_emphasis(path) -> dict[str, float]:
    """Compare two guesses with the authors' italics: Carroll's, with which the rules were written, and Austen's."""
    ways = {"last content word": last_content_word, "rules": emphasised}
    rows, right = [["author", "sentence", "in italics", *ways]], {}
    for author, names in (("Carroll", ALICE), ("Austen", (AUSTEN,))):
        sentences = stressed_sentences(names)
        for words, places in sentences:
            guesses = [words[way(words)] for way in ways.values()]
            rows.append([author, " ".join(words), " ".join(words[p] for p in sorted(places)), *guesses])
        hits = {name: sum(way(words) in places for words, places in sentences) for name, way in ways.items()}
        chance = sum(len(places) / sum(word[0].isalpha() for word in words) for words, places in sentences)
        small = [words[p].lower() in FUNCTION for words, places in sentences for p in places]
        right[author] = {"n": len(sentences), "chance": chance, "small": sum(small) / len(small), **hits}
        common = Counter(words[place].lower() for words, places in sentences for place in places)
        print(f"\n{author}: {len(sentences)} sentences with a word in italics: "
              + ", ".join(f"{word} {n}" for word, n in common.most_common(7)))  # fmt: skip
        print(f"   guessed right: by chance {chance:.1f}, " + ", ".join(f"by {way} {n}" for way, n in hits.items())
              + f"; {np.mean(small):.0%} of the words are small ones that nobody stresses otherwise")  # fmt: skip
    write_csv(path, rows)
    carroll, austen = right["Carroll"], right["Austen"]
    return {"italics": carroll["n"] + austen["n"], "small_words_in_italics": float(carroll["small"]),
            "emphasis_default": carroll["last content word"] / carroll["n"],
            "emphasis_rules": carroll["rules"] / carroll["n"],
            "emphasis_rules_austen": austen["rules"] / austen["n"]}  # fmt: skip


# ----------------------------------------------------------------------------------------------------------------------


def plot(shares: dict, answers: list, names: list[str], path) -> None:
    figure = Figure(figsize=(12, 4.8), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.6))
    for place, (part, colour) in enumerate((("tune", GREY), ("test", BLUE))):
        places = [n + 0.2 - 0.4 * place for n in range(len(names))]
        left.barh(places, [100 * shares[name, part] for name in names], 0.38, color=colour, label=part)
    left.set(yticks=range(len(names)), yticklabels=names, xlabel="said as it is meant (%)", xlim=(0, 100))
    left.legend(loc="lower right")
    words = list(SOUNDS)
    for column, (name, colour) in enumerate(zip(names, (GREY, ORANGE, GREEN, PURPLE, BLUE), strict=False)):
        mine = [[row[4 + column] == row[1] for row in answers if row[0] == word and row[2] == "test"] for word in words]
        places = np.arange(len(words)) + 0.2 * (column - 1.5)
        right.bar(places, [100 * sum(m) / len(m) for m in mine], 0.19, color=colour, label=name)
    right.set(
        xticks=range(len(words)), ylabel="said as it is meant (%)", ylim=(0, 118), title="the test list, word by word"
    )
    right.set_xticklabels(words, rotation=45)
    right.legend(ncols=4, loc="upper center", fontsize=8)
    save_figure(figure, path)
    print("homographs.png: who is right how often, on the list the rules were written with and on the other")


def public_tagger(name: str) -> Callable[[list[str]], list[str]] | None:
    """Return the tagger of a spaCy pipeline, or None after saying why there is none."""
    try:
        nlp = spacy_pipeline(name)
    except CourseError as reason:
        print(f"NOTE: {reason}\n      {reason.hint}\n      gruut's tags stand alone.")
        return None
    from spacy.tokens import Doc

    return lambda tokens: [token.tag_ for token in nlp(Doc(nlp.vocab, words=tokens))]


def main(settings) -> dict:
    prepare(settings, "rules and a tagger of some megabytes")
    rows = read_table("homographs")
    deciders: dict[str, Callable[[str, str], str]] = {
        "the commoner sound": commoner,
        "the part of speech": by_tag,
        "neighbours, then tag": by_neighbours,
        "gruut": by_gruut,
    }
    if settings.model and (tagger := public_tagger(settings.model)):
        deciders[settings.model] = lambda word, sentence: by_tag(word, sentence, tagger)
    shares, answers = judge(deciders, rows)
    print(f"{len(SOUNDS)} words, {len(rows)} sentences, said as they are meant:     tune   test")
    for name in deciders:
        print(f"   {name:<44} {shares[name, 'tune']:>6.0%} {shares[name, 'test']:>6.0%}")
    print("\nWrong on the test list, by the neighbours:")
    missed = [row for row in answers if row[2] == "test" and row[6] != row[1]]
    for word, reading, _, sentence, *said in missed if not settings.quick else missed[:5]:
        print(f"   {sentence}  ({word} is {reading}, not {said[2]})")
    write_csv(settings.out / "homographs.csv", [["word", "reading", "part", "sentence", *deciders], *answers])
    plot(shares, answers, list(deciders)[:4], settings.out / "homographs.png")
    values = judge_emphasis(settings.out / "emphasis.csv")
    print(
        "the capstone: gruut decides there; a sentence that it gets wrong can be written as it sounds ('red', 'leed')"
    )
    return {**values, "sentences": len(rows),
            "commoner": shares["the commoner sound", "test"], "by_tag": shares["the part of speech", "test"],
            "by_neighbours_tune": shares["neighbours, then tag", "tune"],
            "by_neighbours": shares["neighbours, then tag", "test"],
            "by_gruut": shares["gruut", "test"]}  # fmt: skip


EXPECTED = {
    "sentences": Expected(quick=(100, 100), full=(100, 100)),
    "commoner": Expected(quick=(0.5, 0.6), full=(0.5, 0.6)),
    "by_tag": Expected(quick=(0.88, 0.97), full=(0.88, 0.97)),
    "by_neighbours_tune": Expected(quick=(0.95, 1), full=(0.95, 1)),
    "by_neighbours": Expected(quick=(0.93, 1), full=(0.93, 1)),
    "by_gruut": Expected(quick=(0.7, 0.82), full=(0.7, 0.82)),
    "italics": Expected(quick=(37, 37), full=(37, 37)),
    "small_words_in_italics": Expected(quick=(0.4, 0.6), full=(0.4, 0.6)),
    "emphasis_default": Expected(quick=(0, 0.1), full=(0, 0.1)),
    "emphasis_rules": Expected(quick=(0.45, 0.6), full=(0.45, 0.6)),
    "emphasis_rules_austen": Expected(quick=(0, 0.4), full=(0, 0.4)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="course exercise 05")
