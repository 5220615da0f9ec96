"""Stable Diffusion from its own parts: diffusion in a small latent space, steered by a sentence, for cover art.

What you will learn
    - the four parts of latent diffusion, each made from its configuration class: autoencoder, text, U-Net, schedule
    - why the diffusion happens in 256 numbers instead of 3,072 pixels
    - training for one class of pictures: boats, drawn by this lesson, with captions that are true
    - what guidance does: how many pictures show what the sentence asks for, with it and without
    - a cover for a narration, by this small pipeline or by the public one
How to run it
    python 06_stable_diffusion.py --quick        about 59 s, no network
    python 06_stable_diffusion.py                longer training
    python 06_stable_diffusion.py --model stable-diffusion-v1-5/stable-diffusion-v1-5   the public one, too: some GB
Time and memory on 2 CPU cores: quick 59 s, full 8 min; 1.4 GB. The public one wants a GPU, or patience.
Writes outputs/: stable_diffusion.png, cover.png, boat_pipeline/, public_cover.png (full run with --model)
Concepts: GENERATIVE_CONCEPTS_EXPLAINED.md (latent diffusion, guidance, public weights)
"""

import itertools
from argparse import Namespace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from diffusers.utils import logging as diffusers_logging
from drawings import SIDE, SKIES, Scene, clip_tokenizer, draw_scenes
from gen_utils import batches, count_parameters, draw_mosaic, load_public, prepare, quiet, save_figure, wide_figure
from matplotlib.figure import Figure
from sklearn.linear_model import LogisticRegression
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel

from coursekit.cli import run_script, script_parser
from coursekit.expectations import Expected

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
PARSER.add_argument("--model", metavar="NAME", help="a public Stable Diffusion, or a folder with one")
PARSER.add_argument("--prompt", default="a red boat by evening", help="what the cover shows")
PARSER.add_argument("--title", default="The Wind in the Willows", help="what the cover says")
THING, BOAT_COLOURS = "boat", ("red", "white", "blue")
PICTURES = 768  # drawings to learn from
LATENT = 4  # channels of the latent picture, as in the public one; 8x8 of them for 32x32 pixels
TOKENS = 16  # longest caption; the public one 77
AUTOENCODER_STEPS = {True: 150, False: 1500}  # of 24 pictures
WORD_STEPS = 150  # of the text encoder, on twelve captions: that takes a second
DIFFUSION_STEPS = {True: 350, False: 4000}  # of 32 latent pictures
UNCAPTIONED = 0.15  # share of training pictures whose caption is hidden, so that guidance has something to compare with
DRAW_STEPS = 15  # of DDIM; 20 to 50 are usual
GUIDANCE = 3.0  # 1 is none; 7.5 is usual for the public one

# ----------------------------------------------------------------------------------------------------------------------
# the parts


def make_parts() -> dict[str, Any]:
    """Return the parts of an untrained pipeline. The classes are the public one's; only the numbers are small."""
    # concept: latent diffusion
    scenes = [Scene(THING, colour, sky) for colour in BOAT_COLOURS for sky in SKIES]
    tokenizer = clip_tokenizer([scene.caption for scene in scenes], TOKENS)
    autoencoder = AutoencoderKL(
        block_out_channels=(16, 32, 32), down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3, layers_per_block=1, latent_channels=LATENT, norm_num_groups=8,
        mid_block_add_attention=False, sample_size=SIDE,
    )  # fmt: skip
    text = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=4,
            max_position_embeddings=TOKENS, bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
        )
    )  # fmt: skip
    unet = UNet2DConditionModel(
        sample_size=8, in_channels=LATENT, out_channels=LATENT, block_out_channels=(24, 48), layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=32, attention_head_dim=4, norm_num_groups=8,
    )  # fmt: skip
    schedule = DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )  # the public one's numbers
    return {"vae": autoencoder, "text_encoder": text, "tokenizer": tokenizer, "unet": unet, "scheduler": schedule}


def pipeline_of(parts: dict[str, Any]) -> StableDiffusionPipeline:
    pipeline = StableDiffusionPipeline(
        **parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


# ----------------------------------------------------------------------------------------------------------------------
# training: first the autoencoder, then the diffusion in its latent space


def train_autoencoder(autoencoder: AutoencoderKL, pictures: Tensor, steps: int, seed: int) -> float:
    """Train on `[N, 3, 32, 32]`; set the scale of the latent space; return the error of a copy (mean square)."""
    optimizer = torch.optim.AdamW(autoencoder.parameters(), lr=4e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    for rows in batches(len(pictures), 24, steps, seed):
        x = pictures[rows]
        cloud = autoencoder.encode(x).latent_dist
        loss = F.mse_loss(autoencoder.decode(cloud.sample()).sample, x) + 1e-5 * cloud.kl().mean() / x[0].numel()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    autoencoder.eval()
    with torch.no_grad():
        latents = autoencoder.encode(pictures[:256]).latent_dist.mean
        error = F.mse_loss(autoencoder.decode(latents).sample, pictures[:256]).item()
    # The noise schedule expects deviation 1. The public one's factor, 0.18215, is the same thing for its latents.
    autoencoder.register_to_config(scaling_factor=1 / latents.std().item())
    return error


def teach_words(parts: dict[str, Any], pictures: Tensor, captions: list[str], steps: int, seed: int) -> Tensor:
    """Teach the text encoder what its words look like; return what it says of each caption, `[N, 16, 32]`.

    The public one took a text encoder that CLIP had trained on 400 million pictures, and left it as it was. This is the
    same in small: each caption has to find its picture among those of all other captions (script 07 is about that).
    """
    text, tokenizer = parts["text_encoder"], parts["tokenizer"]
    kinds = sorted(set(captions))
    tokens = tokenizer(kinds, padding="max_length", max_length=TOKENS, return_tensors="pt")["input_ids"]
    small = F.interpolate(pictures, size=(8, 8), mode="area").flatten(1)  # [N, 192]
    places = [[place for place, caption in enumerate(captions) if caption == kind] for kind in kinds]
    eye = torch.nn.Linear(small.shape[1], 32)
    optimizer = torch.optim.AdamW([*text.parameters(), *eye.parameters()], lr=3e-3)
    random = np.random.default_rng(seed)
    for _ in range(steps):
        seen = F.normalize(eye(small[[random.choice(lot) for lot in places]]), dim=1)
        said = F.normalize(text(tokens).pooler_output, dim=1)
        likeness, own = 10 * seen @ said.T, torch.arange(len(kinds))
        loss = F.cross_entropy(likeness, own) + F.cross_entropy(likeness.T, own)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    text.eval().requires_grad_(False)
    return text(tokens).last_hidden_state[[kinds.index(caption) for caption in captions]]


def train_diffusion(parts: dict[str, Any], latents: Tensor, words: Tensor, steps: int, seed: int) -> list[float]:
    """Train the U-Net on latent pictures `[N, 4, 8, 8]` and what is said of them, `[N, 16, 32]`; return the losses."""
    unet, text, tokenizer, levels = parts["unet"], parts["text_encoder"], parts["tokenizer"], parts["scheduler"]
    nothing = text(tokenizer("", padding="max_length", max_length=TOKENS, return_tensors="pt")["input_ids"])
    optimizer = torch.optim.AdamW(unet.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    losses = []
    for rows in batches(len(latents), 32, steps, seed):
        x, noise = latents[rows], torch.randn(len(rows), *latents.shape[1:])
        # More of the noisy levels than of the others: there the sentence decides, below it is decided.
        t = (levels.config.num_train_timesteps * torch.rand(len(rows)).sqrt()).long()
        hidden = torch.rand(len(rows), 1, 1) < UNCAPTIONED
        told = torch.where(hidden, nothing.last_hidden_state, words[rows])
        loss = F.mse_loss(unet(levels.add_noise(x, noise, t), t, encoder_hidden_states=told).sample, noise)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(unet.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return losses


# ----------------------------------------------------------------------------------------------------------------------
# drawing and judging


def paint(pipeline: StableDiffusionPipeline, prompts: list[str], guidance: float, seed: int, steps: int) -> Tensor:
    """Return pictures for sentences, `[N, 3, S, S]`, -1..1."""
    # concept: guidance
    made = pipeline(
        prompts, num_inference_steps=steps, guidance_scale=guidance, output_type="np",
        generator=torch.Generator().manual_seed(seed),
    ).images  # [N, S, S, 3], 0..1  # fmt: skip
    return torch.from_numpy(np.asarray(made)).permute(0, 3, 1, 2).float() * 2 - 1


class CaptionJudge:
    """Says which caption a picture fits best: logistic regression on drawings, at 8x8 pixels, never on painted ones."""

    def __init__(self, scenes: list[Scene], pictures: Tensor) -> None:
        self.model = LogisticRegression(max_iter=300).fit(self._small(pictures), [scene.caption for scene in scenes])

    @staticmethod
    def _small(pictures: Tensor) -> np.ndarray:
        return F.interpolate(pictures, size=(8, 8), mode="area").flatten(1).numpy()

    def shares_right(self, pictures: Tensor, captions: list[str]) -> tuple[float, float]:
        """Return in which share the boat has the right colour (word 2 of its caption), and the sky (the last one)."""
        words = [[caption.split() for caption in lot] for lot in (self.model.predict(self._small(pictures)), captions)]
        pairs = list(zip(*words, strict=True))
        return tuple(float(np.mean([seen[n] == asked[n] for seen, asked in pairs])) for n in (1, -1))


def make_cover(pipeline: StableDiffusionPipeline, settings: Namespace, name: str, steps: int, guidance: float) -> None:
    """Paint `--prompt` and put `--title` on it; the same for any Stable Diffusion."""
    picture = paint(pipeline, [settings.prompt], guidance, settings.seed, steps)[0]
    figure = Figure(figsize=(4, 5), facecolor="#f4efe6")
    axes = figure.add_axes((0.08, 0.2, 0.84, 0.74))
    axes.imshow(((picture + 1) / 2).clamp(0, 1).permute(1, 2, 0), interpolation="bicubic")
    axes.set_axis_off()
    figure.text(0.5, 0.1, settings.title, ha="center", fontsize=15, family="serif")
    figure.text(0.5, 0.045, "read by a machine", ha="center", fontsize=8, color="#555555")
    save_figure(figure, settings.out / name)
    print(f"{name}: a cover that shows {settings.prompt!r}")


# ----------------------------------------------------------------------------------------------------------------------


def load_model(name: str, **options: Any) -> StableDiffusionPipeline:
    """Load a Stable Diffusion from a folder or the hub."""
    pipeline = StableDiffusionPipeline.from_pretrained(name, **options)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def main(settings: Namespace) -> dict:
    prepare(settings)
    quiet()
    diffusers_logging.set_verbosity_error()
    diffusers_logging.disable_progress_bar()
    public = load_public(settings, load_model) if settings.model else None  # first: a wrong name is told at once
    kinds = [Scene(THING, colour, sky) for colour in BOAT_COLOURS for sky in SKIES]
    scenes = list(itertools.islice(itertools.cycle(kinds), PICTURES))
    captions = [scene.caption for scene in scenes]
    pictures, unseen = draw_scenes(scenes, settings.seed), draw_scenes(scenes[:240], settings.seed + 1)
    judge = CaptionJudge(scenes, pictures)
    torch.manual_seed(settings.seed)
    parts = make_parts()
    sizes = {name: count_parameters(parts[name]) for name in ("vae", "text_encoder", "unet")}
    print(
        f"{PICTURES} drawings of a {THING}, {len(kinds)} captions; weights: "
        + ", ".join(f"{n} {s:,}" for n, s in sizes.items())
    )
    error = train_autoencoder(parts["vae"], pictures, AUTOENCODER_STEPS[settings.quick], settings.seed)
    with torch.no_grad():
        latents = parts["vae"].encode(pictures).latent_dist.mean * parts["vae"].config.scaling_factor
    print(f"autoencoder: {pictures[0].numel():,} numbers to {latents[0].numel()}, error of a copy {error:.4f} "
          f"(of a grey picture {pictures.var().item():.2f})")  # fmt: skip
    words = teach_words(parts, pictures, captions, WORD_STEPS, settings.seed)
    losses = train_diffusion(parts, latents, words, DIFFUSION_STEPS[settings.quick], settings.seed)
    print(f"diffusion: loss {np.mean(losses[:20]):.2f} -> {np.mean(losses[-50:]):.2f}")
    pipeline = pipeline_of(parts)
    asked = [scene.caption for scene in kinds] * 3
    known = judge.shares_right(unseen, captions[:240])
    print(f"\nOf {len(asked)} pictures, how many show what was asked for, by a judge that knows drawings only")
    print("   pictures             colour of the boat   sky")
    print(f"   drawings, unseen {known[0]:>16.0%} {known[1]:>12.0%}     (chance 33 % and 25 %)")
    painted, right = {}, {}
    for guidance in (1.0, GUIDANCE):
        painted[guidance] = paint(pipeline, asked, guidance, settings.seed, DRAW_STEPS)
        right[guidance] = judge.shares_right(painted[guidance], asked)
        print(f"   painted, guidance {guidance:.0f} {right[guidance][0]:>14.0%} {right[guidance][1]:>12.0%}")
    draw(settings, pictures, painted, kinds)
    make_cover(pipeline, settings, "cover.png", DRAW_STEPS, GUIDANCE)
    pipeline.save_pretrained(settings.out / "boat_pipeline")
    if public:
        make_cover(public, settings, "public_cover.png", 25, 7.5)
    return {
        "copy_error": error,
        "loss": float(np.mean(losses[-50:])),
        "judge_right_on_drawings": min(known),
        "colour_right_without_guidance": right[1.0][0],
        "colour_right_with_guidance": right[GUIDANCE][0],
        "sky_right_without_guidance": right[1.0][1],
        "sky_right_with_guidance": right[GUIDANCE][1],
    }


def draw(settings: Namespace, pictures: Tensor, painted: dict, kinds: list[Scene]) -> None:
    figure, axes = wide_figure(3, 5)
    columns = len(SKIES)
    draw_mosaic(
        axes[0], pictures[: 3 * columns], columns, "drawings: rows red, white, blue;\nmorning, day, evening, night"
    )
    draw_mosaic(axes[1], painted[1.0][: len(kinds)], columns, "painted, no guidance")
    draw_mosaic(axes[2], painted[GUIDANCE][: len(kinds)], columns, f"painted, guidance {GUIDANCE:.0f}")
    save_figure(figure, settings.out / "stable_diffusion.png")
    print("stable_diffusion.png: twelve drawings, and the same twelve captions painted without and with guidance")


EXPECTED = {
    "judge_right_on_drawings": Expected(quick=(0.9, 1), full=(0.9, 1)),
    "copy_error": Expected(quick=(0, 0.15), full=(0.005, 0.05)),
    "loss": Expected(quick=(0, 0.08), full=(0, 0.03)),
    "colour_right_with_guidance": Expected(quick=(0.45, 1), full=(0.8, 1)),
    "sky_right_with_guidance": Expected(quick=(0.5, 1), full=(0.8, 1)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="07_clip.py")
