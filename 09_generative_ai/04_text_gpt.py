"""Text with GPT-2: a small one trained here, and what the way of choosing the next word does to what it writes.

What you will learn
    - GPT-2 from its configuration class: the same code as the public one, 138,000 weights instead of 124 million
    - five ways to choose the next token: greedy, beams, temperature, top-k, top-p, each in a line or two
    - diversity and repetition as numbers, with human text beside them, because more is not better for ever
    - the same comparison with the public weights, or your own folder, by one flag
How to run it
    python 04_text_gpt.py --quick                       about 22 s, no network
    python 04_text_gpt.py                               longer training
    python 04_text_gpt.py --model openai-community/gpt2 the public model, too: hundreds of MB
Time and memory on 2 CPU cores: quick 22 s, full 2 min; 0.8 GB.
Writes outputs/: text_gpt.png, written.txt, text_model/ (the small model, in the public format)
Concepts: GENERATIVE_CONCEPTS_EXPLAINED.md (sampling strategies, diversity and repetition, public weights)
"""

import math
import re
from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from gen_utils import (
    BLUE,
    GREY,
    ORANGE,
    batches,
    count_parameters,
    load_public,
    prepare,
    quiet,
    save_figure,
    wide_figure,
)
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor
from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast
from transformers.generation.logits_process import TopKLogitsWarper, TopPLogitsWarper

from coursekit.cli import run_script, script_parser
from coursekit.expectations import Expected
from coursekit.files import write_text_atomic
from voice_pipeline.prompt_plan import load_pool

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
PARSER.add_argument("--model", metavar="NAME", help="a public GPT-2 (openai-community/gpt2), or a folder with one")
PARSER.add_argument("--prompt", default="The little", metavar="TEXT", help="what the texts begin with")
VOCABULARY = 500  # tokens; GPT-2 has 50,257
CONTEXT = 48  # tokens the small model looks back; GPT-2 1,024
WIDTH, LAYERS, HEADS = 64, 2, 4  # GPT-2: 768, 12, 12
STEPS = {True: 300, False: 3000}  # of 24 pieces; more, and 68,000 letters are learnt by heart
RATE = 5e-3
TEXTS, TOKENS = 24, 60  # texts that each strategy writes, and their length

# ----------------------------------------------------------------------------------------------------------------------
# the small model


def train_tokenizer(sentences: Sequence[str]) -> PreTrainedTokenizerFast:
    """Learn byte-pair encoding from the sentences: GPT-2's own method and format, a hundredth of its vocabulary."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(sentences, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<|endoftext|>", eos_token="<|endoftext|>")


def train_small(settings: Namespace) -> tuple[GPT2LMHeadModel, Any, dict[str, float]]:
    """Train on three public-domain books' sentences; return the model, its tokenizer and the perplexities."""
    sentences = load_pool("en").sentences
    held_out = sentences[::10]
    known = [sentence for place, sentence in enumerate(sentences) if place % 10]
    tokenizer = train_tokenizer(known)
    ids = torch.tensor(tokenizer(" ".join(known))["input_ids"])
    test = torch.tensor(tokenizer(" ".join(held_out))["input_ids"])
    model = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=len(tokenizer), n_positions=2 * CONTEXT, n_embd=WIDTH, n_layer=LAYERS, n_head=HEADS,
            bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
            resid_pdrop=0.1, embd_pdrop=0.1, attn_pdrop=0.1,
        )
    )  # fmt: skip
    print(f"{len(known)} sentences of three old books, {len(ids):,} tokens; {count_parameters(model):,} weights")
    steps = STEPS[settings.quick]
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    first = perplexity(model, test)
    model.train()
    for rows in batches(len(ids) - CONTEXT, 24, steps, settings.seed):
        piece = ids[rows[:, None] + torch.arange(CONTEXT)]  # [B, T]
        loss = next_token_loss(model, piece)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    model.eval()
    last = perplexity(model, test)
    print(f"perplexity on sentences never seen: {first:.0f} before, {last:.0f} after {steps} steps")
    return model, tokenizer, {"perplexity_before": first, "perplexity_after": last}


@torch.no_grad()
def perplexity(model: GPT2LMHeadModel, ids: Tensor) -> float:
    """Return e^(mean loss) over `[N]` tokens, cut into pieces of the context's length."""
    model.eval()
    size = min(CONTEXT, len(ids))
    pieces = ids[: len(ids) // size * size].reshape(-1, size)
    return math.exp(min(20.0, float(next_token_loss(model, pieces))))


def next_token_loss(model: GPT2LMHeadModel, ids: Tensor) -> Tensor:
    """Return the mean cross-entropy of each token `[B, T]` after those before it, nats."""
    logits = model(input_ids=ids, use_cache=False).logits[:, :-1]  # what stands at T says T + 1
    return F.cross_entropy(logits.transpose(1, 2), ids[:, 1:])


# ----------------------------------------------------------------------------------------------------------------------
# choosing the next token


def keep_top_k(logits: Tensor, k: int) -> Tensor:
    """Rule out all but the k likeliest tokens, `[B, V]`."""
    # concept: sampling strategies
    least = logits.topk(k, dim=-1).values[:, -1:]
    return logits.masked_fill(logits < least, -torch.inf)


def keep_top_p(logits: Tensor, p: float) -> Tensor:
    """Rule out all but the likeliest tokens that share the probability p between them (Holtzman 2019), `[B, V]`."""
    ordered, places = logits.sort(descending=True, dim=-1)
    before = ordered.softmax(dim=-1).cumsum(dim=-1) - ordered.softmax(dim=-1)  # probability of all that are likelier
    ordered = ordered.masked_fill(before > p, -torch.inf)  # so the token that reaches p is kept
    return torch.empty_like(logits).scatter(-1, places, ordered)


Filter = Callable[[Tensor], Tensor]


@torch.no_grad()
def write(model: GPT2LMHeadModel, prompt: Tensor, change: Filter | None, seed: int) -> Tensor:
    """Return `TEXTS` continuations of a prompt `[N]`, int64 `[TEXTS, TOKENS]`; one if nothing is drawn by chance.

    Args:
        model: Any GPT-2.
        prompt: Token ids.
        change: Logits to logits, after which the token is drawn; None takes the likeliest.
        seed: Of the drawing.
    """
    generator = torch.Generator().manual_seed(seed)
    ids = prompt.repeat(TEXTS if change else 1, 1)
    past, seen = None, ids
    written = []
    for _ in range(TOKENS):
        done = model(input_ids=seen, past_key_values=past, use_cache=True)  # only the new token is worked out
        past, logits = done.past_key_values, done.logits[:, -1]  # [B, V]
        if change:
            seen = torch.multinomial(change(logits).softmax(dim=-1), 1, generator=generator)
        else:
            seen = logits.argmax(dim=-1, keepdim=True)
        written.append(seen)
    return torch.cat(written, dim=1)


def proof(vocabulary: int) -> float:
    """Return in how many places the two filters above keep another token than the library's; 0 is right."""
    logits = 3 * torch.randn(64, vocabulary, generator=torch.Generator().manual_seed(0))
    pairs = (
        (keep_top_k(logits, 20), TopKLogitsWarper(20)(None, logits)),
        (keep_top_p(logits, 0.9), TopPLogitsWarper(0.9)(None, logits)),
    )
    return float(sum((ours.isfinite() != library.isfinite()).sum() for ours, library in pairs))


# ----------------------------------------------------------------------------------------------------------------------
# measuring what was written


@dataclass(frozen=True)
class Measured:
    """What a strategy's texts are like.

    Attributes:
        diversity: Different pairs of words among all pairs, over all texts, 0..1.
        repetition: Share of the three-word runs in a text that stood in it before, 0..1.
        words: Share of words that stand in the books, 0..1; NaN for the public model.
        surprise: Perplexity of the texts to the model that wrote them.
    """

    diversity: float
    repetition: float
    words: float
    surprise: float


def split_words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def runs(words: Sequence[str], size: int) -> list[tuple[str, ...]]:
    return [tuple(words[place : place + size]) for place in range(len(words) - size + 1)]


def diversity(texts: Sequence[str]) -> float:
    """Return the share of different pairs of words among all pairs of all texts ("distinct-2", Li 2016)."""
    # concept: diversity and repetition
    pairs = [pair for text in texts for pair in runs(split_words(text), 2)]
    return len(set(pairs)) / max(1, len(pairs))


def repetition(texts: Sequence[str]) -> float:
    """Return the share of three-word runs that stood earlier in the same text."""
    all_runs = [runs(split_words(text), 3) for text in texts]
    total = sum(map(len, all_runs))
    return 1 - sum(len(set(found)) for found in all_runs) / max(1, total)


def measure(model: GPT2LMHeadModel, tokenizer: Any, ids: Tensor, known: set[str]) -> tuple[Measured, list[str]]:
    texts = [tokenizer.decode(row) for row in ids]
    words = [word for text in texts for word in split_words(text)[:-1]]  # the last one may be cut off
    right = sum(word in known for word in words) / max(1, len(words)) if known else float("nan")
    with torch.no_grad():
        surprise = math.exp(min(20.0, float(next_token_loss(model, ids))))
    return Measured(diversity(texts), repetition(texts), right, surprise), texts


def compare(
    settings: Namespace, model: GPT2LMHeadModel, tokenizer: Any, known: set[str]
) -> tuple[dict[str, Measured], list[str]]:
    prompt = torch.tensor(tokenizer(settings.prompt)["input_ids"])
    filters: dict[str, Filter | None] = {
        "greedy": None,
        "temperature 0.5": lambda logits: logits / 0.5,
        "temperature 1.0": lambda logits: logits,
        "temperature 1.5": lambda logits: logits / 1.5,
        "top-k 20": lambda logits: keep_top_k(logits, 20),
        "top-p 0.9": lambda logits: keep_top_p(logits, 0.9),
    }
    written = {name: write(model, prompt, change, settings.seed) for name, change in filters.items()}
    with torch.no_grad():
        beams = model.generate(
            prompt[None], attention_mask=torch.ones_like(prompt)[None], num_beams=4, do_sample=False,
            min_new_tokens=TOKENS, max_new_tokens=TOKENS, pad_token_id=tokenizer.eos_token_id,
        )  # fmt: skip
    written = {"greedy": written.pop("greedy"), "4 beams": beams[:, len(prompt) :], **written}
    print(
        f"\n{TEXTS} texts of {TOKENS} tokens after {settings.prompt!r} (greedy and beams: one, for they never change)"
    )
    print("   strategy          diversity   repetition   words that exist   surprise")
    found, lines = {}, []
    for name, ids in written.items():
        found[name], texts = measure(model, tokenizer, ids, known)
        row = found[name]
        print(f"   {name:<17} {row.diversity:>9.2f} {row.repetition:>11.0%} {row.words:>18.0%} {row.surprise:>10.1f}")
        lines += [f"## {name}", *(f"{settings.prompt}{text}".replace("\n", " ") for text in texts[:5]), ""]
    sentences = load_pool("en").sentences[::10]
    human = found["people"] = Measured(diversity(sentences), repetition(sentences), 1.0, float("nan"))
    print(f"   {'people wrote':<17} {human.diversity:>9.2f} {human.repetition:>11.0%}")
    return found, lines


def draw(settings: Namespace, found: dict[str, Measured]) -> None:
    names = [name for name in found if name != "people"]
    figure, axes = wide_figure(2, 4)
    labels = {"diversity": "different pairs of words (share)", "repetition": "three-word runs said before (share)"}
    for place, (field, label), colour in zip(axes, labels.items(), (BLUE, ORANGE), strict=True):
        place.barh(names, [getattr(found[name], field) for name in names], color=colour)
        place.axvline(getattr(found["people"], field), color=GREY, linestyle="--", label="people")
        place.set(xlabel=label, xlim=(0, 1), title=field)
        place.invert_yaxis()
        place.legend(fontsize=8)
    save_figure(figure, settings.out / "text_gpt.png")
    print(
        "text_gpt.png: diversity and repetition of each strategy, with people's text as a line; read written.txt, too"
    )


def load_model(name: str, **options: Any) -> tuple[GPT2LMHeadModel, Any]:
    """Load a GPT-2 and its tokenizer from a folder or the hub."""
    return GPT2LMHeadModel.from_pretrained(name, **options).eval(), AutoTokenizer.from_pretrained(name, **options)


def main(settings: Namespace) -> dict:
    prepare(settings)
    quiet()
    loaded = load_public(settings, load_model) if settings.model else None  # first: a wrong name is told at once
    model, tokenizer, values = train_small(settings)
    known = {word for sentence in load_pool("en").sentences for word in split_words(sentence)}
    model.save_pretrained(settings.out / "text_model")
    tokenizer.save_pretrained(settings.out / "text_model")
    found, texts = compare(settings, model, tokenizer, known)
    if loaded:
        print(f"\n{settings.model}: {count_parameters(loaded[0]):,} weights, {len(loaded[1]):,} tokens")
        public, public_texts = compare(settings, *loaded, set())
        texts += [f"# {settings.model}", "", *public_texts]
        values["public_repetition_of_greedy"] = public["greedy"].repetition
    write_text_atomic(settings.out / "written.txt", "\n".join(texts).encode("ascii", "replace").decode())
    draw(settings, found)
    return {
        **values,
        "tokens_kept_otherwise_than_the_library": proof(len(tokenizer)),
        "repetition_of_greedy": found["greedy"].repetition,
        "repetition_of_top_p": found["top-p 0.9"].repetition,
        "diversity_at_0_5": found["temperature 0.5"].diversity,
        "diversity_of_top_p": found["top-p 0.9"].diversity,
        "diversity_at_1_5": found["temperature 1.5"].diversity,
        "words_at_0_5": found["temperature 0.5"].words,
        "words_at_1_5": found["temperature 1.5"].words,
    }


EXPECTED = {
    "tokens_kept_otherwise_than_the_library": Expected(quick=(0, 0), full=(0, 0)),
    "perplexity_before": Expected(quick=(400, 700), full=(400, 700)),
    "perplexity_after": Expected(quick=(25, 70), full=(30, 45)),
    "repetition_of_greedy": Expected(quick=(0.03, 1), full=(0.03, 1)),
    "repetition_of_top_p": Expected(quick=(0, 0.05), full=(0, 0.1)),
    "diversity_at_0_5": Expected(quick=(0.6, 0.95), full=(0.5, 0.97)),
    "diversity_at_1_5": Expected(quick=(0.95, 1), full=(0.9, 1)),
    "words_at_0_5": Expected(quick=(0.5, 0.9), full=(0.5, 1)),
    "words_at_1_5": Expected(quick=(0.3, 0.63), full=(0.5, 0.75)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="05_bark.py")
