"""Diffusion from scratch: add noise until nothing is left, learn to take it away, and then do it in fewer steps.

What you will learn
    - the forward process in one line: a picture at any noise level, without the levels before it
    - what the network learns: to say which noise was added, and nothing else
    - DDPM, which walks all the way back with fresh noise, and DDIM, which jumps and can be repeated
    - that with its noise switched on and no jump DDIM is DDPM, and what fewer steps cost
    - a score over training: the distance to real digits falls while the loss hardly moves
How to run it
    python 03_diffusion.py --quick        8x8 digits, about 26 s, no network
    python 03_diffusion.py                16x16 MNIST and longer training; the first run downloads 22 MB
Time and memory on 2 CPU cores: quick 26 s, full 10 min; 0.9 GB.
Writes outputs/: diffusion.png, diffusion_steps.png
Concepts: GENERATIVE_CONCEPTS_EXPLAINED.md (diffusion, sampling in fewer steps, quality of samples)
"""

import copy
import math
import time
from argparse import Namespace

import torch
import torch.nn.functional as F
from gen_utils import (
    BLUE,
    GREY,
    ORANGE,
    Judge,
    Pictures,
    batches,
    count_parameters,
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
LEVELS = 100  # T: steps from picture to noise; 1,000 is usual for large pictures
WIDTH = {True: 24, False: 48}  # channels of the network
STEPS = {True: 400, False: 4000}  # of 64 pictures
RATE = 2e-3
AVERAGE = 0.99  # share of the old weights in the running mean that draws
SCORES = 5  # how often the drawings are judged during training

# ----------------------------------------------------------------------------------------------------------------------
# the schedule: how much of the picture is left at each level


def cosine_schedule(levels: int) -> Tensor:
    """Return the share of the picture's power that is left after each level, `[T]`, near 1 down to near 0.

    Nichol and Dhariwal 2021, equation 17: slow at both ends, so that no level is wasted on pure noise.
    """
    # concept: diffusion
    t = torch.arange(levels + 1, dtype=torch.float64) / levels
    curve = torch.cos((t + 0.008) / 1.008 * math.pi / 2).square()
    betas = (1 - curve[1:] / curve[:-1]).clamp(max=0.999)
    return torch.cumprod(1 - betas, dim=0).float()


def add_noise(pictures: Tensor, noise: Tensor, left: Tensor) -> Tensor:
    """Return pictures `[B, 1, S, S]` at the levels where the shares `left` `[B]` remain (Ho 2020, equation 4)."""
    left = left.reshape(-1, 1, 1, 1)
    return left.sqrt() * pictures + (1 - left).sqrt() * noise


# ----------------------------------------------------------------------------------------------------------------------
# the network: a small U-Net that is told the level


class Block(nn.Module):
    """Two convolutions and a shortcut; the level shifts and scales the channels in between."""

    def __init__(self, inputs: int, outputs: int, level: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.norm = nn.GroupNorm(8, outputs)
        self.told = nn.Linear(level, 2 * outputs)
        self.short = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor, level: Tensor) -> Tensor:
        scale, shift = self.told(level)[:, :, None, None].chunk(2, dim=1)
        y = self.norm(F.silu(self.first(x))) * (1 + scale) + shift
        return self.short(x) + self.second(F.silu(y))


class Denoiser(nn.Module):
    """A noisy picture and its level -> the noise in it. Down once, through the middle, up once, with a bridge."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.level = nn.Sequential(nn.Linear(width, width), nn.SiLU())
        self.entry = nn.Conv2d(1, width, 3, padding=1)
        self.down = Block(width, width, width)
        self.middle = nn.ModuleList(Block(size, 2 * width, width) for size in (width, 2 * width))
        self.up = Block(3 * width, width, width)
        self.exit = nn.Conv2d(width, 1, 3, padding=1)
        nn.init.zeros_(self.exit.weight)  # at first it says: no noise; that is a calm place to begin

    def forward(self, x: Tensor, t: Tensor) -> Tensor:  # [B, 1, S, S], [B] -> [B, 1, S, S]
        waves = t[:, None] * torch.exp(-torch.arange(self.width // 2) * math.log(10_000) / (self.width // 2))
        level = self.level(torch.cat([waves.sin(), waves.cos()], dim=1))  # [B, W]
        x = self.down(self.entry(x), level)  # [B, W, S, S]
        y = F.avg_pool2d(x, 2)  # [B, W, S/2, S/2]
        for block in self.middle:
            y = block(y, level)
        y = F.interpolate(y, scale_factor=2)
        return self.exit(F.silu(self.up(torch.cat([x, y], dim=1), level)))


# ----------------------------------------------------------------------------------------------------------------------
# sampling


def step_back(x: Tensor, noise: Tensor, left: Tensor, left_next: Tensor, eta: float, fresh: Tensor | None) -> Tensor:
    """Return the picture at a lower level (Song 2020, equation 12).

    Args:
        x: Noisy pictures `[B, 1, S, S]`.
        noise: What the network says the noise in `x` is.
        left: Share of the picture in `x`, a number 0..1.
        left_next: The same at the level to go to, larger; 1 is the finished picture.
        eta: 0 is DDIM, which adds no noise; 1 is DDPM, which adds as much as its forward process would explain.
        fresh: Noise to add; needed when `eta` is not 0.
    """
    # concept: sampling in fewer steps
    clean = ((x - (1 - left).sqrt() * noise) / left.sqrt()).clamp(-1, 1)  # the picture it would be, if all were right
    noise = (x - left.sqrt() * clean) / (1 - left).sqrt()
    sigma = eta * ((1 - left_next) / (1 - left)).sqrt() * (1 - left / left_next).sqrt()
    direction = (1 - left_next - sigma**2).clamp(min=0).sqrt() * noise
    ahead = left_next.sqrt() * clean + direction
    return ahead if fresh is None else ahead + sigma * fresh


@torch.no_grad()
def sample(model: nn.Module, start: Tensor, left: Tensor, steps: int, eta: float, seed: int = 0) -> Tensor:
    """Return pictures from noise `start` `[B, 1, S, S]`, in `steps` equal jumps through the levels."""
    generator = torch.Generator().manual_seed(seed)
    levels = torch.linspace(LEVELS - 1, 0, steps).round().long().tolist() if steps > 1 else [LEVELS - 1]
    x = start
    for place, t in enumerate(levels):
        left_next = left[levels[place + 1]] if place + 1 < len(levels) else torch.tensor(1.0)
        noise = model(x, torch.full((len(x),), float(t)))
        fresh = torch.randn(x.shape, generator=generator) if eta > 0 else None
        x = step_back(x, noise, left[t], left_next, eta, fresh)
    return x


def ddpm_difference(left: Tensor) -> float:
    """Return how far `step_back` with eta=1 is from DDPM's own formula (Ho 2020, equations 6 and 7), the largest."""
    generator = torch.Generator().manual_seed(0)
    worst = 0.0
    for t in range(LEVELS - 1, 0, -1):
        x, fresh = torch.randn(2, 4, 1, 2, 2, generator=generator)
        clean = torch.rand(4, 1, 2, 2, generator=generator) * 2 - 1
        noise = (x - left[t].sqrt() * clean) / (1 - left[t]).sqrt()
        alpha = left[t] / left[t - 1]
        mean = left[t - 1].sqrt() * (1 - alpha) / (1 - left[t]) * clean
        mean = mean + alpha.sqrt() * (1 - left[t - 1]) / (1 - left[t]) * x
        deviation = ((1 - left[t - 1]) / (1 - left[t]) * (1 - alpha)).sqrt()
        ours = step_back(x, noise, left[t], left[t - 1], 1.0, fresh)
        worst = max(worst, float((ours - mean - deviation * fresh).abs().max()))
    return worst


# ----------------------------------------------------------------------------------------------------------------------
# training, with a score


def train(settings: Namespace, pictures: Pictures, judge: Judge, left: Tensor) -> tuple[nn.Module, list[tuple]]:
    """Return the averaged network, and (step, mean loss since the last, distance) a few times during training."""
    model = Denoiser(WIDTH[settings.quick])
    mean = copy.deepcopy(model)
    steps = STEPS[settings.quick]
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    real, start = judge.look(pictures.test), noise_like(pictures, 120)
    print(f"{count_parameters(model):,} weights, {steps} steps")
    print("   step    loss   distance of drawn digits")
    course, losses = [], []
    for step, rows in enumerate(batches(len(pictures.train), 64, steps, settings.seed), 1):
        x, t = pictures.train[rows], torch.randint(0, LEVELS, (len(rows),))
        noise = torch.randn_like(x)
        loss = F.mse_loss(model(add_noise(x, noise, left[t]), t.float()), noise)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        share = min(AVERAGE, step / (step + 10))  # in the beginning the mean must not remember nonsense
        with torch.no_grad():
            torch._foreach_lerp_([*mean.parameters()], [*model.parameters()], 1 - share)
        losses.append(loss.item())
        if step % (steps // SCORES) == 0:
            # concept: quality of samples
            distance = frechet(judge.look(sample(mean, start, left, 10, 0.0)), real)
            course.append((step, sum(losses) / len(losses), distance))
            losses = []
            print(f"   {course[-1][0]:>4} {course[-1][1]:>7.3f} {distance:>12.1f}")
    return mean, course


def noise_like(pictures: Pictures, count: int) -> Tensor:
    generator = torch.Generator().manual_seed(7)
    return torch.randn(count, 1, pictures.side, pictures.side, generator=generator)


def compare_steps(model: nn.Module, pictures: Pictures, judge: Judge, left: Tensor) -> tuple[list[tuple], dict]:
    """Draw the same noise with fewer and fewer steps; say how far the pictures move, and how good they are."""
    start, real = noise_like(pictures, 120), judge.look(pictures.test)
    print("\nThe same 120 starts, drawn in different ways")
    print("   sampler   steps   seconds   distance to real digits   moved from DDIM with all steps   kinds")
    rows, drawn = [], {}
    for name, eta, steps in (
        ("DDIM", 0.0, LEVELS), ("DDPM", 1.0, LEVELS), ("DDIM", 0.0, 30), ("DDIM", 0.0, 20), ("DDIM", 0.0, 10),
        ("DDIM", 0.0, 5), ("DDIM", 0.0, 2), ("DDPM", 1.0, 10),
    ):  # fmt: skip
        began = time.perf_counter()
        pictures_drawn = drawn[name, steps] = sample(model, start, left, steps, eta)
        seconds = time.perf_counter() - began
        moved = float((pictures_drawn - drawn["DDIM", LEVELS]).square().mean().sqrt())
        distance = frechet(judge.look(pictures_drawn), real)
        kinds = modes_covered(judge.classes(pictures_drawn), 10)
        rows.append((name, steps, distance, moved, kinds))
        print(f"   {name:<8} {steps:>6} {seconds:>8.2f} {distance:>17.1f} {moved:>29.2f} {kinds:>17}")
    print("   DDIM goes the same way in larger strides. DDPM's fresh noise makes other pictures.")
    return rows, drawn


def main(settings: Namespace) -> dict:
    prepare(settings)
    pictures = load_pictures(settings, 8 if settings.quick else 16)
    if settings.quick and pictures.side != 8:  # MNIST was not to be had: train as --quick does
        pictures = load_pictures(settings, 8)
    judge = Judge.trained(pictures, settings.seed)
    left = cosine_schedule(LEVELS)
    floor = frechet(judge.look(pictures.train), judge.look(pictures.test))
    print(f"real digits are {floor:.1f} from other real digits; pure noise is "
          f"{frechet(judge.look(noise_like(pictures, 200)), judge.look(pictures.test)):.0f}")  # fmt: skip
    model, course = train(settings, pictures, judge, left)
    rows, drawn = compare_steps(model, pictures, judge, left)
    draw(settings, pictures, drawn["DDPM", LEVELS], left, course)
    draw_steps(settings, rows, drawn, floor)
    found = {(name, steps): (distance, moved) for name, steps, distance, moved, _ in rows}
    return {
        "eta_one_difference_to_ddpm": ddpm_difference(left),
        "first_distance": course[0][2],
        "last_distance": course[-1][2],
        "distance_of_ddpm": found["DDPM", LEVELS][0],
        "distance_of_10_ddim_steps": found["DDIM", 10][0],
        "moved_by_30_steps": found["DDIM", 30][1],
        "moved_by_10_steps": found["DDIM", 10][1],
        "moved_by_ddpm": found["DDPM", LEVELS][1],
        "kinds_of_ddpm": rows[1][4],
    }


# ----------------------------------------------------------------------------------------------------------------------
# pictures


def draw(settings: Namespace, pictures: Pictures, drawn: Tensor, left: Tensor, course: list) -> None:
    shown = [0, 20, 40, 60, 80, 99]
    noise = noise_like(pictures, 6)
    forward = [add_noise(pictures.test[:6], noise, left[t].repeat(6)) for t in shown]
    figure, axes = wide_figure(4, 3.6)
    draw_mosaic(axes[0], torch.stack(forward, dim=1).flatten(0, 1), 6, f"forward: levels {', '.join(map(str, shown))}")
    draw_mosaic(axes[1], pictures.test[:64], 8, "real digits")
    draw_mosaic(axes[2], drawn[:64], 8, "DDPM, drawn from noise")
    steps, losses, distances = zip(*course, strict=True)
    axes[3].semilogy(steps, distances, "o-", color=BLUE, label="distance to real digits")
    axes[3].semilogy(steps, losses, "s--", color=ORANGE, label="loss")
    axes[3].set(xlabel="training step", ylabel="loss; distance (log scale)", title="the score falls, the loss hardly")
    axes[3].legend(fontsize=8)
    axes[3].grid(alpha=0.3)
    save_figure(figure, settings.out / "diffusion.png")
    print("diffusion.png: digits fading to noise, real digits, digits drawn from noise, and the score over training")


def draw_steps(settings: Namespace, rows: list, drawn: dict, floor: float) -> None:
    figure, axes = wide_figure(2, 4, [1.3, 1])
    chosen = [("DDIM", LEVELS), ("DDIM", 30), ("DDIM", 20), ("DDIM", 10), ("DDIM", 5), ("DDIM", 2), ("DDPM", LEVELS)]
    draw_mosaic(axes[0], torch.cat([drawn[key][:12] for key in chosen]), 12,
                "the same noise, rows: DDIM 100, 30, 20, 10, 5, 2 steps; DDPM 100")  # fmt: skip
    ddim = sorted((steps, distance) for name, steps, distance, _, _ in rows if name == "DDIM")
    ddpm = sorted((steps, distance) for name, steps, distance, _, _ in rows if name == "DDPM")
    axes[1].loglog(*zip(*ddim, strict=True), "o-", color=BLUE, label="DDIM")
    axes[1].loglog(*zip(*ddpm, strict=True), "s--", color=ORANGE, label="DDPM")
    axes[1].axhline(floor, color=GREY, linestyle=":", label="real digits")
    axes[1].set(xlabel="steps", ylabel="distance to real digits", title="what fewer steps cost")
    axes[1].legend()
    axes[1].grid(alpha=0.3, which="both")
    save_figure(figure, settings.out / "diffusion_steps.png")
    print("diffusion_steps.png: twelve digits from the same noise with fewer steps, and the distance over the steps")


EXPECTED = {
    "eta_one_difference_to_ddpm": Expected(quick=(0, 1e-4), full=(0, 1e-4)),
    "first_distance": Expected(quick=(18, 80), full=(8, 40)),
    "last_distance": Expected(quick=(0, 14), full=(5, 20)),
    "distance_of_ddpm": Expected(quick=(0, 14), full=(3.5, 12)),
    "distance_of_10_ddim_steps": Expected(quick=(0, 15), full=(6, 25)),
    "moved_by_30_steps": Expected(quick=(0, 0.05), full=(0, 0.1)),
    "moved_by_10_steps": Expected(quick=(0, 0.15), full=(0, 0.3)),
    "moved_by_ddpm": Expected(quick=(0.25, 1), full=(0.2, 1)),
    "kinds_of_ddpm": Expected(quick=(9, 10), full=(9, 10)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="04_text_gpt.py")
