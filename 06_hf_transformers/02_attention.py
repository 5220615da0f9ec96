"""Attention from scratch, equal to PyTorch's: masks, heads, a memory of what was read, and the price of length.

What you will learn
    - attention in five lines: every position asks, every position answers, the answers are mixed
    - masks: who may look at whom, and why a padded batch without one gives other results
    - heads, proved inside a real GPT-2 layer; the cache that makes generation quick
    - that attention looks things up: one layer of it learns a dictionary in seconds, where a mean of all cannot
    - what twice the length costs, in seconds and in memory
How to run it
    python 02_attention.py --quick               lengths to 1,024, about 13 s
    python 02_attention.py                       lengths to 4,096
    python 02_attention.py --model               every layer of GPT-2 (550 MB) checked and looked at, or --model FOLDER
Time and memory on 2 CPU cores: quick 13 s, full 16 s; 1.3 GB.
Writes outputs/: attention.png
Concepts: TRANSFORMERS_CONCEPTS_EXPLAINED.md (attention, masks, heads)
"""

import math

import torch
import torch.nn.functional as F
from hf_utils import (
    BLUE,
    GREY,
    ORANGE,
    add_model_flag,
    load,
    load_lines,
    prepare,
    public_model,
    save_figure,
    seconds_of,
    train_tokenizer,
)
from matplotlib.figure import Figure
from torch import Tensor, nn

from coursekit.cli import run_script, script_parser
from coursekit.expectations import Expected

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = add_model_flag(script_parser(__doc__), "openai-community/gpt2")
KEYS, VALUES, PAIRS = 16, 16, 8  # the look-up game: words of the dictionary, meanings, entries on each page
WIDTH = 32  # C of its network
STEPS, BATCH, RATE = 150, 64, 1e-2  # about 1 s
LENGTHS_QUICK, LENGTHS_FULL = (128, 256, 512, 1024), (128, 256, 512, 1024, 2048, 4096)

# ----------------------------------------------------------------------------------------------------------------------
# attention (Vaswani 2017, equation 1)


def attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Mix the values, each weighted by how well its key fits the query.

    Args:
        query: What each position looks for, `[B, H, T, D]`.
        key: What each position offers to be found by, `[B, H, S, D]`.
        value: What it hands over when found, `[B, H, S, D]`.
        mask: True where a query may look, anything that broadcasts to `[B, H, T, S]`.

    Returns:
        The mixtures `[B, H, T, D]`, and the weights `[B, H, T, S]`; each row of them sums to 1.
    """
    # concept: attention
    scores = query @ key.transpose(-2, -1)  # [B, H, T, S] how well does each key fit each query?
    scores = scores / math.sqrt(query.shape[-1])  # a sum of D products grows as sqrt(D); softmax wants numbers near 1
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))  # exp(-inf) is 0: as if it were not there
    weights = scores.softmax(dim=-1)
    return weights @ value, weights


def causal_mask(queries: int, keys: int) -> Tensor:
    """True where a position may look: at itself and back. bool `[T, S]`; the last query stands at the last key."""
    # concept: masks
    return torch.ones(queries, keys, dtype=torch.bool).tril(diagonal=keys - queries)


def split_heads(x: Tensor, heads: int) -> Tensor:
    """[B, T, C] -> [B, H, T, C / H]: each head gets its own share of the channels, and looks at its own things."""
    # concept: heads
    batch, length, width = x.shape
    return x.view(batch, length, heads, width // heads).transpose(1, 2)


def join_heads(x: Tensor) -> Tensor:
    """[B, H, T, D] -> [B, T, H * D]"""
    batch, heads, length, width = x.shape
    return x.transpose(1, 2).reshape(batch, length, heads * width)


def largest(difference: Tensor) -> float:
    return difference.abs().max().item()


# ----------------------------------------------------------------------------------------------------------------------
# proofs


def prove_against_pytorch() -> dict[str, float]:
    """Compare with scaled_dot_product_attention: without a mask, causal, padded; then its gradients."""
    B, H, T, D = 3, 4, 50, 16
    query, key, value = (torch.randn(B, H, T, D, requires_grad=True) for _ in range(3))
    lengths = torch.tensor([50, 31, 7])
    padding = (torch.arange(T)[None] < lengths[:, None])[:, None, None]  # [B, 1, 1, S]: the rest is no text
    masks = {"no mask": None, "causal": causal_mask(T, T), "padding": padding, "both": causal_mask(T, T) & padding}
    apart = {}
    for name, mask in masks.items():
        theirs = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        apart[name] = largest(attention(query, key, value, mask)[0] - theirs)
    mine = torch.autograd.grad(attention(query, key, value, masks["both"])[0].square().sum(), (query, key, value))
    library = torch.autograd.grad(
        F.scaled_dot_product_attention(query, key, value, attn_mask=masks["both"]).square().sum(), (query, key, value)
    )
    apart["gradients"] = max(largest(a - b) for a, b in zip(mine, library, strict=True))
    forgotten = attention(query, key, value, None)[0][2, :, :7] - attention(query, key, value, padding)[0][2, :, :7]
    print("Ours against PyTorch's scaled_dot_product_attention: largest difference")
    for name, value_ in apart.items():
        print(f"   {name:<10} {value_:.1e}")
    print(
        f"   Without the padding mask, the shortest text of the batch would be off by up to {largest(forgotten):.2f}."
    )
    return {"sdpa_difference": max(apart.values()), "error_without_mask": largest(forgotten)}


def same_as_gpt2(model, ids: Tensor) -> tuple[float, Tensor]:
    """Do the attention of every layer of a GPT-2 with our functions.

    Args:
        model: A GPT2LMHeadModel, made here or loaded.
        ids: Tokens `[1, T]`.

    Returns:
        The largest difference to what its layers put out, and our weights of all layers `[L, H, T, T]`.
    """
    seen: list[tuple[Tensor, Tensor]] = []
    hooks = [
        block.attn.register_forward_hook(
            lambda _, args, kwargs, out: seen.append(((args or (kwargs["hidden_states"],))[0], out[0])),
            with_kwargs=True,
        )
        for block in model.transformer.h
    ]
    with torch.no_grad():
        model(ids)
    for hook in hooks:
        hook.remove()
    gap, maps = 0.0, []
    for block, (x, theirs) in zip(model.transformer.h, seen, strict=True):
        parts = (x @ block.attn.c_attn.weight + block.attn.c_attn.bias).chunk(3, dim=-1)  # [1, T, 3C]
        query, key, value = (split_heads(part, model.config.n_head) for part in parts)
        mixed, weights = attention(query, key, value, causal_mask(*[ids.shape[1]] * 2).to(ids.device))
        mine = join_heads(mixed) @ block.attn.c_proj.weight + block.attn.c_proj.bias
        gap = max(gap, largest(mine - theirs))
        maps.append(weights[0])
    return gap, torch.stack(maps).detach()


def small_gpt2():
    """A GPT-2 of two layers, with random weights: enough to prove that the same numbers come out."""
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(vocab_size=512, n_positions=64, n_embd=48, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=0)
    return GPT2LMHeadModel(config).eval()


def with_a_cache(steps: int = 64) -> dict[str, float]:
    """Read token by token, keeping keys and values: the same numbers as all at once, for a fraction of the work."""
    H, D = 4, 16
    query, key, value = (torch.randn(1, H, steps, D) for _ in range(3))
    whole = attention(query, key, value, causal_mask(steps, steps))[0]
    one_by_one = [
        attention(query[:, :, t : t + 1], key[:, :, : t + 1], value[:, :, : t + 1])[0] for t in range(steps)
    ]  # no mask: the future is not in the cache yet
    again = sum(t * t for t in range(1, steps + 1)) / sum(range(1, steps + 1))
    gap = largest(whole - torch.cat(one_by_one, dim=2))
    print(f"\nToken by token with a cache of keys and values: {gap:.1e} from all at once. Without it, {steps} tokens")
    print(f"   would cost {again:.0f} times as many products: each step would do the whole text again.")
    return {"cache_difference": gap, "cache_saves": again}


# ----------------------------------------------------------------------------------------------------------------------
# attention learns to look things up


class LookUp(nn.Module):
    """A page of a dictionary and one question: which value stands beside this key?

    Args:
        looks: True answers by attention; False by the mean of all entries, as a network without attention would.
    """

    def __init__(self, looks: bool) -> None:
        super().__init__()
        self.looks = looks
        self.entry = nn.Embedding(KEYS, WIDTH)
        self.meaning = nn.Embedding(VALUES, WIDTH)
        self.question = nn.Embedding(KEYS, WIDTH)
        self.key = nn.Linear(WIDTH, WIDTH)
        self.value = nn.Linear(WIDTH, WIDTH)
        self.answer = nn.Sequential(nn.Linear(2 * WIDTH, 2 * WIDTH), nn.GELU(), nn.Linear(2 * WIDTH, VALUES))

    def forward(self, keys: Tensor, values: Tensor, asked: Tensor) -> tuple[Tensor, Tensor]:
        page = self.entry(keys) + self.meaning(values)  # [B, PAIRS, C]: one vector holds both
        query = self.question(asked)[:, None]  # [B, 1, C]
        if self.looks:
            found, weights = attention(query[:, None], self.key(page)[:, None], self.value(page)[:, None])
            found, weights = found[:, 0, 0], weights[:, 0, 0]  # [B, C], [B, PAIRS]
        else:
            found, weights = self.value(page).mean(dim=1), torch.full(keys.shape, 1 / PAIRS)
        return self.answer(torch.cat([found, query[:, 0]], dim=-1)), weights


def pages(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Random dictionaries: keys `[B, PAIRS]` (no key twice), values, the place that is asked for, and its value."""
    keys = torch.rand(count, KEYS, generator=generator).argsort(dim=1)[:, :PAIRS]
    values = torch.randint(VALUES, (count, PAIRS), generator=generator)
    place = torch.randint(PAIRS, (count,), generator=generator)
    return keys, values, place, values.gather(1, place[:, None])[:, 0]


def learn_to_look_up(attends: bool, seed: int) -> tuple[float, float, list[float], Tensor]:
    """Train; return accuracy and weight on the right entry for new pages, the losses, and the mean weights by place."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    net, losses = LookUp(attends), []
    optimizer = torch.optim.AdamW(net.parameters(), lr=RATE)
    for _ in range(STEPS):
        keys, values, place, right = pages(BATCH, generator)
        loss = F.cross_entropy(net(keys, values, keys.gather(1, place[:, None])[:, 0])[0], right)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        keys, values, place, right = pages(1000, generator)
        logits, weights = net(keys, values, keys.gather(1, place[:, None])[:, 0])
    hit = weights.gather(1, place[:, None]).mean().item()
    looks = torch.stack([weights[place == entry].mean(0) for entry in range(PAIRS)])  # a good map is a diagonal
    return (logits.argmax(1) == right).float().mean().item(), hit, losses, looks


# ----------------------------------------------------------------------------------------------------------------------
# the price of length


def price(lengths: tuple[int, ...]) -> dict[int, tuple[float, float, float]]:
    """Return for each length: seconds of ours, seconds of PyTorch's, megabytes of the weights that ours keeps."""
    found = {}
    for length in lengths:
        query, key, value = (torch.randn(1, 4, length, 32) for _ in range(3))
        mine = min(seconds_of(lambda: attention(query, key, value))[1] for _ in range(3))  # noqa: B023
        library = F.scaled_dot_product_attention
        theirs = min(seconds_of(lambda: library(query, key, value))[1] for _ in range(3))  # noqa: B023
        found[length] = mine, theirs, 4 * length * length * 4 / 1e6  # heads * T * T * bytes
    return found


def plot(curves: dict[str, list[float]], weights: Tensor, costs: dict, path) -> None:
    figure = Figure(figsize=(12, 3.8), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    for (name, losses), colour in zip(curves.items(), (BLUE, ORANGE), strict=True):
        left.plot(losses, color=colour, label=name)
    left.axhline(math.log(VALUES), color=GREY, linestyle=":", label="guessing")
    left.set(xlabel="step", ylabel="loss (nats)", title="looking things up")
    left.legend()
    middle.imshow(weights, cmap="viridis", vmin=0, vmax=1)
    middle.set(xlabel="entry of the page", ylabel="entry that is asked for", title="where attention looks")
    for place, (name, colour) in enumerate((("ours", BLUE), ("PyTorch's", ORANGE))):
        right.loglog(costs.keys(), [1000 * cost[place] for cost in costs.values()], "o-", color=colour, label=name)
    first, last = min(costs), max(costs)
    start = 1000 * costs[first][0]
    right.loglog([first, last], [start, start * (last / first) ** 2], color=GREY, linestyle=":", label="length squared")
    right.set(xlabel="length (tokens)", ylabel="time (ms)", title="the price of length")
    right.set_xticks(list(costs), [f"{length:,}" for length in costs])
    right.minorticks_off()
    right.legend()
    save_figure(figure, path)


def look_inside(folder) -> dict[str, float]:
    """Check every layer of a GPT-2, and find the heads that look at the word before and at the first word."""
    from transformers import AutoTokenizer, GPT2LMHeadModel

    tokenizer, model = load(AutoTokenizer, folder), load(GPT2LMHeadModel, folder).eval()
    ids = tokenizer(load_lines()[1][0].text, return_tensors="pt").input_ids
    gap, maps = same_as_gpt2(model, ids)  # [L, H, T, T]
    back = maps.diagonal(offset=-1, dim1=2, dim2=3).mean(-1)  # [L, H] weight on the token before
    layer, head = divmod(int(back.argmax()), maps.shape[1])
    print(f"   {maps.shape[0]} layers of {maps.shape[1]} heads; ours differ by {gap:.1e} at most")
    print(f"   layer {layer}, head {head} looks at the token before with a weight of {back.max():.2f} (mean)")
    first = maps[:, :, 1:, 0].mean()
    print(f"   all heads: {first:.2f} goes to the first token, where a head looks that finds nothing")
    return {"public_difference": gap, "public_best_back": back.max().item()}


def main(settings) -> dict:
    prepare(settings)
    proof = prove_against_pytorch()
    tokenizer = train_tokenizer([line.text for line in load_lines()[0][:100]], 512)
    ids = tokenizer(load_lines()[1][0].text, return_tensors="pt").input_ids[:, :60]
    gap, _ = same_as_gpt2(small_gpt2(), ids)
    print(f"\nInside a GPT-2 layer of transformers, with its weights: {gap:.1e} apart")
    cache = with_a_cache()

    print(f"\nA page has {PAIRS} entries; which value stands beside this key? {STEPS} steps, then 1,000 new pages")
    curves, rows = {}, {}
    for name, looks in (("attention", True), ("mean of all", False)):
        accuracy, hit, curves[name], weights = learn_to_look_up(looks, settings.seed)
        rows[name] = accuracy, hit, weights
        print(f"   {name:<12} {accuracy:.1%} right, {hit:.2f} of its weight on the right entry")
    values = pages(1000, torch.Generator().manual_seed(1))[1]
    commonest = F.one_hot(values, VALUES).sum(1).max(1).values.float().mean().item() / PAIRS
    print(f"   (Whoever always names the commonest value of the page is right in {commonest:.0%}.)")

    costs = price(LENGTHS_QUICK if settings.quick else LENGTHS_FULL)
    print(f"\n{'length':>8} {'ours':>10} {'PyTorch':>10} {'weights kept':>14}")
    for length, (mine, theirs, memory) in costs.items():
        print(f"{length:>8} {1000 * mine:>7.1f} ms {1000 * theirs:>7.1f} ms {memory:>11.1f} MB")
    plot(curves, rows["attention"][2], costs, settings.out / "attention.png")
    print("attention.png: the loss falls with attention alone; the map is a diagonal; twice the length, four times")
    print("   the weights. PyTorch's never keeps them all: it works in blocks (FlashAttention, Dao 2022).")
    folder = public_model(settings)
    public = look_inside(folder) if folder else {}
    return {
        **proof,
        "gpt2_difference": gap,
        **cache,
        "look_up_attention": rows["attention"][0],
        "look_up_mean": rows["mean of all"][0],
        "weight_on_the_right_entry": rows["attention"][1],
        **public,
    }


EXPECTED = {
    "sdpa_difference": Expected(quick=(0, 2e-5), full=(0, 2e-5)),
    "gpt2_difference": Expected(quick=(0, 1e-5), full=(0, 1e-5)),
    "cache_difference": Expected(quick=(0, 1e-5), full=(0, 1e-5)),
    "error_without_mask": Expected(quick=(0.1, 10), full=(0.1, 10)),
    "look_up_attention": Expected(quick=(0.95, 1), full=(0.95, 1)),
    "look_up_mean": Expected(quick=(0.1, 0.4), full=(0.1, 0.4)),
    "weight_on_the_right_entry": Expected(quick=(0.8, 1), full=(0.8, 1)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="03_small_gpt.py")
