"""spaCy's pipeline: tokens, sentences, entities by rules, tags, and a component of our own trained from nothing.

What you will learn
    - why a token is not what stands between two spaces, and a sentence not what stands between two dots
    - a pipeline: a blank one, and what each component adds to the same document
    - names, times and money by rules, with their precision and recall
    - to train a component: is a line a question, an exclamation or a statement, when its mark is hidden?
    - to save a pipeline as a folder and load it again; the public models are such folders
How to run it
    python 02_spacy_pipeline.py --quick      a blank pipeline, rules, three trainings of some seconds, no network
    python 02_spacy_pipeline.py              the same with more rounds
    python 02_spacy_pipeline.py --model en_core_web_sm     beside a public pipeline (or a folder that holds one)
Time and memory on 2 CPU cores: quick 11 s, full 14 s; 0.6 GB.
Writes outputs/: sentence_kind/, sentence_kind.png, entities.csv
Concepts: NLP_CONCEPTS_EXPLAINED.md (tokens, sentence boundaries, pipelines, named entities, text classification)
"""

import re
from collections import Counter

import numpy as np
import spacy
from matplotlib.figure import Figure
from nlp_utils import (
    BLUE,
    GREEN,
    ORANGE,
    f1,
    labelled_lines,
    mean_recall,
    paragraphs,
    precision_recall,
    prepare,
    read_table,
    save_figure,
    spacy_pipeline,
    tags_of,
    write_csv,
)
from spacy.language import Language
from spacy.matcher import Matcher
from spacy.tokens import Span
from spacy.training import Example
from spacy.util import fix_random_seed, is_package, minibatch

from coursekit.cli import run_script, script_parser
from coursekit.errors import CourseError
from coursekit.expectations import Expected
from voice_pipeline.text import split_sentences

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
PARSER.add_argument("--model", metavar="NAME", help="a spaCy pipeline that is installed, or a folder that holds one")
PUBLIC = "en_core_web_sm"  # 12 MB; taken where it is installed, without --model too
BATCH, DROPOUT = 32, 0.2  # lines at once; share of the words hidden from the model at each step
KINDS = ("statement", "question", "exclamation")
MARKS = {".": "statement", "?": "question", "!": "exclamation"}

SENTENCES = [row[0] for row in read_table("sentences")]  # "|" is where one ends and the next begins
NAMED = [(row[0], row[1] if len(row) > 1 else "") for row in read_table("named")]  # sentence, words=label;...

# ----------------------------------------------------------------------------------------------------------------------
# a blank pipeline, and components by rules

TITLES = ["Dr.", "Mr.", "Mrs.", "Ms.", "Prof.", "Captain", "Sir", "Lady"]
MONTHS = "January February March April May June July August September October November December".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
CAST = ["Alice", "Hatter", "March Hare", "Dormouse", "Cat", "White Rabbit", "Queen"]
CURRENCY = {"LOWER": {"IN": ["dollars", "dollar", "euros", "euro", "pounds", "pound"]}}
ENTITIES = [
    {"label": "PERSON", "pattern": [{"ORTH": {"IN": TITLES}}, {"IS_TITLE": True, "OP": "+"}]},
    *({"label": "PERSON", "pattern": [{"LOWER": "the", "OP": "?"}, *({"ORTH": w} for w in name.split())]}
      for name in CAST),
    {"label": "MONEY", "pattern": [{"ORTH": "$"}, {"LIKE_NUM": True}]},
    {"label": "MONEY", "pattern": [{"LIKE_NUM": True}, CURRENCY]},
    {"label": "TIME", "pattern": [{"TEXT": {"REGEX": r"^\d{1,2}:\d\d$"}}]},
    {"label": "TIME", "pattern": [{"LIKE_NUM": True}, {"LOWER": {"IN": ["o'clock", "a.m.", "p.m.", "am", "pm"]}}]},
    {"label": "DATE", "pattern": [{"LOWER": {"IN": ["in", "on"]}}, {"ORTH": {"IN": [*MONTHS, *DAYS]}},
                                  {"IS_DIGIT": True, "OP": "?"}]},
]  # fmt: skip
NO_END = {"Dr.", "Mr.", "Mrs.", "Prof.", "No.", "Fig.", "J.", "R.", "e.g.", "i.e.", "p.m.", "a.m.", "etc.", "U.S."}


@Language.component("keep_together")
def keep_together(doc):
    """Take back a boundary after an abbreviation; "No." only keeps a number, "etc." and "p.m." only a small letter."""
    for token in doc[1:]:
        before = doc[token.i - 1].text if doc[token.i - 1].text != "." else doc[max(token.i - 2, 0)].text + "."
        if not token.is_sent_start or before not in NO_END:  # concept: sentence boundaries
            continue
        joins = {"No.": token.is_digit, "Fig.": token.is_digit}
        token.is_sent_start = not joins.get(before, before not in ("etc.", "p.m.", "a.m.") or token.text[0].islower())
    return doc


@Language.component("gruut_tags")
def gruut_tags(doc):
    """Write the part of speech of each token: a blank pipeline knows none."""
    for sentence in doc.sents:
        for token, tag in zip(sentence, tags_of([token.text for token in sentence]), strict=True):
            token.tag_ = tag
    return doc


@Language.component("without_preposition")
def without_preposition(doc):
    """ "in May" is a month and "may" is not, so the rule needs the word before; the name is the month alone."""
    doc.ents = [Span(doc, ent.start + (ent[0].lower_ in ("in", "on")), ent.end, label=ent.label) for ent in doc.ents]
    return doc


def rule_pipeline() -> Language:
    """A blank English pipeline with five components, each a rule or somebody else's tagger."""
    nlp = spacy.blank("en")  # knows how to cut words, and nothing else
    nlp.add_pipe("sentencizer")
    nlp.add_pipe("keep_together")
    nlp.add_pipe("gruut_tags")
    nlp.add_pipe("entity_ruler").add_patterns(ENTITIES)  # concept: pipelines
    nlp.add_pipe("without_preposition")
    return nlp


def show_tokens(nlp: Language) -> dict[str, float]:
    """Print one sentence cut at its spaces and by spaCy."""
    text = "Dr. Lee didn't pay $3.50 at 5 p.m., did he?"
    doc = nlp(text)
    print(f"{text}\n   by spaces ({len(text.split())}): {' | '.join(text.split())}")
    print(f"   by spaCy ({len(doc)}):  {' | '.join(token.text for token in doc)}")  # concept: tokens
    print("   tags:         " + " | ".join(token.tag_ for token in doc))
    return {"tokens_of_the_sentence": len(doc)}


def judge_sentences(nlp: Language) -> dict[str, float]:
    """Cut the fifteen texts five ways; print and return the share that is cut as it should be."""
    import pysbd

    plain, others = spacy.blank("en"), pysbd.Segmenter(language="en", clean=False)
    plain.add_pipe("sentencizer")
    ways = {
        "after . ? !": lambda text: re.findall(r"\S.*?[.?!]+(?= |$)", text),
        "spaCy sentencizer": lambda text: [sent.text for sent in plain(text).sents],
        "with keep_together": lambda text: [sent.text for sent in nlp(text).sents],
        "pysbd": lambda text: [part.strip() for part in others.segment(text)],
        "the capstone": split_sentences,
    }
    found = {}
    print(f"\n{len(SENTENCES)} texts cut into sentences as they should be:")
    for name, cut in ways.items():
        wrong = [text for text in SENTENCES if cut(text.replace("|", " ")) != text.split("|")]
        found[name] = 1 - len(wrong) / len(SENTENCES)
        print(f"   {name:<19} {found[name]:>5.0%}" + (f"   not: {wrong[0].replace('|', ' ')}" if wrong else ""))
    return {"sentences_by_marks": found["after . ? !"], "sentences_by_rules": found["with keep_together"],
            "sentences_by_capstone": found["the capstone"]}  # fmt: skip


def judge_entities(nlp: Language, name: str, path=None) -> tuple[float, float]:
    """Count what is found of the names, times and sums in NAMED. Returns (precision, recall)."""
    found, wanted, rows = set(), set(), [["sentence", "words", "label", "verdict"]]
    for number, (text, named) in enumerate(NAMED):
        wanted |= {(number, *pair.split("=")) for pair in named.split(";") if pair}
        kinds = {label for _, pair in NAMED for label in re.findall(r"=(\w+)", pair)}
        found |= {(number, ent.text, ent.label_) for ent in nlp(text).ents if ent.label_ in kinds}
    precision, recall = precision_recall(found, wanted)  # concept: named entities
    print(f"   {name:<19} precision {precision:.0%}, recall {recall:.0%} of {len(wanted)}")
    for verdict, rest in (("missed", wanted - found), ("wrong", found - wanted)):
        rows += [[NAMED[n][0], words, label, verdict] for n, words, label in sorted(rest)]
    if path:
        write_csv(path, rows)
        print("   missed: " + "; ".join(f"{row[1]} ({row[2]})" for row in rows[1:] if row[3] == "missed"))
    return precision, recall


def who_says_how(nlp: Language) -> dict[str, float]:
    """Let tags and entities work together: verbs of the past beside a person, in a chapter."""
    matcher = Matcher(nlp.vocab)
    person = {"ENT_TYPE": "PERSON"}
    matcher.add("said X", [[{"TAG": "VBD"}, {"ORTH": "the", "OP": "?"}, {**person, "IS_TITLE": True, "OP": "+"}]])
    counts: Counter = Counter()
    for doc in nlp.pipe(paragraphs("tea_party")):
        last = {start: doc[start:end] for _, start, end in matcher(doc)}  # the longest match from each start
        counts.update(f"{span[0].text} {span[-1].text}" for span in last.values())
    print("\nverb and person in the chapter: " + ", ".join(f"{what} {n}" for what, n in counts.most_common(6)))
    return {"said_somebody": sum(n for what, n in counts.items() if what.startswith("said"))}


# ----------------------------------------------------------------------------------------------------------------------
# a component of our own, trained from nothing


def train(lines: list[tuple[str, str, str]], rounds: int, seed: int, watch=()) -> tuple[Language, list]:
    """Train a text classifier on single words and pairs of words; return the pipeline and its score after each round.

    The words "begin" and "end" of a line make pairs such as "begin what": a bag of pairs knows no order otherwise.
    """
    fix_random_seed(seed)
    nlp = spacy.blank("en")
    model = {"@architectures": "spacy.TextCatBOW.v3", "exclusive_classes": True, "ngram_size": 2,
             "no_output_layer": False, "length": 16384}  # fmt: skip
    classifier = nlp.add_pipe("textcat", config={"model": model})
    for kind in KINDS:
        classifier.add_label(kind)
    examples = [
        Example.from_dict(nlp.make_doc(text), {"cats": {one: float(one == kind) for one in KINDS}})
        for _, text, kind in lines
    ]
    common = Counter(kind for *_, kind in lines)
    for kind in KINDS:  # as many of each: a rare kind would be guessed never
        mine = [example for example in examples if example.reference.cats[kind] == 1]
        examples += mine * (max(common.values()) // common[kind] - 1)
    optimizer = nlp.initialize(lambda: examples)  # concept: text classification
    random, scores = np.random.default_rng(seed), []
    for _ in range(rounds):
        losses: dict[str, float] = {}
        for batch in minibatch([examples[n] for n in random.permutation(len(examples))], BATCH):
            nlp.update(batch, sgd=optimizer, drop=DROPOUT, losses=losses)
        if watch:
            scores.append((losses["textcat"], mean_recall(confusion(nlp, watch)), mean_recall(confusion(nlp, lines))))
    return nlp, scores


def said_kind(nlp: Language, texts: list[str]) -> list[str]:
    return [max(doc.cats, key=doc.cats.get) for doc in nlp.pipe(texts)]


def by_first_word(text: str) -> str:
    """The rule to beat: questions begin with a question word or a verb, exclamations with "o", "how", "what a"."""
    words = text.split()[1:]
    if words[0] in ("o", "oh", "how", "poor", "good") or words[:2] == ["what", "a"]:
        return "exclamation"
    asks = "who what where when why which whose is are was do does did can could will would shall may have has".split()
    return "question" if words[0] in asks else "statement"


def table_of(said: list[str], lines) -> np.ndarray:
    """Return how often each kind (row) was called each kind (column), int `[3, 3]`."""
    table = np.zeros((3, 3), int)
    for kind, (*_, true) in zip(said, lines, strict=True):
        table[KINDS.index(true), KINDS.index(kind)] += 1
    return table


def confusion(nlp: Language, lines) -> np.ndarray:
    return table_of(said_kind(nlp, [text for _, text, _ in lines]), lines)


def judge_classifier(settings) -> tuple[dict, np.ndarray, list]:
    """Train three times, each time without one group of authors, and ask about that group."""
    lines, rounds = labelled_lines(), 6 if settings.quick else 15
    counts = Counter(kind for *_, kind in lines)
    print(f"\n{len(lines)} lines without their marks: " + ", ".join(f"{n} {kind}s" for kind, n in counts.items()))
    whole, rule, curves = np.zeros((3, 3), int), np.zeros((3, 3), int), []
    for group in ("carroll", "stage", "tales"):
        test = [line for line in lines if line[0] == group]
        nlp, scores = train([line for line in lines if line[0] != group], rounds, settings.seed, test)
        table = confusion(nlp, test)
        rule += table_of([by_first_word(text) for _, text, _ in test], test)
        whole += table
        curves.append((group, scores))
        print(f"   learned from the others, asked about {group:<8} {len(test):>4} lines: {mean_recall(table):.0%}")
    print(f"   mean recall {mean_recall(whole):.0%}; by the first word {mean_recall(rule):.0%}; one kind always 33%")
    print("   is \\ said    " + "".join(f"{kind:>13}" for kind in KINDS))
    for kind, row in zip(KINDS, whole, strict=True):
        print(f"   {kind:<12} " + "".join(f"{count:>13}" for count in row))
    nlp, _ = train(lines, rounds, settings.seed)
    nlp.to_disk(settings.out / "sentence_kind")
    again = spacy_pipeline(str(settings.out / "sentence_kind"))
    texts = [text for _, text, _ in lines[::7]]
    same = said_kind(nlp, texts) == said_kind(again, texts)
    print(f"   saved as sentence_kind/ and loaded again: {'the same' if same else 'OTHER'} answers")
    found = {"lines": len(lines), "mean_recall": mean_recall(whole), "mean_recall_by_rule": mean_recall(rule)}
    found |= {"question_recall": whole[1, 1] / whole[1].sum(), "same_after_loading": float(same)}
    return found, whole, curves


def plot(table: np.ndarray, curves: list, path) -> None:
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for (group, scores), colour in zip(curves, (BLUE, ORANGE, GREEN), strict=True):
        rounds = range(1, len(scores) + 1)
        left.plot(rounds, [100 * test for _, test, _ in scores], "o-", color=colour, label=f"{group}, never seen")
        left.plot(rounds, [100 * train for *_, train in scores], ":", color=colour)
    left.axhline(100 / 3, color="black", linewidth=0.8)
    left.set(xlabel="round", ylabel="mean recall (%)", title="dotted: the lines it learned from", ylim=(25, 101))
    left.legend()
    share = table / table.sum(axis=1, keepdims=True)
    right.imshow(share, cmap="cividis", vmin=0, vmax=1)
    for (row, column), value in np.ndenumerate(share):
        colour = "black" if value > 0.5 else "white"
        right.text(column, row, f"{value:.2f}\n({table[row, column]})", ha="center", va="center", color=colour)
    right.set(xticks=range(3), yticks=range(3), xticklabels=KINDS, yticklabels=KINDS, xlabel="said", ylabel="true")
    save_figure(figure, path)
    print("sentence_kind.png: its own lines it knows by heart within a few rounds, those of others it does not")


def public_half(settings, nlp: Language) -> None:
    """The same questions to a public pipeline, where one is at hand."""
    name = settings.model or (PUBLIC if is_package(PUBLIC) else "")
    if not name:
        print(f"\nNOTE: {PUBLIC} is not installed: the rules stand alone. python -m spacy download {PUBLIC} brings it.")
        return
    try:
        public = spacy_pipeline(name)
    except CourseError as reason:
        print(f"\nNOTE: {reason}\n      {reason.hint}\n      The rules stand alone.")
        return
    print(f"\nThe same with {name}: {', '.join(public.pipe_names)}")
    judge_entities(public, "its entities")
    texts = paragraphs("cheshire_cat")
    pairs = [(a.tag_, b.tag_) for one, other in zip(nlp.pipe(texts), public.pipe(texts), strict=True)
             for a, b in zip(one, other, strict=False) if a.text == b.text]  # fmt: skip
    print(f"   tags as gruut's in {np.mean([a == b for a, b in pairs]):.0%} of {len(pairs)} tokens")


def main(settings) -> dict:
    prepare(settings, "spaCy's small models need no GPU")
    nlp = rule_pipeline()
    values = show_tokens(nlp) | judge_sentences(nlp)
    print("\nnames, times, days and sums:")
    precision, recall = judge_entities(nlp, "entity rules", settings.out / "entities.csv")
    values |= {"entity_precision": precision, "entity_f1": f1(precision, recall)} | who_says_how(nlp)
    measured, table, curves = judge_classifier(settings)
    plot(table, curves, settings.out / "sentence_kind.png")
    public_half(settings, nlp)
    print("the capstone: a blank pipeline and rules, as here; it is on every machine and takes milliseconds")
    return values | measured


EXPECTED = {
    "tokens_of_the_sentence": Expected(quick=(14, 14), full=(14, 14)),
    "sentences_by_marks": Expected(quick=(0.35, 0.45), full=(0.35, 0.45)),
    "sentences_by_rules": Expected(quick=(1, 1), full=(1, 1)),
    "sentences_by_capstone": Expected(quick=(0.9, 1), full=(0.9, 1)),
    "entity_precision": Expected(quick=(0.9, 1), full=(0.9, 1)),
    "entity_f1": Expected(quick=(0.85, 0.99), full=(0.85, 0.99)),
    "said_somebody": Expected(quick=(38, 45), full=(38, 45)),
    "lines": Expected(quick=(860, 880), full=(860, 880)),
    "mean_recall": Expected(quick=(0.66, 0.8), full=(0.66, 0.8)),
    "mean_recall_by_rule": Expected(quick=(0.62, 0.68), full=(0.62, 0.68)),
    "question_recall": Expected(quick=(0.65, 0.9), full=(0.65, 0.9)),
    "same_after_loading": Expected(quick=(1, 1), full=(1, 1)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="03_chunking_for_speech.py")
