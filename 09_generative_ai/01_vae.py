"""Autoencoder and VAE: squeeze pictures and sounds through a few numbers, then turn the numbers into new ones.

What you will learn
    - an autoencoder: 256 pixels through 12 numbers and back, and why you cannot draw new digits from it
    - the variational autoencoder: the same network with noise in the middle and one more term in the loss
    - how new pictures are judged: a distance between the real ones and the drawn ones, with its floor
    - a latent walk: from one digit to another, and from one moment of speech to another, as a picture
How to run it
    python 01_vae.py --quick              1,437 digits and a little speech, no network, about 22 s
    python 01_vae.py                      20,000 digits of MNIST; the first run downloads 22 MB
Time and memory on 2 CPU cores: quick 22 s, full 56 s; 1.0 GB. Without data it first makes its speech.
Writes outputs/: vae_digits.png, vae_mels.png, walk.wav, stand_in/ (first run without data)
Concepts: GENERATIVE_CONCEPTS_EXPLAINED.md (autoencoders, the variational autoencoder, latent space, quality of samples)
"""

from argparse import Namespace

import numpy as np
import torch
from gen_utils import (
    Judge,
    Pictures,
    audio_utils,
    batches,
    count_parameters,
    draw_mosaic,
    frechet,
    load_pictures,
    prepare,
    save_figure,
    wide_figure,
)
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from coursekit.cli import run_script, script_parser
from coursekit.expectations import Expected
from voice_pipeline.acoustics import log_mel
from voice_pipeline.engines.starter.voice import shared_vocoder
from voice_pipeline.settings import AUDIO

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
SIDE = 16  # pixels; 256 numbers in all
LATENT = 12  # Z; fewer blur more, more leave holes between the digits
HIDDEN = 256  # width of the two layers on each side
BETA = 1.0  # weight of the KL term; 0 is an autoencoder with noise, 4 draws cleaner and blurs more
STEPS = {True: 700, False: 4000}  # of 128 pictures
RATE = 1e-3
MEL_FRAMES = 16  # T: 0.17 s of speech, a vowel or a consonant with what follows
MEL_STEPS = {True: 400, False: 1500}
MEL_LATENT = 16

# ----------------------------------------------------------------------------------------------------------------------
# the two models: one class, for they differ in five lines


class Autoencoder(nn.Module):
    """Numbers in -1..1 -> Z numbers -> numbers.

    Args:
        size: Numbers of one picture.
        latent: Z.
        variational: Whether the code is a cloud (mean and spread) instead of a point.
    """

    def __init__(self, size: int, latent: int, variational: bool) -> None:
        super().__init__()
        # concept: autoencoders
        self.variational = variational
        self.encoder = nn.Sequential(
            nn.Linear(size, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(),
            nn.Linear(HIDDEN, 2 * latent if variational else latent),
        )  # fmt: skip
        self.decoder = nn.Sequential(
            nn.Linear(latent, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(),
            nn.Linear(HIDDEN, size), nn.Tanh(),
        )  # fmt: skip

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and logarithm of the variance of the code, `[B, Z]` each; an autoencoder's variance is 0."""
        code = self.encoder(x)
        if not self.variational:
            return code, torch.full_like(code, -torch.inf)
        mean, log_variance = code.chunk(2, dim=1)
        return mean, log_variance.clamp(-10, 10)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mean, log_variance = self.encode(x)
        # The reparameterisation: the noise is drawn outside, so that gradients reach mean and spread.
        z = mean + torch.exp(log_variance / 2) * torch.randn_like(mean)  # [B, Z]
        return self.decoder(z), mean, log_variance


def kl_to_standard(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return how far each cloud is from the standard one, nats `[B]` (Kingma and Welling 2013, appendix B)."""
    # concept: the variational autoencoder
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1)


def train(model: Autoencoder, data: Tensor, steps: int, seed: int, noise: float) -> Tensor:
    """Train on `[N, size]`; return the codes of the training set, `[N, Z]`.

    The squared error is divided by 2 noise^2: it is the logarithm of a normal distribution of that width, and so
    in nats, as the KL is. The two may only be added because of that.
    """
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    for rows in batches(len(data), 128, steps, seed):
        x = data[rows]
        made, mean, log_variance = model(x)
        loss = (made - x).square().sum(dim=1) / (2 * noise**2)
        if model.variational:
            loss = loss + BETA * kl_to_standard(mean, log_variance)
        optimizer.zero_grad()
        loss.mean().backward()
        optimizer.step()
    with torch.no_grad():
        return model.encode(data)[0]


@torch.no_grad()
def copies(model: Autoencoder, x: Tensor) -> Tensor:
    """Return what comes back of `[N, size]`, without noise in the middle."""
    return model.decoder(model.encode(x)[0])


# ----------------------------------------------------------------------------------------------------------------------
# digits


def as_pictures(flat: Tensor) -> Tensor:
    return flat.reshape(len(flat), 1, SIDE, SIDE)


def proof(random: torch.Generator) -> float:
    """Return the largest difference between the KL above and PyTorch's, on clouds drawn by chance."""
    mean, log_variance = torch.randn(64, 5, generator=random), torch.randn(64, 5, generator=random)
    library = kl_divergence(Normal(mean, torch.exp(log_variance / 2)), Normal(0.0, 1.0)).sum(dim=1)
    return float((kl_to_standard(mean, log_variance) - library).abs().max())


def digits(settings: Namespace, pictures: Pictures, judge: Judge) -> dict[str, float]:
    flat, test = pictures.train.flatten(1), pictures.test.flatten(1)
    real = judge.look(pictures.test)
    floor = frechet(judge.look(pictures.train), real)
    print(
        f"\nDigits: {SIDE * SIDE} pixels through {LATENT} numbers; the judge knows {judge.accuracy:.0%} of test digits"
    )
    print(f"   model         error of a copy   distance of drawn digits   KL (nats)     (real from real: {floor:.1f})")
    random = torch.Generator().manual_seed(settings.seed)
    found, drawn, models = {}, {}, {}
    for name, variational in (("autoencoder", False), ("VAE", True)):
        torch.manual_seed(settings.seed)
        model = Autoencoder(SIDE * SIDE, LATENT, variational)
        codes = train(model, flat, STEPS[settings.quick], settings.seed, noise=0.3)
        # The autoencoder's codes have no scale of their own, so it is given the best chance: mean and spread of each.
        draw = torch.randn(1000, LATENT, generator=random)
        z = draw if variational else codes.mean(dim=0) + codes.std(dim=0) * draw
        with torch.no_grad():
            drawn[name] = as_pictures(model.decoder(z))
            kl = float(kl_to_standard(*model.encode(test)).mean()) if variational else float("nan")
        error = float((copies(model, test) - test).square().mean())
        distance = frechet(judge.look(drawn[name]), real)
        found[name], models[name] = (error, distance, kl), (model, codes)
        print(f"   {name:<13} {error:>14.3f} {distance:>23.1f} {kl:>14.1f}")
    print("   The autoencoder copies better. The VAE knows where to draw from, and its drawings look more like digits.")
    draw_digits(settings, pictures, models, drawn)
    error, distance, kl = found["VAE"]
    return {
        "kl_difference_to_pytorch": proof(random),
        "autoencoder_copy_error": found["autoencoder"][0],
        "vae_copy_error": error,
        "vae_kl_nats": kl,
        "real_distance": floor,
        "autoencoder_distance": found["autoencoder"][1],
        "vae_distance": distance,
        "autoencoder_over_vae_distance": found["autoencoder"][1] / distance,
        "judge_accuracy": judge.accuracy,
    }


@torch.no_grad()
def walk(model: Autoencoder, start: Tensor, end: Tensor, steps: int) -> Tensor:
    """Return `steps` outputs on the straight line between two codes `[Z]`."""
    # concept: latent space
    share = torch.linspace(0, 1, steps)[:, None]
    return model.decoder((1 - share) * start + share * end)


def draw_digits(settings: Namespace, pictures: Pictures, models: dict, drawn: dict) -> None:
    model, codes = models["VAE"]
    walks = []
    for first, second in ((3, 8), (1, 7), (0, 6), (4, 9)):
        ends = [codes[torch.nonzero(pictures.labels == digit)[5, 0]] for digit in (first, second)]
        walks.append(as_pictures(walk(model, *ends, 10)))
    test = pictures.test.flatten(1)
    samples = torch.cat([pictures.test[:10], *(as_pictures(copies(models[name][0], test[:10])) for name in models)])
    figure, axes = wide_figure(4, 2.4, [1, 1, 1, 1])
    draw_mosaic(axes[0], samples, 10, "test digits; copies of autoencoder, VAE")
    draw_mosaic(axes[1], drawn["autoencoder"][:60], 10, "autoencoder: drawn by chance")
    draw_mosaic(axes[2], drawn["VAE"][:60], 10, "VAE: drawn by chance")
    draw_mosaic(axes[3], torch.cat(walks), 10, "VAE: walks 3-8, 1-7, 0-6, 4-9")
    save_figure(figure, settings.out / "vae_digits.png")
    print("vae_digits.png: copies, digits drawn from chance by both models, and four walks from digit to digit")


# ----------------------------------------------------------------------------------------------------------------------
# speech: the same class, on pieces of mel spectrograms


def mel_pieces(settings: Namespace) -> tuple[Tensor, Tensor]:
    """Return training and test pieces `[N, T * 80]`, scaled to -1..1; the last clip is the test."""
    audio = audio_utils()
    clips = [clip.at(AUDIO.sample_rate) for clip in audio.load_reader(settings, 4 if settings.quick else 20)]
    parts = []
    for clip in clips:
        mel = torch.from_numpy(log_mel(clip.waveform)).T  # [frames, 80]
        pieces = mel.unfold(0, MEL_FRAMES, 4).transpose(1, 2).flatten(1)  # [N, T * 80], a new one every 4 frames
        level = pieces.exp().mean(dim=1)
        parts.append(pieces[level > 0.1 * level.max()])  # silence teaches nothing
    scaled = [((part + 5.5) / 6.5).clamp(-1, 1) for part in parts]  # -12 (silence) .. 1 (loud) nepers to -1..1
    return torch.cat(scaled[:-1]), scaled[-1]


def mels(settings: Namespace) -> dict[str, float]:
    train_set, test_set = mel_pieces(settings)
    torch.manual_seed(settings.seed)
    model = Autoencoder(80 * MEL_FRAMES, MEL_LATENT, variational=True)
    codes = train(model, train_set, MEL_STEPS[settings.quick], settings.seed, noise=0.15)
    error = float((copies(model, test_set) - test_set).square().mean())
    blank = float((train_set.mean(dim=0) - test_set).square().mean())
    print(f"\nSpeech: {len(train_set)} pieces of {MEL_FRAMES * 1000 / AUDIO.frames_per_second:.0f} ms, 80 mel bands; "
          f"{80 * MEL_FRAMES} numbers through {MEL_LATENT}, {count_parameters(model):,} weights")  # fmt: skip
    print(f"   error of a copy {error:.4f}; of the mean piece instead {blank:.4f}: {1 - error / blank:.0%} explained")
    far = int((codes - codes[0]).square().sum(dim=1).argmax())
    pieces = walk(model, codes[0], codes[far], 9).reshape(9, MEL_FRAMES, 80)
    heard = pieces[2:-2].reshape(-1, 80) * 6.5 - 5.5  # back to nepers, [frames, 80]
    f0 = np.full(len(heard), 150.0, np.float32)  # a walk through mels has no melody: one pitch for all of it
    audio_utils().write_wav(
        settings.out / "walk.wav", shared_vocoder("cpu").vocode(heard.T.numpy(), f0, np.ones_like(f0))
    )
    draw_mels(settings, model, test_set, pieces)
    return {"mel_variance_explained": 1 - error / blank}


def draw_mels(settings: Namespace, model: Autoencoder, test_set: Tensor, pieces: Tensor) -> None:
    figure = Figure(figsize=(12, 6), layout="constrained")
    rows = figure.subplots(3, 9)
    chosen = test_set[:: max(1, len(test_set) // 9)][:9]
    shown = [chosen, copies(model, chosen), pieces.flatten(1)]
    for row, (name, lot) in enumerate(zip(("speech, never trained on", "its copy", "the walk"), shown, strict=True)):
        for axes, piece in zip(rows[row], lot, strict=True):
            axes.imshow(piece.reshape(MEL_FRAMES, 80).T, origin="lower", aspect="auto", cmap="magma", vmin=-1, vmax=1)
            axes.set(xticks=[], yticks=[])
        rows[row][0].set_ylabel(f"{name}\nmel band")
    rows[2][4].set_xlabel("each piece: 0.17 s to the right, 80 mel bands up")
    save_figure(figure, settings.out / "vae_mels.png")
    print("vae_mels.png: nine pieces of speech, their copies, and a walk between two of them; walk.wav is its middle")


def main(settings: Namespace) -> dict:
    prepare(settings)  # all of it on the CPU: the networks are so small that copying would cost more than it saves
    pictures = load_pictures(settings, SIDE)
    judge = Judge.trained(pictures, settings.seed)
    return {**digits(settings, pictures, judge), **mels(settings)}


EXPECTED = {
    "kl_difference_to_pytorch": Expected(quick=(0, 1e-5), full=(0, 1e-5)),
    "judge_accuracy": Expected(quick=(0.85, 1), full=(0.9, 1)),
    "autoencoder_copy_error": Expected(quick=(0, 0.03), full=(0.03, 0.07)),
    "vae_copy_error": Expected(quick=(0.01, 0.04), full=(0.03, 0.08)),
    "vae_kl_nats": Expected(quick=(8, 35), full=(8, 40)),
    "vae_distance": Expected(quick=(0, 55), full=(5, 25)),
    "autoencoder_over_vae_distance": Expected(quick=(1.1, 10), full=(1.1, 10)),
    "mel_variance_explained": Expected(quick=(0.5, 1), full=(0.4, 1)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="02_gan.py")
