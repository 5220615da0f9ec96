"""Bark opened up: three language models in a row turn text into meaning, meaning into rough sound, rough into fine.

What you will learn
    - what each of Bark's three stages takes and gives, with the library's own classes, one call after the other
    - residual vector quantisation: how a sound becomes a few rows of whole numbers, and what each row adds
    - a Bark of 220,000 weights, trained here to say two digits, and tested on pairs it never heard
    - the same three calls with the public weights: any text, laughter, a choice of voices
How to run it
    python 05_bark.py --quick                                   about 38 s, no network
    python 05_bark.py                                           longer training
    python 05_bark.py --model suno/bark-small                   the public weights, too: some GB to download
Time and memory on 2 CPU cores: quick 38 s, full 2 min; 1.1 GB.
Writes outputs/: bark.png, bark.wav, teacher.wav, bark_model/ (the public format), public.wav (full run with --model)
Concepts: GENERATIVE_CONCEPTS_EXPLAINED.md (audio as tokens, bark's three stages, public weights)
"""

from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from gen_utils import ORANGE, audio_utils, count_parameters, load_public, prepare, quiet, save_figure
from matplotlib.figure import Figure
from sound_tokens import (
    BOOKS,
    CODES,
    MEANINGS,
    STACK,
    STEPS_MOST,
    Quantiser,
    books_explain,
    distance,
    padded,
    teach,
    to_sound,
    train_stage,
)
from torch import Tensor
from transformers import BarkConfig, BarkModel, BarkProcessor, BertTokenizer, EncodecConfig, GenerationConfig
from transformers.models.bark.generation_configuration_bark import (
    BarkCoarseGenerationConfig,
    BarkFineGenerationConfig,
    BarkSemanticGenerationConfig,
)

from coursekit.cli import run_script, script_parser
from coursekit.expectations import Expected
from voice_pipeline.engines.starter.base_voice import ACOUSTIC
from voice_pipeline.engines.starter.model import StarterTTS
from voice_pipeline.settings import AUDIO

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
PARSER.add_argument(
    "--model", metavar="NAME", help="public weights (suno/bark-small, suno/bark), or a folder with them"
)
PARSER.add_argument("--text", default="Hello, I am Bark. [laughs]", help="what the public weights say")
PARSER.add_argument("--voice", metavar="PRESET", help="of the public weights, for example v2/en_speaker_6")
HEARD = 85  # of the 100 pairs; the others are the test
SAID = "three seven"  # the pair that is written as sound and picture
LETTERS = 16  # longest text, in letters
WIDTH, LAYERS, HEADS = 48, 2, 4  # Bark: 1,024, 24, 16; bark-small: 768, 12, 12
TRAINING = {True: (300, 300, 100), False: (1500, 1500, 600)}  # steps of the three stages

# ----------------------------------------------------------------------------------------------------------------------
# a small Bark: the public classes, small numbers


def small_bark() -> tuple[BarkModel, BarkProcessor]:
    """Return an untrained Bark, with the generation settings that tell its stages where each kind of token lies."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    tokenizer = BertTokenizer(vocab={word: place for place, word in enumerate(words)})
    end = MEANINGS  # of the meaning: one past the last semantic token, as in Bark (10,000)
    text = end + 1  # where the letters begin; one table of vectors holds meanings and letters
    pad, go = text + len(words), text + len(words) + 1
    sound = MEANINGS  # in the second stage, the codes of sound come after the meanings
    coarse_pad, coarse_go = sound + 2 * CODES, sound + 2 * CODES + 1
    size = {"num_layers": LAYERS, "num_heads": HEADS, "hidden_size": WIDTH, "dropout": 0.15}
    config = BarkConfig(
        semantic_config={**size, "input_vocab_size": go + 1, "output_vocab_size": end + 2, "block_size": 64},
        coarse_acoustics_config={
            **size, "input_vocab_size": coarse_go + 1, "output_vocab_size": coarse_go + 1, "block_size": 128,
        },
        fine_acoustics_config={
            **size, "input_vocab_size": CODES + 1, "output_vocab_size": CODES + 1, "block_size": 64,
            "n_codes_total": BOOKS, "n_codes_given": 1,
        },
        codec_config=EncodecConfig(num_filters=4, hidden_size=16, codebook_size=CODES, num_lstm_layers=1).to_dict(),
    )  # fmt: skip
    model = BarkModel(config)
    rate = AUDIO.frames_per_second / STACK
    # As the public generation_config.json has them: plain dictionaries of each stage's settings.
    model.generation_config = GenerationConfig(
        semantic_config=BarkSemanticGenerationConfig(
            eos_token_id=end, text_encoding_offset=text, text_pad_token=pad, semantic_infer_token=go,
            semantic_vocab_size=MEANINGS, max_input_semantic_length=LETTERS, semantic_rate_hz=rate,
            max_new_tokens=STEPS_MOST, pad_token_id=end,
        ).to_dict(),
        coarse_acoustics_config=BarkCoarseGenerationConfig(
            coarse_semantic_pad_token=coarse_pad, coarse_infer_token=coarse_go, coarse_rate_hz=rate,
            max_coarse_input_length=STEPS_MOST, max_coarse_history=2 * STEPS_MOST, sliding_window_len=2 * STEPS_MOST,
        ).to_dict(),
        fine_acoustics_config=BarkFineGenerationConfig(
            max_fine_history_length=STEPS_MOST, max_fine_input_length=STEPS_MOST, n_fine_codebooks=BOOKS
        ).to_dict(),
        codebook_size=CODES, sample_rate=AUDIO.sample_rate, model_type="bark",
    )  # fmt: skip
    return model, BarkProcessor(tokenizer)


@dataclass(frozen=True)
class Places:
    """The generation settings of the three stages, whether they came as objects or as plain dictionaries."""

    semantic: BarkSemanticGenerationConfig
    coarse: BarkCoarseGenerationConfig
    fine: BarkFineGenerationConfig

    @classmethod
    def of(cls, model: BarkModel) -> "Places":
        def made(kind: Callable, value: Any) -> Any:
            return kind(**value) if isinstance(value, dict) else value

        found = model.generation_config
        return cls(
            made(BarkSemanticGenerationConfig, found.semantic_config),
            made(BarkCoarseGenerationConfig, found.coarse_acoustics_config),
            made(BarkFineGenerationConfig, found.fine_acoustics_config),
        )


@dataclass(frozen=True)
class Stages:
    """What each stage gave: semantic `[1, T']`, coarse `[1, 2 T]` (both books in turn), fine `[1, BOOKS, T]`."""

    semantic: Tensor
    coarse: Tensor
    fine: Tensor


@torch.no_grad()
def three_stages(model: BarkModel, inputs: Any) -> Stages:
    """Run Bark's stages one by one, small or public; `BarkModel.generate` does the same in one go.

    Args:
        model: Any Bark.
        inputs: From its processor: letters as tokens, their mask, and `history_prompt` with a voice.
    """
    # concept: bark's three stages
    places, voice = Places.of(model), inputs.get("history_prompt")
    semantic = model.semantic.generate(
        inputs["input_ids"], attention_mask=inputs["attention_mask"], history_prompt=voice,
        semantic_generation_config=places.semantic,
    )  # fmt: skip
    codebook_size = model.generation_config.codebook_size
    coarse = model.coarse_acoustics.generate(
        semantic.clone(), history_prompt=voice, codebook_size=codebook_size,
        semantic_generation_config=places.semantic, coarse_generation_config=places.coarse,
    )  # fmt: skip
    fine = model.fine_acoustics.generate(
        coarse, history_prompt=voice, codebook_size=codebook_size, semantic_generation_config=places.semantic,
        coarse_generation_config=places.coarse, fine_generation_config=places.fine,
    )  # fmt: skip
    return Stages(semantic, coarse, fine)


# ----------------------------------------------------------------------------------------------------------------------
# training: three ordinary next-token losses, laid out as the stages will be asked


def train_all(settings: Namespace, model: BarkModel, processor: BarkProcessor, quantiser: Quantiser,
              lessons: list[tuple[str, Tensor]]) -> list[float]:  # fmt: skip
    """Train the three stages on (text, frames); nothing of one flows into another: each learns from the teacher."""
    places = Places.of(model)
    semantic, coarse, go = places.semantic, places.coarse, places.semantic.semantic_infer_token
    texts = processor([text for text, _ in lessons], max_length=LETTERS)
    letters = (texts["input_ids"] + semantic.text_encoding_offset).masked_fill(
        texts["attention_mask"] == 0, semantic.text_pad_token
    )
    meanings = [quantiser.meanings(vectors) for _, vectors in lessons]
    codes = [quantiser.codes(vectors) for _, vectors in lessons]  # [T, BOOKS] each
    ends = padded([F.pad(row, (0, 1), value=semantic.eos_token_id) for row in meanings], STEPS_MOST + 1, -100)
    heard = padded(meanings, STEPS_MOST, coarse.coarse_semantic_pad_token)
    offsets = MEANINGS + torch.tensor([0, CODES])  # the second book's codes lie behind the first's
    rough = padded([(row[:, :2] + offsets).reshape(-1) for row in codes], 2 * STEPS_MOST, -100)
    every = torch.stack([F.pad(row, (0, 0, 0, STEPS_MOST - len(row)), value=CODES) for row in codes])

    def semantic_loss(rows: Tensor) -> Tensor:
        look_up = model.semantic.input_embeds_layer
        nothing = torch.full_like(letters[rows], semantic.semantic_pad_token)  # no voice to imitate
        begin = look_up(letters[rows]) + look_up(nothing)  # Bark adds text and history in one place
        said = ends[rows]
        given = torch.cat([torch.full((len(rows), 1), go), said[:, :-1].clamp(min=0)], dim=1)
        logits = model.semantic(inputs_embeds=torch.cat([begin, look_up(given)], dim=1), use_cache=False).logits
        return F.cross_entropy(logits[:, LETTERS:].transpose(1, 2), said, ignore_index=-100)

    def coarse_loss(rows: Tensor) -> Tensor:
        start = torch.full((len(rows), 1), coarse.coarse_infer_token)
        given = torch.cat([heard[rows], start, rough[rows][:, :-1].clamp(min=0)], dim=1)
        logits = model.coarse_acoustics(input_ids=given, use_cache=False).logits[:, STEPS_MOST:]
        return F.cross_entropy(logits.transpose(1, 2), rough[rows], ignore_index=-100)

    def fine_loss(rows: Tensor) -> Tensor:
        real = every[rows]
        losses = []
        for book in range(2, BOOKS):
            given = real.masked_fill(torch.arange(BOOKS) >= book, CODES)  # later books are not known yet
            logits = model.fine_acoustics(book, given).logits[..., :CODES]
            target = real[..., book].masked_fill(real[..., book] == CODES, -100)
            losses.append(F.cross_entropy(logits.transpose(1, 2), target, ignore_index=-100))
        return torch.stack(losses).mean()

    stages = ((model.semantic, semantic_loss), (model.coarse_acoustics, coarse_loss), (model.fine_acoustics, fine_loss))
    names = ("semantic", "coarse", "fine")
    return [
        train_stage(name, part, loss, len(lessons), steps, settings.seed)
        for name, (part, loss), steps in zip(names, stages, TRAINING[settings.quick], strict=True)
    ]


# ----------------------------------------------------------------------------------------------------------------------
# what the small one learned


def say(model: BarkModel, processor: BarkProcessor, text: str) -> Stages:
    return three_stages(model, processor([text], max_length=LETTERS))


def examine(model: BarkModel, processor: BarkProcessor, quantiser: Quantiser, pairs: list, tested: list) -> float:
    """Return the share of the tested pairs' digits that come out right; chance is a tenth.

    What was said is taken for that of the teacher's hundred readings to which it is nearest.
    """
    stages = three_stages(model, processor([text for text, _ in tested], max_length=LETTERS))
    lengths = (stages.semantic < MEANINGS).sum(dim=1).clamp(min=1)  # the shorter ones are filled up to the longest
    right = []
    for (text, _), fine, length in zip(tested, stages.fine, lengths, strict=True):
        spoken = quantiser.vectors(fine[:, :length].T.long())
        nearest = min(pairs, key=lambda pair, spoken=spoken: distance(spoken, pair[1]))[0]
        right += [said == wanted for said, wanted in zip(nearest.split(), text.split(), strict=True)]
    return float(np.mean(right))


def small(settings: Namespace) -> dict[str, float]:
    teacher = StarterTTS.read(ACOUSTIC)
    pairs = teach(teacher)
    order = np.random.default_rng(settings.seed).permutation(len(pairs))
    heard, unheard = ([pairs[place] for place in part] for part in (order[:HEARD], order[HEARD:]))
    quantiser = Quantiser.fitted(torch.cat([vectors for _, vectors in heard]), settings.seed)
    print(f"{len(heard)} pairs of digits to learn from, {len(unheard)} never heard; spoken by the starter voice")
    shares = books_explain(quantiser, unheard)
    model, processor = small_bark()
    losses = train_all(settings, model, processor, quantiser, heard)
    model.eval()
    untrained = small_bark()[0].eval()
    lots = {"heard": heard, "unheard": unheard}
    found = {name: examine(model, processor, quantiser, pairs, lot) for name, lot in lots.items()}
    untaught = examine(untrained, processor, quantiser, pairs, unheard)
    print(f"digits right: pairs it learned {found['heard']:.0%}, pairs it never heard {found['unheard']:.0%}; "
          f"untrained {untaught:.0%}, chance 10%")  # fmt: skip
    print("   It can say two digits in one voice. It cannot read anything else: it has seen 85 texts, Bark millions.")
    stages = say(model, processor, SAID)
    audio = audio_utils()
    audio.write_wav(settings.out / "bark.wav", to_sound(teacher, quantiser.vectors(stages.fine[0].T.long())))
    taught = dict(pairs)[SAID]
    audio.write_wav(settings.out / "teacher.wav", to_sound(teacher, taught))
    draw(settings, stages, quantiser.codes(taught))
    model.save_pretrained(settings.out / "bark_model")
    processor.save_pretrained(settings.out / "bark_model")
    return {
        "explained_by_first_book": shares[0],
        "explained_by_all_books": shares[-1],
        "semantic_loss": losses[0],
        "heard_digits_right": found["heard"],
        "unheard_digits_right": found["unheard"],
        "untrained_digits_right": untaught,
    }


def draw(settings: Namespace, stages: Stages, codes: Tensor) -> None:
    """Draw the tokens of the three stages, and how many of each book are the teacher's `[T, BOOKS]`."""
    books = stages.fine.shape[1]
    rough = stages.coarse[0].reshape(-1, 2).T
    rows = [("meaning", stages.semantic[:1]), ("rough: 2 books", rough), (f"fine: all {books} books", stages.fine[0])]
    figure = Figure(figsize=(12, 5), layout="constrained")
    axes = figure.subplots(3, 1, height_ratios=[1, 1.4, 2.2])
    for place, (name, tokens) in zip(axes, rows, strict=True):
        place.imshow(tokens, aspect="auto", cmap="viridis", interpolation="nearest")
        place.set(ylabel=name, yticks=range(len(tokens)))
    axes[0].set_title(f"{SAID!r}: what Bark's three stages give, each colour a token")
    axes[2].set_xlabel("step")
    same = stages.fine[0].T[: len(codes)] == codes[: stages.fine.shape[2]]
    for book, share in enumerate(same.float().mean(dim=0)):
        axes[2].text(stages.fine.shape[2] - 0.4, book, f" {share:.0%} as the teacher", color=ORANGE, fontsize=8)
    save_figure(figure, settings.out / "bark.png")
    print(f"bark.png: the tokens of {SAID!r}: {stages.semantic.shape[1]} of meaning, {stages.coarse.shape[1]} "
          f"of rough sound, {stages.fine.numel()} in all books")  # fmt: skip


# ----------------------------------------------------------------------------------------------------------------------
# the public weights


def load_model(name: str, **options: Any) -> tuple[BarkModel, BarkProcessor]:
    """Load a Bark and its processor from a folder or the hub."""
    return BarkModel.from_pretrained(name, **options).eval(), BarkProcessor.from_pretrained(name, **options)


def public(settings: Namespace, model: BarkModel, processor: BarkProcessor) -> dict[str, float]:
    """Say `--text` with whatever weights there are, and decode with their own EnCodec."""
    places = Places.of(model)
    print(f"{settings.model}: {count_parameters(model):,} weights")
    inputs = processor(
        [settings.text], voice_preset=settings.voice, max_length=places.semantic.max_input_semantic_length
    )
    stages = three_stages(model, inputs)
    with torch.no_grad():
        waveform = model.codec_decode(stages.fine.long())[0].float().numpy()
    rate = model.generation_config.sample_rate
    audio_utils().write_wav(settings.out / "public.wav", waveform, rate)
    print(f"public.wav: {len(waveform) / rate:.1f} s; tokens of meaning {stages.semantic.shape[1]}, "
          f"of rough sound {stages.coarse.shape[1]}, in all books {stages.fine.numel()}")  # fmt: skip
    return {"public_samples": float(len(waveform))}


def main(settings: Namespace) -> dict:
    prepare(settings)
    quiet()
    loaded = load_public(settings, load_model) if settings.model else None  # first: a wrong name is told at once
    values = small(settings)
    return {**values, **public(settings, *loaded)} if loaded else values


EXPECTED = {
    "explained_by_first_book": Expected(quick=(0.8, 0.98), full=(0.8, 0.98)),
    "explained_by_all_books": Expected(quick=(0.93, 1), full=(0.93, 1)),
    "heard_digits_right": Expected(quick=(0.6, 1), full=(0.9, 1)),
    "unheard_digits_right": Expected(quick=(0.35, 1), full=(0.35, 1)),
    "untrained_digits_right": Expected(quick=(0, 0.35), full=(0, 0.35)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="06_stable_diffusion.py")
