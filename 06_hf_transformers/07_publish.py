"""Publish a model: safe weights, a card with measured numbers, a rehearsal of the upload, and the way back.

What you will learn
    - what a safetensors file is, read by hand: eight bytes, a table, numbers; and why it cannot run a program
    - what a pickle can do when it is opened, shown on a harmless one
    - a model card that says what was measured, on what, and what the model is not for
    - what an upload would send, checked before anybody sees it: secrets, pickles, paths of your machine, size
    - loading it back from its folder alone, half as large, with the same answers
How to run it
    python 07_publish.py --quick                 about 12 s; needs the classifier that script 04 trains
    python 07_publish.py                         the same with the full run's numbers
    python 07_publish.py --push OWNER/NAME       after the rehearsal really sends it, with your token (HF_TOKEN)
    python 07_publish.py --model                 looks into ModernBERT (600 MB) as it does into ours, or --model FOLDER
Time and memory on 2 CPU cores: quick 12 s, full 13 s; 0.8 GB.
Writes outputs/: publish/, publish.png
Concepts: TRANSFORMERS_CONCEPTS_EXPLAINED.md (safetensors, model cards, the hub)
"""

import json
import os
import pickle
import re
import struct
from pathlib import Path

import numpy as np
import torch
from hf_utils import (
    BLUE,
    BOOKS,
    ORANGE,
    add_model_flag,
    count_parameters,
    load,
    load_lines,
    prepare,
    public_model,
    save_figure,
    save_model,
)
from matplotlib.figure import Figure

from coursekit.cli import run_script, script_parser
from coursekit.errors import CourseError
from coursekit.expectations import Expected
from coursekit.files import sha256_file, write_text_atomic

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = add_model_flag(script_parser(__doc__), "answerdotai/ModernBERT-base")
PARSER.add_argument("--push", metavar="OWNER/NAME", help="send it to the hub after the rehearsal (private)")
MAY_BE_SENT = {".safetensors", ".json", ".md", ".txt"}  # what a model of this kind consists of; all else is held back
LARGEST_MB = 50  # a model of this course is far smaller; what is larger got there by mistake
SECRET = re.compile(rb"hf_[A-Za-z0-9]{20,}|AKIA[A-Z0-9]{16}|-----BEGIN [A-Z ]*PRIVATE KEY|(?:/home|/Users|/root)/\w+")
TYPES = {"F32": np.float32, "F16": np.float16, "I64": np.int64}

# ----------------------------------------------------------------------------------------------------------------------
# safetensors by hand


def read_safetensors(path: Path) -> tuple[dict[str, np.ndarray], dict[str, dict]]:
    """Read a safetensors file with nothing but the format's description.

    Bytes 0 to 7: how long the table is. Then the table, JSON: for each tensor its type, its shape, and where its
    bytes begin and end. Then the bytes. There is no place in it for a program.
    """
    # concept: safetensors
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    table = json.loads(data[8 : 8 + length])
    numbers, found = memoryview(data)[8 + length :], {}
    for name, entry in table.items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            found[name] = np.frombuffer(numbers[begin:end], TYPES[entry["dtype"]]).reshape(entry["shape"])
    return found, table


def prove_reader(path: Path) -> float:
    """Largest difference to what the library reads; also of names and shapes (infinite when they differ)."""
    from safetensors.numpy import load_file

    mine, library = read_safetensors(path)[0], load_file(path)
    if {name: value.shape for name, value in mine.items()} != {name: value.shape for name, value in library.items()}:
        return float("inf")
    return max(float(np.abs(mine[name] - library[name]).max()) for name in mine)


class Trap:
    """What a stranger could hide in a file of weights: unpickling calls whatever it names."""

    def __reduce__(self):
        return exec, ("import os; os.environ['OPENED_BY_A_PICKLE'] = 'yes'",)  # harmless; it could be any program


def goes_off(path: Path, guarded: bool) -> bool:
    """Open a trapped file of weights; return whether the trap ran."""
    torch.save({"weights": torch.ones(2), "trap": Trap()}, path)
    try:
        torch.load(path, weights_only=guarded)  # True, PyTorch's default: numbers and plain containers alone
    except pickle.UnpicklingError:
        pass
    path.unlink()
    return os.environ.pop("OPENED_BY_A_PICKLE", None) == "yes"


# ----------------------------------------------------------------------------------------------------------------------
# the card


def write_card(folder: Path, model, report: dict) -> str:
    """Write README.md: what the hub reads (YAML) and what people read. Its numbers come from script 04's report."""
    # concept: model cards
    from huggingface_hub import EvalResult, ModelCard, ModelCardData

    values, run = report["values"], "quick" if report["quick"] else "full"
    accuracy, words = round(values["accuracy_plain_loop"], 3), values["accuracy_words_counted"]
    result = EvalResult(
        task_type="text-classification",
        dataset_type="ljspeech-lines",
        dataset_name="lines of four books, chapters not trained on",
        metric_type="accuracy",
        metric_value=accuracy,
    )
    data = ModelCardData(
        language="en",
        license="mit",
        library_name="transformers",
        pipeline_tag="text-classification",
        model_name="which-book",
        tags=["course"],
        eval_results=[result],
    )
    text = f"""---
{data.to_yaml()}
---

# which-book

Tells which of four public-domain books a line of English is from: {", ".join(BOOKS)}. Made in a course, to learn how
it is done: a ModernBERT of {count_parameters(model):,} parameters, trained from nothing in a minute on a CPU.

## How good it is

{accuracy:.1%} of the lines of four chapters that it never saw (guessing: 25 %). A linear model that counts words
reaches {words:.1%} on the same lines. Measured by `04_fine_tune_encoder.py`, {run} run.

## What it is not for

Anything else. A line of a fifth book gets one of the four names too, often with great certainty.

## Data

Lines that LJSpeech reads (public domain), two thirds of the chapters to learn from, the last of each book for the test.
The model learnt the spelling and the opinions of 1884 to 1964 with them.
"""
    card = ModelCard(text)
    write_text_atomic(folder / "README.md", str(card))
    return str(card)


def card_problems(text: str) -> list[str]:
    """What a card must say before anything is sent. No network: the hub's own check would ask the hub."""
    from huggingface_hub import ModelCard

    card = ModelCard(text)
    data = card.data.to_dict()
    problems = [
        f"the card names no {field}" for field in ("license", "language", "pipeline_tag") if not data.get(field)
    ]
    if not card.data.eval_results:
        problems.append("the card names no measured result")
    for heading in ("How good it is", "What it is not for", "Data"):
        if f"## {heading}\n" not in card.text:
            problems.append(f"the card has no section {heading!r}")
    return problems


# ----------------------------------------------------------------------------------------------------------------------
# the upload


def plan(folder: Path) -> list:
    """Return the operations that an upload consists of: one for each file, with size and SHA-256 computed."""
    from huggingface_hub import CommitOperationAdd

    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [CommitOperationAdd(path.relative_to(folder).as_posix(), str(path)) for path in files]


def refusals(operations: list) -> list[str]:
    """Why this must not be sent: one reason for each file that does not belong."""
    found = []
    for operation in operations:
        path = Path(operation.path_or_fileobj)
        if path.suffix not in MAY_BE_SENT:
            found.append(f"{operation.path_in_repo}: a model needs no {path.suffix or 'such'} file")
        elif operation.upload_info.size > LARGEST_MB * 1e6:
            found.append(f"{operation.path_in_repo}: {operation.upload_info.size / 1e6:.0f} MB, more than {LARGEST_MB}")
        elif path.suffix != ".safetensors" and (secret := SECRET.search(path.read_bytes())):
            found.append(f"{operation.path_in_repo}: it holds a key or a path of your machine ({secret[0][:8]!r}...)")
    return found


def push(name: str, operations: list) -> str:
    """Really send it: a private repository, one commit. Returns its address.

    Raises:
        CourseError: No network is allowed, no token, or the hub refuses.
    """
    from huggingface_hub import HfApi, constants, get_token
    from huggingface_hub.errors import HfHubHTTPError

    if constants.HF_HUB_OFFLINE:
        raise CourseError("--push: HF_HUB_OFFLINE or COURSE_OFFLINE forbids the network.", hint="unset it")
    if not get_token():
        raise CourseError(
            "--push: there is no token.", hint="make one with write access on the hub, put it in HF_TOKEN"
        )
    try:
        hub = HfApi()
        hub.create_repo(name, private=True, exist_ok=True)
        return str(hub.create_commit(name, operations, commit_message="A model of the course").commit_url)
    except (HfHubHTTPError, OSError) as error:
        raise CourseError(f"--push: {str(error).splitlines()[0]}", hint="check name, token and network") from error


# ----------------------------------------------------------------------------------------------------------------------
# the way back


@torch.no_grad()
def answers(folder: Path, lines: list[str]) -> np.ndarray:
    """Load whatever lies in a folder and classify some lines with it. Scores `[N, 4]`."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = load(AutoTokenizer, folder)
    model = load(AutoModelForSequenceClassification, folder, use_safetensors=True).float().eval()
    inputs = tokenizer(lines, return_tensors="pt", padding=True, truncation=True, max_length=48)
    return model(input_ids=inputs.input_ids, attention_mask=inputs.attention_mask).logits.numpy()


def plot(table: dict[str, dict], path: Path) -> None:
    sizes = {
        name: entry["data_offsets"][1] - entry["data_offsets"][0] for name, entry in table.items() if "shape" in entry
    }
    largest = sorted(sizes, key=lambda name: sizes[name])[-10:]
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    colours = [ORANGE if "embedding" in name else BLUE for name in largest]
    axes.barh(largest, [sizes[name] / 1000 for name in largest], color=colours)
    axes.set(xlabel="kB", title="the ten largest tensors (orange: embeddings)")
    save_figure(figure, path)


def look_at(folder: Path) -> None:
    """Print what the weights of a public model consist of, from the table alone: nothing is loaded."""
    for path in sorted(folder.glob("*.safetensors")):
        with open(path, "rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            entries = json.loads(file.read(length))
        print(f"   {path.name}: {path.stat().st_size / 1e6:.1f} MB, {len(entries)} entries")


def the_report(out: Path) -> dict:
    """What script 04 measured, from its report."""
    path = out / "04_fine_tune_encoder.json"
    if not path.is_file() or not (out / "classifier" / "config.json").is_file():
        raise CourseError(
            "there is no trained classifier yet.", hint="run python 04_fine_tune_encoder.py --quick first"
        )
    return json.loads(path.read_text(encoding="utf-8"))


def main(settings) -> dict:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    prepare(settings)
    report = the_report(settings.out)
    trained, folder = settings.out / "classifier", settings.out / "publish"
    model = load(AutoModelForSequenceClassification, trained)
    save_model(folder, model.half(), load(AutoTokenizer, trained))  # half the bytes; what it costs is measured below

    weights = folder / "model.safetensors"
    gap = prove_reader(weights)
    table = read_safetensors(weights)[1]
    names = [name for name in table if name != "__metadata__"]
    print(f"model.safetensors: {weights.stat().st_size / 1000:.0f} kB, {len(names)} tensors")
    print(f"   read by hand and by the library: {gap:.0e} apart. Its first entry: {names[0]} {table[names[0]]}")
    opened, guarded = (goes_off(settings.out / "trap.bin", guard) for guard in (False, True))
    print(f"A trapped pickle: opened without a guard, the trap {'went off' if opened else 'did not go off'}; with")
    print(
        f"   weights_only=True it {'went off' if guarded else 'was refused'}. A safetensors file has no place for one."
    )

    card = write_card(folder, model, report)
    operations = plan(folder)
    problems = card_problems(card) + refusals(operations)
    print(f"\nRehearsal: {len(operations)} files would be sent")
    for operation in operations:
        info = operation.upload_info
        print(f"   {operation.path_in_repo:<26} {info.size:>9,} bytes   sha256 {info.sha256.hex()[:12]}")
    print("   nothing speaks against it" if not problems else "   REFUSED: " + "; ".join(problems))
    right = all(op.upload_info.sha256.hex() == sha256_file(op.path_or_fileobj) for op in operations)

    lines = [line.text for line in load_lines()[1]][::7]
    before, after = answers(trained, lines), answers(folder, lines)
    same = float(np.mean(before.argmax(1) == after.argmax(1)))
    print(f"\nLoaded from its folder alone: {same:.1%} of {len(lines)} answers the same, scores apart by")
    print(f"   {np.abs(before - after).max():.4f} at most: float16 keeps three decimals, and half of the bytes")
    plot(table, settings.out / "publish.png")
    print("publish.png: the embeddings of the tokens are the largest part of a small model")
    if public := public_model(settings):
        look_at(public)
    if settings.push:
        if problems:
            raise CourseError("--push: the rehearsal found a reason not to.", hint="repair what it names above")
        print(f"\nsent: {push(settings.push, operations)}")
    return {
        "reader_difference": gap,
        "trap_went_off_by_pickle": float(opened),
        "trap_went_off_by_weights_only": float(guarded),
        "files": len(operations),
        "reasons_against_sending": len(problems),
        "hashes_right": float(right),
        "same_answers": same,
        "score_difference": float(np.abs(before - after).max()),
        "kilobytes": weights.stat().st_size / 1000,
        "share_of_float32": weights.stat().st_size / (trained / "model.safetensors").stat().st_size,
    }


EXPECTED = {
    "reader_difference": Expected(quick=(0, 0), full=(0, 0)),
    "trap_went_off_by_pickle": Expected(quick=(1, 1), full=(1, 1)),
    "trap_went_off_by_weights_only": Expected(quick=(0, 0), full=(0, 0)),
    "files": Expected(quick=(4, 8), full=(4, 8)),
    "reasons_against_sending": Expected(quick=(0, 0), full=(0, 0)),
    "hashes_right": Expected(quick=(1, 1), full=(1, 1)),
    "same_answers": Expected(quick=(0.98, 1), full=(0.98, 1)),
    "score_difference": Expected(quick=(0, 0.1), full=(0, 0.1)),
    "share_of_float32": Expected(quick=(0.45, 0.6), full=(0.45, 0.6)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="course quiz 06")
