"""The proof card: figures with intervals, advice computed from them, and its JSON, picture and page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from voice_pipeline import card_page, evaluation, scores, training
from voice_pipeline.acoustics import log_mel
from voice_pipeline.advice import advise, next_sentences
from voice_pipeline.alignment import align, plot_alignment
from voice_pipeline.card_files import _sentence, write_card_files
from voice_pipeline.card_text import card_table, verdict
from voice_pipeline.consent import declare_licence
from voice_pipeline.copy_synthesis import griffin_lim_copy
from voice_pipeline.coverage import sounds
from voice_pipeline.evaluation import evaluate_voice
from voice_pipeline.prompt_plan import Pool, load_pool
from voice_pipeline.prompts import load_prompts
from voice_pipeline.quality import Quality, dnsmos
from voice_pipeline.scores import Measured, bootstrap_interval, summarise
from voice_pipeline.settings import AUDIO
from voice_pipeline.training import read_split
from voice_pipeline.voice_folder import VoiceFolder, write_jsonl

from .synthetic_speech import speech

TEXTS = [f"The small dog number {word} ran home over the hill." for word in ("one", "two", "three", "four", "five")]
KEYS_OF_BEFORE = {
    "voice", "engine", "weights_sha256", "held_out_sentences", "train_clips", "similarity", "wer", "pitch_hz",
    "real_time_factor", "fine_tune_seconds", "fine_tune_steps", "systems", "per_sentence", "metrics", "settings",
}  # fmt: skip


class Ears:
    """An encoder by the mean spectrum, and a recogniser that hears the same in everything: quick stand-ins."""

    def embed(self, waveform, sample_rate):
        mean = log_mel(waveform).mean(axis=1)
        vector = np.concatenate([mean - mean.mean(), np.zeros(256 - len(mean), np.float32)])
        return vector / np.linalg.norm(vector)

    def transcribe(self, waveform, sample_rate):
        return "the dog one ran over hill"


class Speaker:
    """Babble at a pitch of its own; `f0=0` whispers."""

    sample_rate = AUDIO.sample_rate

    def __init__(self, f0: float) -> None:
        self.f0 = f0

    def synthesize(self, text, *, speed=1.0, seed=0):
        return babble(1.3, text, self.f0)


class FakeEngine:
    loaded: list[str] = []

    def zero_shot(self, clips):
        return Speaker(170.0)

    def load(self, model_dir, *, device="cpu"):
        FakeEngine.loaded.append(model_dir.name)
        return Speaker(float(next(model_dir.glob("*.safetensors")).read_text()))


def babble(seconds: float, text: str, f0: float) -> np.ndarray:
    """The same sounds for the same text, whoever speaks."""
    seed = sum(map(ord, text))
    if f0:
        return speech(seconds, seed=seed, f0=f0, margin=0.05)
    return (0.05 * np.random.default_rng(seed).normal(size=int(seconds * AUDIO.sample_rate))).astype(np.float32)


def make_voice(home: Path, *, real_f0: float = 120.0, clone_f0: float = 132.0) -> VoiceFolder:
    """A voice with three training clips and two held out, a run with three checkpoints, two of them the same."""
    folder = VoiceFolder(home, "ann").create()
    declare_licence(folder, "CC0 1.0", "tests")
    names = [f"clip_{number}" for number in range(len(TEXTS))]
    rows = []
    for name, text in zip(names, TEXTS, strict=True):
        soundfile.write(folder.clips / f"{name}.wav", babble(1.2, text, real_f0), AUDIO.sample_rate)
        rows.append(
            {"id": name, "file": f"{name}.wav", "status": "accepted", "reasons": [], "measurements": {"snr_db": 18.0},
             "text": text, "clip": f"clips/{name}.wav"}
        )  # fmt: skip
    write_jsonl(folder.ledger, rows)
    folder.metadata.write_text("".join(f"{n}|{t}\n" for n, t in zip(names, TEXTS, strict=True)), encoding="utf-8")
    folder.split.write_text(json.dumps({"train": names[:3], "validation": names[3:]}), encoding="utf-8")
    for name, f0 in (("best", clone_f0), ("last", clone_f0 + 30 if clone_f0 else 0), ("same", clone_f0)):
        (folder.models / "run" / name).mkdir(parents=True)
        (folder.models / "run" / name / "model.safetensors").write_text(str(f0))
    (folder.models / "run" / "notes").mkdir()
    finished = {"engine": "fake", "weights_sha256": "0" * 64, "seconds": 61.0, "steps": 7, "metrics": {}}
    (folder.models / "run" / training.FINISHED).write_text(json.dumps(finished))
    folder.update_info(engine="fake", model="models/run/best", run="run")
    return folder


@contextmanager
def ears() -> Iterator[None]:
    """Stand-ins for the models and the engine; DNSMOS and everything of librosa stay real."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scores.SpeakerEncoder, "shared", classmethod(lambda cls: Ears()))
        patch.setattr(scores.Recognizer, "shared", classmethod(lambda cls: Ears()))
        patch.setattr(evaluation, "reference_embeddings", lambda: np.random.default_rng(0).normal(0, 0.05, (9, 256)))
        for module in (evaluation, training):
            patch.setattr(module, "get_engine", lambda name: FakeEngine())
        FakeEngine.loaded.clear()
        yield


@pytest.fixture(scope="module")
def ann(tmp_path_factory) -> tuple[VoiceFolder, dict, list[str]]:
    """A voice with its card files, the card, and what was loaded to make it."""
    folder = make_voice(tmp_path_factory.mktemp("home"))
    with ears():
        card = evaluate_voice(folder)
        loaded = list(FakeEngine.loaded)
    write_card_files(folder, card)
    return folder, card, loaded


# ----------------------------------------------------------------------------------------------------------------------
# the whole card


def test_the_card_has_every_checkpoint_every_figure_and_its_interval(ann):
    folder, card, loaded = ann
    assert list(card["systems"]) == ["real", "griffin_lim", "zero_shot", "last", "clone"]
    assert loaded == ["best", "last"], "the same weights are not measured twice"
    assert card["chosen_checkpoint"] == "best"
    assert set(card) >= KEYS_OF_BEFORE
    stored = json.loads(folder.proof_card.read_text(encoding="utf-8"))
    assert stored["verdict"] == verdict(card) and stored["advice"] and set(stored["alignment"]) == {"clip_3", "clip_4"}
    for name, row in card["systems"].items():
        for key in ("similarity", "normalized", "wer", "dnsmos", "dnsmos_signal", "dnsmos_background", "pitch_error",
                    "rate", "characters_per_second"):  # fmt: skip
            low, high = row[f"{key}_interval"]
            assert low - 1e-9 <= row[key] <= high + 1e-9, (name, key)
        assert 1.0 <= row["dnsmos"] <= 5.0
    clone, real = card["systems"]["clone"], card["systems"]["real"]
    assert clone["real_time_factor_interval"][0] <= clone["real_time_factor"] and not real["real_time_factor_interval"]
    assert real["normalized"] == pytest.approx(1.0) and real["pitch_error"] == pytest.approx(0.0)
    assert clone["pitch_error"] == pytest.approx(0.10, abs=0.06), "132 Hz against 120 Hz"
    assert card["systems"]["last"]["pitch_error"] > clone["pitch_error"]
    assert card["similarity"]["floor"] < card["similarity"]["ceiling"]
    assert "the clone" in card_table(card) and card_table(card).isascii()


def test_the_same_seed_gives_the_same_card(ann):
    folder, first, _ = ann
    with ears():
        second = evaluate_voice(folder)

    def untimed(card: dict) -> dict:
        rows = card["systems"].items()
        return {name: {key: row[key] for key in row if "real_time" not in key} for name, row in rows}

    assert untimed(first) == untimed(second)


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))


def test_page_and_picture_hold_everything_themselves(ann):
    folder, card, _ = ann
    page = (folder.reports / card_page.PAGE).read_text(encoding="utf-8")
    reader = Page()
    reader.feed(page)
    for tag, attributes in reader.tags:
        for name in ("src", "href"):
            assert not attributes.get(name) or attributes[name].startswith(("data:", "#"))
        if tag in ("img", "audio"):
            assert attributes.get("alt") or attributes.get("aria-label")
    assert not re.search(r"<script|https?://|@import", page)
    players = [attributes for tag, attributes in reader.tags if tag == "audio"]
    assert len(players) == 2 * len(card["systems"]), "each held-out sentence from every system"
    assert sum("the real speaker" in one["aria-label"] for one in players) == 2
    assert sum(tag == "img" for tag, _ in reader.tags) == 3
    plain = unescape(page).lower()
    for said in (verdict(card).split(". ")[0], *(row["seen"] for row in card["advice"]), *card["record_next"]):
        assert said.lower() in plain
    with Image.open(folder.reports / "proof_card.png") as image:
        assert image.width > 900 and image.height > 500 and image.convert("L").getextrema() == (0, 255)
    for name in ("clip_3", "clip_4"):
        assert (folder.reports / f"aligned_{name}.png").is_file()
        line = (folder.reports / f"aligned_{name}.txt").read_text(encoding="utf-8")
        assert card["alignment"][name]["summary"] in line and line.count("\n") == 1


def test_the_page_stays_small(ann, monkeypatch):
    folder, card, _ = ann
    one = card_page._encoded(_sentence(folder, read_split(folder)[1][0], list(card["systems"])))
    monkeypatch.setattr(card_page, "MAX_PAGE_SOUND", sum(map(len, one.values())) + 1000)
    write_card_files(folder, card)
    page = (folder.reports / card_page.PAGE).read_text(encoding="utf-8")
    assert page.count("<article>") == 1 and "1 more are in reports/samples" in page


def test_a_whisper_has_no_pitch_and_the_card_says_so(tmp_path):
    folder = make_voice(tmp_path, real_f0=0.0, clone_f0=132.0)
    with ears():
        card = evaluate_voice(folder)
    write_card_files(folder, card)
    clone = card["systems"]["clone"]
    assert card["systems"]["real"]["pitch_hz"] == 0.0
    assert clone["pitch_error"] is None and clone["pitch_error_interval"] is None and clone["pitch_hz"] > 100
    assert "pitch could not be measured" in verdict(card) and "a whisper?" in verdict(card)
    page = (folder.reports / card_page.PAGE).read_text(encoding="utf-8")
    assert "cannot be measured" in page and "pitch cannot be compared" in page
    assert all(row["semitones"] is None for row in card["alignment"].values())
    json.loads(folder.proof_card.read_text(encoding="utf-8"))


# ----------------------------------------------------------------------------------------------------------------------
# figures


def test_clone_and_recording_of_a_sentence_are_resampled_together():
    """Where the clone is as much worse on every sentence, how hard a sentence is makes no interval wider."""
    hard = np.linspace(0.6, 0.95, 8)
    real = Measured(similarity=list(hard), seconds=[1.0] * 8, pitch=[0.0] * 8, characters=[9] * 8)
    clone = Measured(similarity=list(0.5 + 0.5 * (hard - 0.5)), seconds=[1.0] * 8, pitch=[0.0] * 8, characters=[9] * 8)
    for one in (real, clone):
        one.sentence_errors, one.quality = [(1, 4)] * 8, [None] * 8
    row = summarise(clone, real, floor=0.5)
    assert row["normalized"] == pytest.approx(0.5)
    assert row["normalized_interval"] == pytest.approx((0.5, 0.5))
    assert row["similarity_interval"][1] - row["similarity_interval"][0] > 0.05
    own = summarise(real, real, floor=0.5)["normalized_interval"]
    assert own[0] < 1.0 < own[1]
    assert row["dnsmos"] is None and row["dnsmos_interval"] is None and row["pitch_error"] is None
    assert summarise(clone, real, 0.5, seed=3) == summarise(clone, real, 0.5, seed=3)


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    rng = np.random.default_rng(5)
    hits = 0
    for trial in range(100):
        low, high = bootstrap_interval(rng.normal(0.3, 1.0, 40), lambda rows: float(rows.mean()), seed=trial)
        hits += low <= 0.3 <= high
    assert 85 <= hits <= 100


def test_dnsmos_hears_noise_and_not_the_level():
    clean = speech(3.0, seed=1)
    noisy = clean + np.random.default_rng(0).normal(0, 0.05, len(clean)).astype(np.float32)
    good, bad, quiet = (dnsmos(sound, AUDIO.sample_rate) for sound in (clean, noisy, 0.05 * clean))
    assert isinstance(good, Quality) and good.background > bad.background + 0.3
    assert quiet.overall == pytest.approx(good.overall, abs=0.05)
    assert dnsmos(np.zeros(24_000, np.float32), AUDIO.sample_rate) is None
    assert dnsmos(np.zeros(0, np.float32), AUDIO.sample_rate) is None


def test_the_yardstick_keeps_the_spectrum_and_makes_the_phase_anew():
    real = speech(1.0, seed=2)
    copy = griffin_lim_copy(real)
    assert copy.shape == real.shape and copy.dtype == np.float32
    mels = [np.maximum(log_mel(sound), -5.0).ravel() for sound in (real, copy)]
    assert np.corrcoef(*mels)[0, 1] > 0.9
    assert abs(np.corrcoef(real, copy)[0, 1]) < 0.9
    assert np.array_equal(copy, griffin_lim_copy(real)) and not np.array_equal(copy, griffin_lim_copy(real, seed=1))


# ----------------------------------------------------------------------------------------------------------------------
# alignment


def test_a_sentence_is_aligned_with_its_slower_self(tmp_path):
    parts = [speech(0.7, seed=seed, margin=0.05) for seed in (3, 5)]
    pause = (1e-4 * np.random.default_rng(0).normal(size=8_000)).astype(np.float32)
    real, slow = np.concatenate(parts), np.concatenate([parts[0], pause, parts[1]])
    same, stretched, other = align(real, real), align(real, slow), align(real, speech(1.6, seed=4, margin=0.1))
    assert same.spectrum_db < 1e-3 and same.time_shift == 0 and same.semitones == pytest.approx(0.0)
    assert np.array_equal(same.clone_frame, np.arange(len(same.clone_frame)))
    assert np.all(np.diff(stretched.clone_frame) >= 0) and stretched.time_shift > 0.03
    assert stretched.spectrum_db < 0.3 * other.spectrum_db
    late = stretched.clone_frame[-5] - (len(stretched.clone_frame) - 5)
    assert late == pytest.approx(8_000 / AUDIO.hop_length, abs=4), "what comes after the pause is late by it"
    path = plot_alignment(stretched, "cost: $5", tmp_path / "a.png")
    assert path.is_file() and "cost: $5" in path.with_suffix(".txt").read_text(encoding="utf-8")


def test_pitch_is_compared_in_semitones():
    low, high = (speech(1.5, seed=6, f0=f0, margin=0.1) for f0 in (110.0, 110.0 * 2 ** (4 / 12)))
    found = align(low, high)
    assert found.semitones == pytest.approx(4.0, abs=1.0)
    assert f"clone {found.semitones:.1f} semitones above" in found.describe()


# ----------------------------------------------------------------------------------------------------------------------
# advice


POOL = Pool(
    (
        ("The boy enjoyed a noisy toy.", "test"),
        ("She measured the usual pleasure.", "test"),
        ("The dog ran home over the hill.", "test"),
        ("Do you know who is there?", "test"),
        ("Young men may thank them both.", "test"),
    )
)


def figures(**changes) -> dict:
    row = {"normalized_interval": (0.7, 0.8), "wer": 0.3, "pitch_error": 0.0, "rate": 1.0, "dnsmos_background": 4.0}
    systems = {"real": row, "zero_shot": row, "clone": {**row, **changes}}
    return {"train_clips": 15, "held_out_sentences": 5, "similarity": {"ceiling": 0.9}, "systems": systems}


def seen(card: dict, rows: list[dict], texts: list[str], pool: Pool = POOL) -> str:
    return " | ".join(f"{one.seen}: {one.do}" for one in advise(card, rows, texts, pool)[0])


def test_missing_sounds_are_named_and_sentences_with_them_proposed():
    texts = ["The dog ran home over the hill."] * 4
    said = seen(figures(), [], texts)
    assert "as in 'boy'" in said or "as in 'toy'" in said
    assert "no training clip is a question" in said
    _, proposed = advise(
        figures(), [{"text": POOL.sentences[0], "reasons": [], "status": "x", "measurements": {}}], texts, POOL
    )
    assert POOL.sentences[0] not in proposed and texts[0] not in proposed, "what was read already is not proposed"
    assert "Do you know who is there?" in proposed
    first = next_sentences(texts, POOL, count=1)[0]
    new = {sound for sound in sounds(first) if sound not in sounds(texts[0])}
    assert new, "the first proposal holds sounds the clips lack"


def test_the_planned_list_lacks_no_sound():
    said = seen(figures(), [], [prompt.text for prompt in load_prompts()], load_pool())
    assert "fewer than" not in said and "question" not in said


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"pitch_error": 0.12}, "12 % above the speaker's pitch"),
        ({"pitch_error": None}, ""),
        ({"rate": 1.25}, "--speed 0.80"),
        ({"wer": 0.6}, "0.30 misheard before, 0.60 after"),
        ({"normalized_interval": (0.2, 0.9)}, "0.20 to 0.90"),
    ],
)
def test_each_weakness_of_the_clone_has_its_advice(changes, says):
    texts = [prompt.text for prompt in load_prompts()]
    plain = seen(figures(), [], texts, load_pool())
    said = seen(figures(**changes), [], texts, load_pool())
    assert says in said and (says not in plain or not says)
    assert (said == plain) is (not says)


def test_recordings_speak_for_themselves():
    def row(status: str, snr: float, rule: str | None = None) -> dict:
        reasons = [{"rule": rule, "value": 1, "limit": 2, "repair": "Turn the level down."}] if rule else []
        return {"status": status, "text": "x", "reasons": reasons, "measurements": {"snr_db": snr}}

    rows = [
        row("accepted", 14.0),
        row("accepted", 16.0),
        row("rejected", 40.0, "clipped"),
        row("rejected", 40.0, "clipped"),
    ]
    said = seen(figures(), rows, [])
    assert "2 recordings were rejected: clipped: turn the level down" in said
    assert "15 dB above the noise" in said
    few = {**figures(), "train_clips": 6, "held_out_sentences": 3}
    assert "record 11 more sentences" in seen(few, [], []) and "more sentences" not in seen(figures(), [], [])
