"""Shorter: sentences chosen by TextRank, titles by a small sequence-to-sequence model, and ROUGE to judge both.

What you will learn
    - extractive summaries: TextRank from scratch, which is PageRank among sentences, equal to networkx's
    - ROUGE from scratch, equal to the library rouge, and what it cannot see
    - abstractive summaries: a BART of 200,000 numbers, trained here on 43 fables to write their titles
    - how 43 examples become thousands: the same fable with other animals in it
    - a fair comparison on fables never seen, with the first sentence and with a rule of one line
How to run it
    python 05_summarisation.py --quick      the small model, trained for some seconds, no network, about 29 s
    python 05_summarisation.py              trained three times as long
    python 05_summarisation.py --model sshleifer/distilbart-cnn-6-6     a public summariser through the same functions
Time and memory on 2 CPU cores: quick 29 s, full 57 s; 0.9 GB.
Writes outputs/: titles/, summaries.csv, summarisation.png
Concepts: NLP_CONCEPTS_EXPLAINED.md (extractive summaries, rouge, sequence to sequence, augmenting text)
"""

import math
import re
from collections import Counter

import numpy as np
import torch
from matplotlib.figure import Figure
from nlp_utils import BLUE, GREEN, GREY, ORANGE, PURPLE, fables, paragraphs, save_figure, shown, sibling, write_csv

from coursekit.cli import run_script, script_parser
from coursekit.expectations import Expected
from voice_pipeline.text import split_sentences

hf_utils = sibling("06_hf_transformers", "hf_utils")

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
PARSER.add_argument(
    "--model", metavar="NAME", help="a public summariser (BART, T5, Pegasus), or a folder that holds one"
)
HELD_OUT = 12  # fables that no training sees
CHANNELS, LAYERS, HEADS = 64, 2, 4  # of the small BART; the public ones have 1,024, 6 to 12 and 16
SOURCE, TARGET = 40, 12  # tokens of a fable that are read (both names stand there), of a title that are written at most
BATCH, LEARNING_RATE = 24, 2e-3
DAMPING = 0.85  # of PageRank: the share of the walk that follows an edge; the rest jumps anywhere

# Who may take a part in an augmented fable. The held-out ones are among them where they are common animals.
NOUNS = (
    "Wolf Lamb Bat Weasel Lion Mouse Cock Jewel Crane Ant Grasshopper Boy Hare Tortoise Dog Shadow Swallow Crow "
    "Farmer Stork Bear Fox Cook Monkey Dolphin Grapes Ass Lapdog Goat Traveler Oxen Wheel Shepherd Camel Arab Miller "
    "Cat Mice Eagle Arrow Thief Innkeeper Hart Vine Kid Woodcutter Crab Woman Hen Frog Pitcher Stag Peacock Leopard "
    "Gnat Bull Mole Mother Herdsman Pig Sheep Oyster Flea Man Rose Sun Wind Horse Rat Snake Owl Hawk Tiger Elephant "
    "Badger Otter Beetle Bee Spider Turtle Whale Salmon Goose Duck Turkey Sparrow Lark Raven Nightingale Squirrel "
    "Hedgehog Beaver Donkey Calf King Queen Soldier Sailor Hunter Fisherman Tailor Baker Smith Nurse Widow Doctor "
    "Mountain River Oak Reed Lamp Bell "
).split()


# ----------------------------------------------------------------------------------------------------------------------
# extractive: TextRank (Mihalcea and Tarau, 2004)


def compared_words(text: str) -> list[str]:
    """Small letters and digits: what ROUGE counts."""
    return re.findall(r"[a-z0-9]+", text.lower())


def likeness(one: list[str], other: list[str]) -> float:
    """Words two sentences share, over the logarithms of their lengths, so that long ones do not win by being long."""
    shared = len(set(one) & set(other))
    return shared / (math.log(len(one)) + math.log(len(other))) if shared and min(len(one), len(other)) > 1 else 0.0


def likenesses(sentences: list[str]) -> np.ndarray:
    """Return how alike the sentences are, `[S, S]`, with nothing on the diagonal."""
    words = [compared_words(sentence) for sentence in sentences]
    return np.array([[likeness(a, b) if i != j else 0.0 for j, b in enumerate(words)] for i, a in enumerate(words)])


def textrank(weights: np.ndarray, rounds: int = 200) -> np.ndarray:
    """Return the importance of each sentence, `[S]`, sum 1: where one is who walks along likenesses for ever."""
    n, out = len(weights), weights.sum(axis=1, keepdims=True)
    steps = np.where(out > 0, weights / np.where(out > 0, out, 1), 1 / n)  # [S, S], from row to column
    rank = np.full(n, 1 / n)
    for _ in range(rounds):
        rank = (1 - DAMPING) / n + DAMPING * rank @ steps  # concept: extractive summaries
    return rank


def extract(text: str, count: int = 1) -> list[str]:
    """Return the `count` most important sentences, in the order of the text."""
    sentences = split_sentences(text)
    rank = textrank(likenesses(sentences))
    return [sentences[place] for place in sorted(np.argsort(-rank, kind="stable")[:count])]


# ----------------------------------------------------------------------------------------------------------------------
# ROUGE (Lin, 2004)


def rouge_n(summary: str, reference: str, n: int) -> float:
    """F1 of the groups of n words that both have, each counted as often as it stands in both."""
    one, other = (Counter(zip(*(words[k:] for k in range(n)), strict=False)) for words in
                  (compared_words(summary), compared_words(reference)))  # fmt: skip
    shared = (one & other).total()  # concept: rouge
    return 2 * shared / (one.total() + other.total()) if shared else 0.0


def rouge_l(summary: str, reference: str) -> float:
    """F1 of the longest row of words that stands in both in the same order, gaps allowed."""
    one, other = compared_words(summary), compared_words(reference)
    row = [0] * (len(other) + 1)
    for word in one:
        above = row[:]
        for place, wanted in enumerate(other):
            row[place + 1] = above[place] + 1 if word == wanted else max(above[place + 1], row[place])
    return 2 * row[-1] / (len(one) + len(other)) if row[-1] else 0.0


def rouge(summaries: list[str], references: list[str]) -> np.ndarray:
    """Return mean ROUGE-1, ROUGE-2 and ROUGE-L, `[3]`, 0..1."""
    pairs = list(zip(summaries, references, strict=True))
    return np.array([[rouge_n(a, b, 1), rouge_n(a, b, 2), rouge_l(a, b)] for a, b in pairs]).mean(axis=0)


def proofs(texts: list[str], titles: list[str]) -> dict[str, float]:
    """Compare both from-scratch parts with the libraries; return the largest differences."""
    import networkx
    from rouge import Rouge

    weights = likenesses(split_sentences(" ".join(paragraphs("tea_party")[:40])))
    theirs = networkx.pagerank(networkx.from_numpy_array(weights), alpha=DAMPING, tol=1e-10, max_iter=500)
    rank_gap = float(np.abs(textrank(weights) - np.array([theirs[node] for node in range(len(weights))])).max())
    library, gap = Rouge(exclusive=False), 0.0  # exclusive counts a word that stands twice once only
    for text, title in zip(texts, titles, strict=True):
        score = library.get_scores(" ".join(compared_words(text)), " ".join(compared_words(title)))[0]
        mine = (rouge_n(text, title, 1), rouge_n(text, title, 2), rouge_l(text, title))
        gap = max(gap, *(abs(a - score[name]["f"]) for a, name in zip(mine, score, strict=True)))
    print(f"TextRank differs from networkx's PageRank by {rank_gap:.0e}, ROUGE from the library's by {gap:.0e}")
    return {"textrank_difference": rank_gap, "rouge_difference": gap}


# ----------------------------------------------------------------------------------------------------------------------
# abstractive: a small BART, and titles to learn


def roles(title: str) -> tuple[str, str]:
    """ "The Wolf and the Lamb" -> ("Wolf", "Lamb")."""
    first, second = re.fullmatch(r"The (.+) and the (.+)", title).groups()
    return first, second


def singular(name: str) -> str:
    return name[:-1] if name.endswith("s") and not name.endswith("ss") else name


def recast(text: str, title: str, random: np.random.Generator) -> tuple[str, str]:
    """Return the fable with two others in the parts: the story stays, the title has to be read off anew."""
    new = random.choice(NOUNS, 2, replace=False)  # concept: augmenting text
    for number, old in enumerate(roles(title)):
        text = re.sub(rf"\b{singular(old)}s?\b", f"@{number}", text)  # all at once, lest a new name be replaced again
    for number, name in enumerate(new):
        text = text.replace(f"@{number}", name)
    return text, f"The {new[0]} and the {new[1]}"


def make_tokenizer(texts: list[str]):
    """Return a tokenizer of whole words and marks: those of the training fables, and the names."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    special = ["<pad>", "<s>", "</s>", "<unk>"]
    counts = Counter(word for text in texts for word in re.findall(r"\w+|[^\w\s]", text))
    words = dict.fromkeys([*special, "The", "and", "the", *NOUNS, *(word for word, n in counts.items() if n > 1)])
    tokenizer = Tokenizer(models.WordLevel({word: n for n, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<s>", eos_token="</s>",
                                   unk_token="<unk>", model_max_length=SOURCE)  # fmt: skip


def make_model(vocabulary: int):
    """Return a BART from its configuration class: the architecture of the public ones, a thousandth of their size.

    Its weights begin with a spread of 1 / sqrt(width). BART's 0.02 suits a width of 1,024; with 64 it learns no more
    than the frame "The ... and the ...".
    """
    from transformers import BartConfig, BartForConditionalGeneration

    return BartForConditionalGeneration(BartConfig(  # concept: sequence to sequence
        vocab_size=vocabulary, d_model=CHANNELS, encoder_layers=LAYERS, decoder_layers=LAYERS,
        encoder_attention_heads=HEADS, decoder_attention_heads=HEADS, encoder_ffn_dim=2 * CHANNELS,
        decoder_ffn_dim=2 * CHANNELS, max_position_embeddings=SOURCE + 2, dropout=0.0, init_std=CHANNELS**-0.5,
        pad_token_id=0, bos_token_id=1,
        eos_token_id=2, decoder_start_token_id=2, forced_eos_token_id=None,
    ))  # fmt: skip


def train(model, tokenizer, stories, steps: int, random: np.random.Generator, watch) -> list[tuple[int, float, float]]:
    """Train on recast fables; return (step, loss, ROUGE-1 on the held-out ones) now and then.

    The model reads a fable `[B, 40]` and is asked for each next word of the title, the words before it given.
    """
    optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps, pct_start=0.1)
    curve = [(0, math.log(model.config.vocab_size), watch())]  # before training every word is as likely
    for step in range(1, steps + 1):
        model.train()
        picked = [recast(*stories[n], random) for n in random.integers(len(stories), size=BATCH)]
        batch = tokenizer([text for text, _ in picked], padding=True, truncation=True, return_tensors="pt").to(
            model.device
        )
        labels = tokenizer([title for _, title in picked], padding=True, return_tensors="pt")["input_ids"].to(
            model.device
        )
        loss = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"],
                     labels=labels.masked_fill(labels == 0, -100)).loss  # fmt: skip
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % (steps // 6) == 0:
            curve.append((step, loss.item(), watch()))
            print(f"   step {step:>4}: loss {curve[-1][1]:.2f}, ROUGE-1 on fables never seen {curve[-1][2]:.2f}")
    return curve


def summarise(model, tokenizer, texts: list[str], longest: int) -> list[str]:
    """Let any sequence-to-sequence model write greedily, at most `longest` tokens a text: the small one or another.

    What is longer than the model can read is cut off.
    """
    prefix = "summarize: " if model.config.model_type in ("t5", "mt5") else ""  # T5 was told its task in words
    room = min(tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", 512) or 512)
    model.eval()
    written = []
    for text in texts:
        batch = tokenizer(prefix + text, truncation=True, max_length=room, return_tensors="pt").to(model.device)
        with torch.no_grad():
            tokens = model.generate(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], num_beams=1,
                                    do_sample=False, max_new_tokens=min(longest, room - 2))  # fmt: skip
        written.append(tokenizer.decode(tokens[0], skip_special_tokens=True).strip())
    return written


def by_names(text: str) -> str:
    """The rule to beat: the first two words with a capital that do not begin a sentence."""
    names = re.findall(r"(?:(?<=\b[Aa] )|(?<=\b[Aa]n )|(?<=\b[Tt]he ))[A-Z][a-z-]+", text)
    first = list(dict.fromkeys(map(singular, names)))[:2]
    return f"The {' and the '.join(first)}"


def load_summariser(folder):
    """Load a sequence-to-sequence model and its tokenizer from a folder: ours or a public one."""
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    return hf_utils.load(AutoModelForSeq2SeqLM, folder), hf_utils.load(AutoTokenizer, folder)


def public_half(settings, device, stories: list[tuple[str, str]]) -> None:
    """Summarise the chapter and the held-out fables with a public model, where it can be had."""
    folder = hf_utils.public_model(settings)
    if folder is None:
        return
    model, tokenizer = load_summariser(folder)
    model.to(device)
    chapter = " ".join(paragraphs("rabbit_hole"))
    print(f"   the chapter: {shown(summarise(model, tokenizer, [chapter], 80)[0])}")
    written = summarise(model, tokenizer, [text for text, _ in stories], 24)
    score = rouge(written, [title for _, title in stories])[0]
    print(f"   its ROUGE-1 with the titles of the held-out fables: {score:.2f}, for example: {shown(written[0])}")


def plot(curve: list, scores: dict, path) -> None:
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(
        [step for step, *_ in curve], [loss for _, loss, _ in curve], "o-", color=GREY, label="loss (nepers a word)"
    )
    left.plot([step for step, *_ in curve], [10 * score for *_, score in curve], "o-", color=BLUE, label="10 x ROUGE-1")
    left.set(xlabel="step", title="the small BART learns to write titles", ylim=(0, None))
    left.legend()
    for place, (name, colour) in enumerate(zip(scores, (GREY, PURPLE, GREEN, ORANGE, BLUE), strict=True)):
        right.bar(np.arange(3) + 0.16 * (place - 2), scores[name], 0.15, color=colour, label=name)
    right.set(xticks=range(3), xticklabels=["ROUGE-1", "ROUGE-2", "ROUGE-L"], ylabel="F1", ylim=(0, 1.2),
              title=f"{HELD_OUT} fables never seen")  # fmt: skip
    right.legend(ncols=3, loc="upper center", fontsize=8)
    save_figure(figure, path)
    print("summarisation.png: a sentence of the fable is a poor title; two names read off by a rule or a model are not")


def main(settings) -> dict:
    device = hf_utils.prepare(settings)
    random = np.random.default_rng(settings.seed)
    stories = [(text, title) for title, text in fables()]
    order = random.permutation(len(stories))
    test, train_on = [stories[n] for n in order[:HELD_OUT]], [stories[n] for n in order[HELD_OUT:]]
    values = proofs([text for text, _ in stories], [title for _, title in stories])
    print("\nThree sentences of the chapter by TextRank:")
    for sentence in extract(" ".join(paragraphs("rabbit_hole")), 3):
        print(f"   {shown(sentence[:110])}{'...' if len(sentence) > 110 else ''}")

    tokenizer = make_tokenizer([text for text, _ in train_on])
    model = make_model(len(tokenizer)).to(device)
    print(f"\nA BART of {hf_utils.count_parameters(model):,} numbers, and {len(train_on)} fables to learn from")
    texts, titles = [text for text, _ in test], [title for _, title in test]
    curve = train(model, tokenizer, train_on, 300 if settings.quick else 900, random,
                  lambda: float(rouge(summarise(model, tokenizer, texts, TARGET), titles)[0]))  # fmt: skip
    hf_utils.save_model(settings.out / "titles", model, tokenizer)
    again = load_summariser(settings.out / "titles")
    written = summarise(model, tokenizer, texts, TARGET)
    loaded = summarise(again[0].to(device), again[1], texts, TARGET)

    candidates = {"untrained BART": summarise(make_model(len(tokenizer)).to(device), tokenizer, texts, TARGET),
                  "first sentence": [split_sentences(text)[0] for text in texts],
                  "TextRank": [extract(text)[0] for text in texts],
                  "rule: two names": [by_names(text) for text in texts], "trained BART": written}  # fmt: skip
    scores = {name: rouge(summaries, titles) for name, summaries in candidates.items()}
    print("\nagainst the titles    ROUGE-1  ROUGE-2  ROUGE-L   exact")
    for name, score in scores.items():
        exact = sum(a == b for a, b in zip(candidates[name], titles, strict=True))
        print(f"   {name:<18} {score[0]:>7.2f} {score[1]:>8.2f} {score[2]:>8.2f} {exact:>7}")
    for title, guess in list(zip(titles, written, strict=True))[:4]:
        print(f"   {title}  <-  {shown(guess)}")
    write_csv(settings.out / "summaries.csv", [["title", *candidates], *zip(titles, *candidates.values(), strict=True)])
    plot(curve, scores, settings.out / "summarisation.png")
    public_half(settings, device, test)
    print("What the small model can do: read two names off a fable of this kind. It has seen 43 stories, nothing else.")
    return {**values, "rouge1_untrained": scores["untrained BART"][0],
            "rouge1_first_sentence": scores["first sentence"][0],
            "rouge1_textrank": scores["TextRank"][0], "rouge1_rule": scores["rule: two names"][0],
            "rouge1_trained": scores["trained BART"][0], "same_after_loading": float(loaded == written)}  # fmt: skip


EXPECTED = {
    "textrank_difference": Expected(quick=(0, 1e-06), full=(0, 1e-06)),
    "rouge_difference": Expected(quick=(0, 1e-06), full=(0, 1e-06)),
    "rouge1_untrained": Expected(quick=(0, 0.25), full=(0, 0.25)),
    "rouge1_first_sentence": Expected(quick=(0.2, 0.3), full=(0.2, 0.3)),
    "rouge1_textrank": Expected(quick=(0.25, 0.37), full=(0.25, 0.37)),
    "rouge1_rule": Expected(quick=(0.85, 0.95), full=(0.85, 0.95)),
    "rouge1_trained": Expected(quick=(0.78, 1), full=(0.85, 1)),
    "same_after_loading": Expected(quick=(1, 1), full=(1, 1)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="06_homographs_and_emphasis.py")
