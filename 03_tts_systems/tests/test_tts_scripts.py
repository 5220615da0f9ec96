"""What the scripts of module 03 teach, tried on small things whose right answers are known."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import librosa
import numpy as np
import pytest
import torch

from coursekit.course.modules import load_script
from coursekit.errors import CourseError

MODULE = Path(__file__).resolve().parents[1]
RATE = 24_000


def lesson(name: str):
    return load_script(MODULE / f"{name}.py")


def speech_like(seconds: float = 1.0) -> np.ndarray:
    t = np.arange(round(seconds * RATE)) / RATE
    buzz = sum(np.sin(2 * np.pi * 130 * k * t) / k for k in range(1, 20))
    syllables = np.clip(np.sin(2 * np.pi * 3 * t), 0, None) ** 0.5
    return (0.1 * buzz * syllables + 2e-4 * np.random.default_rng(0).normal(size=len(t))).astype(np.float32)


# ---------------------------------------------------------------------------------------------------------- phonemes


def test_01_rules_take_the_longest_group():
    g2p = lesson("01_text_to_phonemes")
    assert g2p.by_rules("shop") == ["SH", "AA", "P"]
    assert g2p.by_rules("nation")[-3:] == ["SH", "AH", "N"]
    assert g2p.by_rules("make") == ["M", "AE", "K"]  # the e is silent


def test_01_ipa_becomes_the_dictionarys_names():
    g2p = lesson("01_text_to_phonemes")
    assert g2p.of_ipa("k\u02c8\u025cn\u0259l") == ["K", "ER", "N", "AH", "L"]
    assert g2p.of_ipa("t\u0361\u0283\u02c8a\u026ald") == ["CH", "AY", "L", "D"]
    assert set(",".join(lesson("tts_utils").IPA.values()).split(",")) <= {
        s for ways in g2p.lexicon().values() for w in ways for s in w.split()
    }


def test_01_letters_are_aligned_with_their_sounds():
    g2p = lesson("01_text_to_phonemes")
    words = [("cat", ("K", "AE", "T")), ("tack", ("T", "AE", "K")), ("fax", ("F", "AE", "K", "S")), ("at", ("AE", "T")),
             ("fat", ("F", "AE", "T")), ("act", ("AE", "K", "T")), ("tax", ("T", "AE", "K", "S")),
             ("ax", ("AE", "K", "S"))]  # fmt: skip
    costs = g2p.learn_costs(words)
    assert g2p.align("fax", ("F", "AE", "K", "S"), costs) == [("F",), ("AE",), ("K", "S")]
    assert sum(map(len, g2p.align("tack", ("T", "AE", "K"), costs))) == 3
    assert g2p.align("a", ("AE", "K", "T"), costs) == []  # three sounds are too many for a letter
    model = g2p.LetterToSound(words)
    assert model("cat") == ["K", "AE", "T"] and model("tact") == ["T", "AE", "K", "T"] and model("qq") == []


def test_01_errors_and_what_counts_as_the_same():
    g2p = lesson("01_text_to_phonemes")
    assert g2p.errors(["A B", "C"], ["A B", "C D"]) == (0.5, pytest.approx(0.25))
    assert g2p.loose("AH N IH") == g2p.loose(["AH", "N", "AH"]) != g2p.loose("AH M AH")


# ---------------------------------------------------------------------------------------------------------- vocoders


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.99])
def test_02_griffin_lim_is_librosas_and_comes_nearer(momentum):
    vocoder = lesson("02_mel_to_audio")
    waveform = speech_like()
    magnitude = np.abs(vocoder.transform(waveform))
    mine, path = vocoder.griffin_lim(magnitude, len(waveform), 8, momentum)
    library = librosa.griffinlim(
        magnitude, n_iter=8, n_fft=1024, hop_length=256, momentum=momentum, init=None, length=len(waveform)
    )
    assert np.abs(mine - library).max() < 1e-3 and path[-1] < 0.7 * path[0]
    assert vocoder.convergence(magnitude, waveform) == pytest.approx(0, abs=1e-6)
    assert vocoder.convergence(magnitude, np.zeros_like(waveform)) == pytest.approx(1)


def test_02_magnitudes_of_a_mel_fit_it_and_copies_are_compared():
    vocoder = lesson("02_mel_to_audio")
    waveform = speech_like()
    mel = vocoder.log_mel(waveform)
    again = np.log(np.maximum(vocoder.mel_filters() @ vocoder.unmel(mel), 1e-5))
    assert vocoder.unmel(mel).min() >= 0 and np.abs(again - mel).mean() < 0.3
    assert vocoder.mel_distance(waveform, waveform) == 0
    hiss = (0.1 * np.random.default_rng(1).normal(size=RATE)).astype(np.float32)  # no frame of it is near the floor
    assert vocoder.mel_distance(hiss, 0.5 * hiss) == pytest.approx(6.02, abs=0.1)


# ------------------------------------------------------------------------------------------------------------- Coqui


class Voice:
    """A voice that hums for as long as its text is."""

    sample_rate = RATE

    def __init__(self, hz: float) -> None:
        self.hz = hz

    def synthesize(self, text: str, **ignored) -> np.ndarray:
        t = np.arange(1000 * len(text)) / RATE
        return (0.2 * np.sin(2 * np.pi * self.hz * t)).astype(np.float32)


def test_03_a_voice_of_our_own_speaks_through_coquis_api(tmp_path, monkeypatch):
    coqui = lesson("03_coqui_api")
    monkeypatch.setattr(coqui, "starter_voice", lambda number: Voice(100 + 10 * number))
    tts = coqui.starter_tts()
    assert tts.speakers == list(coqui.SPEAKERS) and not tts.is_multi_lingual
    found = coqui.speak_batch(tts, tmp_path / "batch", ["One.", "Two, three.", "Four."])
    rows = (tmp_path / "batch" / "manifest.csv").read_text().splitlines()
    assert found["files"] == 3 and rows[2].startswith("01.wav,ben,") and found["lowest_peak"] > 0.95
    waveform = np.asarray(tts.tts("Two sentences. Here.", speaker="cleo"))
    assert not waveform[-9000:].any()  # the API's habit: 10,000 zeros behind every sentence


def test_03_parameters_are_counted_without_memory():
    coqui = lesson("03_coqui_api")
    assert 70e6 < coqui.count_parameters("vits") < 95e6


def test_03_a_model_that_cannot_be_had_is_said_and_passed_over(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TTS_HOME", str(tmp_path))
    coqui = lesson("03_coqui_api")
    coqui.try_public(
        Namespace(
            model=coqui.base_model("tts_models/en/ljspeech/vits").name, quick=True, accept_licence=False, out=tmp_path
        )
    )
    printed = capsys.readouterr().out
    assert "NOTE: without tts_models/en/ljspeech/vits" in printed and "starter voice" in printed


# ------------------------------------------------------------------------------------------------- the small models


def digit_string(tacotron, text: str, frames: int):
    symbols = np.array([tacotron.LETTERS.index(letter) for letter in text])
    words = text.count(" ") + 1
    edges = np.linspace(0, frames, words + 1)
    mel = np.random.default_rng(len(text)).normal(size=(frames, tacotron.M)).astype(np.float32)
    return tacotron.DigitString(
        text, symbols, np.zeros(frames * 512, np.float32), mel, np.stack([edges[:-1], edges[1:]], 1)
    )


def test_04_guidance_is_free_on_the_diagonal_and_nothing_beyond_the_end():
    tacotron = lesson("04_small_tacotron")
    absent = torch.tensor([[False] * 8, [False] * 4 + [True] * 4])
    cost = tacotron.guide(absent, torch.tensor([16, 8]), 16)
    assert cost.shape == (2, 16, 8) and cost[0, 0, 0] == 0 and cost[0, 8, 4] == 0 and cost[0, 0, 7] > 0.99
    assert torch.equal(cost[1, :8, :4], cost[0, ::2, ::2]) and not cost[1, 8:].any() and not cost[1, :, 4:].any()


def test_04_attention_sums_to_one_and_leaves_the_padding_out():
    tacotron = lesson("04_small_tacotron")
    strings = [digit_string(tacotron, "one two", 14), digit_string(tacotron, "six", 9)]
    symbols, absent, mel, steps = tacotron.collate(strings, "cpu")
    frames, stops, attention = tacotron.Tacotron()(symbols, absent, mel)
    assert steps.tolist() == [4, 3] and mel.shape == (2, 16, tacotron.M) == frames.shape and stops.shape == (2, 4)
    assert torch.allclose(attention.sum(2), torch.ones(2, 4)) and attention[1, :, 3:].max() < 1e-6
    loss, _ = tacotron.loss_of(tacotron.Tacotron(), strings, True, "cpu")
    assert loss.requires_grad and torch.isfinite(loss)


def test_04_reading_through_is_judged_by_where_it_looks():
    tacotron = lesson("04_small_tacotron")

    class Reader:
        def __init__(self, places):
            self.places = places

        def speak(self, text):
            return None, np.eye(len(text))[self.places]

    good, skips, back, short = ([0, 1, 3, 4, 6, 8, 9], [0, 2, 8, 9], [0, 4, 1, 8], [0, 1, 4])
    found = [tacotron.read_through(Reader(places), ["one two six"]) for places in (good, skips, back, short)]
    assert found == [1, 0, 0, 0]


def test_04_attention_on_the_right_word_is_measured_against_the_truth(monkeypatch):
    tacotron = lesson("04_small_tacotron")
    string = digit_string(tacotron, "one two", 4 * tacotron.R)
    right = np.zeros((4, 7))
    right[:2, 1], right[2:, 5] = 1, 1
    monkeypatch.setattr(tacotron, "attention_of", lambda *_: [right])
    assert tacotron.on_right_word(None, [string], "cpu")[0] == 1
    monkeypatch.setattr(tacotron, "attention_of", lambda *_: [right[::-1]])
    assert tacotron.on_right_word(None, [string], "cpu")[0] == 0
    assert tacotron.starts_of([string], [right])[0].tolist() == [0, pytest.approx(2 * tacotron.STEP_MS / 1000)]
    assert tacotron.straight_line(string).argmax(axis=1).tolist() == [0, 1, 3, 5]


def test_05_letters_are_repeated_and_the_speed_is_obeyed():
    fast = lesson("05_small_fastspeech")
    model = fast.FastSpeech().eval()
    read = torch.arange(3.0)[None, :, None].expand(1, 3, fast.C)
    model.place.weight.data.zero_(), model.place.bias.data.zero_()
    long = model.regulate(read, torch.tensor([[2, 0, 3]]))
    assert long[0, :, 0].tolist() == [0, 0, 2, 2, 2]
    model.duration[1].bias.data.fill_(np.log(9.0))
    model.duration[1].weight.data.zero_()
    mel, frames = model.speak("one two")
    assert frames.tolist() == [8] * 7 and mel.shape == (56, fast.M) and len(model.speak("one two", speed=2.0)[0]) == 28


def test_05_durations_of_a_diagonal_attention_are_even(monkeypatch):
    fast = lesson("05_small_fastspeech")
    string = digit_string(fast.lesson_04, "six", 3 * fast.lesson_04.R)
    monkeypatch.setattr(fast.lesson_04, "attention_of", lambda *_: [np.eye(3, dtype=np.float32)])
    [durations] = fast.durations_of(None, [string])
    assert durations.tolist() == [fast.lesson_04.R] * 3
    assert fast.word_starts("a bc", np.array([2, 1, 4, 1])).tolist() == pytest.approx([0, 3 * fast.FRAME])


def test_05_without_the_tacotron_it_says_what_to_run(tmp_path):
    fast = lesson("05_small_fastspeech")
    with pytest.raises(CourseError, match=r"tacotron.safetensors is not in") as caught:
        fast.read_teacher(Namespace(out=tmp_path))
    assert "python 04_small_tacotron.py --quick" in caught.value.hint


def test_05_equal_mels_are_no_distance_apart_at_another_speed():
    fast = lesson("05_small_fastspeech")
    mel = np.random.default_rng(0).normal(size=(20, 32))
    assert fast.warped_distance(mel, mel) == 0 and fast.warped_distance(
        mel, np.repeat(mel, 2, axis=0)
    ) == pytest.approx(0)
    assert fast.warped_distance(mel, mel + 1) > 0.3


# --------------------------------------------------------------------------------------------------- clones, engines


def test_06_equal_error_rate_of_known_values():
    clones = lesson("06_zero_shot_cloning")
    assert clones.equal_error_rate(np.array([0.9, 0.8]), np.array([0.5, 0.6, 0.7]))[0] == 0
    rate, threshold = clones.equal_error_rate(np.array([0.9, 0.5]), np.array([0.6, 0.2]))
    assert rate == pytest.approx(0.5) and 0.5 < threshold <= 0.9


def test_06_a_clone_of_the_right_person_is_told_from_one_voice_for_all(monkeypatch):
    clones = lesson("06_zero_shot_cloning")
    vectors = np.eye(4) + 0.1
    monkeypatch.setattr(clones, "embed", lambda waveform: vectors[int(waveform[0])])
    people = [clones.Clip(str(i), str(i), np.full(10, i, np.float32), RATE) for i in range(4)]
    _, right = clones.judge_clones(people, lambda text, reference: reference, "right")
    _, same = clones.judge_clones(people, lambda text, reference: np.zeros(10), "same")
    assert right["clone_finds_its_person"] == 1 and right["others_nearer"] == 0
    assert same["clone_finds_its_person"] == 0.25 and same["others_nearer"] > 0.2


def test_07_the_table_is_printed_and_written(tmp_path, capsys):
    engines = lesson("07_compare_engines")
    row = {"name": "hum", "speed": 0.5, "errors": 0.25, "alike": 0.5, "mos": 3.0}
    rows = [engines.row_of(row, engines.Engine("hum", None, 1.25, "MIT")), engines.row_of(row, None)]
    engines.show(rows, tmp_path / "engines.csv")
    assert rows[0] == ["hum", "0.500", "25%", "0.50", "3.00", "1.2", "MIT"] and rows[1][-2:] == ["-", "-"]
    assert (tmp_path / "engines.csv").read_text().count("\n") == 3 and "seconds a second" in capsys.readouterr().out


def test_07_engines_that_are_not_here_are_named_with_the_reason(tmp_path, monkeypatch, capsys):
    engines = lesson("07_compare_engines")
    monkeypatch.setenv("TTS_HOME", str(tmp_path))
    monkeypatch.setattr(engines, "starter_engine", lambda target: engines.Engine("starter", None, 1.0, "MIT"))
    found = engines.engines(Namespace(models=[], quick=True, accept_licence=False), np.zeros(256), tmp_path / "a.wav")
    printed = capsys.readouterr().out
    assert [one.name for one in found] == ["espeak-ng (formants)", "starter"]
    assert all(f"   {short} " in printed for short in ("vits", "your_tts", "xtts", "bark")) and "CPML" in printed
