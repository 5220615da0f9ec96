"""Models from folders in the genuine format, and a hub that is not there: at once, and with a reason."""

from __future__ import annotations

import json
import socket
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import torch

from coursekit.course.modules import load_script
from coursekit.errors import CourseError

MODULE = Path(__file__).resolve().parents[1]
hf = load_script(MODULE / "hf_utils.py")
import hub_models as hub  # noqa: E402  beside hf_utils, which has brought it

DEVICE = torch.device("cpu")


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hub's cache without anything in it, and a hub that may be asked."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.delenv("COURSE_OFFLINE")
    return tmp_path / "cache"


# ------------------------------------------------------------------------------------------------- finding a model


def test_a_folder_is_taken_as_it_is_and_a_wrong_path_is_a_mistake(tmp_path):
    assert hub.find_model(str(tmp_path)) == tmp_path
    for name in (str(tmp_path / "no"), "./no", "a/b/c", "a b"):
        with pytest.raises(CourseError, match="--model") as caught:
            hub.find_model(name)
        assert not isinstance(caught.value, hub.ModelUnavailable)


@pytest.mark.parametrize(
    ("change", "reason"),
    [("quick", "a quick run downloads nothing"), ("offline", "forbids downloads"), ("course", "forbids downloads")],
)
def test_nothing_is_asked_of_a_hub_that_must_not_be_asked(empty_cache, monkeypatch, change, reason):
    monkeypatch.setattr(socket, "create_connection", lambda *_, **__: pytest.fail("it tried the network"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", change == "offline")
    if change == "course":
        monkeypatch.setenv("COURSE_OFFLINE", "1")
    with pytest.raises(hub.ModelUnavailable, match=reason) as caught:
        hub.find_model("owner/model", download=change != "quick")
    assert caught.value.hint


def test_without_a_network_it_asks_once_and_gives_up(empty_cache, monkeypatch):
    asked = []

    def no_answer(address, timeout):
        asked.append((address, timeout))
        raise OSError("no route")

    monkeypatch.setattr(socket, "create_connection", no_answer)
    with pytest.raises(hub.ModelUnavailable, match="does not answer"):
        hub.find_model("owner/model")
    [(address, timeout)] = asked
    assert address[1] == 443 and timeout <= 3


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        (["config.json", "model.safetensors", "pytorch_model.bin", "onnx/model.onnx"], "*.safetensors"),
        (["config.json", "pytorch_model.bin"], "pytorch_model*.bin"),
    ],
)
def test_a_pickle_is_fetched_only_where_nothing_else_is(empty_cache, monkeypatch, tmp_path, files, kind):
    asked = []
    import huggingface_hub

    real = huggingface_hub.snapshot_download

    def download(name, **options):
        if options.get("local_files_only"):
            return real(name, **options)
        asked.append(options["allow_patterns"])
        return str(tmp_path)

    monkeypatch.setattr(hub, "obstacle", lambda download: None)
    monkeypatch.setattr("huggingface_hub.HfApi.list_repo_files", lambda self, name: files)
    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    assert hub.find_model("owner/model") == tmp_path
    assert hub.find_model("owner/model", weights=False) == tmp_path
    assert kind in asked[0] and "*.json" in asked[0]
    assert not any("safetensors" in pattern or ".bin" in pattern for pattern in asked[1])


def test_what_is_in_the_cache_is_used_and_half_a_model_is_not_enough(empty_cache, monkeypatch):
    folder = empty_cache / "models--owner--model"
    snapshot = folder / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("a" * 40)
    (snapshot / "config.json").write_text("{}")
    assert hub.find_model("owner/model", download=False, weights=False) == snapshot
    with pytest.raises(hub.ModelUnavailable):
        hub.find_model("owner/model", download=False)
    (snapshot / "model.safetensors").write_bytes(b"")
    assert hub.find_model("owner/model", download=False) == snapshot


def test_a_script_says_why_the_small_model_stands_alone(empty_cache, tmp_path, capsys):
    assert hub.public_model(Namespace(model=None, quick=True)) is None
    assert hub.public_model(Namespace(model="owner/model", quick=True)) is None
    printed = capsys.readouterr().out
    assert "NOTE: owner/model is not on this machine" in printed and "The small model above stands alone" in printed
    assert hub.public_model(Namespace(model=str(tmp_path), quick=True)) == tmp_path


def test_a_folder_without_a_model_is_refused_in_words(tmp_path):
    from transformers import AutoModelForCTC

    with pytest.raises(CourseError, match="cannot be loaded as AutoModelForCTC"):
        hub.load(AutoModelForCTC, tmp_path)


# ------------------------------------------------------- every loader on a folder in the genuine format of its family


def waveforms(*seconds: float) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [(0.1 * random.normal(size=round(s * hf.RATE))).astype(np.float32) for s in seconds]


def letters_tokenizer(folder: Path):
    from transformers import Wav2Vec2CTCTokenizer

    letters = {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3, "|": 4}
    path = folder / "vocab.json"
    path.write_text(json.dumps(letters | {letter: 5 + n for n, letter in enumerate("ABCDEFGH")}))
    return Wav2Vec2CTCTokenizer(str(path))


def wav2vec2_folder(folder: Path) -> Path:
    """What facebook/wav2vec2-base-960h is made of, tiny."""
    from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2ForCTC, Wav2Vec2Processor

    sizes = {"conv_dim": (8, 8), "conv_kernel": (10, 8), "conv_stride": (20, 16), "num_feat_extract_layers": 2}
    config = Wav2Vec2Config(
        vocab_size=13, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2, **sizes,
    )  # fmt: skip
    torch.manual_seed(0)
    Wav2Vec2ForCTC(config).save_pretrained(folder)
    extractor = Wav2Vec2FeatureExtractor(sampling_rate=hf.RATE, return_attention_mask=False)
    Wav2Vec2Processor(feature_extractor=extractor, tokenizer=letters_tokenizer(folder)).save_pretrained(folder)
    return folder


def test_a_wav2vec2_checkpoint_transcribes(tmp_path):
    speech = hf.load_recogniser(wav2vec2_folder(tmp_path), DEVICE)
    said = hf.transcribe(speech, waveforms(0.5, 0.9))
    best = hf.best_of_each_frame(speech.model, speech.inputs(waveforms(0.5, 0.9)))
    assert len(said) == 2 and all(said)  # random weights: letters, and now and then the name of a special token
    assert said == [text.strip() for text in speech.tokenizer.batch_decode(best)]


def whisper_folder(folder: Path) -> Path:
    """What openai/whisper-tiny.en is made of, tiny."""
    from transformers import (
        GenerationConfig,
        WhisperConfig,
        WhisperFeatureExtractor,
        WhisperForConditionalGeneration,
        WhisperProcessor,
        WhisperTokenizerFast,
    )

    base = hf.train_tokenizer([line.text for line in hf.load_lines()[0][:50]], 300)
    vocabulary = json.loads(base.backend_tokenizer.to_str())["model"]
    named = WhisperTokenizerFast(
        vocab={**vocabulary["vocab"], "<|endoftext|>": 300, "<|startoftranscript|>": 301, "<|notimestamps|>": 302},
        merges=[tuple(pair) for pair in vocabulary["merges"]],
    )
    named.add_tokens(["<|endoftext|>", "<|startoftranscript|>", "<|notimestamps|>"], special_tokens=True)
    config = WhisperConfig(
        vocab_size=303, d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16, num_mel_bins=8, max_source_positions=100,
        max_target_positions=20, pad_token_id=300, bos_token_id=300, eos_token_id=300, decoder_start_token_id=301,
        suppress_tokens=None, begin_suppress_tokens=None,
    )  # fmt: skip
    torch.manual_seed(0)
    model = WhisperForConditionalGeneration(config)
    model.generation_config = GenerationConfig(
        max_length=12, decoder_start_token_id=301, eos_token_id=300, pad_token_id=300, bos_token_id=300,
        is_multilingual=False, no_timestamps_token_id=302, return_timestamps=False,
    )  # fmt: skip
    model.save_pretrained(folder)
    extractor = WhisperFeatureExtractor(feature_size=8, chunk_length=2, sampling_rate=hf.RATE)
    WhisperProcessor(feature_extractor=extractor, tokenizer=named).save_pretrained(folder)
    return folder


def test_a_whisper_checkpoint_transcribes_through_the_same_function(tmp_path):
    speech = hf.load_recogniser(whisper_folder(tmp_path), DEVICE)
    assert speech.model.config.is_encoder_decoder
    said = hf.transcribe(speech, waveforms(0.5, 0.9))
    assert len(said) == 2 and all(isinstance(text, str) and "<|" not in text for text in said)


def test_a_wavlm_checkpoint_gives_vectors_of_length_one(tmp_path):
    from transformers import Wav2Vec2FeatureExtractor, WavLMConfig, WavLMForXVector

    config = WavLMConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, conv_dim=(8, 8),
        conv_kernel=(10, 8), conv_stride=(20, 16), num_feat_extract_layers=2, num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2, num_buckets=8, max_bucket_distance=16, tdnn_dim=(8, 8), tdnn_kernel=(3, 1),
        tdnn_dilation=(1, 1), xvector_output_dim=12,
    )  # fmt: skip
    WavLMForXVector(config).save_pretrained(tmp_path)
    Wav2Vec2FeatureExtractor(sampling_rate=hf.RATE, return_attention_mask=True).save_pretrained(tmp_path)
    vectors = hf.embed(hf.load_verifier(tmp_path, DEVICE), waveforms(0.5, 0.9, 0.7), batch=2)
    assert vectors.shape == (3, 12) and np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_another_sample_rate_is_refused(tmp_path):
    folder = wav2vec2_folder(tmp_path)
    path = folder / "processor_config.json"
    path = path if path.is_file() else folder / "preprocessor_config.json"
    path.write_text(path.read_text().replace("16000", "8000"))
    with pytest.raises(CourseError, match="8000 Hz"):
        hf.load_recogniser(folder, DEVICE)
