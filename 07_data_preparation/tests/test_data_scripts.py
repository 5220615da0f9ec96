"""What the scripts of module 07 teach, tried on small inputs whose right answers are known."""

from __future__ import annotations

import tarfile
from argparse import Namespace
from pathlib import Path

import jiwer
import numpy as np
import pytest
import soundfile

from coursekit.course.modules import load_script
from coursekit.data.model import DataFile
from coursekit.errors import CourseError
from voice_pipeline.prompt_match import match

MODULE = Path(__file__).resolve().parents[1]
RATE = 24_000


def lesson(name: str):
    return load_script(MODULE / f"{name}.py")


def speech_like(seconds: float = 2.0, seed: int = 0, room: float = 0.4) -> np.ndarray:
    """Syllables of a buzz between two quiet margins."""
    random = np.random.default_rng(seed)
    t = np.arange(round(seconds * RATE)) / RATE
    buzz = sum(np.sin(2 * np.pi * (110 + 20 * seed) * k * t) / k for k in range(1, 20))
    voice = 0.1 * buzz * np.clip(np.sin(2 * np.pi * 3 * t), 0.05, None) ** 0.5
    whole = np.pad(voice, round(room * RATE))
    return (whole + 2e-4 * random.normal(size=len(whole))).astype(np.float32)


def reading(name: str = "a", text: str = "The night was dark and cold.", seconds: float = 2.0, seed: int = 0):
    return lesson("data_utils").Reading(name, "me", speech_like(seconds, seed), RATE, text)


# ------------------------------------------------------------------------------------------------------ recording

GOOD = {"peak": -9, "clipped": 0.0, "snr": 40, "before": 0.4, "after": 0.4, "rate": 15, "sounds": 0.8}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, None),
        ({"peak": -45}, "come nearer"),
        ({"clipped": 0.01}, "turn it down"),
        ({"snr": 8}, "close the window"),
        ({"before": 0.0}, "before you begin"),
        ({"after": 0.02}, "before you stop"),
        ({"rate": 40}, "read all of it"),
        ({"rate": 2}, "only the sentence"),
        ({"sounds": 0.2}, "as it stands"),
    ],
)
def test_01_each_limit_has_its_sentence(change, said):
    told = lesson("01_record_prompts").complaints({**GOOD, **change})
    assert told == [] if said is None else len(told) == 1 and said in told[0]


def test_01_the_numbers_of_a_take_see_its_edges_and_its_rate(monkeypatch):
    record = lesson("01_record_prompts")
    monkeypatch.setattr(record, "heard_in", lambda waveform, rate: "the night was dark and cold")
    found = record.measure(speech_like(2.0), "The night was dark and cold.")
    assert found["before"] == pytest.approx(0.4, abs=0.08) and found["after"] == pytest.approx(0.4, abs=0.25)
    assert found["rate"] == pytest.approx(14, abs=2.5) and found["sounds"] == 1 and found["clipped"] == 0
    assert record.measure(speech_like(2.0, room=0.0), "x")["before"] < 0.05


def test_01_a_session_goes_on_where_it_stopped(tmp_path, monkeypatch):
    record = lesson("01_record_prompts")
    seen = []

    def check(waveform, rate, prompt, **rest):
        seen.append(prompt.prompt_id)
        bad = float(np.abs(waveform).max()) > 0.9
        return record_check(not bad, "clipped" if bad else "good", (), None, None)

    from voice_pipeline import microphone
    from voice_pipeline.takes import TakeCheck as record_check

    monkeypatch.setattr(microphone, "check_take", check)
    readings = [reading(str(n), f"Sentence number {n}.") for n in range(3)]
    loud = lesson("data_utils").Reading("loud", "me", np.ones(RATE, np.float32), RATE, "")
    assert record.session(readings, loud, True, Namespace(out=tmp_path)) == (1, 2)
    assert seen == ["short_01", "short_02", "short_02", "short_03"]


# -------------------------------------------------------------------------------------------------------- slicing


def test_02_the_best_path_skips_false_starts_and_asides_and_never_goes_back():
    slicing = lesson("02_slice_long_recording")
    scores = np.array([[0.9, 0.1, 0.1], [0.1, 0.5, 0.1], [0.1, 0.9, 0.1], [0.1, 0.1, 0.2], [0.1, 0.1, 0.8]])
    assert slicing.best_path(scores) == [0, None, 1, None, 2]
    backwards = np.array([[0.1, 0.9], [0.7, 0.1]])
    assert slicing.best_path(backwards) == [1, None]  # the better of the two, not both
    assert slicing.best_path(np.full((3, 2), 0.2)) == [None] * 3
    assert slicing.by_order(4, 2) == [0, 1, None, None]


def test_02_the_best_path_is_the_best_of_all_paths():
    slicing = lesson("02_slice_long_recording")
    random = np.random.default_rng(0)

    def best(scores, p, t):
        if p == len(scores) or t == scores.shape[1]:
            return 0.0
        pair = scores[p, t] - slicing.MIN_MATCH + best(scores, p + 1, t + 1)
        return max(best(scores, p + 1, t), best(scores, p, t + 1), pair)

    for _ in range(20):
        scores = random.random((5, 4))
        path = slicing.best_path(scores)
        gain = sum(scores[p, t] - slicing.MIN_MATCH for p, t in enumerate(path) if t is not None)
        assert gain == pytest.approx(best(scores, 0, 0))


def test_02_a_session_says_the_truth_about_itself_and_slices_are_judged_by_it():
    slicing = lesson("02_slice_long_recording")
    readings = [reading(str(n), "x", seed=n) for n in range(3)]
    waveform, truth = slicing.make_session(readings, reading("aside", "y", seed=5), np.random.default_rng(0))
    assert [(said.sentence, said.whole) for said in truth] == [
        (0, True),
        (1, False),
        (1, True),
        (2, True),
        (None, True),
    ]
    for said in truth:
        inside = waveform[round(said.start * RATE) : round(said.end * RATE)]
        assert np.abs(inside).max() > 0.05
    whole = [(said.start, said.end, said.sentence) for said in truth if said.whole]
    assert slicing.right(whole, truth) == (3, pytest.approx(0))
    assert slicing.right([(start + 0.1, end, n) for start, end, n in whole], truth)[1] == pytest.approx(0.05)
    assert slicing.right([(start, end + 1, n) for start, end, n in whole], truth)[0] == 0
    assert slicing.right([*whole, whole[0]], truth)[0] == 2  # a sentence that comes twice is not right


# --------------------------------------------------------------------------------------------------- transcripts


def test_03_errors_are_jiwers_and_the_way_is_a_cheapest_one():
    verify = lesson("03_transcribe_and_verify")
    random = np.random.default_rng(0)
    for _ in range(40):
        a = [str(word) for word in random.choice(list("abcd"), random.integers(1, 9))]
        b = [str(word) for word in random.choice(list("abcd"), random.integers(0, 9))]
        steps = verify.edits(a, b)
        errors = sum(kind != "ok" for kind, _, _ in steps)
        assert errors == verify.edit_table(a, b)[-1, -1]
        assert errors / len(a) == pytest.approx(jiwer.wer(" ".join(a), " ".join(b)))
        assert [wanted for kind, wanted, _ in steps if kind != "ins"] == a
        assert [found for kind, _, found in steps if kind != "del"] == b


def test_03_rates_are_pooled_and_sounds_match_as_in_the_capstone():
    verify = lesson("03_transcribe_and_verify")
    assert verify.error_rate([["a"], list("bcdefghij")], [["x"], list("bcdefghij")]) == pytest.approx(0.1)
    for heard in ("the night was dark", "the knight was dark and cold", "nobody came", ""):
        text = "The night was dark and cold."
        assert verify.sound_match(text, heard) == pytest.approx(match(text, heard))


def test_03_two_swapped_texts_are_found_and_no_others(monkeypatch):
    verify = lesson("03_transcribe_and_verify")
    texts = ["The night was dark.", "Nobody moved at all.", "Begin at the beginning.", "She kept on growing."]
    readings = [reading(str(n), text) for n, text in enumerate(texts)]
    heard = [text.lower().strip(".") for text in texts]
    assert verify.swapped_texts(readings, heard, 0.38) == (2, 0)
    assert verify.swapped_texts(readings, ["", *heard[1:]], 0.38) == (2, 0)


def test_03_whisper_is_loaded_and_listens(tmp_path):
    transformers = pytest.importorskip("transformers")
    verify = lesson("03_transcribe_and_verify")
    tiny_whisper(transformers, tmp_path)
    heard = verify.whisper(str(tmp_path), "cpu")(speech_like(1.0))
    assert isinstance(heard, str)
    with pytest.raises(CourseError, match="cannot be loaded") as caught:
        verify.whisper(str(tmp_path / "nothing"), "cpu")
    assert "openai/whisper-tiny.en" in caught.value.hint


def tiny_whisper(transformers, folder: Path) -> None:
    """A Whisper of random weights in the files of a real one."""
    words = ["<|endoftext|>", "<|startoftranscript|>", "<|notimestamps|>", *"abcdefghijklmnopqrstuvwxyz"]
    tokenizer = transformers.WhisperTokenizer({word: number for number, word in enumerate(words)}, [])
    config = transformers.WhisperConfig(
        vocab_size=len(words), d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16, bos_token_id=0, eos_token_id=0,
        pad_token_id=0, decoder_start_token_id=1, max_target_positions=12, suppress_tokens=None,
        begin_suppress_tokens=None,
    )  # fmt: skip
    model = transformers.WhisperForConditionalGeneration(config)
    model.generation_config.update(max_length=8, no_timestamps_token_id=2, is_multilingual=False)
    model.save_pretrained(folder)
    transformers.WhisperProcessor(transformers.WhisperFeatureExtractor(feature_size=80), tokenizer).save_pretrained(
        folder
    )


# --------------------------------------------------------------------------------------------------------- ledger


def test_04_a_cause_is_told_without_its_consequences():
    book = lesson("04_clip_ledger")
    good = {"rate": 24_000, "peak": -9, "speech": 4, "length": 5, "clipped": 0, "snr": 30, "pause": 0.4}
    good["letters_a_second"] = 15
    assert book.judge(good) == []
    muted = {**good, "peak": -70, "speech": 0.0, "snr": 0.0, "letters_a_second": 90}
    assert [rule.name for rule, _ in book.judge(muted)] == ["silent"]
    noise = {**good, "speech": 0.0, "snr": 0.0}
    assert [rule.name for rule, _ in book.judge(noise)] == ["no_speech"]
    both = {**good, "clipped": 0.02, "pause": 5.0}
    assert [(rule.name, value) for rule, value in book.judge(both)] == [("clipped", 0.02), ("pause_inside", 5.0)]


@pytest.mark.parametrize(
    ("name", "value", "broken"),
    [("rate", 8000, "sample_rate_too_low"), ("speech", 0.5, "too_short"), ("length", 12, "too_long"),
     ("snr", 5, "noisy"), ("letters_a_second", 30, "text_longer_than_speech"),
     ("letters_a_second", 2, "text_shorter_than_speech")],
)  # fmt: skip
def test_04_every_rule_can_be_broken_alone(name, value, broken):
    book = lesson("04_clip_ledger")
    good = {"rate": 24_000, "peak": -9, "speech": 4, "length": 5, "clipped": 0, "snr": 30, "pause": 0.4}
    assert [rule.name for rule, _ in book.judge({**good, "letters_a_second": 15, name: value})] == [broken]


def test_04_every_file_is_accounted_for_whatever_is_in_it(tmp_path):
    book = lesson("04_clip_ledger")
    soundfile.write(tmp_path / "a.wav", speech_like(), RATE)
    (tmp_path / "b.wav").write_bytes((tmp_path / "a.wav").read_bytes())
    (tmp_path / "c.wav").write_bytes(b"no sound")
    soundfile.write(tmp_path / "d.wav", np.zeros(RATE), RATE)
    rows = {file: names for file, names, _ in book.make_ledger(tmp_path, {"a": "The night was dark", "d": "x"})}
    assert list(rows) == ["a.wav", "b.wav", "c.wav", "d.wav"]
    assert rows["b.wav"] == ["duplicate"] and rows["c.wav"] == ["unreadable"] and rows["d.wav"] == ["silent"]


# -------------------------------------------------------------------------------------------- manifests, data sets


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    texts = ["The night was dark.", '"Who is there?" she asked.', '"Only I', "Nobody moved.", "So it began.", "Go on."]
    lesson("data_utils").write_corpus(tmp_path / "corpus", [reading(f"c{n}", text) for n, text in enumerate(texts)])
    return tmp_path / "corpus"


def test_05_a_clean_corpus_has_no_problems_and_each_planted_fault_is_found(corpus, tmp_path):
    manifest = lesson("05_manifest_and_datasets")
    assert manifest.the_trap_of_quotes() == (2, 4)
    assert manifest.check_corpus(corpus) == []
    manifest.spoil(corpus, tmp_path / "spoilt")
    found = "\n".join(manifest.check_corpus(tmp_path / "spoilt"))
    for part in ("c0: in the manifest", "c1: in the manifest", "new_take: in wavs", "c4: 2 lines", "c2: nothing to say",
                 "c4: figures", "c3: 12,000 Hz"):  # fmt: skip
        assert part in found, part


def test_05_files_to_a_table_and_back_lose_nothing(corpus, tmp_path):
    pytest.importorskip("datasets")
    manifest = lesson("05_manifest_and_datasets")
    dataset = manifest.to_dataset(corpus, tmp_path / "table")
    assert dataset.num_rows == 6 and dataset[1]["spoken"] == '"Who is there?" she asked.'
    manifest.from_dataset(dataset, tmp_path / "back")
    assert manifest.digest(corpus) == manifest.digest(tmp_path / "back")
    (tmp_path / "back" / "wavs" / "c0.wav").write_bytes(b"x")
    assert manifest.digest(corpus) != manifest.digest(tmp_path / "back")


# ------------------------------------------------------------------------------------------------------- LibriTTS


@pytest.fixture
def archive() -> bytes:
    server = lesson("practice_server")
    return server.small_archive([reading(str(n), f"Sentence {n}.", seed=n) for n in range(4)])


def test_06_a_broken_download_goes_on_by_hand_and_with_coursekit(archive, tmp_path):
    libritts = lesson("06_libritts")
    with libritts.serving(archive) as server:
        first, requests = libritts.broken_line(server, tmp_path)
        assert first == pytest.approx(0.4, abs=0.01) and requests == 2
        file = DataFile(
            "a.tar.gz", libritts.hashlib.sha256(archive).hexdigest(), len(archive), (server.address + "/a",)
        )
        values = libritts.with_coursekit(server, file, tmp_path / "a.tar.gz")
    assert values == {"resumed": 1, "damaged_refused": 1, "full_disk_seen": 1}
    assert (tmp_path / "a.tar.gz").read_bytes() == archive


def test_06_it_is_unpacked_whole_and_read_with_its_readers(archive, tmp_path):
    libritts = lesson("06_libritts")
    path = tmp_path / "a.tar.gz"
    path.write_bytes(archive)
    assert libritts.unpack(path, tmp_path) == 1 + 2 * (4 * 3 + 2)
    utterances = libritts.read_libritts(tmp_path / "LibriTTS" / "dev-clean")
    assert [(one.reader, one.chapter) for one in utterances[:4]] == [("9001", "101")] * 2 + [("9001", "102")] * 2
    assert utterances[0].normalised == utterances[0].original == "Sentence 0."
    assert utterances[4].seconds == pytest.approx(utterances[0].seconds / 0.87, rel=0.01)
    assert libritts.read_readers(tmp_path / "LibriTTS")["9002"] == ("M", "The Same, Played Slower")
    libritts.unpack(path, tmp_path, readers=1)
    assert {one.reader for one in libritts.read_libritts(tmp_path / "LibriTTS" / "dev-clean")} == {"9001"}
    assert not (tmp_path / ".unpacking").exists()


def test_06_an_archive_that_reaches_out_is_refused_and_leaves_nothing(tmp_path):
    libritts = lesson("06_libritts")
    assert libritts.refuses_a_hostile_archive(tmp_path) == 1
    assert not (tmp_path / ".unpacking").exists() and not (tmp_path / "LibriTTS").exists()
    with tarfile.open(tmp_path / "empty.tar.gz", "w:gz"):
        pass
    with pytest.raises(CourseError, match="holds no clips"):
        libritts.read_libritts(tmp_path)


def test_06_no_download_where_the_network_is_forbidden(tmp_path, monkeypatch):
    libritts = lesson("06_libritts")
    monkeypatch.setattr(libritts, "SAMPLE", tmp_path / "sample")
    with pytest.raises(CourseError, match="COURSE_OFFLINE=1 forbids"):
        libritts.get_dev_clean(None)
    assert not (tmp_path / "sample").exists()


def test_06_the_real_download_is_resumed_checked_and_unpacked(archive, tmp_path, monkeypatch):
    libritts = lesson("06_libritts")
    monkeypatch.delenv("COURSE_OFFLINE")
    monkeypatch.setattr(libritts, "SAMPLE", tmp_path / "data" / "libritts_sample")
    with libritts.serving(archive) as server:
        digest = libritts.hashlib.sha256(archive).hexdigest()
        file = DataFile("dev-clean.tar.gz", digest, len(archive), (server.address + "/dev-clean.tar.gz",))
        monkeypatch.setattr(libritts, "DEV_CLEAN", file)
        server.hang_up_at = len(archive) // 3
        with pytest.raises(CourseError, match="could not be downloaded"):
            libritts.get_dev_clean(None)
        server.hang_up_at, server.asked = None, []
        libritts.get_dev_clean(None)
        assert server.asked == [(f"bytes={len(archive) // 3}-", len(archive) - len(archive) // 3)]
        libritts.get_dev_clean(1)  # it is here: nothing is asked for
        assert len(server.asked) == 1
    found = tmp_path / "data" / "libritts_sample" / "LibriTTS" / "dev-clean"
    assert [path.name for path in found.iterdir()] == ["9001"]


def test_06_the_published_file_is_the_one_torchaudio_knows():
    libritts = lesson("06_libritts")
    torchaudio_libritts = pytest.importorskip("torchaudio.datasets.libritts")
    known = {url.rsplit("/", 1)[-1]: digest for url, digest in torchaudio_libritts._CHECKSUMS.items()}
    assert known["dev-clean.tar.gz"] == libritts.DEV_CLEAN.sha256
    assert libritts.SAMPLE == MODULE / "data" / "libritts_sample"


# ----------------------------------------------------------------------------------------------- statistics, splits


def test_07_robust_distance_is_not_bent_by_what_it_looks_for():
    statistics = lesson("07_statistics")
    usual = np.array([4.0, 5, 5, 6, 7])
    wild = np.array([4.0, 5, 5, 6, 7000])
    assert statistics.robust_distance(usual)[:4] == pytest.approx(statistics.robust_distance(wild)[:4])
    assert statistics.robust_distance(wild)[-1] > 1000
    random = np.random.default_rng(0).normal(size=4000)
    assert (statistics.robust_distance(random) > 2).mean() == pytest.approx(0.046, abs=0.012)


def test_07_numbers_of_a_clip_whose_numbers_are_known():
    statistics = lesson("07_statistics")
    clip = reading(text="x" * 30, seconds=2.0)
    found = statistics.describe(clip, clip.text)
    assert found["seconds"] == pytest.approx(2.8) and found["peak"] == pytest.approx(np.abs(clip.waveform).max())
    assert "letters" not in statistics.describe(clip)
    louder = lesson("data_utils").Reading("b", "me", clip.waveform * 2, RATE, "")
    assert statistics.describe(louder)["loudness"] - found["loudness"] == pytest.approx(6.02, abs=0.05)


def test_07_greedy_takes_what_is_new_and_growth_never_falls():
    statistics = lesson("07_statistics")
    texts = ["The cat sat.", "The cat sat on the mat.", "Big dogs jump high.", "The cat."]
    language = statistics.Counter(pair for text in texts for pair in statistics.pairs(statistics.sounds(text)))
    chosen = statistics.greedy(texts, 2, language)
    assert chosen == ["The cat sat on the mat.", "Big dogs jump high."]
    shares = statistics.growth(statistics.greedy(texts, 4, language), language)
    assert shares == sorted(shares) and shares[-1] == pytest.approx(1)


def test_08_scores_of_lots_are_high_only_where_groups_leak():
    splits = lesson("08_split_without_leakage")
    splits.TOSSES = 8
    random = np.random.default_rng(0)
    groups = [f"p{n // 4}" for n in range(48)]
    voices = np.repeat(random.normal(size=(12, 10)), 4, axis=0) + 0.1 * random.normal(size=(48, 10))
    leaky, honest = splits.leaky_and_honest(voices, groups, random)
    assert leaky > 0.9 and 0.25 < honest < 0.65
    noise = random.normal(size=(48, 10))  # where the features know nobody, nothing leaks
    assert splits.leaky_and_honest(noise, groups, random)[0] < 0.7


def test_08_coins_are_fair_and_the_same_within_a_group():
    splits = lesson("08_split_without_leakage")
    groups = [f"p{n // 3}" for n in range(30)]
    labels = splits.coins(groups, np.random.default_rng(1))
    assert labels.sum() == 15 and all(len(set(labels[n : n + 3])) == 1 for n in range(0, 30, 3))


def test_08_groups_chain_over_recordings_and_texts():
    splits = lesson("08_split_without_leakage")
    rows = [
        {"file": "r1", "text": "a"}, {"file": "r1", "text": "b"}, {"file": "r2", "text": "b"},
        {"file": "r3", "text": "c"}, {"file": "r4", "text": "d"}, {"file": "r4", "text": "c"},
    ]  # fmt: skip
    groups = splits.group_rows(rows, ("file", "text"))
    assert len({groups[n] for n in (0, 1, 2)}) == 1 == len({groups[n] for n in (3, 4, 5)}) and groups[0] != groups[3]
    assert len(set(splits.group_rows(rows, ("file",)))) == 4
    assert splits.group_rows([], ("file",)) == []


def test_08_a_difficult_ledger_is_split_as_the_capstone_does(tmp_path):
    splits = lesson("08_split_without_leakage")
    rows = splits.a_difficult_ledger([reading(str(n), f"Sentence number {n}.") for n in range(6)])
    assert len({row["file"] for row in rows}) < len(rows) and len({row["text"].casefold() for row in rows}) < len(rows)
    found = splits.split_like_the_capstone(rows, Namespace(seed=0, out=tmp_path))
    assert found["groups_as_the_capstone"] == found["same_split_again"] == 1
    assert found["shared_by_the_capstone"] == 0 < found["shared_by_shuffling"]
