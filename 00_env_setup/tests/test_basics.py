"""files, errors, seeding, device, progress, outputs: the small helpers of coursekit."""

import json
import pickle
import random
from pathlib import Path

import numpy as np
import pytest
import torch

from coursekit.device import choose_device
from coursekit.errors import CourseError
from coursekit.files import atomic_path, sha256_file, write_json_atomic, write_text_atomic
from coursekit.outputs import output_folder
from coursekit.progress import progress
from coursekit.seeding import seed_everything


def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "notes.txt"
    write_text_atomic(target, "old")
    with pytest.raises(KeyboardInterrupt), atomic_path(target) as temporary:
        temporary.write_text("half of the n")
        raise KeyboardInterrupt
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_the_temporary_name_keeps_the_suffix(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "new" / "clip.wav") as temporary:
        assert temporary.suffix == ".wav"
        assert temporary.parent == tmp_path / "new"
        temporary.write_bytes(b"RIFF")
    assert (tmp_path / "new" / "clip.wav").read_bytes() == b"RIFF"


def test_text_is_written_as_given_and_json_refuses_nan(tmp_path: Path) -> None:
    write_text_atomic(tmp_path / "a.txt", "one\ntwo\n")
    assert (tmp_path / "a.txt").read_bytes() == b"one\ntwo\n"
    with pytest.raises(ValueError):
        write_json_atomic(tmp_path / "a.json", {"loss": float("nan")})
    write_json_atomic(tmp_path / "a.json", {"loss": 0.5})
    assert json.loads((tmp_path / "a.json").read_text()) == {"loss": 0.5}


def test_sha256_is_the_published_one_of_abc(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256_file(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_course_error_keeps_its_hint_across_processes() -> None:
    error = pickle.loads(pickle.dumps(CourseError("no room", hint="free some")))
    assert (str(error), error.hint) == ("no room", "free some")


def draw() -> tuple[float, float, float]:
    return random.random(), float(np.random.rand()), float(torch.rand(1))


def test_the_same_seed_gives_the_same_numbers() -> None:
    seed_everything(7)
    first = draw()
    seed_everything(7)
    assert draw() == first
    seed_everything(8)
    assert all(new != old for new, old in zip(draw(), first, strict=True))


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_out_of_range_is_refused_by_value(seed: int) -> None:
    with pytest.raises(CourseError, match=str(seed)):
        seed_everything(seed)


def test_auto_falls_back_to_the_cpu_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    choice = choose_device()
    assert choice.device.type == "cpu"
    assert choice.dtype is torch.float32
    assert choice.describe().startswith("device cpu, dtype float32: ")
    assert "CUDA" in choice.reason or "NVIDIA" in choice.reason


@pytest.mark.parametrize(("cuda", "mps", "expected"), [(True, True, "cuda"), (False, True, "mps")])
def test_auto_takes_the_gpu_there_is(monkeypatch: pytest.MonkeyPatch, cuda: bool, mps: bool, expected: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Test GPU")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert choose_device().device.type == expected


def test_a_device_that_is_not_there_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(CourseError, match="--device cuda cannot be used") as caught:
        choose_device("cuda")
    assert "--device auto" in caught.value.hint
    with pytest.raises(CourseError, match="'tpu'"):
        choose_device("tpu")


def test_progress_in_a_log_is_whole_ascii_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress(range(3), desc="clips")) == [0, 1, 2]
    text = capsys.readouterr().err
    assert text.isascii()
    assert "\r" not in text
    assert text.endswith("\n")
    assert "clips: 100%" in text.splitlines()[-1]


def test_outputs_lie_beside_the_script_whatever_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "module").mkdir()
    monkeypatch.chdir(tmp_path)
    assert output_folder("module/01_hello.py") == tmp_path / "module" / "outputs"
    assert output_folder("module/01_hello.py", "elsewhere") == Path("elsewhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(CourseError, match="file"):
        output_folder("module/01_hello.py", tmp_path / "file")
