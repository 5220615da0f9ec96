"""A data set in files: LJSpeech's manifest, its traps, and the same data as a Hugging Face data set on disk and back.

What you will learn
    - the most widely read form of a speech data set: wavs/ID.wav, and one line `id|text|normalised text` a clip
    - why it is not a CSV file, and what the csv module does to a sentence that begins with a quotation mark
    - a check that finds what is wrong between the manifest and the folder, before a training does
    - the same data as a table on disk (Arrow): what is stored, what is loaded, and that nothing is lost on the way back
How to run it
    python 05_manifest_and_datasets.py --quick    6 clips, no network, about 7 s
    python 05_manifest_and_datasets.py            24 clips; the first run downloads 10 MB
    python 05_manifest_and_datasets.py --check my_data    check a folder of your own, too
Time and memory on 2 CPU cores: quick 7 s, full 6 s; 0.7 GB. Without data the first run makes its speech first.
Writes outputs/: corpus/, spoilt/, back/, hf_dataset/, voices/, durations.png, stand_in/ (first run without data)
Concepts: DATA_CONCEPTS_EXPLAINED.md (manifests, columnar data sets)
"""

import csv
import hashlib
import io
import os
import shutil
from pathlib import Path

import soundfile
from data_utils import (
    BLUE,
    SAMPLE_RATE,
    Row,
    as_course_error,
    load_readings,
    prepare,
    read_manifest,
    save_figure,
    write_corpus,
    write_manifest,
)
from matplotlib.figure import Figure

from coursekit.cli import run_script, script_parser
from coursekit.expectations import Expected
from coursekit.files import write_bytes_atomic, write_text_atomic
from voice_pipeline.recording import import_folder
from voice_pipeline.voice_folder import VoiceFolder, read_jsonl

# Nothing here asks the Hugging Face hub for anything; these say so to the library before it is imported.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_DATASETS_OFFLINE", "1")

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
PARSER.add_argument("--check", type=Path, metavar="FOLDER", help="a data set in LJSpeech form to check, too")
QUICK_CLIPS, FULL_CLIPS = 6, 24

# ----------------------------------------------------------------------------------------------------------------------
# not a CSV file


def the_trap_of_quotes() -> tuple[int, int]:
    """Read four lines as CSV and as what they are; return how many rows each gives."""
    # concept: manifests
    manifest = (
        'a01|"Begin at the beginning," the King said.\n'  # quotation marks at both ends of a part
        'a02|"Stop.\n'  # a quotation that goes on in the next clip, as it does in every novel
        "a03|Then she went on.\n"
        "a04|And so she did.\n"
    )
    as_csv = list(csv.reader(io.StringIO(manifest), delimiter="|"))
    as_lines = [line.split("|") for line in manifest.splitlines()]
    print("Four lines of a manifest, two of them with quotation marks")
    print(f"   the csv module: {len(as_csv)} rows; the last text is {as_csv[-1][-1]!r}")
    print(f"   split at '|':   {len(as_lines)} rows; the last text is {as_lines[-1][-1]!r}")
    print("   A quotation mark that nobody closes swallows all that follows. No error, only fewer clips.")
    return len(as_csv), len(as_lines)


# ----------------------------------------------------------------------------------------------------------------------
# a check


def check_corpus(folder: Path) -> list[str]:
    """Return what is wrong between a manifest and its wavs/, in words; an empty list is a pass."""
    rows = read_manifest(folder)
    ids = [row.clip_id for row in rows]
    files = {path.stem: path for path in (folder / "wavs").glob("*.wav")}
    problems = [f"{name}: in the manifest, but wavs/{name}.wav is missing" for name in sorted(set(ids) - files.keys())]
    problems += [f"{name}: in wavs/, but not in the manifest" for name in sorted(files.keys() - set(ids))]
    problems += [f"{name}: {ids.count(name)} lines" for name in sorted({name for name in ids if ids.count(name) > 1})]
    rates: dict[int, list[str]] = {}
    for row in rows:
        if not any(letter.isalpha() for letter in row.spoken):
            problems.append(f"{row.clip_id}: nothing to say in {row.spoken!r}")
        if any(letter.isdigit() for letter in row.spoken):
            problems.append(f"{row.clip_id}: figures in the spoken text: {row.spoken[:40]!r}")
        if row.clip_id in files:
            info = soundfile.info(files[row.clip_id])
            rates.setdefault(info.samplerate, []).append(row.clip_id)
            if len(row.spoken) / max(info.duration, 0.1) > 40:
                problems.append(f"{row.clip_id}: {len(row.spoken)} letters in {info.duration:.1f} s")
    usual = max(rates, key=lambda rate: len(rates[rate]), default=0)
    strangers = [(name, rate) for rate, names in rates.items() if rate != usual for name in names]
    return problems + [f"{name}: {rate:,} Hz, the others have {usual:,}" for name, rate in strangers]


def spoil(corpus: Path, folder: Path) -> int:
    """Copy a data set with seven faults in it; return how many."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(corpus, folder)
    rows = read_manifest(corpus)
    waveform, _ = soundfile.read(folder / "wavs" / f"{rows[3].clip_id}.wav", dtype="int16")
    (folder / "wavs" / f"{rows[0].clip_id}.wav").unlink()  # 1: a file is missing
    (folder / "wavs" / f"{rows[1].clip_id}.wav").rename(folder / "wavs" / "new_take.wav")  # 2, 3: renamed by hand
    soundfile.write(folder / "wavs" / f"{rows[3].clip_id}.wav", waveform[::2], SAMPLE_RATE // 2)  # 4: another rate
    lines = [Row(row.clip_id, row.text, row.spoken) for row in rows]
    lines[2] = Row(rows[2].clip_id, "...", "...")  # 5: nothing to say
    lines[4] = Row(rows[4].clip_id, "In 1865 it was printed.", "In 1865 it was printed.")  # 6: figures
    lines.append(lines[4])  # 7: the line stands twice (and so does its fault)
    write_manifest(folder, lines)
    return 7


# ----------------------------------------------------------------------------------------------------------------------
# the same data as a table on disk


def to_dataset(corpus: Path, target: Path):
    """Write a data set in LJSpeech form as a Hugging Face data set; return it as it is read back.

    Each row holds the bytes of its WAV file, so the folder can be copied or uploaded as it is. `decode=False` hands
    them out as they are; the default would decode them with torchcodec, which needs FFmpeg on the machine.
    """
    # concept: columnar data sets
    from datasets import Audio, Dataset, Features, Value, disable_progress_bars, load_from_disk

    disable_progress_bars()
    rows = read_manifest(corpus)
    columns: dict[str, list] = {"id": [], "audio": [], "text": [], "spoken": [], "seconds": []}
    for row in rows:
        path = corpus / "wavs" / f"{row.clip_id}.wav"
        columns["id"].append(row.clip_id)
        columns["audio"].append({"bytes": path.read_bytes(), "path": path.name})
        columns["text"].append(row.text)
        columns["spoken"].append(row.spoken)
        columns["seconds"].append(soundfile.info(path).duration)
    features = Features(
        {
            "id": Value("string"),
            "audio": Audio(sampling_rate=SAMPLE_RATE, decode=False),
            "text": Value("string"),
            "spoken": Value("string"),
            "seconds": Value("float32"),
        }
    )
    shutil.rmtree(target, ignore_errors=True)
    Dataset.from_dict(columns, features=features).save_to_disk(str(target))
    return load_from_disk(str(target))


def from_dataset(dataset, folder: Path) -> None:
    """Write a Hugging Face data set in LJSpeech form."""
    shutil.rmtree(folder, ignore_errors=True)
    for row in dataset:
        write_bytes_atomic(folder / "wavs" / f"{row['id']}.wav", row["audio"]["bytes"])
    write_manifest(folder, [Row(row["id"], row["text"], row["spoken"]) for row in dataset])


def digest(corpus: Path) -> str:
    """Return one SHA-256 of a whole data set: the manifest and every file."""
    whole = hashlib.sha256((corpus / "metadata.csv").read_bytes())
    for path in sorted((corpus / "wavs").glob("*.wav")):
        whole.update(path.name.encode() + path.read_bytes())
    return whole.hexdigest()


def round_trip(corpus: Path, settings) -> dict[str, float]:
    dataset = to_dataset(corpus, settings.out / "hf_dataset")
    size = sum(path.stat().st_size for path in (settings.out / "hf_dataset").rglob("*") if path.is_file())
    print(f"\nAs a Hugging Face data set: {dataset.num_rows} rows, columns {', '.join(dataset.column_names)}")
    print(f"   on disk {size / 1e6:.1f} MB, of which {dataset.data.nbytes / 1e6:.1f} MB are mapped, not loaded")
    # filter() would write its result beside the data; keep_in_memory leaves the folder as it is.
    long = dataset.filter(lambda row: row["seconds"] > 5, keep_in_memory=True)
    seconds = dataset["seconds"]
    print(f"   one column alone, without touching the sound: {sum(seconds):.0f} s in all, {len(long)} clips over 5 s")
    row = dataset[0]
    waveform, rate = soundfile.read(io.BytesIO(row["audio"]["bytes"]), dtype="float32")
    print(f"   row 0: {row['id']}, {len(waveform) / rate:.1f} s at {rate:,} Hz: {row['spoken'][:50]}")
    from_dataset(dataset, settings.out / "back")
    same = digest(corpus) == digest(settings.out / "back")
    print(f"   and back to files: {'every byte is the same' if same else 'something was lost'}")
    return {"rows": dataset.num_rows, "same": int(same), "overhead": size / sum(map(len_of, corpus.rglob("*.wav")))}


def len_of(path: Path) -> int:
    return path.stat().st_size


def as_the_capstone_reads(corpus: Path, settings) -> int:
    """Import the data set with the capstone's step 1; return how many texts came out as they went in."""
    shutil.rmtree(settings.out / "voices", ignore_errors=True)
    folder = VoiceFolder(settings.out / "voices", "manifest")
    with as_course_error():
        report = import_folder(folder, corpus)
    wanted = {row.clip_id: row.spoken for row in read_manifest(corpus)}
    same = sum(wanted.get(row["id"]) == row["text"] for row in read_jsonl(folder.manifest))
    print(f"\nThe capstone's import: {report.given} recordings, {same} with exactly this text, ", end="")
    print(f"{len(report.missing)} missing, {len(report.without_text)} without a text")
    return same


def plot(dataset_seconds: list[float], names: list[str], path: Path) -> None:
    figure = Figure(figsize=(9, 4), layout="constrained")
    axes = figure.subplots()
    axes.bar(range(len(names)), dataset_seconds, color=BLUE)
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=7)
    axes.set(ylabel="length (s)", title="one column of the table: lengths, read without the sound")
    save_figure(figure, path)
    print(f"durations.png: {len(names)} clips, {min(dataset_seconds):.1f} to {max(dataset_seconds):.1f} s")


def main(settings) -> dict:
    prepare(settings)
    csv_rows, line_rows = the_trap_of_quotes()
    wanted = QUICK_CLIPS if settings.quick else FULL_CLIPS
    readings = load_readings(settings, wanted)[:wanted]
    corpus = settings.out / "corpus"
    shutil.rmtree(corpus, ignore_errors=True)
    rows = write_corpus(corpus, readings)
    write_text_atomic(corpus / "README.txt", "Clips in LJSpeech form, written by 05_manifest_and_datasets.py.\n")
    print(f"\ncorpus/: {len(rows)} clips; the first line is {rows[0].clip_id}|{rows[0].text[:40]}...")
    clean = check_corpus(corpus)
    planted = spoil(corpus, settings.out / "spoilt")
    found = check_corpus(settings.out / "spoilt")
    print(f"Checked: {len(clean)} problems. The same with {planted} faults planted: {len(found)} problems")
    for problem in found:
        print(f"   {problem}")
    trip = round_trip(corpus, settings)
    texts = as_the_capstone_reads(corpus, settings)
    plot([reading.seconds for reading in readings], [row.clip_id for row in rows], settings.out / "durations.png")
    if settings.check:
        own = check_corpus(settings.check)
        print(f"\n{settings.check}: " + ("nothing wrong" if not own else f"{len(own)} problems"))
        print("\n".join(f"   {problem}" for problem in own[:20]))
    return {
        "rows_by_csv_of_four": csv_rows,
        "rows_by_lines_of_four": line_rows,
        "problems_in_the_clean_corpus": len(clean),
        "problems_in_the_spoilt_corpus": len(found),
        "rows_of_the_dataset_over_clips": trip["rows"] / len(rows),
        "every_byte_came_back": trip["same"],
        "size_over_the_wav_files": trip["overhead"],
        "texts_the_capstone_read": texts / len(rows),
    }


EXPECTED = {
    "rows_by_csv_of_four": Expected(quick=(2, 2), full=(2, 2)),
    "rows_by_lines_of_four": Expected(quick=(4, 4), full=(4, 4)),
    "problems_in_the_clean_corpus": Expected(quick=(0, 0), full=(0, 0)),
    "problems_in_the_spoilt_corpus": Expected(quick=(8, 8), full=(8, 8)),
    "rows_of_the_dataset_over_clips": Expected(quick=(1, 1), full=(1, 1)),
    "every_byte_came_back": Expected(quick=(1, 1), full=(1, 1)),
    "size_over_the_wav_files": Expected(quick=(1, 1.1), full=(1, 1.1)),
    "texts_the_capstone_read": Expected(quick=(1, 1), full=(1, 1)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="06_libritts.py")
