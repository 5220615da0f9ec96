"""The loop closed: new recordings arrive, are validated, trained on, judged, promoted if better, served without a gap.

What you will learn
    - the whole of operations in one command: inbox, validation, data version, training, gate, registry, service
    - to validate data before it can do harm: eight broken files, each refused with its reason
    - why validation is not enough: a batch with wrong labels is whole in every file, and only the gate stops it
    - that a test voice must never slip into the training data, even when it arrives by post
    - to change the model under a running service while somebody asks all the time, and to prove that nobody noticed
How to run it
    python 08_close_the_loop.py --quick    three batches, about 13 s, no network
    python 08_close_the_loop.py            the same on 24 voices; the first run downloads 12 MB
Time and memory on 2 CPU cores: quick 13 s, full 17 s; 0.5 GB. Without data it first makes its speech.
Writes outputs/: loop.png, loop.jsonl, service_loop.log, inbox/, loop_files/, models/, mlflow.db, clips.npz (first run),
    stand_in/ (first run without data)
Concepts: MLOPS_CONCEPTS_EXPLAINED.md (continuous training, data validation, zero-downtime updates)
"""

import csv
import hashlib
import json
import shutil
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from clip_model import KINDS, BadClip, ClipModel, decode, features, point_to
from matplotlib.figure import Figure
from mlops_utils import (
    BLUE,
    GREY,
    HERE,
    ORANGE,
    Customer,
    Data,
    Gate,
    accuracy,
    clip_service,
    database,
    database_is_whole,
    decide,
    load_data,
    other_microphone,
    prepare,
    quiet_mlflow,
    save_figure,
    train,
    wav_bytes,
)

from coursekit.cli import run_script, script_parser
from coursekit.course.modules import load_script
from coursekit.errors import CourseError
from coursekit.expectations import Expected
from coursekit.files import write_text_atomic

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
PARSER.add_argument(
    "--fewest", type=int, default=20, metavar="N", help="accepted files a batch needs for training (20)"
)
NAME = "clip-judge-live"  # in the registry
MICROPHONE = {"gain_db": -8.0, "hiss_db": -58.0}  # the new one: softer, a telephone's band, little hiss of its own

# ----------------------------------------------------------------------------------------------------------------------
# what arrives


def arrive(inbox: Path, rows: list[tuple[str, bytes, str, str]]) -> None:
    """Put a batch into the inbox: files, and `labels.csv` with name, kind and speaker, as people hand it in."""
    shutil.rmtree(inbox, ignore_errors=True)
    inbox.mkdir(parents=True)
    with open(inbox / "labels.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "kind", "speaker"])
        for name, body, kind, speaker in rows:
            writer.writerow([name, kind, speaker])
            if body and Path(name).name == name:
                (inbox / name).write_bytes(body)


def batches(data: Data, new: np.ndarray, test: str, random: np.random.Generator) -> dict[str, list]:
    """Return three mornings. `new` are the recordings (places in `data.sounds`) of the voice that is handed in."""
    labels, speakers = data.test[1], data.speakers[data.held]
    recorded = {place: wav_bytes(other_microphone(data.sounds[place], random, **MICROPHONE)) for place in new}
    good = [(f"mon_{n}.wav", recorded[p], KINDS[labels[p]], speakers[p]) for n, p in enumerate(new)]
    broken = [
        ("tue_1.wav", b"RIFF", "clean", "x"),  # cut off
        ("tue_2.wav", recorded[new[0]], "clean", "x"),  # came on Monday already
        ("tue_3.wav", b"", "clean", "x"),  # listed, not there
        ("tue_4.wav", wav_bytes(np.zeros(24_000, np.float32)), "clean", "x"),  # a dead cable
        ("tue_5.wav", wav_bytes(data.sounds[new[1]]), "loud", "x"),  # no such kind
        ("tue_6.wav", wav_bytes(data.sounds[new[2]]), "clean", test),  # a voice of the test
        ("tue_7.wav", wav_bytes(data.sounds[new[3]][:2400]), "clean", "x"),  # a tenth of a second
        ("../tue_8.wav", wav_bytes(data.sounds[new[4]]), "clean", "x"),  # a path that leads out
    ]
    again = {place: wav_bytes(other_microphone(data.sounds[place], random, **MICROPHONE)) for place in new}
    turned = {kind: KINDS[(number + 1) % len(KINDS)] for number, kind in enumerate(KINDS)}  # one row too low in a sheet
    wrong = [(f"wed_{n}.wav", again[p], turned[KINDS[labels[p]]], speakers[p]) for n, p in enumerate(new)]
    return {"Monday, a new microphone": good, "Tuesday, a bad parcel": broken, "Wednesday, a slipped column": wrong}


# ----------------------------------------------------------------------------------------------------------------------
# validation


@dataclass
class Store:
    """The training data: rows, labels, and the hash of every file ever accepted."""

    table: np.ndarray
    labels: np.ndarray
    known: set[str] = field(default_factory=set)

    def version(self) -> str:
        """Return a short hash of all of it, which names this state of the data for ever."""
        return hashlib.sha256(self.table.tobytes() + self.labels.tobytes()).hexdigest()[:12]


def check_file(inbox: Path, row: dict[str, str], store: Store, test_speakers: set[str]) -> np.ndarray:
    """Return the features of a file that may be trained on.

    Raises:
        ValueError: It may not; the message is the reason.
    """
    # concept: data validation
    if Path(row["file"]).name != row["file"]:
        raise ValueError("its name leads out of the inbox")
    if row["kind"] not in KINDS:
        raise ValueError(f"kind {row['kind']!r} is unknown")
    if row["speaker"] in test_speakers:
        raise ValueError("this voice belongs to the test, and must never be trained on")
    path = inbox / row["file"]
    if not path.is_file():
        raise ValueError("listed, and not there")
    body = path.read_bytes()
    digest = hashlib.sha256(body).hexdigest()
    if digest in store.known:
        raise ValueError("the same bytes came before")
    try:
        waveform = decode(body)  # the very checks of the service: what it would refuse teaches nothing
    except BadClip as error:
        raise ValueError(f"{error.code}: {error}") from error
    if not np.abs(waveform).max() > 1e-4:
        raise ValueError("digital silence")
    store.known.add(digest)
    return features(waveform)


def take_in(inbox: Path, store: Store, test_speakers: set[str]) -> tuple[Store, dict[str, str]]:
    """Return the data with the accepted files added, and the reason for each refused one."""
    rows, labels, refused = [], [], {}
    checked = Store(store.table, store.labels, set(store.known))
    with open(inbox / "labels.csv", newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            try:
                rows.append(check_file(inbox, row, checked, test_speakers))
                labels.append(KINDS.index(row["kind"]))
            except ValueError as error:
                refused[row["file"]] = str(error)
    if rows:
        checked.table = np.concatenate([store.table, rows])
        checked.labels = np.concatenate([store.labels, labels])
    return checked, refused


def plot(customer: Customer, events: list[tuple[float, str]], before_after: dict[str, tuple], path: Path) -> None:
    figure = Figure(figsize=(12, 4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(2, 1))
    for good, colour in ((True, BLUE), (False, ORANGE)):
        points = [(when, int(version or 0)) for when, status, version in customer.answers if (status == 200) == good]
        if points:
            left.plot(*zip(*points, strict=True), ".", color=colour, ms=4)
    for place, (when, what) in enumerate(events):
        left.axvline(when, color=GREY, lw=1)
        left.text(when, 2.6 - 0.35 * (place % 3), what, va="top", ha="right", fontsize=7)  # two may be close together
    left.set(
        xlabel="time (s)",
        ylabel="version that answered",
        yticks=(1, 2),
        ylim=(0.5, 2.7),
        title="every dot is an answer",
    )
    names = list(before_after)
    places = np.arange(len(names))
    for shift, place, colour, label in ((-0.2, 0, GREY, "version 1"), (0.2, 1, BLUE, "version 2")):
        right.bar(places + shift, [before_after[name][place] for name in names], 0.4, color=colour, label=label)
    right.set(xticks=places, xticklabels=names, ylabel="right on voices never heard (share)", ylim=(0, 1.05))
    right.legend(loc="lower right")
    save_figure(figure, path)
    print("loop.png: the dots step up from version 1 to version 2, and none is missing between")


def main(settings) -> dict:
    random = prepare(settings)
    quiet_mlflow()
    data = load_data(settings)
    speakers = data.speakers[data.held]
    voices = sorted(set(speakers))
    if len(voices) < 2:
        raise CourseError("one held-out voice is not enough: one hands in, one is the test.", hint="leave --quick out")
    test_voices = set(voices[len(voices) // 2 :])
    new = random.permutation([place for place, voice in enumerate(speakers) if voice not in test_voices])
    test = [place for place, voice in enumerate(speakers) if voice in test_voices]
    rows, labels = data.test
    through = np.array([features(other_microphone(data.sounds[place], random, **MICROPHONE)) for place in test])
    old_test, new_test = (rows[test], labels[test]), (through, labels[test])
    both = tuple(np.concatenate(parts) for parts in zip(old_test, new_test, strict=True))
    frozen = replace(data, table=both[0], labels=both[1], held=np.ones(len(both[1]), bool))  # nobody trains on it, ever

    import mlflow

    registry = load_script(HERE / "02_model_registry.py")
    registry.NAME = NAME
    mlflow.set_tracking_uri(database(settings))
    client = mlflow.MlflowClient()
    registry.start_anew(client)
    database_is_whole(settings)
    files, models, inbox = settings.out / "loop_files", settings.out / "models", settings.out / "inbox"
    shutil.rmtree(files, ignore_errors=True)
    store = Store(*data.train)
    champion = train(store.table, store.labels, seed=settings.seed)
    version = registry.register(client, registry.Candidate(champion, "before the loop began"), files / "v1", frozen)
    registry.promote(client, version, None)
    champion.save(models / "v1.safetensors")
    point_to(models, "v1.safetensors", version)
    first, events, notes = champion, [], []

    with clip_service(models, settings.out / "service_loop.log") as server:
        customer = Customer(server.url, [wav_bytes(data.sounds[place]) for place in test[:20]])
        customer.start()
        # concept: continuous training
        for day, batch in batches(data, new, voices[-1], random).items():
            print(f"\n{day}: {len(batch)} files arrive")
            events.append((time.perf_counter() - customer.started, day.split(",")[0]))
            arrive(inbox, batch)
            offered, refused = take_in(inbox, store, test_voices)
            accepted = len(offered.labels) - len(store.labels)
            note = {
                "day": day,
                "files": len(batch),
                "accepted": accepted,
                "refused": refused,
                "data": offered.version(),
            }
            notes.append(note)
            print(f"   validated: {accepted} accepted, {len(refused)} refused")
            for name, reason in refused.items():
                print(f"      {name}: {reason[:88]}")
            if accepted < settings.fewest:
                note["result"] = f"no training: {accepted} accepted files, {settings.fewest} are the fewest"
                print(f"   {note['result']}")
                continue
            candidate = train(offered.table, offered.labels, seed=settings.seed)
            number = registry.register(client, registry.Candidate(candidate, day), files / f"v{len(notes) + 1}", frozen)
            decision = decide(champion, candidate, *both, Gate(), settings.seed)
            print(f"   trained on {len(offered.labels)} recordings (data {note['data']}); "
                  f"gain {decision.gain:+.3f}, {decision.low:+.3f} to {decision.high:+.3f}")  # fmt: skip
            if not decision.promoted:
                note["result"] = "refused: " + "; ".join(decision.reasons)
                client.set_model_version_tag(NAME, number, "refused", note["result"])
                print(f"   {note['result'][:150]}")
                print("   The champion goes on; the batch is kept out of the data until somebody has looked at it.")
                continue
            registry.promote(client, number, decision)
            candidate.save(models / f"v{number}.safetensors")
            point_to(models, f"v{number}.safetensors", number)  # concept: zero-downtime updates
            customer.wait_for(number)
            store, champion, note["result"] = offered, candidate, f"promoted as version {number}"
            print(f"   PROMOTED as version {number}, and it serves already")
        customer.stopped.set()
        customer.join(60)

    versions = Counter(said for _, _, said in customer.answers)
    dropped = sum(status != 200 for _, status, _ in customer.answers)
    order = [said for _, _, said in customer.answers]
    steps_back = sum(order[n] < order[n - 1] for n in range(1, len(order)))
    print(
        f"\nMeanwhile the customer asked {len(order)} times: {dropped} without an answer, by version {dict(versions)}"
    )
    before_after = {
        "old microphone": (accuracy(first, *old_test), accuracy(champion, *old_test)),
        "new microphone": (accuracy(first, *new_test), accuracy(champion, *new_test)),
    }
    for name, (before, after) in before_after.items():
        print(f"   {name}: {before:.1%} before, {after:.1%} after")
    same = ClipModel.load(files / "v2" / "model.safetensors").probabilities(both[0])
    write_text_atomic(settings.out / "loop.jsonl", "".join(json.dumps(note) + "\n" for note in notes))
    plot(customer, events, before_after, settings.out / "loop.png")
    print("loop.jsonl: what came, what was accepted, what became of it; one line a batch")
    print("\nIn the capstone, recordings pass the ledger, training keeps the best checkpoint by measurement, and the")
    print("service loads a voice anew when its folder changes: run_pipeline.py is its loop, one command as well.")
    return {
        "refused_on_tuesday": len(notes[1]["refused"]),
        "promotions": sum(note["result"].startswith("promoted") for note in notes),
        "wednesday_stopped_by_the_gate": int(notes[2]["result"].startswith("refused")),
        "wednesday_accepted_files": notes[2]["accepted"],
        "requests": len(order),
        "requests_without_answer": dropped,
        "versions_that_answered": len(versions),
        "steps_back_to_an_old_version": steps_back,
        "gain_on_the_new_microphone": before_after["new microphone"][1] - before_after["new microphone"][0],
        "served_is_registered": int(np.array_equal(same, champion.probabilities(both[0]))),
    }


EXPECTED = {
    "refused_on_tuesday": Expected(quick=(8, 8), full=(8, 8)),
    "promotions": Expected(quick=(1, 1), full=(1, 1)),
    "wednesday_stopped_by_the_gate": Expected(quick=(1, 1), full=(1, 1)),
    "wednesday_accepted_files": Expected(quick=(20, 400), full=(50, 1000)),
    "requests": Expected(quick=(10, 100000), full=(20, 100000)),
    "requests_without_answer": Expected(quick=(0, 0), full=(0, 0)),
    "versions_that_answered": Expected(quick=(2, 2), full=(2, 2)),
    "steps_back_to_an_old_version": Expected(quick=(0, 0), full=(0, 0)),
    "gain_on_the_new_microphone": Expected(quick=(0.05, 0.9), full=(0.03, 0.9)),
    "served_is_registered": Expected(quick=(1, 1), full=(1, 1)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="course exercise 10")
