"""A GPT of a million parameters, trained on three books and a commission: perplexity, sampling, and what it cannot do.

What you will learn
    - what a language model is trained for: the next token, at every position at once
    - perplexity, which compares models with one tokenizer; bits per character, which compare any two
    - two yardsticks that cost nothing: counting words, counting pairs of words
    - five ways to choose the next token, written out, and equal to the library's where both can be asked
    - what a million parameters and a minute can do, and what GPT-2's 124 million do with the same lines
How to run it
    python 03_small_gpt.py --quick               120 steps, about 19 s
    python 03_small_gpt.py                       1,500 steps
    python 03_small_gpt.py --model               then GPT-2 (550 MB) on the same lines, or --model FOLDER
Time and memory on 2 CPU cores: quick 19 s, full 2 min; 0.9 GB.
Writes outputs/: small_gpt.png, samples.txt, gpt/
Concepts: TRANSFORMERS_CONCEPTS_EXPLAINED.md (language models and perplexity, sampling, configurations)
"""

import math
import time
from collections import Counter

import torch
import torch.nn.functional as F
from hf_utils import (
    BLUE,
    END,
    GREY,
    ORANGE,
    add_model_flag,
    count_parameters,
    load,
    load_lines,
    plain,
    prepare,
    public_model,
    save_figure,
    save_model,
    train_tokenizer,
)
from matplotlib.figure import Figure
from torch import Tensor

from coursekit.cli import run_script, script_parser
from coursekit.expectations import Expected
from coursekit.files import write_text_atomic

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = add_model_flag(script_parser(__doc__), "openai-community/gpt2")
VOCABULARY = 512  # V; GPT-2 has 50,257. A small one leaves the parameters to the layers
CONTEXT = 64  # T, tokens it sees at once, about 150 characters; GPT-2 sees 1,024
BATCH = 8
RATE = 3e-3  # peak of the learning rate; GPT-2's size wants 6e-4. Higher diverges, lower takes longer
QUICK_STEPS, FULL_STEPS = 120, 1_500
PEEK = 6_000  # tokens of the test chapters that are read while it trains; all of them at the end
PROMPT = "The President"
TOKENS = 40  # of each sample

# ----------------------------------------------------------------------------------------------------------------------
# the model


def small_gpt(vocabulary: int):
    """Return a GPT-2 made from its configuration class: the architecture of the public one, and random weights."""
    from transformers import GPT2Config, GPT2LMHeadModel

    # concept: configurations
    config = GPT2Config(
        vocab_size=vocabulary,
        n_positions=2 * CONTEXT,  # positions it has vectors for; samples may be longer than what it is trained on
        n_embd=192,  # C; GPT-2: 768
        n_layer=2,  # GPT-2: 12. Few and wide learn more in a minute than many and narrow; in a month it is otherwise
        n_head=4,  # GPT-2: 12
        resid_pdrop=0.0,  # no dropout: a model that sees each line a few times does not learn it by heart
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=0,
        eos_token_id=0,
    )
    return GPT2LMHeadModel(config)


def tokens_of(tokenizer, texts: list[str]) -> Tensor:
    """All lines one after another, each followed by END, as one row of tokens, int64 `[N]`."""
    return torch.tensor(tokenizer(END.join(texts) + END).input_ids)


def batch_of(tokens: Tensor, generator: torch.Generator) -> Tensor:
    """Cut BATCH pieces out of the row, at places left to chance. int64 `[B, T + 1]`"""
    starts = torch.randint(len(tokens) - CONTEXT, (BATCH,), generator=generator)
    return tokens[starts[:, None] + torch.arange(CONTEXT + 1)]


def loss_of(model, pieces: Tensor) -> Tensor:
    """Mean surprise in nats: at every position the next token is the answer. One piece is T lessons, not one."""
    # concept: language models and perplexity
    logits = model(pieces[:, :-1]).logits  # [B, T, V]
    return F.cross_entropy(logits.flatten(0, 1), pieces[:, 1:].flatten())


@torch.no_grad()
def evaluate(model, tokens: Tensor) -> float:
    """Return the mean loss on a row of tokens, read in pieces of CONTEXT, nats for each token."""
    model.eval()
    pieces = tokens[: (len(tokens) - 1) // CONTEXT * CONTEXT + 1].unfold(0, CONTEXT + 1, CONTEXT)  # [N, T + 1]
    losses = [loss_of(model, part) * len(part) for part in pieces.split(32)]
    model.train()
    return float(sum(losses) / len(pieces))


def train(model, tokens: Tensor, test: Tensor, steps: int, seed: int) -> dict[str, list[float]]:
    """Train, and read the test chapters now and then. Returns the curves."""
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.1, betas=(0.9, 0.95))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps, pct_start=0.1)
    curves: dict[str, list[float]] = {"step": [0], "perplexity": [math.exp(evaluate(model, test[:PEEK]))], "loss": []}
    started = time.perf_counter()
    for step in range(1, steps + 1):
        loss = loss_of(model, batch_of(tokens, generator).to(model.device))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        curves["loss"].append(loss.item())
        if step % (steps // 4) == 0:
            curves["step"].append(step)
            curves["perplexity"].append(math.exp(evaluate(model, test[:PEEK])))
            print(
                f"   step {step:>5}: perplexity on the test chapters {curves['perplexity'][-1]:6.1f}, "
                f"{time.perf_counter() - started:.0f} s"
            )
    return curves


# ----------------------------------------------------------------------------------------------------------------------
# yardsticks


def by_counting(tokens: Tensor, test: Tensor) -> dict[str, float]:
    """Perplexity of two models that only count: each token by itself, and each token after the one before it.

    Counts of pairs are mixed with those of single tokens (half and half, plus a little for all), so that a pair that
    never came is not impossible.
    """
    row, pair = tokens.tolist(), Counter(zip(tokens.tolist(), tokens[1:].tolist(), strict=False))
    single, first = Counter(row), Counter(row[:-1])
    likely = {token: (single[token] + 1) / (len(row) + VOCABULARY) for token in range(VOCABULARY)}
    lone, paired, heard = 0.0, 0.0, test.tolist()
    for before, after in zip(heard, heard[1:], strict=False):
        lone -= math.log(likely[after])
        share = pair[before, after] / first[before] if first[before] else 0.0
        paired -= math.log(0.7 * share + 0.3 * likely[after])
    return {"counting tokens": math.exp(lone / len(heard)), "counting pairs": math.exp(paired / len(heard))}


def bits_per_character(nats_per_token: float, tokens: int, characters: int) -> float:
    """Nats for each token to bits for each character: what models with other tokenizers can be compared by."""
    return nats_per_token / math.log(2) * tokens / characters


# ----------------------------------------------------------------------------------------------------------------------
# sampling


def keep_likely(logits: Tensor, top_k: int = 0, top_p: float = 1.0) -> Tensor:
    """Rule tokens out before the dice are thrown: all but the k best, or all beyond a share p of the probability.

    Args:
        logits: `[V]`.
        top_k: 0 keeps all.
        top_p: The smallest set of best tokens that holds at least this much stays (Holtzman 2020, nucleus sampling).
    """
    # concept: sampling
    order = logits.argsort(descending=True)
    shares = logits[order].softmax(dim=-1)
    before = shares.cumsum(dim=-1) - shares  # what the better ones hold together
    out = before >= top_p
    if top_k:
        out |= torch.arange(len(logits), device=logits.device) >= top_k
    return logits.index_fill(0, order[out], float("-inf"))


@torch.no_grad()
def write_on(
    model, ids: Tensor, count: int, generator: torch.Generator, temperature: float = 1.0, **keep: float
) -> Tensor:
    """Go on with a text, token by token, with the cache of what was read.

    Args:
        model: Any causal language model of transformers.
        ids: The beginning, `[1, T]`.
        count: How many tokens to add.
        generator: Source of chance, on the CPU.
        temperature: 0 takes the best token; below 1 the likely become likelier, above 1 all become alike.
        keep: `top_k`, `top_p`.
    """
    seen, cache = ids, None
    for _ in range(count):
        out = model(seen, past_key_values=cache, use_cache=True)
        cache, logits = out.past_key_values, out.logits[0, -1]
        if temperature == 0:
            chosen = logits.argmax()[None]
        else:
            shares = keep_likely(logits / temperature, **keep).softmax(dim=-1)
            chosen = torch.multinomial(shares.cpu(), 1, generator=generator).to(ids.device)
        seen = chosen[None]
        ids = torch.cat([ids, seen], dim=1)
    return ids


WAYS = {
    "the best token": {"temperature": 0},
    "all tokens": {"temperature": 1.0},
    "cooler (0.7)": {"temperature": 0.7},
    "best 20": {"top_k": 20},
    "nucleus 0.9": {"top_p": 0.9},
}


def repetition(ids: list[int]) -> float:
    """Share of the runs of three tokens that came before: 0 says nothing twice, near 1 is a broken record."""
    runs = list(zip(ids, ids[1:], ids[2:], strict=False))
    return 1 - len(set(runs)) / max(1, len(runs))


def show_samples(model, tokenizer, seed: int) -> dict[str, float]:
    """Print one sample of each way; return how much each repeats itself."""
    model.eval()
    start = tokenizer(PROMPT, return_tensors="pt").input_ids.to(model.device)
    found, texts = {}, []
    for name, how in WAYS.items():
        ids = write_on(model, start, TOKENS, torch.Generator().manual_seed(seed), **how)[0]
        found[name] = repetition(ids.tolist())
        texts.append(f"{name}: {plain(tokenizer.decode(ids).replace(END, ' / '))}")
        print(f"   {name:<15} {found[name]:>4.0%} said before   {texts[-1][len(name) + 2 :][:90]}")
    return found | {"texts": texts}


def same_as_generate(model, start: Tensor) -> bool:
    """Whether the best tokens of our loop are those of the library's `generate`."""
    theirs = model.generate(
        start,
        attention_mask=torch.ones_like(start),
        max_new_tokens=TOKENS,
        do_sample=False,
        eos_token_id=None,
        pad_token_id=0,
    )
    return bool(torch.equal(write_on(model, start, TOKENS, torch.Generator(), temperature=0), theirs))


def plot(curves: dict[str, list[float]], counted: dict[str, float], path) -> None:
    figure = Figure(figsize=(7.5, 4.2), layout="constrained")
    axes = figure.subplots()
    steps = range(1, len(curves["loss"]) + 1)
    axes.plot(steps, [math.exp(loss) for loss in curves["loss"]], color=GREY, alpha=0.5, label="training, each batch")
    axes.plot(curves["step"], curves["perplexity"], "o-", color=BLUE, label="test chapters")
    for (name, value), style in zip(counted.items(), (":", "--"), strict=True):
        axes.axhline(value, color=ORANGE, linestyle=style, label=name)
    axes.set(yscale="log", xlabel="step", ylabel="perplexity", title="choosing among how many tokens?")
    axes.legend()
    axes.grid(alpha=0.3)
    save_figure(figure, path)


def public_half(folder, lines: list[str], device, seed: int) -> dict[str, float]:
    """The same measures and the same samples with a public model, which brings its own tokenizer."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer, model = load(AutoTokenizer, folder), load(AutoModelForCausalLM, folder).to(device)
    text = " ".join(lines)
    row = torch.tensor(tokenizer(text).input_ids).to(device)
    loss = evaluate(model, row)
    bits = bits_per_character(loss, len(row), len(text))
    print(f"   {count_parameters(model):,} parameters, vocabulary {len(tokenizer):,}: perplexity {math.exp(loss):.1f}")
    print(f"   of ITS tokens; {bits:.2f} bits for each character, which is what can be compared")
    show_samples(model, tokenizer, seed)
    return {"public_bits_per_character": bits}


def main(settings) -> dict:
    device = prepare(settings)
    lines, held_out = ([line.text for line in part] for part in load_lines())
    tokenizer = train_tokenizer(lines, VOCABULARY)
    random = torch.Generator().manual_seed(settings.seed)
    lines = [lines[place] for place in torch.randperm(len(lines), generator=random)]  # or it learns book after book
    tokens, test = tokens_of(tokenizer, lines), tokens_of(tokenizer, held_out)
    model = small_gpt(VOCABULARY).to(device)
    test = test.to(device)
    weights = count_parameters(model)
    print(
        f"{len(tokens):,} tokens to learn from, {len(test):,} of the test chapters; a GPT-2 of {weights:,} parameters"
    )
    counted = by_counting(tokens, test)
    print("Perplexity without any network: " + ", ".join(f"{name} {value:.1f}" for name, value in counted.items()))
    steps = QUICK_STEPS if settings.quick else FULL_STEPS
    curves = train(model, tokens, test, steps, settings.seed)
    loss = evaluate(model, test)
    bits = bits_per_character(loss, len(test), sum(len(text) + 1 for text in held_out))
    print(f"   {bits:.2f} bits for each character (each of 95 by itself would be {math.log2(95):.1f})")

    print(f"\nGoing on from {PROMPT!r}, in five ways")
    samples = show_samples(model, tokenizer, settings.seed)
    write_text_atomic(settings.out / "samples.txt", "\n".join(samples.pop("texts")) + "\n")
    equal = same_as_generate(model, tokenizer(PROMPT, return_tensors="pt").input_ids.to(device))
    print(f"   the best tokens are those of the library's generate: {'yes' if equal else 'NO'}")
    save_model(settings.out / "gpt", model, tokenizer)
    plot(curves, counted, settings.out / "small_gpt.png")
    first, last = curves["perplexity"][0], math.exp(loss)
    print(f"small_gpt.png: perplexity from {first:.0f} to {last:.1f}; counting pairs: {counted['counting pairs']:.1f}")
    print("What it cannot do: it spells and strings words together; it knows nothing, and means nothing.")
    folder = public_model(settings)
    public = public_half(folder, held_out, device, settings.seed) if folder else {}
    return {
        "parameters": weights,
        "perplexity_before": first,
        "perplexity": last,
        "perplexity_counting_tokens": counted["counting tokens"],
        "perplexity_counting_pairs": counted["counting pairs"],
        "below_counting_tokens": last / counted["counting tokens"],
        "bits_per_character": bits,
        "greedy_is_generates": float(equal),
        "repetition_best_token": samples["the best token"],
        "repetition_all_tokens": samples["all tokens"],
        **public,
    }


EXPECTED = {
    "parameters": Expected(quick=(0.9e6, 1.2e6), full=(0.9e6, 1.2e6)),
    "perplexity_before": Expected(quick=(450, 650), full=(450, 650)),
    "perplexity_counting_tokens": Expected(quick=(180, 190), full=(180, 190)),
    "perplexity_counting_pairs": Expected(quick=(48, 55), full=(48, 55)),
    "perplexity": Expected(quick=(50, 105), full=(33, 41)),
    "bits_per_character": Expected(quick=(2.6, 3.3), full=(2.3, 2.65)),
    "greedy_is_generates": Expected(quick=(1, 1), full=(1, 1)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="04_fine_tune_encoder.py")
