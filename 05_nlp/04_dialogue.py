"""Who says what? Quotations and their speakers, for a narration in several voices, and a chapter spoken by two.

What you will learn
    - to find quotations, also where one goes on over several paragraphs
    - four rules for the speaker, the surest first: named, meant by "he" or "she", the same paragraph, in turn
    - precision and recall on chapters labelled by hand, for each rule and for all together
    - where rules end: two people who are both "he", and pages on which nobody is named
    - to give each speaker a voice, and the narrator another
How to run it
    python 04_dialogue.py --quick      265 labelled quotations; 10 s of speech in two voices, no network, about 12 s
    python 04_dialogue.py              a longer piece of the chapter, everybody with a voice of their own
Time and memory on 2 CPU cores: quick 12 s, full 12 s; 0.9 GB.
Writes outputs/: dialogue.csv, dialogue.png, narration.wav
Concepts: NLP_CONCEPTS_EXPLAINED.md (quotations, speaker attribution, precision and recall)
"""

import re
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.figure import Figure
from nlp_utils import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    audio_utils,
    paragraphs,
    precision_recall,
    prepare,
    read_aloud,
    read_table,
    save_figure,
    write_csv,
)

from coursekit.cli import run_script, script_parser
from coursekit.expectations import Expected
from voice_pipeline.settings import AUDIO

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
TUNED_ON = "cheshire_cat"  # the rules were written with this chapter; the others show what they are worth
TEXTS = (TUNED_ON, "rabbit_hole", "tea_party", "pride_1")

# Who is in a text, what else they are called, and which pronouns may mean them. A narrator makes such a list first.
CAST = {
    "cheshire_cat": {"Alice": ("she", []), "Cat": ("it", [])},
    "rabbit_hole": {"Alice": ("she", []), "White Rabbit": ("it", ["Rabbit"])},
    "tea_party": {"Alice": ("she", []), "Hatter": ("he", []), "March Hare": ("he it", []), "Dormouse": ("he it", [])},
    "pride_1": {"Mrs. Bennet": ("she", ["his lady", "his wife"]), "Mr. Bennet": ("he", [])},
}
GROUP, NOBODY = "several", "nobody"  # "they both cried"; a label on a bottle
VERBS = ("said added answered asked began bawled cried continued exclaimed grumbled interrupted muttered pleaded "
         "remarked repeated replied returned sighed thought whispered").split()  # fmt: skip
VERB = rf"(?:{'|'.join(VERBS)}|went on)"
ADVERB = r"(?:\w+ly )?"
NARRATOR = "narrator"

# ----------------------------------------------------------------------------------------------------------------------
# quotations


@dataclass(frozen=True)
class Quote:
    """One quotation: what stands between two marks.

    Attributes:
        paragraph: Number of its paragraph.
        text: Its words, without the marks.
        before: What is told in the paragraph before it, since the last quotation.
        after: What is told behind it, up to the next one.
        goes_on: The quotation of the paragraph before was not closed, so this one belongs to it.
        said: Whether it is speech, and not a word on a label: "DRINK ME".
        speaker: Who says it; empty while nobody knows.
        rule: How that was found.
    """

    paragraph: int
    text: str
    before: str
    after: str
    goes_on: bool = False
    said: bool = True
    speaker: str = ""
    rule: str = ""


def find_quotes(text: list[str]) -> list[Quote]:
    """Cut each paragraph at its quotation marks: every second part is said.

    Where a speech goes on in a new paragraph, books open it again and close only the last one. A paragraph with an odd
    number of marks is therefore not spoilt: its last quotation is open.
    """
    found, still_open = [], False
    for number, paragraph in enumerate(text):
        parts = paragraph.split('"')  # told, said, told, said, told
        for place in range(1, len(parts), 2):  # concept: quotations
            closed = place + 1 < len(parts)
            before, words, after = (
                parts[place - 1].strip(),
                parts[place].strip(),
                parts[place + 1].strip() if closed else "",
            )
            goes_on = still_open and place == 1 and not before
            found.append(Quote(number, words, before, after, goes_on, not closed or is_said(words, before)))
        still_open = len(parts) % 2 == 0
    return found


def is_said(words: str, before: str) -> bool:
    """Speech ends with a mark, and a mark, a bracket or a verb of speech leads to it; with a label it is otherwise."""
    led = not before or before[-1] in ".,;:?!()-" or re.search(rf"\b{VERB}$", before)
    return words[-1] in ".,;:?!-'" and bool(led)


# ----------------------------------------------------------------------------------------------------------------------
# speakers


def pattern(cast: dict) -> str:
    """All names of a cast, the longest first, with "the" or without."""
    names = [other for name, (_, others) in cast.items() for other in (name, *others)]
    return rf"(?:[Tt]he )?({'|'.join(map(re.escape, sorted(names, key=len, reverse=True)))})"


def who(called: str, cast: dict) -> str:
    return next(name for name, (_, others) in cast.items() if called in (name, *others))


def named(quote: Quote, cast: dict) -> str:
    """Rule 1: the words beside the quotation say it: "said the Hatter", "Alice hastily replied"."""
    name = pattern(cast)
    beside = re.match(rf"[\s,(]*(?:{VERB} {name}|{name} {ADVERB}{VERB}\b|{name} {ADVERB}\w+ to ask)", quote.after)
    if beside:
        return who(next(filter(None, beside.groups())), cast)
    # "..., and the Dormouse sulkily remarked, " before a quotation; the last name before the verb is the one
    leading = re.search(rf"{name}[^.\"]*?\b{VERB}[^.\"]*[,:]?$", last_sentence(quote.before))
    return who(leading[1], cast) if leading and not re.match(rf"\s*{VERB}", quote.after) else ""


def last_sentence(told: str) -> str:
    """The last sentence of what is told: what is said follows from it."""
    return re.split(r"(?<=[.!?]) (?=[A-Z])", told)[-1]


def by_pronoun(quote: Quote, cast: dict, heard: list[str], told: str) -> str:
    """Rule 2: "he said" is whoever was named last and may be called so; "they cried" is several."""
    found = re.match(
        rf"[\s,(]*(?:{VERB} (he|she|it|they)\b|(he|she|it|they)\b(?: both)? {ADVERB}{VERB}\b)", quote.after
    )
    leading = re.search(
        rf"\b([Hh]e|[Ss]he|[Ii]t|[Tt]hey)\b(?: both)? {ADVERB}{VERB}[^.\"]*[,:]?$", last_sentence(quote.before)
    )
    if not found and (not leading or not last_sentence(quote.before)):
        return ""
    pronoun = next(filter(None, (found or leading).groups())).lower()
    if pronoun == "they":
        return GROUP
    possible = [name for name, (pronouns, _) in cast.items() if pronoun in pronouns.split()]
    if len(possible) == 1:
        return possible[0]
    mentions = [who(called, cast) for called in re.findall(pattern(cast), told)]  # concept: speaker attribution
    subject = re.match(rf"\W*{pattern(cast)}", told)  # who a paragraph begins with is whom it is about
    order = ([who(subject[1], cast)] if subject else []) + mentions[::-1] + heard[::-1]
    return next((name for name in order if name in possible), "")


RULES = ("named", "pronoun", "paragraph", "turn")
WAYS = ("the nearest name", "1 named", "1-2 and pronouns", "1-3 and paragraph", "1-4 and in turn")


def attribute(quotes: list[Quote], text: list[str], cast: dict, rules=RULES) -> list[Quote]:
    """Return the quotations with their speakers, as far as the rules find one."""
    found: list[Quote] = []
    for quote in quotes:
        if not quote.said:
            found.append(quote)
            continue
        speaker = rule = ""
        heard = [one.speaker for one in found if one.speaker]
        told = re.sub(r'"[^"]*"?', " ", text[quote.paragraph])
        if "named" in rules and (speaker := named(quote, cast)):
            rule = "named"
        elif "pronoun" in rules and (speaker := by_pronoun(quote, cast, heard, told)):
            rule = "pronoun"
        found.append(replace(quote, speaker=speaker, rule=rule))
    if "paragraph" in rules:
        found = _same_paragraph(found)
    return _in_turn(found, cast) if "turn" in rules else found


def _same_paragraph(quotes: list[Quote]) -> list[Quote]:
    """Rule 3: one paragraph has one speaker, and a speech that goes on has the one it had."""
    found: list[Quote] = []
    for quote in quotes:
        if quote.goes_on and not quote.speaker and found:
            quote = replace(quote, speaker=found[-1].speaker, rule="paragraph")
        elif quote.said and not quote.speaker:
            others = [one.speaker for one in quotes if one.paragraph == quote.paragraph and one.speaker]
            if others:
                quote = replace(quote, speaker=others[0], rule="paragraph")
        found.append(quote)
    return found


def _in_turn(quotes: list[Quote], cast: dict) -> list[Quote]:
    """Rule 4: where nothing is told, two people speak in turn: it is whoever spoke last, but for the one before."""
    found: list[Quote] = []
    for quote in quotes:
        if quote.said and not quote.speaker:
            heard = [one for one in found if one.speaker]
            if heard and heard[-1].paragraph == quote.paragraph:
                quote = replace(quote, speaker=heard[-1].speaker, rule="turn")
            elif heard:
                others = [one.speaker for one in reversed(heard) if one.speaker != heard[-1].speaker]
                others += [name for name in cast if name != heard[-1].speaker]  # nobody else has spoken yet
                quote = replace(quote, speaker=others[0], rule="turn")
        found.append(quote)
    return found


def nearest_name(quote: Quote, text: list[str], cast: dict) -> str:
    """What to beat: the name that stands nearest behind the quotation, else nearest before it, in its paragraph."""
    behind, before = re.findall(pattern(cast), quote.after), re.findall(pattern(cast), quote.before)
    return who(behind[0] if behind else before[-1], cast) if behind or before else ""


# ----------------------------------------------------------------------------------------------------------------------
# judging


def judge(name: str) -> dict:
    """Compare the speakers of a text with those in speakers.tsv; print and return what is right."""
    text, cast = paragraphs(name), CAST[name]
    labels = {int(row[1]): row[2] for row in read_table("speakers") if row[0] == name}
    quotes = find_quotes(text)
    speech = {number for number, speaker in labels.items() if speaker != NOBODY}
    wanted = {(number, labels[number]) for number in speech}
    marks = precision_recall({number for number, quote in enumerate(quotes, 1) if quote.said}, speech)
    print(f"\n{name}: {len(quotes)} quotations, {len(speech)} of them speech; found with precision {marks[0]:.0%}, "
          f"recall {marks[1]:.0%}")  # fmt: skip
    result: dict = {"quotes": len(quotes), "marks": marks}
    ways = {WAYS[0]: [nearest_name(quote, text, cast) for quote in quotes]}
    for count, way in enumerate(WAYS[1:], 1):
        ways[way] = [quote.speaker for quote in attribute(quotes, text, cast, RULES[:count])]
    for way, speakers in ways.items():
        said = {(number, speaker) for number, speaker in enumerate(speakers, 1) if speaker}
        precision, recall = precision_recall(said, wanted)  # concept: precision and recall
        result[way] = (precision, recall)
        print(f"   {way:<18} precision {precision:>4.0%}, recall {recall:>4.0%}")
    last = attribute(quotes, text, cast)
    wrong = [(quote, labels[n]) for n, quote in enumerate(last, 1) if (quote.speaker or NOBODY) != labels[n]]
    for quote, true in wrong[:3]:
        print(f"      wrong: {quote.text[:40]!r} is {true}'s, not {quote.speaker or NOBODY} ({quote.rule or '-'})")
    return result | {"attributed": last, "text": text}


def plot(results: dict, path) -> None:
    figure = Figure(figsize=(12, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.3))
    for name, colour in zip(results, (GREY, GREEN, BLUE, ORANGE), strict=True):
        points = np.array([results[name][way] for way in WAYS]) * 100
        left.plot(points[1:, 1], points[1:, 0], "o-", color=colour, label=name)
        left.plot(points[0, 1], points[0, 0], "x", color=colour)
    left.set(xlabel="recall (%)", ylabel="precision (%)", title="rule by rule; x: nearest name", ylim=(0, 104))
    left.legend()
    quotes = results["tea_party"]["attributed"]
    people = [*CAST["tea_party"], GROUP]
    colours = dict(zip(RULES, (BLUE, GREEN, ORANGE, PURPLE), strict=True))
    for rule, colour in colours.items():
        places = [(n, people.index(quote.speaker)) for n, quote in enumerate(quotes, 1) if quote.rule == rule]
        right.scatter(*zip(*places, strict=True), color=colour, label=rule, s=18) if places else None
    right.set(yticks=range(len(people)), yticklabels=people, xlabel="quotation", title="tea party: who, by which rule")
    right.legend(ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.15), frameon=False)
    save_figure(figure, path)
    print("\ndialogue.png: rules against recall and precision, and the conversation as it goes to and fro")


# ----------------------------------------------------------------------------------------------------------------------
# several voices

# Number of a voice in the starter voice's list of people. In a quick run everybody who speaks shares one voice.
VOICES = {NARRATOR: 7, "Alice": 21, "Hatter": 35, "March Hare": 49, "Dormouse": 14, GROUP: 28}


def parts_of(paragraph: str, number: int, quotes: list[Quote]) -> list[tuple[str, str]]:
    """Return (who speaks, words) of a paragraph: the narrator between the quotations, the speakers in them."""
    mine, found = iter([quote for quote in quotes if quote.paragraph == number]), []
    for place, part in enumerate(paragraph.split('"')):
        who_speaks = next(mine).speaker or NARRATOR if place % 2 else NARRATOR  # concept: speaker attribution
        if re.search("[a-zA-Z]", part):
            found.append((who_speaks, part.strip(" ,;:")))
    return found


def main(settings) -> dict:
    prepare(settings, "rules on text, and the starter voice is small")
    results = {name: judge(name) for name in TEXTS}
    rows = [["text", "quotation", "speaker", "rule", "words"]]
    for name, result in results.items():
        rows += [[name, n, q.speaker, q.rule, q.text[:60]] for n, q in enumerate(result["attributed"], 1)]
    write_csv(settings.out / "dialogue.csv", rows)
    plot(results, settings.out / "dialogue.png")
    tea = results["tea_party"]
    numbers = range(5, 7) if settings.quick else range(2, 16)  # paragraphs: who was civil to whom
    parts = [part for n in numbers for part in parts_of(tea["text"][n], n, tea["attributed"])]
    for speaker, words in parts[:6]:
        print(f"   {speaker:<11} {words}")
    voices = {speaker: VOICES["Alice" if settings.quick and speaker != NARRATOR else speaker] for speaker, _ in parts}
    waveform = read_aloud([(voices[speaker], words) for speaker, words in parts])
    audio_utils.write_wav(settings.out / "narration.wav", waveform, AUDIO.sample_rate)
    seconds = len(waveform) / AUDIO.sample_rate
    heard = len(set(voices.values()))
    print(f"narration.wav: {seconds:.1f} s, {len(voices)} speakers in {heard} voices; the capstone cuts and speaks it")
    return {
        "quotes_found": sum(result["quotes"] for result in results.values()),
        "speech_precision": min(result["marks"][0] for result in results.values()),
        "speech_recall": min(result["marks"][1] for result in results.values()),
        **{f"{way}_{name}": value for name in ("tea_party", "pride_1") for way, value in
           zip(("precision", "recall"), results[name]["1-4 and in turn"], strict=True)},
        "precision_of_named": results["tea_party"]["1 named"][0], "recall_of_named": results["tea_party"]["1 named"][1],
        "recall_of_nearest_name": results["tea_party"]["the nearest name"][1],
        "seconds_spoken": seconds, "voices": heard,
    }  # fmt: skip


EXPECTED = {
    "quotes_found": Expected(quick=(265, 265), full=(265, 265)),
    "speech_precision": Expected(quick=(0.95, 1), full=(0.95, 1)),
    "speech_recall": Expected(quick=(0.9, 1), full=(0.9, 1)),
    "precision_tea_party": Expected(quick=(0.95, 1), full=(0.95, 1)),
    "recall_tea_party": Expected(quick=(0.95, 1), full=(0.95, 1)),
    "precision_pride_1": Expected(quick=(0.95, 1), full=(0.95, 1)),
    "recall_pride_1": Expected(quick=(0.95, 1), full=(0.95, 1)),
    "precision_of_named": Expected(quick=(0.98, 1), full=(0.98, 1)),
    "recall_of_named": Expected(quick=(0.6, 0.7), full=(0.6, 0.7)),
    "recall_of_nearest_name": Expected(quick=(0.8, 0.9), full=(0.8, 0.9)),
    "voices": Expected(quick=(2, 2), full=(3, 6)),
    "seconds_spoken": Expected(quick=(4, 20), full=(30, 150)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="05_summarisation.py")
