"""Models of other people in their published sizes, with random weights: what they cost does not depend on the weights.

Used by speed.py and, the smallest of them, by the tests. Nothing here is downloaded.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from coursekit.files import write_text_atomic

POCKET_SMALLEST = "english_2m_2026-10"  # 1.9 million parameters without the encoder
_CORPUS = (  # Alice's Adventures in Wonderland (Lewis Carroll, 1865, public domain)
    "Alice was beginning to get very tired of sitting by her sister on the bank, and of having nothing to do.",
    "Once or twice she had peeped into the book her sister was reading, but it had no pictures or conversations in it.",
    "There was nothing so very remarkable in that; nor did Alice think it so very much out of the way.",
    "Down, down, down. Would the fall never come to an end? I wonder how many miles I have fallen by this time!",
)


def make_pocket(folder: Path, name: str = POCKET_SMALLEST, *, corpus: Sequence[str] = _CORPUS, seed: int = 0) -> Path:
    """Write a pocket-tts model as its package reads it: config.yaml, model.safetensors, tokenizer.json.

    Args:
        folder: where to put it.
        name: one of the package's configurations.
        corpus: English text that the tokenizer is made from; its words are one token each.
        seed: of the weights.
    """
    import torch
    import yaml
    from safetensors.torch import save_file

    from voice_pipeline.engines.pocket_files import require_package

    require_package()
    from pocket_tts import TTSModel
    from pocket_tts.utils.config import CONFIGS_DIR

    logging.getLogger("pocket_tts").setLevel(logging.ERROR)  # it warns of missing weights and of speech without an end
    folder.mkdir(parents=True, exist_ok=True)
    values = yaml.safe_load((CONFIGS_DIR / f"{name}.yaml").read_text(encoding="utf-8"))
    table = values["flow_lm"]["lookup_table"]
    tokenizer = _tokenizer(corpus, table["n_bins"], folder / "tokenizer.json")
    table |= {"tokenizer": "tokenizers", "tokenizer_path": str(tokenizer)}
    values.pop("weights_path_without_voice_cloning")
    values["weights_path"] = None
    config = folder / "config.yaml"
    write_text_atomic(config, yaml.safe_dump(values, allow_unicode=True))
    torch.manual_seed(seed)
    model = TTSModel.load_model(config=config)
    torch.nn.init.normal_(model.flow_lm.speaker_proj_weight)  # the package leaves it at zero: deaf to the voice
    save_file(
        {key: tensor.contiguous().clone() for key, tensor in model.state_dict().items()}, folder / "model.safetensors"
    )
    table["tokenizer_path"] = tokenizer.name
    write_text_atomic(config, yaml.safe_dump({**values, "weights_path": "model.safetensors"}, allow_unicode=True))
    return folder


def _tokenizer(corpus: Sequence[str], size: int, path: Path) -> Path:
    """A byte-pair tokenizer of English text, filled up to `size` entries."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()  # SentencePiece's way with spaces
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.normalizer = normalizers.NFKC()
    letters = [chr(code) for code in range(33, 127)]
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=["<unk>"], initial_alphabet=letters, show_progress=False
    )
    tokenizer.train_from_iterator(corpus, trainer)
    tokenizer.add_tokens([f"<unused{number}>" for number in range(size - tokenizer.get_vocab_size())])
    tokenizer.save(str(path))
    return path
