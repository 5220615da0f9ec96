"""Track experiments: every run's settings, curves, files and load, kept by an MLflow server, compared in one plot.

What you will learn
    - what a tracking server keeps for each run, and why a folder called final_v2_really is no replacement
    - to start one: SQLite behind it, files beside it, on a free port of this machine, without telemetry
    - curves: one request for each point, or many points in one request, and what that costs
    - what makes runs comparable: the fingerprint of the data, the seed, the version of the code
    - to ask for the best run instead of remembering it, and why "best" needs data that chose nothing
How to run it
    python 01_track_experiments.py --quick    six runs, about 16 s, no network
    python 01_track_experiments.py            twelve runs on 24 voices; the first run downloads 12 MB
Time and memory on 2 CPU cores: quick 16 s, full 30 s; 0.5 GB. Without data it first makes its speech.
Writes outputs/: mlflow.db, mlflow_server.log, runs.png, clips.npz (first run), mlflow_files/ (full run), stand_in/
    (first run without data)
Concepts: MLOPS_CONCEPTS_EXPLAINED.md (experiment tracking, reproducibility)
"""

import hashlib
import itertools
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from matplotlib.figure import Figure
from mlops_utils import (
    BLUE,
    GREEN,
    GREY,
    HERE,
    ORANGE,
    Data,
    accuracy,
    database,
    database_is_whole,
    free_port,
    launched,
    load_data,
    needs,
    prepare,
    quiet_mlflow,
    recalls,
    save_figure,
    train,
)

from coursekit.cli import run_script, script_parser
from coursekit.errors import CourseError
from coursekit.expectations import Expected

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
PARSER.add_argument("--epochs", type=int, default=40, metavar="N", help="passes over the data for each run (40)")
EXPERIMENT = "clip quality"
RATES = (0.0003, 0.003, 0.03)  # learning rates of Adam; the first is too small on purpose
HIDDEN = {True: (4, 16), False: (4, 16, 64, 128)}  # quick, full: units of the hidden layer
POINTS = 40  # of the little race between one request a point and one request for all

# ----------------------------------------------------------------------------------------------------------------------
# the server


@contextmanager
def tracking_server(settings, files: Path):
    """Run MLflow's server on a free port while the block lasts.

    This is what the command does that one types into a terminal:

        mlflow server --backend-store-uri sqlite:///outputs/mlflow.db --artifacts-destination outputs/mlflow_files

    but without the launcher, which takes as long to start as the server itself. Figures go to the database, files
    (models, plots) to the folder; clients see neither, only the server's address.
    """
    needs("mlflow", "flask", "flask_cors")
    port = free_port()
    more = {
        "_MLFLOW_SERVER_FILE_STORE": database(settings),
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": files.as_uri(),
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
    }
    command = [sys.executable, "-m", "uvicorn", "mlflow.server.fastapi_app:app", "--port", str(port)]
    with launched(command, port, settings.out / "mlflow_server.log", more) as server:
        yield server


# ----------------------------------------------------------------------------------------------------------------------
# one run


def fingerprint(data: Data) -> str:
    """Return a short hash of the data: two runs are comparable when it is the same."""
    # concept: reproducibility
    return hashlib.sha256(data.table.tobytes() + data.labels.tobytes() + data.held.tobytes()).hexdigest()[:12]


def code_version() -> str:
    """Return the commit this code is of, or "unknown" outside a repository."""
    try:
        done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=HERE, capture_output=True, text=True)
    except OSError:
        return "unknown"
    return done.stdout.strip() or "unknown"


def one_run(mlflow, data: Data, rate: float, hidden: int, settings, at_least: float = 0.0) -> float:
    """Train once and tell the server all about it, for `at_least` seconds; return the accuracy on held-out voices."""
    from mlflow.entities import Metric

    points = []
    # concept: experiment tracking
    with mlflow.start_run(run_name=f"rate {rate:g}, {hidden} units") as run:
        mlflow.log_params({"learning_rate": rate, "hidden": hidden, "epochs": settings.epochs, "seed": settings.seed})
        mlflow.set_tags({"data": fingerprint(data), "code": code_version()})

        def on_epoch(epoch: int, loss: float, model) -> None:
            now = int(time.time() * 1000)
            points.append(Metric("train_loss", loss, now, epoch))
            points.append(Metric("held_out_accuracy", accuracy(model, *data.test), now, epoch))

        model = train(
            *data.train,
            hidden=hidden,
            learning_rate=rate,
            epochs=settings.epochs,
            seed=settings.seed,
            on_epoch=on_epoch,
        )
        mlflow.MlflowClient().log_batch(run.info.run_id, metrics=points)  # all points of all epochs, one request
        mlflow.log_dict(recalls(model, *data.test), "recalls.json")
        path = settings.out / "model.safetensors"
        model.save(path)
        mlflow.log_artifact(str(path))
        path.unlink()
        time.sleep(max(0.0, at_least - (time.time() - run.info.start_time / 1000)))
    return accuracy(model, *data.test)


def race(mlflow, points: int) -> tuple[float, float]:
    """Return the seconds that `points` points take one by one, and all in one request."""
    from mlflow.entities import Metric

    client = mlflow.MlflowClient()
    with mlflow.start_run(run_name="a race, not a model") as run:
        started = time.perf_counter()
        for step in range(points):
            client.log_metric(run.info.run_id, "one_by_one", step, step=step)
        one_by_one = time.perf_counter() - started
        started = time.perf_counter()
        client.log_batch(run.info.run_id, [Metric("together", step, 0, step) for step in range(points)])
        together = time.perf_counter() - started
    return one_by_one, together


# ----------------------------------------------------------------------------------------------------------------------
# asking the server


def compare(client, experiment: str, runs: list, path: Path) -> None:
    """Draw the curves of all runs from what the server returns: nothing of it is in this process any more."""
    figure = Figure(figsize=(12, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    colours = dict(zip((f"{rate:g}" for rate in RATES), (GREY, BLUE, ORANGE), strict=True))
    styles = dict(zip(map(str, HIDDEN[False]), (":", "-", "--", "-."), strict=True))
    for run in runs:
        rate, hidden = run.data.params["learning_rate"], run.data.params["hidden"]
        for axes, name in ((left, "train_loss"), (right, "held_out_accuracy")):
            history = client.get_metric_history(run.info.run_id, name)
            label = f"rate {float(rate):g}, {hidden} units"
            colour = colours[f"{float(rate):g}"]
            axes.plot(
                [p.step for p in history], [p.value for p in history], color=colour, ls=styles[hidden], label=label
            )
    left.set(xlabel="epoch", ylabel="training loss (nats)", title=f"experiment: {experiment}", yscale="log")
    right.set(xlabel="epoch", ylabel="accuracy on held-out voices (share)", ylim=(0, 1.02))
    right.axhline(0.2, color=GREEN, lw=1)
    right.text(1, 0.22, "guessing", color=GREEN)
    right.legend(fontsize=7)
    save_figure(figure, path)
    print("runs.png: the loss of the smallest learning rate is still falling when training ends")


def main(settings) -> dict:
    prepare(settings)
    if settings.epochs < 2:
        raise CourseError(f"--epochs {settings.epochs} makes no curve: 2 are the fewest.", hint="try --epochs 40")
    quiet_mlflow()
    files = settings.out / "mlflow_files"
    with tracking_server(settings, files) as server:
        data = load_data(settings)  # while the server starts
        import mlflow

        server.wait("/health")
        print(f"\nMLflow {mlflow.__version__} answers at {server.url}; database mlflow.db, telemetry off")
        mlflow.set_tracking_uri(server.url)
        mlflow.set_experiment(EXPERIMENT)
        database_is_whole(settings)
        started = int(time.time() * 1000)
        mlflow.set_system_metrics_sampling_interval(0.2)  # seconds; a run shorter than that has no figures
        grid = list(itertools.product(RATES, HIDDEN[settings.quick]))
        print(f"{len(grid)} runs on {len(data.train[1])} recordings, judged on {len(data.test[1])} of other voices:\n")
        for rate, hidden in grid:
            last = (rate, hidden) == grid[-1]
            if last:
                mlflow.enable_system_metrics_logging()  # processor, memory, disk, from a thread beside the training
            share = one_run(mlflow, data, rate, hidden, settings, at_least=2.0 if last else 0.0)  # long enough to watch
            print(f"   rate {rate:<7g} units {hidden:<4} {share:7.1%}")
        mlflow.disable_system_metrics_logging()

        client = mlflow.MlflowClient()
        number = client.get_experiment_by_name(EXPERIMENT).experiment_id
        question = f"attributes.created >= {started} and params.hidden != ''"
        runs = client.search_runs([number], question, order_by=["metrics.held_out_accuracy DESC"])
        best, worst = runs[0], runs[-1]
        print(f"\nAsked for {question!r}, best first, the server returns {len(runs)} runs.")
        print(f"   best:  {best.info.run_name}, data {best.data.tags['data']}, code {best.data.tags['code']}")
        print(f"   worst: {worst.info.run_name}")
        kept = [file.path for file in client.list_artifacts(best.info.run_id)]
        load = sorted({name for run in runs for name in run.data.metrics if name.startswith("system/")})
        print(f"   files of the best: {', '.join(kept)}")
        print(f"   figures of the machine, of the last run: {len(load)}, such as {load[0]}")
        compare(client, EXPERIMENT, runs, settings.out / "runs.png")

        one_by_one, together = race(mlflow, POINTS)
        ratio = one_by_one / together
        print(f"\n{POINTS} points one by one took {ratio:.0f} times as long as in one request: log in batches")
        try:
            mlflow.MlflowClient(tracking_uri=(settings.out / "mlruns").as_uri()).search_experiments()
            refused = 0
        except mlflow.exceptions.MlflowException as error:
            refused = 1
            print(f"A folder instead of a database is refused: {str(error)[:78]}...")
    if settings.quick:
        shutil.rmtree(files, ignore_errors=True)  # a full run keeps them
        print("\nRemoved mlflow_files/, which a quick run does not keep. The figures stay in mlflow.db.")
    print(
        "\nThe best of several is chosen on these voices, so its accuracy flatters it; script 02 measures it on others."
    )
    print("The capstone keeps its training curves the same way: 04_fine_tune.py --log mlflow")
    print('The web page is in the full package: uvx mlflow ui --backend-store-uri "sqlite:///outputs/mlflow.db"')
    return {
        "runs_kept": len(runs),
        "best_accuracy": best.data.metrics["held_out_accuracy"],
        "worst_accuracy": worst.data.metrics["held_out_accuracy"],
        "files_of_best": len(kept),
        "system_figures": len(load),
        "one_by_one_ratio": ratio,
        "folder_refused": refused,
        "still_running": int(server.process.poll() is None),
    }


EXPECTED = {
    "runs_kept": Expected(quick=(6, 6), full=(12, 12)),
    "best_accuracy": Expected(quick=(0.75, 1), full=(0.9, 0.99)),
    "worst_accuracy": Expected(quick=(0.2, 0.8), full=(0.2, 0.9)),
    "files_of_best": Expected(quick=(2, 2), full=(2, 2)),
    "system_figures": Expected(quick=(1, 50), full=(1, 50)),
    "one_by_one_ratio": Expected(quick=(3, 200), full=(3, 200)),
    "folder_refused": Expected(quick=(1, 1), full=(1, 1)),
    "still_running": Expected(quick=(0, 0), full=(0, 0)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="02_model_registry.py")
