"""Fewer bits and larger batches: bf16 and fp16, loss scaling, gradient accumulation and clipping, each measured.

What you will learn
    - what the three number formats can hold, and what gets lost: digits in bf16, small gradients in fp16
    - autocast: which operations run in 16 bits, and whether your machine is quicker for it
    - gradient accumulation: a batch of 60 in the memory of 16, equal to the last digit, if the mean is right
    - gradient clipping: its formula, equal to PyTorch's, and a training that survives a bad batch because of it
How to run it
    python 05_mixed_precision.py --quick           about 12 s
    python 05_mixed_precision.py                   about 24 s
    python 05_mixed_precision.py --device cuda     AMP with a GradScaler on an NVIDIA GPU
Time and memory on 2 CPU cores: quick 12 s, full 24 s; 0.9 GB. The first run speaks its words first.
Writes outputs/: mixed_precision.png, spoken/ (first run)
Concepts: TRAINING_CONCEPTS_EXPLAINED.md (mixed precision, gradient accumulation, gradient clipping)
"""

import copy
import math
import time

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor, nn
from train_utils import (
    BLUE,
    GREY,
    ORANGE,
    Clips,
    WordNet,
    batches,
    evaluate,
    load_digits,
    prepare,
    save_figure,
    split_by_speaker,
)

from coursekit.cli import run_script, script_parser
from coursekit.expectations import Expected
from coursekit.seeding import seed_everything

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
FORMATS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
BATCH = 32
RATE = 3e-3
CLIP = 1.0  # longest gradient allowed; usual values are 0.5 to 5
SPOILT = 20  # the step whose loss is a thousand times too large: a sum where a mean was meant, a broken file

# ----------------------------------------------------------------------------------------------------------------------
# number formats


def show_formats() -> float:
    """Print what each format holds; return the relative error of bf16 that a sum of many numbers suffers."""
    print("\nformat     bytes   largest    smallest > 0   1 + smallest step   0.1 is kept as     1e-8 becomes")
    for name, dtype in FORMATS.items():
        info = torch.finfo(dtype)
        tiny = info.tiny * info.eps  # below the normal numbers there are some with fewer digits
        tenth, small = torch.tensor(0.1, dtype=dtype).item(), torch.tensor(1e-8, dtype=dtype).item()
        print(
            f"{name:<10} {info.bits // 8:>5} {info.max:>10.1e} {tiny:>14.1e} {1 + info.eps:>19.7f} "
            f"{tenth:>16.10f} {small:>16.1e}"
        )
    tenths = torch.full((1000,), 0.1, dtype=torch.bfloat16)
    total = torch.tensor(0.0, dtype=torch.bfloat16)
    for value in tenths:  # one after the other, the sum itself in bf16: it stops growing when a tenth is below its step
        total = total + value
    print(
        f"0.1 added a thousand times in bfloat16: {total.item():.1f}. So sums are kept in float32, and so are weights."
    )
    return abs(total.item() - 100) / 100


def underflow(model: nn.Module, clips: Clips) -> tuple[float, float, float]:
    """Return the share of the gradients' numbers that float16 turns to zero: as they are, scaled, and with bfloat16."""
    loss = F.cross_entropy(model(clips.mels[:BATCH]), clips.labels[:BATCH])
    # A loss that is the mean over many samples of audio has gradients about as small as these
    gradients = torch.autograd.grad(loss * 1e-5, list(model.parameters()))
    values = torch.cat([gradient.reshape(-1) for gradient in gradients])
    values = values[values != 0]

    def lost(dtype: torch.dtype, scale: float) -> float:
        return float(((values * scale).to(dtype) == 0).float().mean())

    return lost(torch.float16, 1.0), lost(torch.float16, 65_536.0), lost(torch.bfloat16, 1.0)


# ----------------------------------------------------------------------------------------------------------------------
# autocast


def train(clips: Clips, test: Clips, dtype: torch.dtype, steps: int, seed: int) -> tuple[float, float, list[float]]:
    """Train with autocast to `dtype`. Returns (test accuracy, seconds a step, losses)."""
    device = clips.mels.device
    seed_everything(seed)
    model = WordNet(10, width=96).to(device)  # weights stay float32: small updates need the digits
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
    # Only float16 needs a scaler: it multiplies the loss by a large number, so that small gradients survive, divides
    # them again before the update, and skips a step whose gradients have overflowed.
    scaler = torch.amp.GradScaler(device.type, enabled=dtype == torch.float16)
    stream, losses, started = batches(clips, BATCH, torch.Generator().manual_seed(seed)), [], 0.0
    for step, (mels, labels) in zip(range(steps), stream, strict=False):
        if step == 3:
            started = time.perf_counter()  # the first steps warm up
        with torch.autocast(device.type, dtype=dtype, enabled=dtype != torch.float32):  # concept: mixed precision
            logits = model(mels)  # matrix products in 16 bits; norms and losses stay in 32 where they have to
        loss = F.cross_entropy(logits.float(), labels)
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        losses.append(loss.item())
    return evaluate(model, test)[1], (time.perf_counter() - started) / (steps - 3), losses


def product_seconds(dtype: torch.dtype, device: torch.device, side: int) -> float:
    """Seconds of one product of two square matrices, the quickest of eight tries."""
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    quickest = math.inf
    for _ in range(8):
        started = time.perf_counter()
        (a @ b).sum().item()  # .item() waits until a GPU is done, too
        quickest = min(quickest, time.perf_counter() - started)
    return quickest


# ----------------------------------------------------------------------------------------------------------------------
# accumulation and clipping


def gradients_of(model: nn.Module, parts: list[tuple[Tensor, Tensor]], weighted: bool) -> Tensor:
    """Return the gradients `[all weights]` of a batch that comes in parts.

    `backward` adds to what is there already, so the parts add up by themselves. Each loss is a mean over its own part:
    it has to count by its share of the clips, or a short last part counts too much.
    """
    total = sum(len(labels) for _, labels in parts)
    model.zero_grad()
    for mels, labels in parts:
        loss = F.cross_entropy(model(mels), labels)
        share = len(labels) / total if weighted else 1 / len(parts)
        (loss * share).backward()  # concept: gradient accumulation
    return torch.cat([parameter.grad.reshape(-1) for parameter in model.parameters()])


def show_accumulation(clips: Clips, seed: int) -> dict[str, float]:
    """Return how far the gradients of parts are from those of the whole batch, relative to their length."""
    seed_everything(seed)
    model = WordNet(10).to(clips.mels.device).eval()  # dropout would disturb each pass in another way
    mels, labels = clips.mels[:60], clips.labels[:60]
    whole = gradients_of(model, [(mels, labels)], weighted=True)
    parts = list(zip(mels.split(16), labels.split(16), strict=True))  # 16, 16, 16 and 12
    found = {
        "parts, each by its share": gradients_of(model, parts, weighted=True),
        "parts, each a quarter": gradients_of(model, parts, weighted=False),
        "the last part alone": gradients_of(model, parts[-1:], weighted=True),  # zero_grad at the wrong place
    }
    apart = {name: ((value - whole).norm() / whole.norm()).item() for name, value in found.items()}
    print("\n60 clips in parts of 16, 16, 16 and 12: gradients against those of all at once")
    for name, value in apart.items():
        print(f"   {name:<26} {value:.1e} of their length apart")
    return apart


def clip_gradients(parameters: list[nn.Parameter], longest: float) -> float:
    """Shorten all gradients by one factor when together they are longer than `longest`; return how long they were."""
    length = torch.sqrt(sum((parameter.grad**2).sum() for parameter in parameters))  # one vector of all weights
    factor = min(1.0, longest / (length.item() + 1e-6))  # concept: gradient clipping
    for parameter in parameters:
        parameter.grad.mul_(factor)  # the direction stays, only the step gets shorter
    return length.item()


def train_with_a_bad_batch(clips: Clips, test: Clips, clip: float | None, steps: int, seed: int) -> tuple[list, float]:
    """Train with plain SGD; the loss of one batch is a thousand times too large. Returns (losses, test accuracy)."""
    seed_everything(seed)
    model = WordNet(10).to(clips.mels.device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    losses = []
    stream = batches(clips, 32, torch.Generator().manual_seed(seed))
    for step, (mels, labels) in zip(range(steps), stream, strict=False):
        loss = F.cross_entropy(model(mels), labels)
        optimizer.zero_grad()
        (loss * (1000 if step == SPOILT else 1)).backward()
        if clip is not None:
            clip_gradients(list(model.parameters()), clip)
        optimizer.step()
        losses.append(loss.item())
    return losses, evaluate(model, test)[1]


def same_as_torch(clips: Clips, seed: int) -> float:
    """Return the largest difference between our clipping and `torch.nn.utils.clip_grad_norm_`."""
    seed_everything(seed)
    mine = WordNet(10).to(clips.mels.device)
    theirs = copy.deepcopy(mine)
    for model in (mine, theirs):
        model.eval()
        (50 * F.cross_entropy(model(clips.mels[:32]), clips.labels[:32])).backward()
    clip_gradients(list(mine.parameters()), CLIP)
    nn.utils.clip_grad_norm_(theirs.parameters(), CLIP)
    pairs = zip(mine.parameters(), theirs.parameters(), strict=True)
    return max((a.grad - b.grad).abs().max().item() for a, b in pairs)


def plot(by_format: dict, spoilt: dict, path) -> None:
    figure = Figure(figsize=(11, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for colour, (name, (_, _, losses)) in zip((GREY, BLUE, ORANGE), by_format.items(), strict=False):
        left.plot(losses, color=colour, label=name, linewidth=1)
    left.set(xlabel="step", ylabel="loss (nats)", title="the same training, other formats")
    for colour, (name, (losses, _)) in zip((ORANGE, BLUE), spoilt.items(), strict=True):
        right.plot(losses, color=colour, label=name)
    right.set(
        xlabel="step",
        ylabel="loss (nats)",
        title=f"the loss of step {SPOILT} is a thousand times too large",
        yscale="log",
    )
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend()
    save_figure(figure, path)


def main(settings) -> dict:
    device = prepare(settings)
    digits = load_digits(settings)
    clips, test = (part.to(device) for part in split_by_speaker(digits, 2 if digits.is_real else 6))
    steps = 40 if settings.quick else 200
    sum_error = show_formats()
    seed_everything(settings.seed)
    bare, scaled, brain = underflow(WordNet(10).to(device).eval(), clips)
    print(
        f"\nSmall gradients that become 0: {bare:.1%} in float16, {scaled:.1%} with the loss times 65,536, "
        f"{brain:.1%} in bfloat16"
    )

    wanted = FORMATS if device.type == "cuda" else {name: FORMATS[name] for name in ("float32", "bfloat16")}
    side = 512 if device.type == "cpu" else 4096
    print(f"\nformat       test accuracy   ms a step   times as fast   a {side} x {side} product, times as fast")
    by_format, slow = {}, product_seconds(torch.float32, device, side)
    for name, dtype in wanted.items():
        by_format[name] = train(clips, test, dtype, steps, settings.seed)
        accuracy, seconds, _ = by_format[name]
        speed = by_format["float32"][1] / seconds
        product = slow / (slow if name == "float32" else product_seconds(dtype, device, side))
        print(f"{name:<12} {accuracy:>13.0%} {1000 * seconds:>11.1f} {speed:>15.2f} {product:>20.2f}")
    ratio = by_format["float32"][1] / by_format["bfloat16"][1]
    if device.type == "cpu":
        print(
            "   A CPU gains where it has instructions for bf16 (AMX, AVX512-BF16), and more by large products than by"
        )
        print("   the small ones of this network; elsewhere converting costs more than it saves. Measure, then decide.")

    apart = show_accumulation(clips, settings.seed)
    same = same_as_torch(clips, settings.seed)
    print(f"\nClipping to length {CLIP}: at most {same:.0e} from PyTorch's clip_grad_norm_")
    spoilt = {
        name: train_with_a_bad_batch(clips, test, clip, steps, settings.seed)
        for name, clip in (("not clipped", None), ("clipped", CLIP))
    }
    for name, (losses, accuracy) in spoilt.items():
        print(
            f"   {name:<12} loss before the bad batch {losses[SPOILT - 1]:.2f}, ten later {losses[SPOILT + 10]:.2f}, "
            f"test accuracy at the end {accuracy:.0%}"
        )
    plot(by_format, spoilt, settings.out / "mixed_precision.png")
    print(
        f"mixed_precision.png: the curves lie on each other; clipped {spoilt['clipped'][1]:.0%} right, not clipped "
        f"{spoilt['not clipped'][1]:.0%}"
    )
    print("The capstone clips its gradients at length 1.0 (Coqui's grad_clip), and stops when a loss is no number.\n")
    return {
        "sum_in_bf16_is_off_by": sum_error,
        "lost_in_float16": bare,
        "lost_in_float16_scaled": scaled,
        "lost_in_bfloat16": brain,
        "accuracy_float32": by_format["float32"][0],
        "accuracy_bfloat16": by_format["bfloat16"][0],
        "speed_bfloat16": ratio,
        "accumulated_by_share": apart["parts, each by its share"],
        "accumulated_by_quarter": apart["parts, each a quarter"],
        "clipping_difference_to_torch": same,
        "accuracy_clipped": spoilt["clipped"][1],
        "accuracy_not_clipped": spoilt["not clipped"][1],
    }


EXPECTED = {
    "sum_in_bf16_is_off_by": Expected(quick=(0.5, 1), full=(0.5, 1)),
    "lost_in_float16": Expected(quick=(0.1, 1), full=(0.1, 1)),
    "lost_in_float16_scaled": Expected(quick=(0, 0.05), full=(0, 0.05)),
    "lost_in_bfloat16": Expected(quick=(0, 0.01), full=(0, 0.01)),
    "accumulated_by_share": Expected(quick=(0, 1e-5), full=(0, 1e-5)),
    "accumulated_by_quarter": Expected(quick=(1e-3, 1), full=(1e-3, 1)),
    "clipping_difference_to_torch": Expected(quick=(0, 1e-6), full=(0, 1e-6)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="06_lora.py")
