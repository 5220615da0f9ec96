"""LoRA from scratch: teach a network something new by a narrow correction beside its frozen weights.

What you will learn
    - the idea in two small matrices: W x + (alpha / r) B A x, with W frozen and B = 0 at the start
    - that it is what the library peft does: equal outputs, equal gradients, equal training, number by number
    - what the rank buys: accuracy, weights to train, size of the file, against training everything
    - merging: after training, the correction is added into W, and costs nothing at all
How to run it
    python 06_lora.py --quick     2 seeds, about 19 s
    python 06_lora.py             600 recordings of digits, 3 seeds, about 33 s
Time and memory on 2 CPU cores: quick 19 s, full 33 s; 1.0 GB. The first run speaks its words first.
Writes outputs/: lora.png, lora_digits.pt, spoken/ (first run)
Concepts: TRAINING_CONCEPTS_EXPLAINED.md (lora, fine-tuning)
"""

import copy
import math
import statistics
import warnings

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from train_utils import (
    BLUE,
    GREY,
    ORANGE,
    Clips,
    WordNet,
    batches,
    copy_weights,
    count_parameters,
    evaluate,
    few_shots,
    load_digits,
    load_words,
    prepare,
    save_figure,
    source_net,
    split_by_speaker,
    train_step,
)

from coursekit.cli import run_script, script_parser
from coursekit.expectations import Expected
from coursekit.files import atomic_path
from coursekit.seeding import seed_everything

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
RANKS = (1, 2, 4, 8, 16)
ALPHA = 8.0  # with rank r the correction is multiplied by alpha / r: another rank needs no other learning rate
ADAPTED = ("widen", "narrow")  # the linear layers of each block, where nearly all weights are
SHOTS, BATCH = 5, 10
QUICK_STEPS, FULL_STEPS = 80, 200
RATES = {"lora": 5e-3, "everything": 1e-3, "head": 1e-2}

# ----------------------------------------------------------------------------------------------------------------------
# LoRA


class LoRALinear(nn.Module):
    """A frozen linear layer with a correction of low rank beside it (Hu 2021, LoRA).

    Args:
        layer: The layer, [out, in]; its weights are frozen.
        rank: r, the width of the narrow place. A [out, in] correction has r (in + out) numbers instead of in * out.
        alpha: Strength; the correction is multiplied by alpha / r.
    """

    def __init__(self, layer: nn.Linear, rank: int, alpha: float) -> None:
        super().__init__()
        self.layer = layer.requires_grad_(False)
        self.down = nn.Parameter(torch.empty(rank, layer.in_features))  # A
        self.up = nn.Parameter(torch.zeros(layer.out_features, rank))  # B: zero, so at first nothing is changed
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))  # A must not be zero too, or no gradient would ever flow
        self.strength = alpha / rank

    def forward(self, x: Tensor) -> Tensor:  # [..., in] -> [..., out]
        # concept: lora
        return self.layer(x) + self.strength * (x @ self.down.T) @ self.up.T

    def merged(self) -> nn.Linear:
        """Return one plain layer that does the same: W + (alpha / r) B A."""
        self.layer.weight.data += self.strength * self.up.data @ self.down.data
        return self.layer


def add_lora(model: WordNet, rank: int, alpha: float = ALPHA) -> WordNet:
    """Freeze the network but for its head, and put a correction beside every adapted layer."""
    model.requires_grad_(False)
    model.head.requires_grad_(True)  # the head is new anyway
    for block in model.blocks:
        for name in ADAPTED:
            setattr(block, name, LoRALinear(getattr(block, name), rank, alpha))
    return model


def merge(model: WordNet) -> WordNet:
    """Replace every corrected layer by a plain one."""
    for block in model.blocks:
        for name in ADAPTED:
            setattr(block, name, getattr(block, name).merged())
    return model


def lora_weights(model: nn.Module) -> dict[str, Tensor]:
    """Return what was learnt, and nothing of what was known: all that has to be saved for one more task."""
    return {name: value.detach() for name, value in model.named_parameters() if value.requires_grad}


# ----------------------------------------------------------------------------------------------------------------------
# the proof against peft


def prove_against_peft(source: dict[str, Tensor], clips: Clips, seed: int) -> dict[str, float]:
    """Give peft's layers our A and B, then compare outputs, gradients, and five steps of training."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peft looks for quantisers that are not installed
        from peft import LoraConfig, get_peft_model

    seed_everything(seed)
    mine = add_lora(student_of(source, seed), rank=4)
    config = LoraConfig(r=4, lora_alpha=ALPHA, lora_dropout=0.0, target_modules=list(ADAPTED), modules_to_save=["head"])
    theirs = get_peft_model(student_of(source, seed), config)
    _copy_into_peft(mine, theirs)
    mine.eval(), theirs.eval()  # dropout off: it would be another one in each
    apart = {"output at the start": _largest(mine(clips.mels[:20]) - theirs(clips.mels[:20]))}
    optimizers = [
        torch.optim.AdamW([p for p in net.parameters() if p.requires_grad], lr=5e-3) for net in (mine, theirs)
    ]
    for step in range(5):
        for net, optimizer in zip((mine, theirs), optimizers, strict=True):
            train_step(net, optimizer, clips.mels[:20], clips.labels[:20])
        if step == 0:
            apart["gradient of A and B"] = max(
                _largest(own.grad - other.grad) for own, other in zip(*_pairs(mine, theirs), strict=True)
            )
    apart["output after 5 steps"] = _largest(mine(clips.mels[:20]) - theirs(clips.mels[:20]))
    before = mine(clips.mels[:20])
    apart["ours after merging"] = _largest(merge(mine)(clips.mels[:20]) - before)
    apart["peft's after merging"] = _largest(theirs.merge_and_unload()(clips.mels[:20]) - before)
    return apart


def _largest(difference: Tensor) -> float:
    return difference.abs().max().item()


def _pairs(mine: nn.Module, theirs: nn.Module) -> tuple[list[Tensor], list[Tensor]]:
    """A and B of every adapted layer, ours and peft's, in one order."""
    own = [value for name, value in sorted(mine.named_parameters()) if name.endswith((".down", ".up"))]
    other = [value for name, value in sorted(theirs.named_parameters()) if ".lora_A." in name or ".lora_B." in name]
    return own, other


def _copy_into_peft(mine: nn.Module, theirs: nn.Module) -> None:
    with torch.no_grad():
        for own, other in zip(*_pairs(mine, theirs), strict=True):
            other.copy_(own)


# ----------------------------------------------------------------------------------------------------------------------
# what it is worth


def student_of(source: dict[str, Tensor], seed: int) -> WordNet:
    """The source network with a new head for the digits."""
    seed_everything(seed)
    student = WordNet(10)
    student.load_state_dict({name: value for name, value in source.items() if "head" not in name}, strict=False)
    return student


def make_student(source: dict[str, Tensor], rank: int, seed: int) -> tuple[WordNet, float]:
    """Return a student and its learning rate: rank 0 trains the head alone, -1 everything."""
    student = student_of(source, seed)
    if rank > 0:
        return add_lora(student, rank), RATES["lora"]
    if rank == 0:
        student.requires_grad_(False).head.requires_grad_(True)
        return student, RATES["head"]
    return student, RATES["everything"]


def learn(student: WordNet, clips: Clips, test: Clips, rate: float, seed: int, steps: int) -> float:
    """Train what is not frozen; return the test accuracy."""
    trained = [parameter for parameter in student.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    stream = batches(clips, BATCH, torch.Generator().manual_seed(seed))
    for _, (mels, labels) in zip(range(steps), stream, strict=False):
        train_step(student, optimizer, mels, labels)
        schedule.step()
    return evaluate(student, test)[1]


def forgetting(source: dict[str, Tensor], student: WordNet, words: Clips) -> float:
    """Return the accuracy on the OLD task, thirty words, of the student's body under the old head."""
    old = WordNet(len(words.classes)).to(words.mels.device)
    body = {name: value for name, value in student.state_dict().items() if not name.startswith("head.")}
    old.load_state_dict(source | body)
    return evaluate(old, words)[1]


def plot(rows: list[tuple[str, int, list[float]]], path) -> None:
    figure = Figure(figsize=(7.5, 4.5), layout="constrained")
    axes = figure.subplots()
    for name, weights, accuracies in rows:
        colour = {"head alone": GREY, "everything": ORANGE}.get(name, BLUE)
        axes.plot([weights] * len(accuracies), [100 * value for value in accuracies], ".", color=colour, alpha=0.5)
        mean = 100 * statistics.mean(accuracies)
        axes.plot(weights, mean, "o", color=colour)
        axes.annotate(name, (weights, mean), (6, -12), textcoords="offset points")
    axes.set(xscale="log", xlabel="weights trained", ylabel="test accuracy (%)", title="what the rank buys")
    axes.margins(x=0.15)
    axes.grid(alpha=0.3)
    save_figure(figure, path)


def main(settings) -> dict:
    device = prepare(settings)
    digits = load_digits(settings)
    source_model, source_accuracy = source_net(settings, device)
    source = copy_weights(source_model)
    pool, test = (part.to(device) for part in split_by_speaker(digits, 2 if digits.is_real else 6))

    apart = prove_against_peft(
        {name: value.cpu() for name, value in source.items()}, few_shots(digits, 3, 0), settings.seed
    )
    print("\nOurs against peft (rank 4): largest difference")
    for what, value in apart.items():
        print(f"   {what:<22} {value:.1e}")

    rows: list[tuple[str, int, list[float]]] = []
    last: dict[str, WordNet] = {}
    steps = QUICK_STEPS if settings.quick else FULL_STEPS
    ranks = RANKS[::2] if settings.quick else RANKS
    for name, rank in (("head alone", 0), *((f"rank {rank}", rank) for rank in ranks), ("everything", -1)):
        accuracies = []
        for seed in range(settings.seed, settings.seed + (2 if settings.quick else 3)):
            student, rate = make_student(source, rank, seed)
            last[name] = student.to(device)
            accuracies.append(learn(last[name], few_shots(pool, SHOTS, seed), test, rate, seed, steps))
        rows.append((name, count_parameters(last[name]), accuracies))
    rank_name = f"rank {ranks[1]}"
    with atomic_path(settings.out / "lora_digits.pt") as temporary:  # one correction as a file
        torch.save({name: value.cpu() for name, value in lora_weights(last[rank_name]).items()}, temporary)
    everything = dict((name, weights) for name, weights, _ in rows)["everything"]
    print(
        f"\n{SHOTS} clips a digit, {steps:>3} steps. Trained       weights   share   test accuracy (lowest to highest)"
    )
    for name, weights, accuracies in rows:
        spread = f"{statistics.mean(accuracies):.1%} ({min(accuracies):.1%} to {max(accuracies):.1%})"
        print(f"   {name:<41} {weights:>8,} {weights / everything:>7.1%}   {spread}")
    means = {name: statistics.mean(accuracies) for name, _, accuracies in rows}
    sizes = {name: weights for name, weights, _ in rows}
    size = (settings.out / "lora_digits.pt").stat().st_size
    print(
        f"\nlora_digits.pt, {rank_name}: {size / 1000:.0f} kB; all weights: {everything * 4 / 1000:.0f} kB. One file a"
    )
    print("speaker or a language, one base model for all of them: that is why LoRA is liked.")
    words = split_by_speaker(load_words(settings), 4)[1].to(device)
    old = {"before": source_accuracy, "everything": forgetting(source, last["everything"], words)}
    old["lora"] = forgetting(source, merge(copy.deepcopy(last[rank_name])), words)
    print(
        f"\nThe old task, thirty words: {old['before']:.0%} right before; {old['everything']:.0%} after training "
        f"everything, {old['lora']:.0%} with the correction, {old['before']:.0%} again without it"
    )
    plot(rows, settings.out / "lora.png")
    print(
        f"lora.png: the head alone {means['head alone']:.0%}, {rank_name} {means[rank_name]:.0%}, everything "
        f"{means['everything']:.0%}\n"
    )
    return {
        **{f"peft_{what.replace(' ', '_').replace(chr(39), '')}": value for what, value in apart.items()},
        "head_alone": means["head alone"],
        "lora": means[rank_name],
        "everything": means["everything"],
        "share_trained_by_lora": sizes[rank_name] / everything,
        "kilobytes": size / 1000,
        "words_before": old["before"],
        "words_after_everything": old["everything"],
        "words_with_the_correction": old["lora"],
    }


EXPECTED = {
    "peft_output_at_the_start": Expected(quick=(0, 1e-5), full=(0, 1e-5)),
    "peft_gradient_of_A_and_B": Expected(quick=(0, 1e-5), full=(0, 1e-5)),
    "peft_output_after_5_steps": Expected(quick=(0, 1e-4), full=(0, 1e-4)),
    "peft_ours_after_merging": Expected(quick=(0, 1e-4), full=(0, 1e-4)),
    "head_alone": Expected(quick=(0.3, 1), full=None),
    "lora": Expected(quick=(0.3, 1), full=None),
    "share_trained_by_lora": Expected(quick=(0.05, 0.15), full=(0.05, 0.15)),
    "kilobytes": Expected(quick=(15, 60), full=(15, 60)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="07_fine_tune_coqui.py")
