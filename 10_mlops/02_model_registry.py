"""A model registry: versions that never change, names that move, a gate that measures, and the way back.

What you will learn
    - versions and aliases: "version 3" is a file for ever, "champion" is whoever serves today
    - promotion by a gate: better on recordings nobody trained on, by more than chance, and worse at nothing
    - why one number is not enough: the gate names the kind that a model has unlearnt, and the file that is too large
    - to find out later what served when, on which data it was trained, and why it was let in
    - to roll back: one name moves, in milliseconds; nothing is trained, copied or deleted
How to run it
    python 02_model_registry.py --quick    five models, about 11 s, no network
    python 02_model_registry.py            the same on 24 voices; the first run downloads 12 MB
Time and memory on 2 CPU cores: quick 11 s, full 15 s; 0.4 GB. Without data it first makes its speech.
Writes outputs/: mlflow.db, registry.png, registry_files/, clips.npz (first run), stand_in/ (first run without data)
Concepts: MLOPS_CONCEPTS_EXPLAINED.md (model registry, promotion gate, rollback)
"""

import hashlib
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from clip_model import KINDS, ClipModel
from matplotlib.figure import Figure
from mlops_utils import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    Data,
    Decision,
    Gate,
    accuracy,
    database,
    database_is_whole,
    decide,
    load_data,
    prepare,
    quiet_mlflow,
    recalls,
    save_figure,
    train,
)

from coursekit.cli import run_script, script_parser
from coursekit.errors import CourseError
from coursekit.expectations import Expected
from coursekit.files import write_json_atomic

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
PARSER.add_argument(
    "--certainty", type=float, default=0.9, metavar="SHARE", help="of the interval the gate looks at, 0.5 to 0.99 (0.9)"
)
NAME = "clip-judge"
BIG = 4000  # hidden units of a model that is too large for its place

# ----------------------------------------------------------------------------------------------------------------------
# five candidates, as they come in from colleagues over a month


@dataclass(frozen=True)
class Candidate:
    """A trained model and how it came about."""

    model: ClipModel
    story: str


def candidates(data: Data, random: np.random.Generator, seed: int) -> list[Candidate]:
    """Return five models. The first begins; two of the others are worse in ways that a mean can hide."""
    table, labels = data.train
    few = random.permutation(len(labels))[: len(labels) // 4]
    mixed = labels.copy()
    wrong = random.permutation(len(labels))[: len(labels) // 3]
    mixed[wrong] = random.integers(0, len(KINDS), len(wrong))
    forgets = labels != KINDS.index("quiet")
    return [
        Candidate(train(table[few], labels[few], epochs=8, seed=seed), "a quarter of the data, eight epochs"),
        Candidate(train(table, labels, seed=seed), "all data, sixty epochs"),
        Candidate(train(table, mixed, seed=seed), "a third of the labels was mixed up on the way"),
        Candidate(train(table[forgets], labels[forgets], seed=seed), "the quiet recordings were lost in a join"),
        Candidate(train(table, labels, hidden=BIG, epochs=12, seed=seed), f"{BIG} hidden units"),
    ]


# ----------------------------------------------------------------------------------------------------------------------
# the registry


def start_anew(client) -> None:
    """Remove what an earlier run of this script registered; nobody does that with a real registry."""
    if client.search_registered_models(f"name = '{NAME}'"):
        client.delete_registered_model(NAME)
    client.create_registered_model(NAME, description="Says whether a recording is fit to train a voice on.")


def register(client, candidate: Candidate, folder: Path, data: Data) -> str:
    """Put a model into the registry and return the number of its version.

    The registry keeps a pointer, tags and a time. The file itself lies where `source` says, and must never change: its
    hash is a tag, so that anybody can check.
    """
    candidate.model.save(folder / "model.safetensors")
    write_json_atomic(folder / "recalls.json", recalls(candidate.model, *data.test))
    # concept: model registry
    version = client.create_model_version(
        NAME,
        source=str(folder),
        description=candidate.story,
        tags={
            "sha256": hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest(),
            "data": hashlib.sha256(data.table.tobytes()).hexdigest()[:12],
            "accuracy": f"{accuracy(candidate.model, *data.test):.4f}",
        },
    )
    return str(version.version)


def load_champion(mlflow) -> ClipModel:
    """Return the model that the name "champion" stands for now, its hash checked."""
    client = mlflow.MlflowClient()
    version = client.get_model_version_by_alias(NAME, "champion")
    path = Path(mlflow.artifacts.download_artifacts(f"models:/{NAME}@champion")) / "model.safetensors"
    if hashlib.sha256(path.read_bytes()).hexdigest() != version.tags["sha256"]:
        raise CourseError(f"version {version.version} is not the file that was registered.", hint="roll back")
    return ClipModel.load(path)


def promote(client, version: str, decision: Decision | None) -> None:
    """Let `version` serve: the name moves, and why is written down beside both versions."""
    old = client.get_registered_model(NAME).aliases.get("champion")
    client.set_registered_model_alias(NAME, "champion", version)
    if old:
        client.set_registered_model_alias(NAME, "previous", old)
    why = f"gain {decision.gain:+.3f} ({decision.low:+.3f} to {decision.high:+.3f})" if decision else "the first"
    client.set_model_version_tag(NAME, version, "promoted", why)


def roll_back(client) -> float:
    """Give the name back to the version before; return the seconds that took."""
    started = time.perf_counter()
    # concept: rollback
    old = client.get_model_version_by_alias(NAME, "previous").version
    client.set_registered_model_alias(NAME, "champion", old)
    return time.perf_counter() - started


def plot(rows: list[tuple[str, Decision]], path: Path) -> None:
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    axes = figure.subplots()
    for place, (_, decision) in enumerate(rows):
        colour = BLUE if decision.promoted else ORANGE
        axes.plot([decision.low, decision.high], [place, place], color=colour, lw=3)
        axes.plot(decision.gain, place, "o", color=colour)
        verdict = "promoted" if decision.promoted else "refused: " + decision.reasons[-1]
        axes.text(decision.high + 0.01, place, verdict, va="center", fontsize=8)
    axes.axvline(0, color=GREY, lw=1)
    axes.set(yticks=range(len(rows)), yticklabels=[label for label, _ in rows], ylim=(len(rows) - 0.5, -0.5))
    axes.set(xlabel="gain in accuracy over the champion of that day (share)", title="the gate", xlim=(-0.6, 1.05))
    axes.axvspan(-0.6, 0, color=GREEN, alpha=0.06)
    save_figure(figure, path)
    print("registry.png: each candidate's gain with its interval; an interval that touches zero proves nothing")


def main(settings) -> dict:
    random = prepare(settings)
    if not 0.5 <= settings.certainty <= 0.99:
        raise CourseError(f"--certainty {settings.certainty} is not in 0.5 to 0.99.", hint="try --certainty 0.9")
    quiet_mlflow()
    import mlflow

    data = load_data(settings)
    mlflow.set_tracking_uri(
        database(settings)
    )  # the client speaks to the database itself; a server's URL works the same
    client = mlflow.MlflowClient()
    start_anew(client)
    database_is_whole(settings)
    folder = settings.out / "registry_files"
    shutil.rmtree(folder, ignore_errors=True)
    gate = Gate(certainty=settings.certainty)
    print(f"\nThe gate: {gate}")
    print(f"It judges on {len(data.test[1])} recordings of voices that no candidate was trained on.\n")

    rows = []
    for number, candidate in enumerate(candidates(data, random, settings.seed), 1):
        version = register(client, candidate, folder / f"v{number}", data)
        print(f"version {version}: {candidate.story}; {accuracy(candidate.model, *data.test):.1%} right")
        if number == 1:
            promote(client, version, None)
            print("   the first one serves without a contest")
            continue
        # concept: promotion gate
        decision = decide(load_champion(mlflow), candidate.model, *data.test, gate, settings.seed)
        rows.append((f"version {version}", decision))
        if decision.promoted:
            promote(client, version, decision)
            print(f"   PROMOTED: gain {decision.gain:+.3f}, {decision.low:+.3f} to {decision.high:+.3f}")
        else:
            client.set_model_version_tag(NAME, version, "refused", "; ".join(decision.reasons))
            print("   refused: " + "; ".join(decision.reasons))
    plot(rows, settings.out / "registry.png")

    aliases = client.get_registered_model(NAME).aliases
    champion = load_champion(mlflow)
    print(f"\nNames now: {dict(sorted(aliases.items()))}; loaded by name, the champion is "
          f"{accuracy(champion, *data.test):.1%} right")  # fmt: skip
    seconds = roll_back(client)
    rolled = client.get_model_version_by_alias(NAME, "champion").version
    print(f"Rolled back to version {rolled} in {1000 * seconds:.0f} ms. Version {aliases['champion']} is still there.")
    same = client.get_model_version(NAME, aliases["champion"]).tags
    print(f"   what it was: {', '.join(f'{key} {value[:24]}' for key, value in sorted(same.items()))}")
    path = folder / f"v{rolled}" / "model.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))  # one bit
    try:
        load_champion(mlflow)
        caught = 0
    except CourseError as error:
        caught = 1
        print(f"   a file changed behind the registry's back is noticed: {error}")
    path.write_bytes(whole)
    print("\nThe capstone chooses among its own checkpoints in the same way, by measured similarity and word errors:")
    print("   voice_pipeline/training.py keeps the best one by measurement, not the last one")
    return {
        "promoted": sum(decision.promoted for _, decision in rows),
        "gain_of_the_second": rows[0][1].gain,
        "refused_for_lost_kind": int(any("quiet:" in reason for reason in rows[2][1].reasons)),
        "refused_for_size": int(any("bytes" in reason for reason in rows[3][1].reasons)),
        "mixed_labels_refused": int(not rows[1][1].promoted),
        "champion": int(aliases["champion"]),
        "rolled_back_to": int(rolled),
        "changed_file_noticed": caught,
    }


EXPECTED = {
    "promoted": Expected(quick=(1, 1), full=(1, 1)),
    "gain_of_the_second": Expected(quick=(0.05, 0.8), full=(0.03, 0.6)),
    "refused_for_lost_kind": Expected(quick=(1, 1), full=(1, 1)),
    "refused_for_size": Expected(quick=(1, 1), full=(1, 1)),
    "mixed_labels_refused": Expected(quick=(1, 1), full=(1, 1)),
    "champion": Expected(quick=(2, 2), full=(2, 2)),
    "rolled_back_to": Expected(quick=(1, 1), full=(1, 1)),
    "changed_file_noticed": Expected(quick=(1, 1), full=(1, 1)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="03_serve_twice.py")
