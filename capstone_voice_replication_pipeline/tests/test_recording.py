"""Importing folders as people have them; prompts; the guided recorder with a fake microphone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile

from coursekit.files import sha256_file
from voice_pipeline import microphone
from voice_pipeline.errors import PipelineError
from voice_pipeline.microphone import record_prompts, record_take
from voice_pipeline.prompts import find_prompt, load_prompts
from voice_pipeline.recording import import_folder, unique_id
from voice_pipeline.takes import check_take
from voice_pipeline.voice_folder import VoiceFolder, read_jsonl

from .synthetic_speech import speech

RATE = 24_000


@pytest.fixture
def folder(tmp_path) -> VoiceFolder:
    return VoiceFolder(tmp_path / "home", "ann")


@pytest.fixture
def source(tmp_path) -> Path:
    path = tmp_path / "given"
    path.mkdir()
    return path


def write(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.random.default_rng(seed).uniform(-0.1, 0.1, 2_400), RATE, format="WAV")
    return path


def rows_by_name(folder: VoiceFolder) -> dict[str, dict]:
    return {row["given"]: row for row in read_jsonl(folder.manifest)}


def test_texts_from_metadata_txt_and_prompts(folder, source):
    write(source / "wavs" / "LJ001-0001.wav", 1)
    write(source / "wavs" / "LJ001-0002.wav", 2)
    write(source / "wavs" / "b.wav", 3)
    (source / "metadata.csv").write_text(
        "LJ001-0001|In 1850|In eighteen fifty\nLJ001-0002|Hello.|\nwavs/b.wav|By path\n"
    )
    report = import_folder(folder, source)
    rows = rows_by_name(folder)
    assert report.given == 3 and not report.without_text and not report.missing
    assert rows["wavs/LJ001-0001.wav"]["text"] == "In eighteen fifty"
    assert rows["wavs/LJ001-0002.wav"]["text"] == "Hello."
    assert rows["wavs/b.wav"]["text"] == "By path"
    for given, row in rows.items():
        raw = folder.raw / row["file"]
        assert raw.read_bytes() == (source / given).read_bytes()
        assert row["sha256"] == sha256_file(raw)


def test_txt_beside_and_prompt_names(folder, source):
    write(source / "Meine Aufnahme \u00e4 1.wav", 1)
    (source / "Meine Aufnahme \u00e4 1.txt").write_text("\ufeffFirst line\nsecond line\n", encoding="utf-8")
    write(source / "short_03.wav", 2)
    write(source / "14.m4a", 3)
    write(source / "\u9332\u97f3.wav", 4)
    report = import_folder(folder, source)
    rows = rows_by_name(folder)
    prompts = {prompt.prompt_id: prompt.text for prompt in load_prompts()}
    assert rows["Meine Aufnahme \u00e4 1.wav"]["text"] == "First line second line"
    assert rows["Meine Aufnahme \u00e4 1.wav"]["id"] == "Meine_Aufnahme_a_1"
    assert rows["short_03.wav"]["text"] == prompts["short_03"]
    assert rows["14.m4a"]["text"] == prompts["long_04"]
    assert rows["\u9332\u97f3.wav"]["id"] == "clip"
    assert report.without_text == ["\u9332\u97f3.wav"]


def test_a_table_rules_out_prompt_names(folder, source):
    write(source / "1.wav", 1)
    write(source / "2.wav", 2)
    (source / "metadata.csv").write_text("id|text\n1|My own sentence\n3|Not here\n")
    report = import_folder(folder, source)
    assert report.without_text == ["2.wav"]
    assert report.missing == ["3"]


def test_what_is_no_recording_is_listed(folder, source):
    write(source / "a.wav")
    for name in (".DS_Store", "notes.txt", "README", "cover.jpg", "__MACOSX/a.wav", "._a.wav"):
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_text("x")
    (source / "strange.xyz").write_text("given, so the ledger has to judge it")
    report = import_folder(folder, source)
    assert sorted(report.added) == ["a.wav", "strange.xyz"]
    assert len(report.ignored) == 6


def test_same_content_is_noted_and_same_names_do_not_collide(folder, source):
    write(source / "a" / "1.wav", 1)
    write(source / "b" / "1.wav", 2)
    write(source / "b" / "copy.wav", 1)
    report = import_folder(folder, source)
    rows = rows_by_name(folder)
    assert {row["id"] for row in rows.values()} == {"1", "1-2", "copy"}
    assert report.duplicates == ["b/copy.wav"]
    assert rows["b/copy.wav"]["duplicate_of"] == "a/1.wav"


def test_importing_again_changes_only_what_changed(folder, source):
    for number in range(3):
        write(source / f"{number + 1}.wav", number)
    import_folder(folder, source)
    before = folder.manifest.read_text()
    again = import_folder(folder, source)
    assert len(again.unchanged) == 3 and folder.manifest.read_text() == before
    write(source / "2.wav", 99)
    (folder.raw / "3.wav").unlink()
    third = import_folder(folder, source)
    assert (third.unchanged, sorted(third.replaced)) == (["1.wav"], ["2.wav", "3.wav"])
    assert {row["given"]: row["id"] for row in read_jsonl(folder.manifest)} == {f"{n}.wav": f"{n}" for n in (1, 2, 3)}


def test_killed_in_the_middle_of_an_import(folder, source, monkeypatch):
    for number in range(4):
        write(source / f"{number + 1}.wav", number)
    real, calls = shutil.copyfile, []

    def copy_two(given, target):
        calls.append(given)
        if len(calls) == 3:
            Path(target).write_bytes(b"half")
            raise KeyboardInterrupt
        return real(given, target)

    monkeypatch.setattr(shutil, "copyfile", copy_two)
    with pytest.raises(KeyboardInterrupt):
        import_folder(folder, source)
    assert len(read_jsonl(folder.manifest)) == 2
    assert sorted(path.name for path in folder.raw.iterdir()) == ["1.wav", "2.wav", "manifest.jsonl"]
    monkeypatch.undo()
    assert import_folder(folder, source).given == 4
    assert len(read_jsonl(folder.manifest)) == 4


def test_a_full_disk_is_explained(folder, source, monkeypatch):
    write(source / "1.wav")

    def full(given, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(PipelineError, match="No space left") as caught:
        import_folder(folder, source)
    assert "--home" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [("metadata.csv", "1,comma instead of bar\n", "has no '|'"), ("1.txt", b"\xff\xfe\x00caf\xe9", "is not UTF-8")],
)
def test_damaged_tables_are_explained(folder, source, name, content, message):
    write(source / "1.wav")
    (source / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(PipelineError) as caught:
        import_folder(folder, source)
    assert message in str(caught.value) and caught.value.hint


def test_no_folder_and_no_recordings(folder, source):
    with pytest.raises(PipelineError, match="there is no folder"):
        import_folder(folder, source / "absent")
    with pytest.raises(PipelineError, match="holds no recordings"):
        import_folder(folder, source)
    assert not folder.root.exists()


def test_real_ljspeech_layout(folder, mirror):
    report = import_folder(folder, mirror / "ljspeech" / "LJSpeech-1.1")
    assert report.given == 35 and not report.without_text and not report.missing


def test_unique_ids_ignore_case():
    taken: set[str] = set()
    assert [unique_id(stem, taken) for stem in ("Take", "take", "TAKE", "a b|c", "...")] == [
        "Take", "take-2", "TAKE-3", "a_b_c", "clip",
    ]  # fmt: skip


def test_prompts_are_ten_short_and_ten_long():
    prompts = load_prompts()
    assert [prompt.prompt_id for prompt in prompts] == [
        f"{kind}_{n:02d}" for kind in ("short", "long") for n in range(1, 11)
    ]
    assert len({prompt.text for prompt in prompts}) == 20
    for prompt in prompts:
        low, high = (3.0, 5.0) if prompt.prompt_id.startswith("short") else (8.5, 11.0)
        assert low <= prompt.expected_seconds <= high
        assert prompt.source and prompt.text.isascii() and prompt.text[-1] in ".?!"


def test_prompts_hold_every_phoneme_of_american_english():
    gruut = pytest.importorskip("gruut")
    consonants = (
        "p b t d k \u0261 t\u0361\u0283 d\u0361\u0292 f v \u03b8 \u00f0 s z \u0283 \u0292 h m n \u014b l \u0279 j w"
    )
    vowels = "i \u026a \u025b \u00e6 \u0251 \u0254 \u028a u \u028c \u0259 \u025a"
    diphthongs = "e\u026a a\u026a \u0254\u026a a\u028a o\u028a"
    heard: set[str] = set()
    for prompt in load_prompts():
        for sentence in gruut.sentences(prompt.text, lang="en-us"):
            heard |= {phone.strip("\u02c8\u02cc") for word in sentence for phone in word.phonemes or ()}
    assert set(f"{consonants} {vowels} {diphthongs}".split()) <= heard


def test_unknown_language():
    with pytest.raises(PipelineError, match="no prompts for the language 'xx'"):
        load_prompts("xx")


@pytest.mark.parametrize(
    ("stem", "found"),
    [("short_03", "short_03"), ("Short 3", "short_03"), ("long-10 take 2", "long_10"), ("007", "short_07"),
     ("prompt 20", "long_10"), ("21", None), ("short_11", None), ("0", None), ("LJ001", None), ("my voice", None)],
)  # fmt: skip
def test_find_prompt(stem, found):
    prompt = find_prompt(stem, load_prompts())
    assert (prompt.prompt_id if prompt else None) == found


class FakeMicrophone:
    """Plays waveforms, one per take, as if they were heard."""

    name = "fake"
    sample_rate = RATE

    def __init__(self, *takes: np.ndarray) -> None:
        self._takes = list(takes)
        self.closed = 0

    @contextmanager
    def open(self) -> Iterator[Iterator[np.ndarray]]:
        take = self._takes.pop(0)
        try:
            yield (take[start : start + 1_000] for start in range(0, len(take), 1_000))
        finally:
            self.closed += 1


class FakeTerminal:
    """Answers from a list; Enter is pressed when the take has been read."""

    def __init__(self, *answers: str) -> None:
        self._answers = list(answers)
        self.shown: list[str] = []
        self.levels: list[tuple[float, float]] = []

    def show(self, text: str) -> None:
        self.shown.append(text)

    def ask(self, question: str) -> str:
        return self._answers.pop(0)

    def pause(self, seconds: float) -> None:
        pass

    def level(self, dbfs: float, seconds: float) -> None:
        self.levels.append((dbfs, seconds))

    def enter_pressed(self) -> Callable[[], bool]:
        return lambda: False


def test_recording_the_prompts(folder):
    prompts = load_prompts()[:4]
    take = speech(3.0)
    fake = FakeMicrophone(take, take[:RATE], take, np.zeros(RATE * 3, np.float32), take)
    # 1: kept. 2: too short, read again, then kept. 3: skipped. 4: silent, then the good one is kept.
    terminal = FakeTerminal("", "", "", "", "", "", "s", "", "", "", "")
    assert record_prompts(folder, prompts, fake, terminal, check_words=False) == 3
    rows = read_jsonl(folder.manifest)
    assert [row["id"] for row in rows] == ["short_01", "short_02", "short_04"]
    assert all(row["device"] == "fake" and row["source"] == "microphone" for row in rows)
    assert fake.closed == 5
    said = " ".join(terminal.shown)
    assert "too short for this sentence" in said and "almost nothing was heard" in said
    assert json.loads(folder.manifest.read_text().splitlines()[0])["sha256"] == sha256_file(folder.raw / "short_01.wav")


def test_recording_goes_on_where_it_stopped(folder):
    prompts = load_prompts()[:3]
    take = speech(3.0)
    assert record_prompts(folder, prompts, FakeMicrophone(take), FakeTerminal("", "", "q"), check_words=False) == 1
    terminal = FakeTerminal("", "", "", "")
    assert record_prompts(folder, prompts, FakeMicrophone(take, take), terminal, check_words=False) == 2
    assert "2 of 3 sentences to read" in terminal.shown[0]
    assert [row["id"] for row in read_jsonl(folder.manifest)] == ["short_01", "short_02", "short_03"]


def test_a_retake_replaces_its_take(folder):
    prompts = load_prompts()[:2]
    first, second = speech(3.0, seed=1), speech(3.0, seed=2)
    record_prompts(folder, prompts, FakeMicrophone(first, first), FakeTerminal("", "", "", ""), check_words=False)
    again = FakeMicrophone(second), FakeTerminal("", "")
    record_prompts(folder, prompts, *again, retake=["short_01"], check_words=False)
    rows = {row["id"]: row for row in read_jsonl(folder.manifest)}
    assert sorted(rows) == ["short_01", "short_02"]
    assert rows["short_01"]["sha256"] == sha256_file(folder.raw / "short_01.wav") != rows["short_02"]["sha256"]
    with pytest.raises(PipelineError, match="no prompt called short_99"):
        record_prompts(folder, prompts, FakeMicrophone(), FakeTerminal(), retake=["short_99"], check_words=False)


def test_a_take_ends_at_its_limit_or_at_enter():
    sound = speech(3.0)
    assert len(record_take(FakeMicrophone(sound), 1.0)) == RATE
    presses = iter([False, False, True])
    assert len(record_take(FakeMicrophone(sound), 9.0, lambda: next(presses))) == 3_000
    assert len(record_take(FakeMicrophone(sound[:0]), 9.0)) == 0


def test_a_clipped_take_is_noticed():
    prompt = load_prompts()[0]
    assert check_take(speech(3.0), RATE, prompt, words=False).ok
    clipped = check_take(np.clip(speech(3.0) * 8, -1, 1), RATE, prompt, words=False)
    assert not clipped.ok and "clipped" in clipped.sentence


def test_without_a_microphone_the_repair_is_named(monkeypatch):
    monkeypatch.setattr(microphone, "_captures", list)
    assert microphone.list_microphones() == []
    with pytest.raises(PipelineError, match="no microphone was found") as caught:
        microphone.open_microphone()
    assert "--import" in caught.value.hint
    monkeypatch.setattr(microphone, "_captures", lambda: [{"name": "USB mic", "id": None}])
    assert microphone.open_microphone("usb").name == "USB mic"
    with pytest.raises(PipelineError, match="no microphone called 'studio'"):
        microphone.open_microphone("studio")
