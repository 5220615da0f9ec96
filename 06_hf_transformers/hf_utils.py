"""What the scripts of this module share: lines of four books, spoken digits, a tokenizer, models from the public hub.

Letters used in shapes: B batch, T tokens or frames, H heads, D numbers per head, C channels, S samples, V vocabulary.
Speech, plots and the choice of the device come from module 03's `tts_utils`.
"""

from __future__ import annotations

import hashlib
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from hub_models import ModelUnavailable, add_model_flag, count_parameters, find_model, load, public_model, save_model

from coursekit.course.modules import ROOT, load_script
from coursekit.data import DataUnavailable, fetch
from coursekit.errors import CourseError
from coursekit.files import atomic_path

tts_utils = load_script(ROOT / "03_tts_systems" / "tts_utils.py")
prepare = tts_utils.prepare_torch  # seeds every generator, prints the device with the reason, returns it
save_figure, write_csv, seconds_of = tts_utils.save_figure, tts_utils.write_csv, tts_utils.seconds_of
BLUE, ORANGE, GREEN, PURPLE, GREY = (
    tts_utils.BLUE,
    tts_utils.ORANGE,
    tts_utils.GREEN,
    tts_utils.PURPLE,
    tts_utils.GREY,
)

# passed on to the scripts, beside what is defined below
__all__ = ["ModelUnavailable", "add_model_flag", "count_parameters", "find_model", "load", "public_model", "save_model"]

HERE = Path(__file__).resolve().parent
RATE = 16_000  # Hz; what Whisper, wav2vec2 and their relatives were trained on
END = "<|end|>"  # between two lines, for models that go on from one to the next

# ----------------------------------------------------------------------------------------------------------------------
# text: lines of four books (lines.csv; the texts that LJSpeech reads, all in the public domain)

BOOKS = ("newgate", "roosevelt", "science", "kennedy")  # a chronicle of a prison (1884), speeches on the radio
# (1934 to 1937), a popular biology (1910), a report of a commission (1964)
TEST_CHAPTERS = ("LJ012", "LJ023", "LJ027", "LJ046")  # the last chapter of each; no script trains on them


@dataclass(frozen=True)
class Line:
    """One line of a book: what somebody says in one breath, about 100 characters.

    Attributes:
        book: One of BOOKS.
        chapter: For example "LJ012".
        text: Plain ASCII.
    """

    book: str
    chapter: str
    text: str

    @property
    def label(self) -> int:
        return BOOKS.index(self.book)


def load_lines() -> tuple[list[Line], list[Line]]:
    """Return (lines to train on, lines of the four test chapters), in the order of the books."""
    rows = (row.split("|", 2) for row in (HERE / "lines.csv").read_text(encoding="ascii").splitlines())
    lines = [Line(book, clip.split("-")[0], text) for book, clip, text in rows]
    train = [line for line in lines if line.chapter not in TEST_CHAPTERS]
    return train, [line for line in lines if line.chapter in TEST_CHAPTERS]


def train_tokenizer(texts: Sequence[str], size: int) -> Any:
    """Train GPT-2's kind of tokenizer (bytes, then BPE) on texts.

    Args:
        texts: What to learn from.
        size: V, entries of the vocabulary: 256 bytes, 3 special ones, the rest are learnt.

    Returns:
        A `PreTrainedTokenizerFast`, with END, a padding and a mask token.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[END, "<|pad|>", "<|mask|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=END, bos_token=END, pad_token="<|pad|>", mask_token="<|mask|>"
    )


def plain(text: str) -> str:
    """Return a text as a console of any kind can show it: what is not ASCII as its code."""
    return text.encode("ascii", "backslashreplace").decode("ascii").replace("\n", "\\n")


# ----------------------------------------------------------------------------------------------------------------------
# speech: spoken digits

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
STAND_IN_VOICES = 18  # synthetic voices that say the digits where no recordings are at hand
TEST_VOICES = 6  # of them, the last ones by name
STRANGERS = 8  # the same where speakers are to be told apart: trials need more people
TEST_SPEAKERS = ("theo", "yweweler")  # of the six people who were recorded


@dataclass(frozen=True)
class Digit:
    """One spoken digit.

    Attributes:
        speaker: Who speaks.
        label: 0 to 9.
        waveform: float32 `[S]`, -1..1, at RATE.
    """

    speaker: str
    label: int
    waveform: np.ndarray


def load_digits(settings: Namespace) -> tuple[list[Digit], list[Digit]]:
    """Return (digits to train on, digits of speakers whom no training hears).

    600 recordings of six people (Free Spoken Digit Dataset), or 180 clips of 18 synthetic voices, made once in
    `spoken/`. A quick run downloads nothing; a run without the recordings sets `settings.quick`, because the
    expectations of the quick run hold then.
    """
    try:
        data = fetch("spoken_digits", download=not settings.quick)
    except DataUnavailable as reason:
        print(f"NOTE: {reason}")
        settings.quick = True
        digits = _synthetic_digits(settings.out / "spoken")
        test = sorted({digit.speaker for digit in digits})[-TEST_VOICES:]
    else:
        print(data.message)
        digits = [_read_digit(path) for path in data.files]
        test = list(TEST_SPEAKERS)
    return [d for d in digits if d.speaker not in test], [d for d in digits if d.speaker in test]


def load_people(settings: Namespace) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return speech of (people to learn from, people whom no training hears): name -> float32 `[S]` at RATE.

    One clip each of 50 people reading (LibriSpeech, 9 to 16 s), 16 of them for the test; or the ten digits of each
    synthetic voice, one after another, about 4 s.
    """
    try:
        data = fetch("librispeech_speakers", download=not settings.quick)
    except DataUnavailable as reason:
        print(f"NOTE: {reason}")
        settings.quick = True
        digits = _synthetic_digits(settings.out / "spoken")
        names = sorted({digit.speaker for digit in digits})
        strangers = names[-STRANGERS:]
        people = {name: np.concatenate([d.waveform for d in digits if d.speaker == name]) for name in names}
        return _without(strangers, people), {name: people[name] for name in strangers}
    print(data.message)
    import soundfile

    people = {path.stem.split("-")[0]: soundfile.read(path, dtype="float32")[0] for path in data.files}  # at RATE
    test = sorted(people)[::3][:16]  # every third by number: women and men
    return _without(test, people), {name: people[name] for name in test}


def _without(names: Sequence[str], people: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: waveform for name, waveform in people.items() if name not in names}


def _read_digit(path: Path) -> Digit:
    import soundfile

    waveform, rate = soundfile.read(path, dtype="float32")
    label, speaker, _ = path.stem.split("_")  # "3_jackson_7.wav" is his eighth "three"
    return Digit(speaker, int(label), level(soxr.resample(waveform, rate, RATE)))


def _synthetic_digits(folder: Path) -> list[Digit]:
    version = tts_utils.audio_utils.starter_version()
    kind = hashlib.sha256(f"{version}{STAND_IN_VOICES}".encode()).hexdigest()[:8]
    path = folder / f"digits_{kind}.npz"  # another starter voice, other clips
    if not path.is_file():
        with tts_utils.as_course_error(), atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, **dict(_speak_digits()))
    with np.load(path) as file:
        found = [(name.split("_"), file[name].astype(np.float32) / 32767) for name in file.files]
    print(f"digits: {len(found)} clips of {STAND_IN_VOICES} synthetic voices, in {folder.name}/")
    return [Digit(speaker, int(label), waveform) for (speaker, label), waveform in found]


def _speak_digits() -> Iterator[tuple[str, np.ndarray]]:
    """Each digit by each synthetic voice, at a pace of its own: name and 16-bit samples."""
    random = np.random.default_rng(0)
    for number in range(STAND_IN_VOICES):
        voice = tts_utils.starter_voice(3 * number)
        for label, word in enumerate(DIGITS):
            spoken = np.asarray(voice.synthesize(f"{word}.", speed=random.uniform(0.85, 1.15)), np.float32)
            waveform = level(soxr.resample(tts_utils.trimmed(spoken), tts_utils.SAMPLE_RATE, RATE))
            yield f"voice{number:02d}_{label}", np.round(32767 * waveform).astype(np.int16)


def level(waveform: np.ndarray) -> np.ndarray:
    """Bring the loudest sample to 0.5: how near the microphone was says nothing about the word. float32 `[S]`"""
    return (0.5 * waveform / max(1e-6, float(np.abs(waveform).max()))).astype(np.float32)


# ----------------------------------------------------------------------------------------------------------------------
# speech models of any family behind one function


@dataclass(frozen=True)
class SpeechModel:
    """A model with what prepares its input.

    Attributes:
        model: On its device, in evaluation mode.
        extractor: Waveform to what the model hears: the waveform itself (wav2vec2), or mel frames.
        tokenizer: Numbers to text; None where there is no text.
    """

    model: Any
    extractor: Any
    tokenizer: Any = None

    def inputs(self, waveforms: Sequence[np.ndarray], **options: Any) -> dict[str, Any]:
        """Return the padded batch on the model's device; with an `attention_mask` where the model was trained so."""
        if hasattr(self.extractor, "do_normalize_per_mel_bins"):  # a choice that script 06 writes into its extractor
            options.setdefault("do_normalize_per_mel_bins", self.extractor.do_normalize_per_mel_bins)
        padding = "max_length" if self.model.config.is_encoder_decoder else True  # Whisper always hears 30 s
        heard = self.extractor(list(waveforms), sampling_rate=RATE, return_tensors="pt", padding=padding, **options)
        return {name: value.to(self.model.device) for name, value in heard.items()}


def load_recogniser(folder: Path, device: Any) -> SpeechModel:
    """Load a speech recogniser: CTC (wav2vec2 and its relatives) or an encoder with a decoder (Whisper)."""
    from transformers import AutoConfig, AutoFeatureExtractor, AutoModelForCTC, AutoModelForSpeechSeq2Seq, AutoTokenizer

    writes = load(AutoConfig, folder).is_encoder_decoder
    model = load(AutoModelForSpeechSeq2Seq if writes else AutoModelForCTC, folder)
    tokenizer, extractor = load(AutoTokenizer, folder), load(AutoFeatureExtractor, folder)
    if extractor.sampling_rate != RATE:
        raise CourseError(f"{folder.name} listens at {extractor.sampling_rate} Hz.", hint=f"take one of {RATE:,} Hz")
    return SpeechModel(model.to(device).eval(), extractor, tokenizer)


def load_verifier(folder: Path, device: Any) -> SpeechModel:
    """Load a model that turns a voice into a vector: WavLM, wav2vec2 and relatives with an x-vector head."""
    from transformers import AutoFeatureExtractor, AutoModelForAudioXVector

    model = load(AutoModelForAudioXVector, folder)
    return SpeechModel(model.to(device).eval(), load(AutoFeatureExtractor, folder))


def embed(speech: SpeechModel, waveforms: Sequence[np.ndarray], batch: int = 16) -> np.ndarray:
    """Return one vector of length 1 for each waveform (float32 `[S]` at RATE). float32 `[N, size]`"""
    import torch

    found = []
    for start in range(0, len(waveforms), batch):
        with torch.no_grad():  # not inference_mode: rotary models keep a table, which could not be trained with later
            vectors = speech.model(**speech.inputs(waveforms[start : start + batch])).embeddings
        found.append(torch.nn.functional.normalize(vectors, dim=-1).cpu())
    return torch.cat(found).numpy()


def transcribe(speech: SpeechModel, waveforms: Sequence[np.ndarray], batch: int = 16) -> list[str]:
    """Return what is said in each waveform (float32 `[S]` at RATE), whichever family the model is of."""
    import torch

    said: list[str] = []
    for start in range(0, len(waveforms), batch):
        with torch.no_grad():
            inputs = speech.inputs(waveforms[start : start + batch])
            if speech.model.config.is_encoder_decoder:
                ids = speech.model.generate(**inputs)  # Whisper writes token after token, as GPT does
                said += speech.tokenizer.batch_decode(ids, skip_special_tokens=True)
            else:
                ids = best_of_each_frame(speech.model, inputs)  # CTC: all frames at once
                said += speech.tokenizer.batch_decode(ids)  # not skip_special_tokens: it drops the blanks too early
    return [text.strip() for text in said]


def best_of_each_frame(model: Any, inputs: dict[str, Any]) -> Any:
    """Return the token with the highest score in each frame, int64 `[B, T]`; the blank in what is only padding."""
    import torch

    ids = model(**inputs).logits.argmax(dim=-1)
    if "attention_mask" not in inputs:
        return ids
    lengths = model._get_feat_extract_output_lengths(inputs["attention_mask"].sum(dim=-1))  # frames that are real
    beyond = torch.arange(ids.shape[1], device=ids.device)[None] >= lengths[:, None]
    return ids.masked_fill(beyond, model.config.pad_token_id)
