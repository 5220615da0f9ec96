"""CLIP: pictures and sentences in one space, trained here, and then used to show the right picture while it is told.

What you will learn
    - contrastive learning: a batch of pairs, a table of likenesses, and the loss that wants its diagonal
    - a CLIP of 200,000 weights from the public classes, trained on drawings with sentences that are true of them
    - how to test it: combinations it never saw, sentences it never read, and what chance would get
    - a narration whose pictures change with the sentences: a web page and a video, timed by the sound itself
How to run it
    python 07_clip.py --quick                                     about 39 s, no network
    python 07_clip.py                                             longer training
    python 07_clip.py --model openai/clip-vit-base-patch32        the public one judges the same pictures, too
Time and memory on 2 CPU cores: quick 39 s, full 75 s; 1.0 GB. The first run speaks its narration as well.
Writes outputs/: clip.png, slide_show.html, slide_show.mp4, clip_model/ (the public format), spoken/ (first run)
Concepts: GENERATIVE_CONCEPTS_EXPLAINED.md (contrastive learning, public weights)
"""

from argparse import Namespace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from drawings import SIDE, Scene, all_scenes, clip_tokenizer, draw_scene, draw_scenes
from gen_utils import (
    BLUE,
    ORANGE,
    audio_utils,
    count_parameters,
    load_public,
    prepare,
    quiet,
    save_figure,
    speak,
    wide_figure,
)
from slide_show import Slide, video_seconds, write_page, write_video
from torch import Tensor
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor

from coursekit.cli import run_script, script_parser
from coursekit.expectations import Expected

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
PARSER.add_argument(
    "--model", metavar="NAME", help="a public CLIP (openai/clip-vit-base-patch32), or a folder with one"
)
TOKENS = 24  # longest sentence; the public one 77
WIDTH, LAYERS, PATCH = 64, 2, 8  # numbers of a token, layers of each tower, pixels of a patch; public: 512, 12, 32
SPACE = 32  # numbers of a picture or sentence in the common space; public: 512
STEPS = {True: 450, False: 2000}  # of 64 pairs
RATE = 2e-3
HIDDEN = 24  # of the 144 combinations that are never trained on
# Sentences that are true of a scene. The last two are never trained on.
TOLD = (
    "a {colour} {thing} {time}",
    "There was a {colour} {thing}, and it was {sky}.",
    "{Time} we saw a {thing}, {colour} and silent.",
    "Look, a {colour} {thing}! It is {sky}.",
    "It was {sky}. The {thing} was {colour}.",
    "And so {time} there stood, all alone, a {colour} {thing}.",
    "She had seen it {time}: a {thing} that was {colour}.",
    "They say that a {colour} {thing} was there {time}.",
    "What a {thing}! So {colour}, and {time}.",
    "Nobody knew of the {colour} {thing} we met {time}.",
    "The {colour} {thing} stood there {time}.",
    "He told us of a {colour} {thing} that he had seen {time}.",
)
UNREAD = TOLD[-2:]
STORY = (  # this lesson's own; the scenes are what a careful reader would choose
    ("And so by day there stood, all alone, a green hill.", Scene("hill", "green", "day")),
    ("It was evening. The house was white.", Scene("house", "white", "evening")),
    ("Look, a yellow moon! It is night.", Scene("moon", "yellow", "night")),
    ("By morning we saw a boat, red and silent.", Scene("boat", "red", "morning")),
    ("He told us of a blue star that he had seen at night.", Scene("star", "blue", "night")),
)
TAKES = 4  # drawings of each scene that are looked at; one alone may be unlucky
PAUSE = 0.4  # seconds between two sentences

# ----------------------------------------------------------------------------------------------------------------------
# the model and its loss


def tell(scene: Scene, form: str) -> str:
    time = f"{'at' if scene.sky == 'night' else 'by'} {scene.sky}"
    return form.format(colour=scene.colour, thing=scene.thing, sky=scene.sky, time=time, Time=time.capitalize())


def small_clip(sentences: list[str]) -> tuple[CLIPModel, CLIPProcessor]:
    """Return an untrained CLIP and the processor that prepares pictures and sentences for it."""
    tokenizer = clip_tokenizer(sentences, TOKENS)
    towers = {
        "hidden_size": WIDTH,
        "intermediate_size": 2 * WIDTH,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": 4,
    }
    config = CLIPConfig(
        text_config={
            **towers, "vocab_size": len(tokenizer), "max_position_embeddings": TOKENS, "projection_dim": SPACE,
            "bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id,
        },
        vision_config={**towers, "image_size": SIDE, "patch_size": PATCH, "projection_dim": SPACE},
        projection_dim=SPACE,
    )  # fmt: skip
    pictures = CLIPImageProcessor(
        size={"shortest_edge": SIDE},
        crop_size={"height": SIDE, "width": SIDE},
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
    )
    return CLIPModel(config), CLIPProcessor(pictures, tokenizer)


def contrastive_loss(pictures: Tensor, sentences: Tensor, scale: Tensor) -> Tensor:
    """Return CLIP's loss (Radford 2021, figure 3): each picture has to find its sentence, and the other way round.

    Args:
        pictures: `[B, E]`, of length 1.
        sentences: `[B, E]`, of length 1; row n belongs to picture n.
        scale: How sharply likeness becomes probability; learnt, at most 100.
    """
    # concept: contrastive learning
    likeness = scale * pictures @ sentences.T  # [B, B]; the diagonal belongs together
    own = torch.arange(len(likeness))
    return (F.cross_entropy(likeness, own) + F.cross_entropy(likeness.T, own)) / 2


def train(settings: Namespace, model: CLIPModel, processor: CLIPProcessor, scenes: list[Scene]) -> tuple[list, float]:
    """Train on drawings of the scenes; return the losses and the difference to the library's own loss at the end."""
    random = np.random.default_rng(settings.seed)
    steps = STEPS[settings.quick]
    forms = [form for form in TOLD if form not in UNREAD]
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    drawn = torch.stack([draw_scenes(scenes, seed) for seed in range(8)])  # [8, scenes, 3, S, S]
    losses = []
    for _ in range(steps):
        chosen = random.permutation(len(scenes))[:64]  # all different, or a sentence would be right for two pictures
        pictures = drawn[random.integers(8, size=64), chosen]
        texts = [tell(scenes[place], forms[random.integers(len(forms))]) for place in chosen]
        words = processor.tokenizer(texts, padding=True, return_tensors="pt")
        given = model(input_ids=words["input_ids"], attention_mask=words["attention_mask"], pixel_values=pictures)
        loss = contrastive_loss(given.image_embeds, given.text_embeds, model.logit_scale.exp())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        with torch.no_grad():
            model.logit_scale.clamp_(max=4.6)  # the logarithm of 100, as in the paper
        losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        library = model(**words, pixel_values=pictures, return_loss=True)
        ours = contrastive_loss(library.image_embeds, library.text_embeds, model.logit_scale.exp())
    return losses, float((ours - library.loss).abs())


# ----------------------------------------------------------------------------------------------------------------------
# matching, with any CLIP


@torch.no_grad()
def match(model: CLIPModel, processor: CLIPProcessor, sentences: list[str], pictures: np.ndarray) -> Tensor:
    """Return the probability of each picture for each sentence, `[sentences, pictures]`.

    Args:
        model: Any CLIP.
        processor: Its own: it scales the pictures and cuts the sentences into tokens.
        sentences: Text.
        pictures: uint8 `[N, H, W, 3]`.
    """
    given = processor(text=sentences, images=list(pictures), return_tensors="pt", padding=True, truncation=True)
    return model(**given).logits_per_text.softmax(dim=1)


def as_pixels(pictures: Tensor) -> np.ndarray:
    """Float `[N, 3, S, S]`, -1..1, to uint8 `[N, S, S, 3]`."""
    return ((pictures + 1) * 127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()


def share_found(model: CLIPModel, processor: CLIPProcessor, scenes: list[Scene], form: str, seed: int) -> float:
    """Return the share of scenes whose sentence finds its own drawing among the drawings of all of them."""
    chances = match(model, processor, [tell(scene, form) for scene in scenes], as_pixels(draw_scenes(scenes, seed)))
    return float((chances.argmax(dim=1) == torch.arange(len(scenes))).float().mean())


# ----------------------------------------------------------------------------------------------------------------------
# pictures in step with a narration


def illustrate(settings: Namespace, model: CLIPModel, processor: CLIPProcessor) -> dict[str, float]:
    """Let the starter voice tell the story, choose a picture for each sentence, and write page and video."""
    # concept: contrastive learning
    gallery = all_scenes()
    drawn = torch.cat([draw_scenes(gallery, 90 + number) for number in range(TAKES)])  # several of each scene
    chances = match(model, processor, [text for text, _ in STORY], as_pixels(drawn))
    chances = chances.reshape(len(STORY), TAKES, len(gallery)).sum(dim=1)
    audio = audio_utils()
    pause = np.zeros(round(PAUSE * audio.SAMPLE_RATE), np.float32)
    random = np.random.default_rng(settings.seed)
    slides, parts, start, right = [], [], 0.0, 0
    print(f"\nThe narration, and what was chosen for it among {len(gallery)} drawings")
    for (text, wanted), row in zip(STORY, chances, strict=True):
        spoken = np.concatenate([speak(settings, text), pause])
        end = start + len(spoken) / audio.SAMPLE_RATE
        chosen = gallery[int(row.argmax())]
        right += chosen == wanted
        picture = ((draw_scene(chosen, random, 320) + 1) / 2).permute(1, 2, 0).numpy()  # the same scene, larger
        slides.append(Slide(picture, text, start, end))
        verdict = "ok" if chosen == wanted else f"not {wanted.caption}"
        print(f"   {start:5.1f} s  {text:<55} {chosen.caption:<28} {verdict}")
        parts.append(spoken)
        start = end
    whole = np.concatenate(parts)
    write_page(settings.out / "slide_show.html", slides, whole, audio.SAMPLE_RATE, "A story with its pictures")
    write_video(settings.out / "slide_show.mp4", slides, whole, audio.SAMPLE_RATE)
    seen, heard = video_seconds(settings.out / "slide_show.mp4")
    print(
        f"slide_show.html, slide_show.mp4: {start:.1f} s of sound; the video shows {seen:.1f} s and plays {heard:.1f} s"
    )
    return {"story_pictures_right": right / len(STORY), "video_out_of_step_s": abs(seen - start) + abs(heard - start)}


def load_model(name: str, **options: Any) -> tuple[CLIPModel, CLIPProcessor]:
    """Load a CLIP and its processor from a folder or the hub."""
    return CLIPModel.from_pretrained(name, **options).eval(), CLIPProcessor.from_pretrained(name, **options)


def main(settings: Namespace) -> dict:
    prepare(settings)
    quiet()
    public = load_public(settings, load_model) if settings.model else None  # first: a wrong name is told at once
    scenes = all_scenes()
    order = np.random.default_rng(1).permutation(len(scenes))  # the same test for every seed
    hidden, seen = ([scenes[place] for place in part] for part in (order[:HIDDEN], order[HIDDEN:]))
    torch.manual_seed(settings.seed)
    model, processor = small_clip([tell(scene, form) for scene in seen for form in TOLD[:-2]])
    print(f"{len(seen)} combinations to learn from, {len(hidden)} hidden; {count_parameters(model):,} weights")
    before = share_found(model.eval(), processor, hidden, TOLD[0], 50)
    model.train()
    losses, difference = train(settings, model, processor, seen)
    found = {
        "seen": share_found(model, processor, seen, TOLD[0], 50),
        "hidden": share_found(model, processor, hidden, TOLD[0], 50),
        "unread": share_found(model, processor, hidden, UNREAD[1], 50),
    }
    print(f"loss {losses[0]:.2f} -> {np.mean(losses[-20:]):.2f} (chance: {np.log(64):.2f})")
    print("\nA sentence finds its own new drawing")
    print(f"   among {len(seen)} combinations it learned from     {found['seen']:.0%}, chance {1 / len(seen):.1%}")
    print(f"   among {len(hidden)} combinations it never saw        {found['hidden']:.0%}, chance {1 / 24:.1%}; "
          f"untrained {before:.0%}")  # fmt: skip
    print(f"   the same, in words it never read in that order {found['unread']:.0%}")
    model.save_pretrained(settings.out / "clip_model")
    processor.save_pretrained(settings.out / "clip_model")
    story = illustrate(settings, model, processor)
    draw(settings, model, processor, hidden[:8], losses)
    if public:
        print(f"\n{settings.model}: {count_parameters(public[0]):,} weights, never saw these drawings")
        print(f"   the {len(hidden)} hidden combinations: {share_found(*public, hidden, TOLD[0], 50):.0%}")
    return {
        "difference_to_library_loss": difference,
        "found_before_training": before,
        **{f"found_of_{name}": share for name, share in found.items()},
        **story,
    }


def draw(settings: Namespace, model: CLIPModel, processor: CLIPProcessor, scenes: list[Scene], losses: list) -> None:
    pictures = as_pixels(draw_scenes(scenes, 7))
    chances = match(model, processor, [scene.caption for scene in scenes], pictures)
    figure, axes = wide_figure(3, 4.4, [1, 1.5, 0.7])
    axes[0].plot(losses, color=BLUE, linewidth=0.8)
    axes[0].axhline(np.log(64), color=ORANGE, linestyle="--", label="chance")
    axes[0].set(xlabel="training step", ylabel="contrastive loss (nats)", title="training")
    axes[0].legend()
    axes[0].grid(alpha=0.3)
    image = axes[1].imshow(chances, cmap="viridis", vmin=0, vmax=1)
    axes[1].set(yticks=range(len(scenes)), yticklabels=[scene.caption for scene in scenes], xlabel="drawing number")
    axes[1].set_title("probability of each drawing; all combinations new")
    figure.colorbar(image, ax=axes[1])
    axes[2].imshow(np.concatenate([np.concatenate(pictures[place : place + 2], axis=1) for place in range(0, 8, 2)]))
    axes[2].set_title("the drawings, 0 to 7")
    axes[2].set_axis_off()
    save_figure(figure, settings.out / "clip.png")
    print("clip.png: the loss, and which of eight new drawings each sentence finds; a bright diagonal is right")


EXPECTED = {
    "difference_to_library_loss": Expected(quick=(0, 1e-4), full=(0, 1e-4)),
    "found_before_training": Expected(quick=(0, 0.2), full=(0, 0.2)),
    "found_of_seen": Expected(quick=(0.7, 1), full=(0.8, 1)),
    "found_of_hidden": Expected(quick=(0.5, 1), full=(0.6, 1)),
    "found_of_unread": Expected(quick=(0.3, 1), full=(0.4, 1)),
    "story_pictures_right": Expected(quick=(0.4, 1), full=(0.4, 1)),
    "video_out_of_step_s": Expected(quick=(0, 0.3), full=(0, 0.3)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="08_trust.py")
