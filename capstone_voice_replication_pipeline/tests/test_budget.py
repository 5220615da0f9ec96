"""The budget before training: on a virtual clock the prediction is exact; what does not fit is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from voice_pipeline import budget as budget_module
from voice_pipeline import command_line, meter, training
from voice_pipeline.budget import calibrate, plans, require_room
from voice_pipeline.budget_text import budget_text, resumed_text, truth_text
from voice_pipeline.consent import declare_licence
from voice_pipeline.engines.base import FineTuneRequest, FineTuneResult, Licence, Measurable, training_parts
from voice_pipeline.engines.coqui_trainer import run_training
from voice_pipeline.engines.curves import read_curves
from voice_pipeline.errors import PipelineError
from voice_pipeline.meter import BROKEN_OFF, CHECKPOINT, EVALUATION, STEP, TRIAL, MemoryWatch, Meter
from voice_pipeline.training import BUDGET, FINISHED, TrainingRun
from voice_pipeline.voice_folder import VoiceFolder, read_json

from .toy_trainer import SAMPLES, ToyConfig, ToyModel, without_time

TEXTS = ("one", "three", "sixteen", "a hundred and one", "a thousand", "ten", "eleven", "twelve")


class Clock:
    """Seconds that pass only when somebody works."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now

    def work(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    for module in (meter, budget_module, training):
        monkeypatch.setattr(module, "time", clock)
    return clock


class SlowEngine:
    """Does what an engine does, on the virtual clock; writes a checkpoint of 1 MB and a model of half a MB."""

    name, title, licence = "slow", "for tests", Licence("MIT")
    options = {"learning_rate": "of nothing"}
    set_up, first, step, evaluation, checkpoint, a_letter, export = 2.0, 1.5, 0.5, 1.0, 0.25, 0.05, 3.0

    def __init__(self, clock: Clock, **changes: float) -> None:
        self.clock, self.runs, self.fail_at = clock, [], None
        for name, value in changes.items():
            setattr(self, name, value)

    def prepare(self, *, accept_licence: bool = False, offline: bool = False) -> None: ...

    def load(self, model_dir: Path, *, device: str = "cpu"): ...

    def workload(self, request: FineTuneRequest) -> dict[str, float]:
        steps = 300 if request.max_steps is None else request.max_steps
        return {**training_parts(steps, eval_every=100, save_every=50), TRIAL: steps // 100 + 1}

    def _trial(self, request: FineTuneRequest) -> None:
        with request.meter.some(TRIAL, TEXTS) as texts:
            self.clock.work(self.a_letter * sum(map(len, texts)))

    def fine_tune(self, request: FineTuneRequest) -> FineTuneResult:
        steps, told = int(self.workload(request)[STEP]), request.meter
        self.runs.append((request.run_dir, steps))
        request.run_dir.mkdir(parents=True, exist_ok=True)
        self.clock.work(self.set_up)
        self._trial(request)
        told.start_laps()
        for step in range(1, steps + 1):
            self.clock.work(self.first if step == 1 else self.step)
            if step == self.fail_at:
                raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: 9 GB")
            told.lap()
            stop = step == steps or told.enough()
            if stop or step % 100 == 0:
                with told.measure(EVALUATION):
                    self.clock.work(self.evaluation)
            if step % 100 == 0:
                self._trial(request)
            if stop or step % 50 == 0:
                with told.measure(CHECKPOINT):
                    self.clock.work(self.checkpoint)
                    (request.run_dir / "last.pth").write_bytes(b"x" * 2**20)
                row = {"step": step, "split": "train", "seconds": 0, "loss": 1.0}
                (request.run_dir / "curves.jsonl").write_text(json.dumps(row) + "\n")
            if stop:
                break
        self.clock.work(self.export)
        (request.run_dir / "best").mkdir(exist_ok=True)
        (request.run_dir / "best" / "model.safetensors").write_bytes(b"x" * 2**19)
        return FineTuneResult(request.run_dir / "best", step, self.clock.now, {})


def request_for(tmp_path: Path, **changes) -> FineTuneRequest:
    folder = VoiceFolder(tmp_path, "ann").create()
    return FineTuneRequest(folder, folder.models / "run", [], [], **changes)


def run_of(engine, tmp_path: Path, **changes) -> TrainingRun:
    request = request_for(tmp_path, **changes)
    if not request.folder.consent.is_file():
        declare_licence(request.folder, "CC0 1.0", "made up")
    return TrainingRun(engine, request, "consent")


# ----------------------------------------------------------------------------------------------------------------------
# what is predicted


def test_prediction_is_what_the_clock_shows_afterwards(clock, tmp_path):
    engine = SlowEngine(clock)
    run = run_of(engine, tmp_path)
    budget = run.budget()
    began = clock.now
    run.train()
    truth = run.saved_budget()["truth"]
    assert truth["seconds"]["measured"] == pytest.approx(clock.now - began)
    assert truth["seconds"]["ratio"] == pytest.approx(1.0, abs=0.02)
    assert budget["plan"]["seconds"] == pytest.approx(clock.now - began, rel=0.02)
    assert truth["parts"] == {TRIAL: 4, STEP: 300, EVALUATION: 3, CHECKPOINT: 6}
    assert truth["disk_mb"]["predicted"] == pytest.approx(1.5, abs=0.01)
    assert truth["disk_mb"]["ratio"] == pytest.approx(1.0, abs=0.01)
    assert truth["memory_mb"]["measured"] > 50
    units = budget["calibration"]["unit_seconds"]
    assert units == pytest.approx({STEP: 0.5, EVALUATION: 1.0, CHECKPOINT: 0.25, TRIAL: 0.05 * sum(map(len, TEXTS))})
    assert budget["calibration"]["once_seconds"] == pytest.approx(2.0 + 3.0 + 1.0)  # the first step's warming up


def test_a_calibration_is_short_and_leaves_nothing(clock, tmp_path):
    engine = SlowEngine(clock)
    run = run_of(engine, tmp_path)
    leftover = run.request.folder.root / ".calibration" / "run"
    leftover.mkdir(parents=True)
    (leftover / "last.pth").write_bytes(b"of a calibration that was killed")
    budget = run.budget()
    assert clock.now <= 30
    assert 10 <= budget["calibration"]["steps"] <= 30
    assert not (run.request.folder.root / ".calibration").exists()
    assert [path.name for path in run.request.run_dir.iterdir()] == [BUDGET]


def test_slow_steps_end_it_in_time(clock, tmp_path):
    costs = calibrate(SlowEngine(clock, step=9.0, first=11.0), request_for(tmp_path))
    assert costs.steps == 2 and clock.now <= 30
    assert costs.unit_seconds[STEP] == pytest.approx(9.0)


def test_set_up_that_takes_all_the_time_still_gives_two_steps(clock, tmp_path):
    costs = calibrate(SlowEngine(clock, set_up=29.0, step=3.0, first=4.0), request_for(tmp_path))
    assert costs.steps == 2 and clock.now <= 45
    assert costs.unit_seconds[CHECKPOINT] == pytest.approx(0.25)


def test_a_machine_that_never_gets_to_two_steps_gets_no_prediction(clock, tmp_path):
    assert calibrate(SlowEngine(clock, set_up=70.0), request_for(tmp_path)) is None
    assert not (tmp_path / "ann" / ".calibration").exists()
    run = run_of(SlowEngine(clock, first=80.0), tmp_path)
    assert run.budget() == {} and not run.request.run_dir.exists()


@pytest.mark.parametrize("steps", [0, 1, 20])
def test_little_or_no_training_is_not_calibrated(clock, tmp_path, steps):
    engine = SlowEngine(clock)
    run = run_of(engine, tmp_path, max_steps=steps)
    assert run.is_short and run.budget() == {} and engine.runs == []


def test_an_engine_that_does_not_train_needs_no_workload(clock, tmp_path):
    class Speaker:
        name, title, licence = "speaker", "speaks at once", Licence("MIT")

        def fine_tune(self, request):
            request.run_dir.mkdir(parents=True, exist_ok=True)
            return FineTuneResult(request.run_dir, 0, 0.0, {})

    assert not isinstance(Speaker(), Measurable)
    run = run_of(Speaker(), tmp_path)
    assert run.is_short and run.budget() == {}
    run.train()
    assert (run.request.run_dir / FINISHED).is_file() and not (run.request.run_dir / BUDGET).exists()


def test_every_engine_of_the_pipeline_can_be_asked():
    from voice_pipeline.engines import engine_names, get_engine

    measurable = {name for name in engine_names() if isinstance(get_engine(name), Measurable)}
    assert measurable >= {"starter", "vits", "xtts"}
    request = FineTuneRequest(VoiceFolder("x", "ann"), Path("x"), [], [])
    planned = {name: budget_module.workload(get_engine(name), request) for name in engine_names()}
    assert planned["starter"][STEP] == 150 and planned["starter"][TRIAL] == 7
    assert planned["vits"] == {STEP: 150, EVALUATION: 3, CHECKPOINT: 6}
    assert planned["xtts"] == {}, "on a CPU it is zero-shot"
    assert budget_module.workload(get_engine("xtts"), replace(request, device="cuda"))[STEP] == 500


# ----------------------------------------------------------------------------------------------------------------------
# what fits


def test_plans_get_shorter(clock, tmp_path):
    request, engine = request_for(tmp_path), SlowEngine(clock)
    choices = plans(engine, request, calibrate(engine, request))
    assert [(plan.name, plan.steps) for plan in choices] == [("full", 300), ("half", 150), ("short", 50)]
    assert choices[0].seconds > choices[1].seconds > choices[2].seconds


@pytest.mark.parametrize("minutes", [0.7, 1.5, 2.5])
def test_a_limit_in_minutes_becomes_the_longest_plan_that_fits(clock, tmp_path, minutes):
    engine = SlowEngine(clock)
    run = run_of(engine, tmp_path, max_seconds=60 * minutes)
    steps = run.budget()["plan"]["steps"]
    costs = training.costs_from(run.saved_budget())
    whole = engine.workload(replace(run.request, max_steps=steps))
    more = engine.workload(replace(run.request, max_steps=steps + 1))
    assert 0 < steps < 300
    assert costs.predict(whole) <= 0.9 * 60 * minutes < costs.predict(more)
    began = clock.now
    assert run.train().steps == steps
    assert clock.now - began <= 60 * minutes


def test_time_to_spare_changes_nothing_and_too_little_is_refused(clock, tmp_path):
    run = run_of(SlowEngine(clock), tmp_path, max_seconds=3600)
    assert run.budget()["plan"]["steps"] == 300
    with pytest.raises(PipelineError, match="does not get to the first step") as error:
        run_of(SlowEngine(clock), tmp_path / "b", max_seconds=3).budget()
    assert "--minutes 1" in error.value.hint


def test_a_full_disk_is_refused_before_training(clock, tmp_path, monkeypatch):
    engine = SlowEngine(clock)
    run = run_of(engine, tmp_path)
    monkeypatch.setattr(budget_module, "free_disk_mb", lambda place: 2.0)
    with pytest.raises(PipelineError, match=r"writes 3 MB, and 2 MB are free") as error:
        run.budget()
    assert "free 1 MB" in error.value.hint and "--home DIR" in error.value.hint
    assert not run.request.run_dir.exists() and len(engine.runs) == 1
    monkeypatch.setattr(budget_module, "free_disk_mb", lambda place: 3.0)
    assert run.budget()["plan"]["steps"] == 300


def test_what_a_stopped_run_has_written_counts_as_there(clock, tmp_path, monkeypatch):
    run = run_of(SlowEngine(clock), tmp_path)
    run.budget()
    costs = training.costs_from(run.saved_budget())
    monkeypatch.setattr(budget_module, "free_disk_mb", lambda place: 2.0)
    with pytest.raises(PipelineError):
        require_room(run.request, costs)
    (run.request.run_dir / "last.pth").write_bytes(b"x" * 2**20)
    require_room(run.request, costs)


def test_too_little_memory_is_refused(clock, tmp_path, monkeypatch):
    run = run_of(SlowEngine(clock), tmp_path)
    monkeypatch.setattr(budget_module, "resident_mb", lambda: 0.0)
    monkeypatch.setattr(budget_module, "free_memory_mb", lambda: 10.0)
    with pytest.raises(PipelineError, match="memory of this machine does not suffice") as error:
        run.budget()
    assert "close other programs" in error.value.hint


def test_memory_that_ends_during_the_calibration_stops_it(clock, tmp_path, monkeypatch):
    monkeypatch.setattr(meter, "free_memory_mb", lambda: 100.0)
    with pytest.raises(PipelineError, match="less than 200 MB were left"):
        calibrate(SlowEngine(clock), request_for(tmp_path))
    assert not (tmp_path / "ann" / ".calibration").exists()


@pytest.mark.parametrize("during", ["calibration", "training"])
def test_an_allocation_that_fails_is_explained(clock, tmp_path, during):
    engine = SlowEngine(clock)
    run = run_of(engine, tmp_path)
    engine.fail_at = 5
    with pytest.raises(PipelineError, match="can't allocate memory") as error:
        run.budget() if during == "calibration" else run.train()
    assert "--engine starter" in error.value.hint


def test_other_errors_of_an_engine_stay_what_they_are(clock, tmp_path):
    engine = SlowEngine(clock)
    engine.fine_tune = lambda request: (_ for _ in ()).throw(ZeroDivisionError("a mistake"))
    with pytest.raises(ZeroDivisionError):
        calibrate(engine, request_for(tmp_path))
    assert not (tmp_path / "ann" / ".calibration").exists()


# ----------------------------------------------------------------------------------------------------------------------
# a run that was stopped


def test_a_stopped_run_keeps_its_plan_and_compares_what_it_did_itself(clock, tmp_path):
    engine = SlowEngine(clock)
    run = run_of(engine, tmp_path, max_seconds=120)
    steps = run.budget()["plan"]["steps"]
    engine.fail_at = 120
    with pytest.raises(PipelineError):
        run.train()
    engine.fail_at = None
    again = run_of(engine, tmp_path, max_seconds=120)
    assert again.steps_done == 100
    assert again.budget()["plan"]["steps"] == steps and len(engine.runs) == 2, "no second calibration"
    assert again.train().steps == steps
    assert again.saved_budget()["truth"]["seconds"]["ratio"] == pytest.approx(1.0, abs=0.02)
    assert again.finished and again.budget() == again.saved_budget()


def test_a_run_begun_without_a_budget_goes_on_without(clock, tmp_path):
    engine = SlowEngine(clock)
    run = run_of(engine, tmp_path)
    run.request.run_dir.mkdir(parents=True)
    (run.request.run_dir / "last.pth").write_bytes(b"x")
    (run.request.run_dir / "curves.jsonl").write_text('{"step": 7, "split": "train", "seconds": 1, "loss": 1.0}\n')
    assert run.steps_done == 7 and run.budget() == {} and engine.runs == []


class ToyEngine(SlowEngine):
    """Coqui's Trainer on the toy model."""

    def workload(self, request: FineTuneRequest) -> dict[str, float]:
        return training_parts(request.max_steps or 40, eval_every=10, save_every=5)

    def fine_tune(self, request: FineTuneRequest) -> FineTuneResult:
        config = ToyConfig()
        outcome = run_training(
            ToyModel(config), config, SAMPLES, SAMPLES[:2], request.run_dir,
            max_steps=request.max_steps or 40, eval_every=10, save_every=5, seed=request.seed, meter=request.meter,
        )  # fmt: skip
        return FineTuneResult(request.run_dir, outcome.steps, outcome.seconds, outcome.metrics)


def test_a_calibration_leaves_the_curve_of_a_real_training_alone(tmp_path):
    plain, measured = run_of(ToyEngine(Clock()), tmp_path / "a"), run_of(ToyEngine(Clock()), tmp_path / "b")
    plain.train()
    budget = measured.budget()
    measured.train()
    assert without_time(plain.request.run_dir) == without_time(measured.request.run_dir)
    assert len([row for row in read_curves(plain.request.run_dir) if row["split"] == "train"]) == 40
    assert budget["calibration"]["steps"] == 10
    truth = measured.saved_budget()["truth"]
    assert truth["parts"] == {STEP: 40, EVALUATION: 4, CHECKPOINT: 8}
    assert truth["disk_mb"]["ratio"] == pytest.approx(1.0, abs=0.25)
    assert BROKEN_OFF not in budget["calibration"]["unit_seconds"]


# ----------------------------------------------------------------------------------------------------------------------
# the meter


def test_parts_count_without_the_parts_inside_them(clock):
    told = Meter()
    told.start_laps()
    clock.work(1.0)
    told.lap()
    with told.measure("outer"):
        clock.work(2.0)
        with told.measure("inner", 0.5):
            clock.work(4.0)
    clock.work(8.0)
    told.lap()
    assert told.seconds == {STEP: 9.0, "outer": 2.0, "inner": 4.0}
    assert told.counts == {STEP: 2, "outer": 1, "inner": 0.5}
    assert told.first_step == 1.0


def test_a_part_that_fails_counts_as_broken_off(clock):
    told = Meter()
    with pytest.raises(KeyError), told.measure(TRIAL):
        clock.work(3.0)
        raise KeyError
    assert told.seconds == {BROKEN_OFF: 3.0}


def test_memory_is_seen_at_its_highest():
    with MemoryWatch() as small:
        pass
    with MemoryWatch() as watch:
        block = bytearray(100 * 2**20)
        block[:: 2**12] = b"x" * len(block[:: 2**12])
        watch._look()
        del block
    assert watch.peak_mb > small.peak_mb + 80


def test_a_containers_memory_limit_counts(tmp_path, monkeypatch):
    group = tmp_path / "cgroup"
    group.mkdir()
    real = meter.Path
    monkeypatch.setattr(meter, "Path", lambda path: group if str(path) == "/sys/fs/cgroup" else real(path))
    without = meter.free_memory_mb()
    (group / "memory.max").write_text("max\n")
    assert meter.free_memory_mb() == pytest.approx(without, rel=0.5)
    (group / "memory.max").write_text(f"{50 * 2**20}\n")
    (group / "memory.current").write_text(f"{40 * 2**20}\n")
    (group / "memory.stat").write_text(f"anon 1\nactive_file {2**20}\ninactive_file {4 * 2**20}\n")
    assert meter.free_memory_mb() == pytest.approx(15.0)


# ----------------------------------------------------------------------------------------------------------------------
# what people read


def test_the_lines_for_people(clock, tmp_path):
    run = run_of(SlowEngine(clock), tmp_path)
    text = budget_text(run.budget(), free_memory_mb=8000, free_disk_mb=70_000)
    assert text.isascii()
    assert "* full          300      2.9   this run" in text
    assert "  half          150      1.5   --steps 150" in text
    assert "disk 3 MB (70000 MB are free)" in text
    run.train()
    lines = truth_text(run.saved_budget()).splitlines()
    assert lines[1].split() == ["minutes", "2.9", "2.9", "1.00"]
    left = resumed_text(run.saved_budget(), 150)
    assert left.startswith("was stopped at step 150 of 300 ") and left.endswith(" about 1.4 minutes are left")


def test_a_prediction_that_was_wrong_is_said_to_be(clock, tmp_path):
    engine = SlowEngine(clock)
    run = run_of(engine, tmp_path)
    run.budget()
    engine.step = 1.0  # another program began to compute
    run.train()
    lines = truth_text(run.saved_budget()).splitlines()
    assert lines[1].endswith("more than 25% off") and "off" not in lines[3]


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ([], {"budget": "print", "options": None, "log": None}),
        (["--budget", "--log", "tensorboard"], {"budget": "only", "log": "tensorboard"}),
        (["--no-budget", "--learning-rate", "3e-5"], {"budget": "off", "options": {"learning_rate": 3e-5}}),
    ],
)
def test_flags(flags, expected):
    parser = command_line.voice_parser("")
    command_line.add_training_flags(parser)
    options = command_line.training_options(parser.parse_args(["--voice", "ann", *flags]))
    assert {key: options[key] for key in expected} == expected


@pytest.mark.parametrize("flags", [["--learning-rate", "0"], ["--learning-rate", "2"], ["--learning-rate", "nan"]])
def test_learning_rates_that_cannot_be(flags):
    parser = command_line.voice_parser("")
    command_line.add_training_flags(parser)
    with pytest.raises(PipelineError, match="--learning-rate"):
        command_line.training_options(parser.parse_args(["--voice", "ann", *flags]))


def test_an_option_the_engine_does_not_have_is_refused():
    with pytest.raises(PipelineError, match="the engine speaker has no setting learning_rate"):
        training._check_options(SimpleNamespace(name="speaker"), {"learning_rate": 0.1})
    training._check_options(SlowEngine(Clock()), {"learning_rate": 0.1})


def test_budget_json_can_be_read_by_a_machine(clock, tmp_path):
    run = run_of(SlowEngine(clock), tmp_path)
    run.budget()
    run.train()
    content = read_json(run.request.run_dir / BUDGET)
    assert set(content) == {"calibration", "plan", "plans", "truth"}
    assert set(content["truth"]["seconds"]) == {"predicted", "measured", "ratio"}
