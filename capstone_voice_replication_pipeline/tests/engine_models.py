"""Makes tiny Coqui models and synthetic clips for the engine tests: real classes, few channels, random weights."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile
import torch

from voice_pipeline.engines.base import TrainingClip
from voice_pipeline.engines.coqui import setup_coqui
from voice_pipeline.settings import AUDIO

SENTENCES = [
    "the quick brown fox",
    "jumps over the lazy dog",
    "a small voice speaks",
    "numbers are words here",
    "every clip has its text",
    "this one is held out",
]


def make_clips(folder: Path, count: int = 6, seconds: float = 1.2) -> list[TrainingClip]:
    """Harmonic tones with a moving pitch at 24 kHz: enough like speech for a few training steps."""
    folder.mkdir(parents=True, exist_ok=True)
    clips = []
    for number in range(count):
        duration = seconds + 0.1 * number
        t = np.arange(int(duration * AUDIO.sample_rate)) / AUDIO.sample_rate
        pitch = 120 + 20 * np.sin(2 * np.pi * (1 + number) * t / 2)
        phase = 2 * np.pi * np.cumsum(pitch) / AUDIO.sample_rate
        wave = sum(np.sin(k * phase) / k for k in range(1, 6)) * 0.1 * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * t))
        path = folder / f"clip_{number}.wav"
        soundfile.write(path, wave.astype(np.float32), AUDIO.sample_rate, subtype="PCM_16")
        clips.append(TrainingClip(f"clip_{number}", path, SENTENCES[number % len(SENTENCES)], duration))
    return clips


def make_vits_checkpoint(folder: Path, *, speakers: list[str] | None = None, phonemizer: str | None = None) -> Path:
    """A VITS checkpoint as Coqui publishes them (config.json, model_file.pth), at 22,050 Hz, with few channels.

    Args:
        folder: where to put it.
        speakers: names of the speaker table of a multi-speaker model; None makes a single-speaker model.
        phonemizer: Coqui phonemizer name; None makes a model over letters.
    """
    setup_coqui()
    from TTS.tts.configs.shared_configs import CharactersConfig
    from TTS.tts.configs.vits_config import VitsArgs, VitsConfig
    from TTS.tts.models.vits import Vits

    folder.mkdir(parents=True, exist_ok=True)
    args = VitsArgs(
        hidden_channels=16,
        hidden_channels_ffn_text_encoder=16,
        num_layers_text_encoder=1,
        num_layers_posterior_encoder=2,
        num_layers_flow=1,
        resblock_type_decoder="2",
        resblock_kernel_sizes_decoder=[3],
        resblock_dilation_sizes_decoder=[[1, 3]],
        upsample_initial_channel_decoder=32,
        periods_multi_period_discriminator=[2],
        spec_segment_size=16,
        use_sdp=False,
    )
    letters = CharactersConfig(
        characters_class="TTS.tts.models.vits.VitsCharacters",
        pad="_",
        characters="abcdefghijklmnopqrstuvwxyz",
        punctuations="!,.? ",
        phonemes="aeiouəɹðɪɛæʌʊɑɔŋθʃʒˈˌːdɡklmnpstvwzfhbjɚɝ" if phonemizer else "",
    )
    config = VitsConfig(
        model_args=args,
        characters=letters,
        text_cleaner="basic_cleaners",
        use_phonemes=phonemizer is not None,
        phonemizer=phonemizer,
        phoneme_language="en-us" if phonemizer else None,
        add_blank=True,
    )
    if speakers:
        table = folder / "speaker_ids.json"
        table.write_text(json.dumps({name: number for number, name in enumerate(speakers)}))
        config.use_speaker_embedding = args.use_speaker_embedding = True
        config.speaker_embedding_channels = args.speaker_embedding_channels = 8
        config.num_speakers = args.num_speakers = len(speakers)
        config.speakers_file = args.speakers_file = str(table)
    torch.manual_seed(0)
    model = Vits(config)
    config.save_json(folder / "config.json")
    torch.save({"model": model.state_dict()}, folder / "model_file.pth")
    return folder


class SmallDiscriminator(torch.nn.Module):
    """Stands for Coqui's `VitsDiscriminator`, whose 14 million weights no configuration makes fewer."""

    def __init__(self, periods: list[int] | None = None, *, use_spectral_norm: bool = False) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList([torch.nn.Conv1d(1, 8, 15, 4, 7), torch.nn.Conv1d(8, 1, 5, 2, 2)])

    def forward(self, x: torch.Tensor, x_hat: torch.Tensor | None = None) -> tuple:
        score, features = self.judge(x)
        score_hat, features_hat = self.judge(x_hat) if x_hat is not None else (None, None)
        return [score], [features], [score_hat], [features_hat]

    def judge(self, x: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        first = torch.nn.functional.leaky_relu(self.layers[0](x), 0.1)
        score = self.layers[1](first)
        return score.flatten(1), [first, score]


def make_xtts_checkpoint(folder: Path) -> Path:
    """An XTTS with random weights in the layout of the published one, with one small transformer layer."""
    setup_coqui()
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from TTS.tts.configs.xtts_config import XttsArgs, XttsConfig
    from TTS.tts.layers.xtts.dvae import DiscreteVAE
    from TTS.tts.layers.xtts.tokenizer import VoiceBpeTokenizer
    from TTS.tts.models.xtts import Xtts

    folder.mkdir(parents=True, exist_ok=True)
    bpe = Tokenizer(models.BPE(unk_token="[UNK]"))
    bpe.pre_tokenizer = pre_tokenizers.Whitespace()
    special = ["[STOP]", "[UNK]", "[SPACE]", "[en]", "[START]"]
    letters = [*"abcdefghijklmnopqrstuvwxyz.,!?'"]
    bpe.train_from_iterator(
        SENTENCES, trainers.BpeTrainer(vocab_size=60, special_tokens=special, initial_alphabet=letters)
    )
    bpe.save(str(folder / "vocab.json"))
    codes = 32
    args = XttsArgs(
        gpt_layers=1,
        gpt_n_model_channels=64,
        gpt_n_heads=2,
        gpt_max_audio_tokens=60,
        gpt_num_audio_tokens=codes + 2,
        gpt_start_audio_token=codes,
        gpt_stop_audio_token=codes + 1,
        gpt_use_perceiver_resampler=True,
        decoder_input_dim=64,
    )
    config = XttsConfig(model_args=args)
    torch.manual_seed(0)
    model = Xtts(config)
    model.tokenizer = VoiceBpeTokenizer(str(folder / "vocab.json"))
    model.init_models()
    config.save_json(folder / "config.json")
    torch.save({"model": model.state_dict(), "config": config.to_dict()}, folder / "model.pth")
    torch.save(torch.ones(80), folder / "mel_stats.pth")
    torch.save(DiscreteVAE(**{**PUBLISHED_DVAE, **SMALL_DVAE, "num_tokens": codes}).state_dict(), folder / "dvae.pth")
    return folder


PUBLISHED_DVAE = {
    "channels": 80,
    "normalization": None,
    "positional_dims": 1,
    "codebook_dim": 512,
    "hidden_dim": 512,
    "num_resnet_blocks": 3,
    "kernel_size": 3,
    "num_layers": 2,
    "use_transposed_convs": False,
}
SMALL_DVAE = {"codebook_dim": 16, "hidden_dim": 16}


@contextmanager
def small_dvae() -> Iterator[None]:
    """Let Coqui's GPTTrainer build its DVAE with 16 channels: the 512 in its code (200 MB) are not configurable."""
    setup_coqui()
    from TTS.tts.layers.xtts.trainer import gpt_trainer

    real = gpt_trainer.DiscreteVAE
    gpt_trainer.DiscreteVAE = lambda **sizes: real(**{**sizes, **SMALL_DVAE})
    yield
    gpt_trainer.DiscreteVAE = real
