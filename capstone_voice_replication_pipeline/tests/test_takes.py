"""A take is checked at once: keep or retake, with the reason in plain words. No microphone is needed."""

from __future__ import annotations

import numpy as np
import pytest

from voice_pipeline import takes
from voice_pipeline.microphone import record_prompts
from voice_pipeline.prompt_match import best_match, match
from voice_pipeline.prompts import Prompt, load_prompts
from voice_pipeline.takes import check_take, word_limit
from voice_pipeline.voice_folder import VoiceFolder, read_jsonl

from .synthetic_speech import speech, text_for
from .test_recording import RATE, FakeMicrophone, FakeTerminal

PROMPT = Prompt("short_01", text_for(3.0))


@pytest.mark.parametrize(
    ("take", "rule", "words"),
    [
        (speech(3.0), None, "dB above the noise"),
        (speech(3.0) * 1e-3, "silent", "come nearer"),
        (np.clip(speech(3.0) * 8, -1, 1), "clipped", "turn it down"),
        (speech(3.0, noise=0.03), "noisy", "too much noise"),
        (speech(0.6), "too_short", "too short for this sentence"),
        (speech(1.2), "text_longer_than_speech", "part of the sentence is missing"),
        (speech(12.0), "too_long", "takes too long"),
        (speech(3.0)[int(0.5 * RATE) :], "cut_off_start", "beginning is cut off"),
        (speech(3.0)[: -int(0.5 * RATE)], "cut_off_end", "end is cut off"),
        (np.concatenate([speech(1.6), np.zeros(4 * RATE, np.float32), speech(1.6)]), "pause_inside", "long break"),
        (np.zeros(0, np.float32), "silent", "almost nothing was heard"),
    ],
)
def test_each_fault_has_its_reason(take, rule, words):
    check = check_take(take, RATE, PROMPT, words=False)
    assert check.ok == (rule is None) and words in check.sentence, check
    assert rule is None or rule in check.rules


def test_the_words_are_compared(monkeypatch):
    heard = iter([PROMPT.text, "completely different words about ships and ice", ""])
    monkeypatch.setattr(takes, "heard_in", lambda waveform, rate: next(heard))
    good, other, nothing = (check_take(speech(3.0), RATE, PROMPT) for _ in range(3))
    assert good.ok and good.match == 1.0 and "100 % of the sounds understood" in good.sentence
    assert other.rules == nothing.rules == ("other_words",)
    assert "heard: completely different words" in other.sentence and "heard: nothing" in nothing.sentence


def test_a_speaker_is_measured_by_his_own_takes():
    assert word_limit([]) == word_limit([0.9, 0.9]) == takes.STRICTER.min_prompt_match
    assert word_limit([0.9, 0.8, 0.9]) == pytest.approx(0.63)
    assert word_limit([0.4, 0.4, 0.4]) == takes.STRICTER.min_prompt_match  # an accent lowers all takes


def test_sounds_forgive_what_words_do_not():
    text = "The invention of movable metal letters in the middle of the century."
    assert match(text, "the invention of mobile meth or letters in the middle of the century") > 0.85
    assert match(text, "he went down in midstream searching the shadows of both shores") < 0.35
    assert match(text, "") == 0.0
    texts = [prompt.text for prompt in load_prompts()]
    assert best_match(texts, texts[7].lower()) == (7, 1.0) and best_match([], "x") == (-1, 0.0)


def test_a_real_reader_is_understood(mirror):
    from voice_pipeline.audio import decode

    clip = decode(mirror / "ljspeech" / "LJSpeech-1.1" / "wavs" / "LJ001-0002.wav")
    right, wrong = Prompt("a", "in being comparatively modern."), Prompt("b", "of all human inventions.")
    padded = np.pad(clip.waveform, clip.sample_rate // 4)
    assert check_take(padded, clip.sample_rate, right).ok
    assert check_take(padded, clip.sample_rate, wrong).rules == ("other_words",)


def test_a_take_can_be_heard_before_it_is_kept(tmp_path):
    folder, played = VoiceFolder(tmp_path, "ann"), []
    terminal = FakeTerminal("", "p", "p", "r", "", "")  # record, listen twice, repeat, record, keep
    kept = record_prompts(
        folder, [PROMPT], FakeMicrophone(speech(3.0), speech(3.0, seed=2)), terminal,
        check_words=False, play=lambda waveform, rate: played.append((len(waveform), rate)),
    )  # fmt: skip
    assert kept == 1 and played == [(len(speech(3.0)), RATE)] * 2
    assert read_jsonl(folder.manifest)[0]["check"] == {"ok": True, "rules": [], "heard": None, "match": None}
    assert max(level for level, _ in terminal.levels) > -20


def test_a_bad_take_can_be_kept_on_purpose_and_says_so(tmp_path):
    folder = VoiceFolder(tmp_path, "ann")
    record_prompts(folder, [PROMPT], FakeMicrophone(speech(0.6)), FakeTerminal("", "k"), check_words=False)
    assert "too_short" in read_jsonl(folder.manifest)[0]["check"]["rules"]


def test_a_take_is_played_to_its_end(monkeypatch):
    import miniaudio

    from voice_pipeline.microphone import open_loudspeaker

    played: list[bytes] = []

    class Device:
        def __init__(self, **settings):
            assert settings["sample_rate"] == RATE and settings["nchannels"] == 1

        def start(self, source):
            try:
                while True:
                    played.append(source.send(1_000))
            except StopIteration:
                return

        def close(self):
            played.append(b"")

    monkeypatch.setattr(miniaudio, "Devices", lambda: type("D", (), {"get_playbacks": lambda self: ["one"]})())
    monkeypatch.setattr(miniaudio, "PlaybackDevice", Device)
    play = open_loudspeaker()
    assert play is not None
    play(np.full(2_500, 0.5, np.float32), RATE)
    assert [len(block) for block in played] == [2_000, 2_000, 1_000, 0]
