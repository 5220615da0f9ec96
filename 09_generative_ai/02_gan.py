"""GAN: a forger and a detective train each other. It collapses; you see it as a number, and then you mend it.

What you will learn
    - the two losses of a generative adversarial network, and the four lines in which they meet
    - mode collapse: a forger who found one picture that passes, measured as the modes it still covers
    - the repair, one measure at a time: no momentum, a penalty on the detective's slope, an average of weights
    - the same repaired recipe on digits: kinds covered, and the distance to real ones
How to run it
    python 02_gan.py --quick              about 23 s, no network
    python 02_gan.py                      MNIST and longer training; the first run downloads 22 MB
Time and memory on 2 CPU cores: quick 23 s, full 3 min; 0.8 GB.
Writes outputs/: gan_ring.png, gan_digits.png
Concepts: GENERATIVE_CONCEPTS_EXPLAINED.md (adversarial training, mode collapse, quality of samples)
"""

import copy
import math
from argparse import Namespace
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from gen_utils import (
    BLUE,
    GREY,
    ORANGE,
    Judge,
    Pictures,
    batches,
    draw_mosaic,
    frechet,
    load_pictures,
    modes_covered,
    prepare,
    save_figure,
    wide_figure,
)
from torch import Tensor, nn

from coursekit.cli import run_script, script_parser
from coursekit.expectations import Expected

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
MODES = 8  # heaps of points on a ring: the smallest world in which a forger can be lazy
SPREAD = 0.05  # of one heap; the ring has the radius 1
NEAR = 4 * SPREAD  # a point counts for a heap within this distance
SIDE = 16  # pixels of a digit


@dataclass(frozen=True)
class Recipe:
    """How a GAN is trained.

    Attributes:
        steps: Of one forger and one detective.
        latent: Numbers of chance that the forger starts from.
        rate: Learning rate of both.
        momentum: Adam's first beta. 0.9 is good elsewhere; here it lets both chase where the other was.
        penalty: R1, the weight of the detective's squared slope at real points (Mescheder 2018); 0 is off.
        average: Share of the old weights in the forger's running mean, which draws at the end; 0 is off.
    """

    steps: int
    latent: int = 8
    rate: float = 1e-3
    momentum: float = 0.9
    penalty: float = 0.0
    average: float = 0.0


# ----------------------------------------------------------------------------------------------------------------------
# the game


def network(inputs: int, outputs: int, width: int, squash: bool = False) -> nn.Sequential:
    """Two hidden layers; with `squash`, the outputs lie in -1..1."""
    layers = [nn.Linear(inputs, width), nn.LeakyReLU(0.2), nn.Linear(width, width), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Linear(width, outputs), *([nn.Tanh()] if squash else []))


def detective_loss(detective: nn.Module, real: Tensor, fake: Tensor, penalty: float) -> Tensor:
    """Call real points real and forged ones forged; with `penalty`, do not be steep about it.

    Args:
        detective: Points `[B, D]` to scores `[B, 1]`, above 0 for real.
        real: `[B, D]`.
        fake: `[B, D]`; no gradient may flow to the forger from here.
        penalty: Weight of R1.
    """
    # concept: adversarial training
    real = real.detach().requires_grad_(penalty > 0)
    score = detective(real)
    loss = F.softplus(-score).mean() + F.softplus(detective(fake.detach())).mean()
    if penalty > 0:
        (slope,) = torch.autograd.grad(score.sum(), real, create_graph=True)  # [B, D]
        loss = loss + penalty / 2 * slope.square().sum(dim=1).mean()
    return loss


def forger_loss(detective: nn.Module, fake: Tensor) -> Tensor:
    """Be taken for real. The logarithm of the detective's belief, which has a slope even when it sees through all."""
    return F.softplus(-detective(fake)).mean()


def train(forger: nn.Module, detective: nn.Module, data: Tensor, recipe: Recipe, seed: int, course=None) -> nn.Module:
    """Play `recipe.steps` rounds; return the forger that draws (its running mean where the recipe has one).

    Args:
        forger: Chance `[B, latent]` to points `[B, D]`.
        detective: Points to scores.
        data: Real points, `[N, D]`.
        recipe: How.
        seed: Of the order of the data and of all chance.
        course: A list that takes the heaps covered, 20 times in all; None on other data.
    """
    torch.manual_seed(seed)
    betas = (recipe.momentum, 0.99)
    forging = torch.optim.Adam(forger.parameters(), lr=recipe.rate, betas=betas)
    detecting = torch.optim.Adam(detective.parameters(), lr=recipe.rate, betas=betas)
    mean = copy.deepcopy(forger)
    for step, rows in enumerate(batches(len(data), 128, recipe.steps, seed)):
        fake = forger(torch.randn(len(rows), recipe.latent))
        detecting.zero_grad()
        detective_loss(detective, data[rows], fake, recipe.penalty).backward()
        detecting.step()
        forging.zero_grad()
        forger_loss(detective, fake).backward()
        forging.step()
        with torch.no_grad():
            torch._foreach_lerp_([*mean.parameters()], [*forger.parameters()], 1 - recipe.average)
        if course is not None and (step + 1) % (recipe.steps // 20) == 0:
            course.append(covered(draw(mean, 1000, recipe.latent)))
    return mean


# ----------------------------------------------------------------------------------------------------------------------
# a ring of heaps


def ring(count: int, generator: torch.Generator) -> Tensor:
    """Return points `[count, 2]` of eight heaps on a circle."""
    angles = torch.randint(0, MODES, (count,), generator=generator) * (2 * math.pi / MODES)
    centres = torch.stack([angles.cos(), angles.sin()], dim=1)
    return centres + SPREAD * torch.randn(count, 2, generator=generator)


def heaps(points: Tensor) -> tuple[np.ndarray, float]:
    """Return the heap of each point that is near one, and the share of points that are."""
    angles = torch.arange(MODES) * (2 * math.pi / MODES)
    distance, heap = torch.cdist(points, torch.stack([angles.cos(), angles.sin()], dim=1)).min(dim=1)
    return heap[distance < NEAR].numpy(), float((distance < NEAR).float().mean())


@torch.no_grad()
def draw(forger: nn.Module, count: int, latent: int) -> Tensor:
    return forger(torch.randn(count, latent, generator=torch.Generator().manual_seed(1)))


def on_the_ring(settings: Namespace) -> dict[str, float]:
    """Train the plain recipe, then add one measure after the other, and count the heaps that are covered."""
    steps = 600 if settings.quick else 4000
    plain = Recipe(steps)
    recipes = {
        "plain": plain,
        "no momentum": replace(plain, momentum=0.0),
        "+ penalty": replace(plain, momentum=0.0, penalty=0.5),
        "+ average": replace(plain, momentum=0.0, penalty=0.5, average=0.99),
    }
    data = ring(4000, torch.Generator().manual_seed(settings.seed))
    print(f"A ring of {MODES} heaps, {steps} rounds each")
    print("   recipe         heaps covered   points near a heap   fewest covered in the second half")
    clouds, courses, found = {}, {}, {}
    for name, recipe in recipes.items():
        torch.manual_seed(settings.seed)
        forger, detective = network(recipe.latent, 2, 64), network(2, 1, 64)
        course: list[int] = []
        mean = train(forger, detective, data, recipe, settings.seed, course)
        points = clouds[name] = draw(mean, 2000, recipe.latent)
        courses[name] = course
        found[name] = covered(points), heaps(points)[1], min(course[10:])
        print(f"   {name:<12} {found[name][0]:>8} of {MODES} {found[name][1]:>18.0%} {found[name][2]:>20}")
    course = courses["plain"]  # heaps covered, counted 20 times in all
    stays = [min(course[place:]) for place in range(len(course))]  # fewest from that count on
    if stays[-1] < MODES:
        print("   The plain forger repeats what passes. The detective learns it, and the forger moves on.")
    else:
        first = (stays.index(MODES) + 1) * steps // len(stays)
        print(f"   The plain forger covers all heaps since round {first}. Does it find all digits, too?")
    draw_ring(settings, data, clouds, courses)
    return {
        "heaps_of_plain": found["plain"][0],
        "heaps_of_mended": found["+ average"][0],
        "share_near_of_mended": found["+ average"][1],
        "heaps_of_mended_at_worst": found["+ average"][2],
    }


def covered(points: Tensor) -> int:
    # concept: mode collapse
    return modes_covered(heaps(points)[0], MODES)


def draw_ring(settings: Namespace, data: Tensor, clouds: dict, courses: dict) -> None:
    figure, axes = wide_figure(4, 3.4)
    for place, name in zip(axes, ("plain", "no momentum", "+ average"), strict=False):
        place.scatter(*data[:800].T, s=3, color=GREY, alpha=0.4, label="real")
        place.scatter(*clouds[name][:800].T, s=3, color=ORANGE, label="forged")
        place.set(title=f"{name}: {covered(clouds[name])} of {MODES} heaps", xlim=(-1.6, 1.6), ylim=(-1.6, 1.6))
        place.set(xlabel="first coordinate", ylabel="second coordinate", aspect="equal")
    axes[0].legend(loc="upper right", fontsize=8)
    for name, colour, style in (("plain", ORANGE, "s--"), ("+ average", BLUE, "o-")):
        axes[3].plot(np.linspace(5, 100, 20), courses[name], style, color=colour, label=name, markersize=4)
    axes[3].set(xlabel="training done (%)", ylabel="heaps covered", ylim=(-0.3, MODES + 0.5), title="while they train")
    axes[3].legend(fontsize=8)
    axes[3].grid(alpha=0.3)
    save_figure(figure, settings.out / "gan_ring.png")
    print("gan_ring.png: real and forged points for three recipes, and the heaps covered during training")


# ----------------------------------------------------------------------------------------------------------------------
# digits


def on_digits(settings: Namespace, pictures: Pictures) -> dict[str, float]:
    """The plain and the mended recipe on digits: kinds covered by their own count, distance to real digits."""
    judge = Judge.trained(pictures, settings.seed)
    steps = 450 if settings.quick else 8000
    plain = Recipe(steps, latent=32)
    recipes = {"plain": plain, "mended": replace(plain, momentum=0.0, penalty=1.0, average=0.99)}
    data, real = pictures.train.flatten(1), judge.look(pictures.test)
    floor = frechet(judge.look(pictures.train), real)
    print(f"\nDigits, {steps} rounds; real ones are {floor:.1f} from other real ones")
    print("   recipe     kinds covered   share of the commonest   distance to real digits")
    drawn, found = {}, {}
    for name, recipe in recipes.items():
        torch.manual_seed(settings.seed)
        forger = network(recipe.latent, SIDE * SIDE, 256, squash=True)
        mean = train(forger, network(SIDE * SIDE, 1, 256), data, recipe, settings.seed)
        forged = drawn[name] = draw(mean, 1000, recipe.latent).reshape(-1, 1, SIDE, SIDE)
        classes = judge.classes(forged)
        commonest = int(classes.bincount(minlength=10).max()) / len(classes)
        found[name] = modes_covered(classes, 10), commonest, frechet(judge.look(forged), real)
        print(f"   {name:<10} {found[name][0]:>7} of 10 {commonest:>20.0%} {found[name][2]:>23.1f}")
    figure, axes = wide_figure(3, 4)
    draw_mosaic(axes[0], pictures.test[:100], 10, "real digits")
    for place, name in zip(axes[1:], recipes, strict=True):
        draw_mosaic(
            place, drawn[name][:100], 10, f"{name}: {found[name][0]} of 10 kinds, distance {found[name][2]:.0f}"
        )
    save_figure(figure, settings.out / "gan_digits.png")
    print("gan_digits.png: real digits, and a hundred forged by each recipe")
    return {
        "kinds_of_plain": found["plain"][0],
        "kinds_of_mended": found["mended"][0],
        "plain_over_mended_distance": found["plain"][2] / found["mended"][2],
        "mended_distance": found["mended"][2],
    }


def main(settings: Namespace) -> dict:
    prepare(settings)
    return {**on_the_ring(settings), **on_digits(settings, load_pictures(settings, SIDE))}


EXPECTED = {
    "heaps_of_plain": Expected(quick=(0, 4), full=None),  # in the full run it may get out of its collapse
    "heaps_of_mended": Expected(quick=(8, 8), full=(8, 8)),
    "heaps_of_mended_at_worst": Expected(quick=(6, 8), full=(6, 8)),
    "share_near_of_mended": Expected(quick=(0.3, 1), full=(0.3, 1)),
    "kinds_of_plain": Expected(quick=(0, 6), full=None),
    "kinds_of_mended": Expected(quick=(9, 10), full=(9, 10)),
    "plain_over_mended_distance": Expected(quick=(3, 1000), full=(2, 100)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="03_diffusion.py")
