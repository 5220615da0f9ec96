"""Files and paths: a folder of clips with its manifest, as every voice data set has one, made and read safely.

What you will learn
    - paths that work on Linux, Windows and macOS: `pathlib`
    - what is inside a WAV file: 44 bytes of header, then the samples, two bytes each
    - what the sample width means, and what you hear when it is read wrongly
    - manifests as CSV and as JSON lines, and why `line.split(",")` is no CSV reader
    - writing a file so that it is whole or absent, even if the power fails halfway
How to run it
    python 03_files_and_paths.py --quick     two clips, about 1 s
    python 03_files_and_paths.py             five clips, about 2 s
Time and memory on 2 CPU cores: quick 1 s, full 2 s; 0.1 GB.
Writes outputs/: clips/ (one WAV per sentence), wrong_width.wav, manifest.csv, manifest.jsonl
Concepts: PYTHON_CONCEPTS_EXPLAINED.md (files and paths, bytes and sample width, manifests, atomic writes)
"""

import csv
import json
import os
import struct
import wave
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from py_utils import NARRATION, hum, read_wav, rms_dbfs, samples_from_bytes, sentences, write_wav

from coursekit.cli import run_script, script_parser
from coursekit.expectations import Expected

# ----------------------------------------------------------------------------------------------------------------------
# settings

QUICK_CLIPS = 2  # sentences turned into clips with --quick; the full run takes all five
HEADER_BYTES = 44  # of the plainest WAV file; others have more chunks, so real readers walk through the chunks
COLUMNS = ["file", "seconds", "sample_rate", "text"]  # of the manifest

# ----------------------------------------------------------------------------------------------------------------------
# 1. a folder of clips


def make_clips(folder: Path, texts: list[str]) -> list[Path]:
    """Hum each text into a WAV of its own and return the paths, in order."""
    paths = []
    for number, text in enumerate(texts, start=1):
        # concept: files and paths
        path = folder / f"alice_{number:02d}.wav"  # "/" joins path parts on every system
        write_wav(path, hum(text))
        paths.append(path)
    return paths


def show_paths(paths: list[Path]) -> None:
    """Print what a path knows about itself, and what the disk knows about the file."""
    first = paths[0]
    print(f"  name {first.name}, stem {first.stem}, suffix {first.suffix}, folder {first.parent.name}")
    for path in sorted(first.parent.glob("alice_*.wav")):  # glob's order differs by system: always sort
        waveform, sample_rate = read_wav(path)
        print(f"  {path.name} {path.stat().st_size:9,} bytes {len(waveform) / sample_rate:6.2f} s")


# ----------------------------------------------------------------------------------------------------------------------
# 2. what is inside a WAV


def read_header(path: Path) -> dict[str, int]:
    """Read the header of a plain WAV by hand; main() compares it with the standard library's `wave`.

    The letters of `struct`: "<" little-endian (lowest byte first), "4s" four characters, "I" unsigned 4 bytes,
    "H" unsigned 2 bytes.
    """
    with open(path, "rb") as file:  # "b": bytes, not text. `with` closes the file, whatever happens inside
        header = file.read(HEADER_BYTES)
    riff, _, kind, _, _, _, channels, sample_rate, _, _, bits, data, data_bytes = struct.unpack(
        "<4sI4s4sIHHIIHH4sI", header
    )
    assert (riff, kind, data) == (b"RIFF", b"WAVE", b"data"), "this reader knows the plainest WAV only"
    frames = data_bytes // (channels * bits // 8)  # one frame is one sample of every channel
    return {"channels": channels, "sample_rate": sample_rate, "bits": bits, "frames": frames}


def header_by_library(path: Path) -> dict[str, int]:
    """Read the same four numbers with `wave`."""
    with wave.open(str(path), "rb") as file:
        return {
            "channels": file.getnchannels(),
            "sample_rate": file.getframerate(),
            "bits": 8 * file.getsampwidth(),
            "frames": file.getnframes(),
        }


def show_sample_width(path: Path, out: Path) -> float:
    """Read the samples with the right and the wrong width; return how many dB louder the wrong one is."""
    data = path.read_bytes()[HEADER_BYTES:]
    two = data[len(data) // 2 // 2 * 2 :][:2]  # the two bytes of the sample in the middle
    number = int.from_bytes(two, "little", signed=True)
    print(f"  bytes {two[0]} and {two[1]} are the sample {number}: {number} / 32768 = {number / 32768:.4f}")
    # concept: bytes and sample width
    right = samples_from_bytes(data, width=2)  # [S]
    wrong = samples_from_bytes(data, width=1)  # [2 S]: each low byte, which is nearly random, becomes a sample
    print(f"  read as 2 bytes a sample: {len(right):7,} samples, {rms_dbfs(right):6.1f} dB")
    print(f"  read as 1 byte a sample:  {len(wrong):7,} samples, {rms_dbfs(wrong):6.1f} dB: twice as long, and noise")
    write_wav(out / "wrong_width.wav", 0.2 * wrong)  # a fifth, to spare your ears
    return rms_dbfs(wrong) - rms_dbfs(right)


# ----------------------------------------------------------------------------------------------------------------------
# 3. a manifest: which clip, how long, which words


def manifest_rows(paths: list[Path], texts: list[str]) -> list[dict]:
    """Return one row per clip. File names are relative: the folder can be moved, and the manifest still holds."""
    rows = []
    for path, text in zip(paths, texts, strict=True):  # strict: an error, should one list be longer
        waveform, sample_rate = read_wav(path)
        seconds = round(len(waveform) / sample_rate, 3)
        rows.append({"file": f"clips/{path.name}", "seconds": seconds, "sample_rate": sample_rate, "text": text})
    return rows


def write_csv(path: Path, rows: list[dict]) -> None:
    """Write rows as CSV. newline="" leaves line ends to the csv module; without it Windows gets empty lines."""
    with atomic(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        # concept: manifests
        writer.writerows(rows)  # quotes what needs quoting


def read_csv(path: Path) -> list[dict]:
    """Read the rows back. CSV knows only text, so numbers have to be made numbers again."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [{**row, "seconds": float(row["seconds"]), "sample_rate": int(row["sample_rate"])} for row in rows]


def write_jsonl(path: Path, rows: list[dict]) -> None:
    """Write one JSON object per line. Types survive, and a line can be added without touching the others."""
    with atomic(path) as temporary:
        lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
        temporary.write_text("".join(lines), encoding="utf-8")


def read_jsonl(path: Path) -> list[dict]:
    """Read the rows back."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def columns_by_split(path: Path) -> int:
    """Return how many columns `line.split(",")` sees in the first row: the commas of the sentence cut it too."""
    return len(path.read_text(encoding="utf-8").splitlines()[1].split(","))


# ----------------------------------------------------------------------------------------------------------------------
# 4. whole or absent


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Lend a temporary path; rename it to `path` when the block has succeeded.

    What stands before `yield` runs when the `with` block begins, the rest when it ends. `coursekit.files.atomic_path`
    is the grown-up version, which also waits until the disk has the data.
    """
    temporary = path.with_name(path.name + ".tmp")
    try:
        yield temporary
        # concept: atomic writes
        os.replace(temporary, path)  # one step for the disk: nobody ever sees half a file
    finally:
        temporary.unlink(missing_ok=True)  # after an error, sweep up


def crash_while_writing(path: Path, text: str) -> None:
    """Write the first half of a text and fail, as a full disk or a power cut would."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(text[: len(text) // 2])
        raise OSError("the disk is full (a pretended failure)")


def survivors(folder: Path) -> tuple[bool, bool]:
    """Replace a good JSON file twice, failing halfway: plainly, then atomically. Return which was still readable."""
    old, new = json.dumps({"clips": 5}), json.dumps({"clips": 6, "note": "never finished"})
    alive = []
    for name in ("plain", "atomic"):
        path = folder / f"crash_{name}.json"
        path.write_text(old, encoding="utf-8")
        try:
            if name == "plain":
                crash_while_writing(path, new)
            else:
                with atomic(path) as temporary:
                    crash_while_writing(temporary, new)
        except OSError:
            content = path.read_text(encoding="utf-8")
        alive.append(content == old)
        print(f"  {name:6}: the file now holds {content}")
        path.unlink()
    return alive[0], alive[1]


# ----------------------------------------------------------------------------------------------------------------------
# main


def main(settings: Namespace) -> dict[str, float]:
    """Make the clips and their manifests, look inside, and read everything back."""
    texts = sentences(NARRATION)[: QUICK_CLIPS if settings.quick else None]  # [:None] takes all

    print("1. A folder of clips")
    for old in (settings.out / "clips").glob("alice_*.wav"):  # of an earlier run with more clips
        old.unlink()
    paths = make_clips(settings.out / "clips", texts)
    show_paths(paths)

    print("2. Inside the first clip")
    by_hand = read_header(paths[0])
    print(f"  by hand {by_hand}; the library agrees: {by_hand == header_by_library(paths[0])}")
    surplus = paths[0].stat().st_size - HEADER_BYTES - 2 * by_hand["frames"]
    louder = show_sample_width(paths[0], settings.out)

    print("3. The manifest")
    rows = manifest_rows(paths, texts)
    write_csv(settings.out / "manifest.csv", rows)
    write_jsonl(settings.out / "manifest.jsonl", rows)
    same = (read_csv(settings.out / "manifest.csv") == rows) + (read_jsonl(settings.out / "manifest.jsonl") == rows)
    split = columns_by_split(settings.out / "manifest.csv")
    print(f"  {len(rows)} rows, {sum(row['seconds'] for row in rows):.1f} s; read back equal: {same} of 2 formats")
    print(f"  columns: {len(COLUMNS)}; line.split(',') sees {split}")

    print("4. A failure halfway through a write")
    plain_alive, atomic_alive = survivors(settings.out)
    return {
        "clips": len(paths),
        "seconds_of_sound": sum(row["seconds"] for row in rows),
        "header_agrees": int(by_hand == header_by_library(paths[0])),
        "sample_rate": by_hand["sample_rate"],
        "bytes_unaccounted": surplus,
        "wrong_width_louder_db": louder,
        "formats_read_back": same,
        "columns_by_split": split,
        "plain_file_alive": int(plain_alive),
        "atomic_file_alive": int(atomic_alive),
    }


EXPECTED = {
    "clips": Expected((2, 2), (5, 5)),
    "seconds_of_sound": Expected((30.0, 30.2), (68.5, 68.8)),
    "header_agrees": Expected((1, 1), (1, 1)),
    "sample_rate": Expected((24_000, 24_000), (24_000, 24_000)),
    "bytes_unaccounted": Expected((0, 0), (0, 0)),  # 44 bytes of header, 2 for each sample, nothing else
    "wrong_width_louder_db": Expected((14, 18), (14, 18)),  # noise at nearly full scale
    "formats_read_back": Expected((2, 2), (2, 2)),
    "columns_by_split": Expected((8, 8), (8, 8)),  # four too many
    "plain_file_alive": Expected((0, 0), (0, 0)),
    "atomic_file_alive": Expected((1, 1), (1, 1)),
}

PARSER = script_parser(__doc__)

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="04_classes_and_dataclasses.py")
