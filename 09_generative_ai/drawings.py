"""Pictures that the lessons draw themselves, with a caption that is true: for 06_stable_diffusion.py and 07_clip.py.

Nothing is downloaded, nothing has a licence, and what is in a picture is known for certain. Letters used in shapes:
S pixels of a side; a picture is float32 `[3, S, S]`, -1..1.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from torch import Tensor
from transformers import CLIPTokenizer

SIDE = 32
SKIES = {
    "morning": (1.0, 0.78, 0.62),
    "day": (0.55, 0.8, 1.0),
    "evening": (0.85, 0.4, 0.3),
    "night": (0.06, 0.08, 0.25),
}
COLOURS = {"red": (0.85, 0.1, 0.1), "blue": (0.15, 0.3, 0.9), "yellow": (0.95, 0.8, 0.1), "green": (0.1, 0.6, 0.2),
           "white": (0.97, 0.97, 0.97), "purple": (0.55, 0.2, 0.7)}  # fmt: skip
THINGS = ("house", "boat", "tree", "moon", "star", "hill")


@dataclass(frozen=True)
class Scene:
    """What is in a picture.

    Attributes:
        thing: One of THINGS.
        colour: One of COLOURS.
        sky: One of SKIES.
    """

    thing: str
    colour: str
    sky: str

    @property
    def caption(self) -> str:
        return f"a {self.colour} {self.thing} {'at' if self.sky == 'night' else 'by'} {self.sky}"


def all_scenes() -> list[Scene]:
    """Return every combination, in a fixed order: 6 things, 6 colours, 4 skies."""
    return [Scene(thing, colour, sky) for thing in THINGS for colour in COLOURS for sky in SKIES]


def _grid(side: int) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates of the pixels, -1..1: to the right and up, `[S, S]` each."""
    steps = (np.arange(side) + 0.5) / side * 2 - 1
    return np.meshgrid(steps, -steps)


def _mask(thing: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Where a thing is, bool `[S, S]`, in coordinates around its middle."""
    if thing == "house":
        return (np.abs(x) < 0.4) & (y < 0.1) & (y > -0.5) | (np.abs(x) < 0.55 - y) & (y >= 0.1) & (y < 0.55)
    if thing == "boat":
        hull = (y < -0.15) & (y > -0.45) & (np.abs(x) < 0.75 + y)
        return hull | (y >= -0.1) & (y < 0.6) & (x > -0.05) & (x < 0.45 - 0.7 * y)
    if thing == "tree":
        return (x**2 + (y - 0.2) ** 2 < 0.2) | (np.abs(x) < 0.09) & (y < 0) & (y > -0.6)
    if thing == "moon":
        return (x**2 + y**2 < 0.25) & ((x - 0.25) ** 2 + (y - 0.1) ** 2 > 0.2)
    if thing == "star":
        angle, radius = np.arctan2(x, y), np.hypot(x, y)
        return radius < 0.32 + 0.22 * np.cos(5 * angle)
    return y < 0.5 * np.cos(2.2 * x) - 0.2  # a hill


def draw_scene(scene: Scene, random: np.random.Generator, side: int = SIDE) -> Tensor:
    """Draw a scene; place, size and shades differ each time. Returns float32 `[3, S, S]`, -1..1."""
    x, y = _grid(side)
    sky = np.array(SKIES[scene.sky]) * random.uniform(0.92, 1.05)
    picture = np.clip(sky[:, None, None] + 0.12 * y[None], 0, 1)  # lighter above
    ground = np.array([0.25, 0.35, 0.2]) * sky.mean() * random.uniform(0.8, 1.2)
    picture = np.where((y < -0.6)[None], ground[:, None, None], picture)
    size, right, up = random.uniform(0.95, 1.15), random.uniform(-0.15, 0.15), random.uniform(-0.08, 0.12)
    inside = _mask(scene.thing, (x - right) / size, (y - up) / size)
    colour = np.clip(np.array(COLOURS[scene.colour]) * random.uniform(0.9, 1.1), 0, 1)
    picture = np.where(inside[None], colour[:, None, None], picture)
    return torch.from_numpy(np.clip(picture, 0, 1).astype(np.float32) * 2 - 1)


def draw_scenes(scenes: list[Scene], seed: int, side: int = SIDE) -> Tensor:
    """Draw a list of scenes, `[N, 3, S, S]`."""
    random = np.random.default_rng(seed)
    return torch.stack([draw_scene(scene, random, side) for scene in scenes])


def clip_tokenizer(captions: list[str], length: int) -> CLIPTokenizer:
    """Learn CLIP's kind of byte-pair encoding from captions: the public format, a few hundred tokens instead of 49,408.

    Args:
        captions: The text to learn from.
        length: Tokens of a caption at most, the marks of beginning and end among them.
    """
    learner = Tokenizer(models.BPE(end_of_word_suffix="</w>", unk_token="<|endoftext|>"))
    learner.normalizer = normalizers.Lowercase()
    learner.pre_tokenizer = pre_tokenizers.Whitespace()
    letters = "abcdefghijklmnopqrstuvwxyz.,!?'"
    # Each letter is known as the end of a word, too, so that any word can be spelled. Named here they come first; else
    # the trainer takes them as its hash table has them, and every run has another vocabulary.
    ends = [f"{letter}</w>" for letter in letters]
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        initial_alphabet=list(letters),
        special_tokens=ends,
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    learner.train_from_iterator(captions, trainer)
    known = json.loads(learner.to_str())["model"]
    vocabulary = {**known["vocab"]}
    for mark in ("<|startoftext|>", "<|endoftext|>"):
        vocabulary.setdefault(mark, len(vocabulary))
    merges = [tuple(pair) for pair in known["merges"]]
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=length)
