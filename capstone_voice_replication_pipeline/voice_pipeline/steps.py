"""Steps of the pipeline as a person sees them: work, a progress bar, what came out. Shared by the numbered scripts,
`run_pipeline.py` and the demo, so that a step prints the same wherever it runs. The caller holds the voice's lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coursekit.device import choose_device
from coursekit.files import sha256_file
from coursekit.progress import progress
from voice_pipeline.disk import writing_to
from voice_pipeline.engines.base import FineTuneResult, ProgressCallback
from voice_pipeline.errors import PipelineError
from voice_pipeline.features import extract_all, write_statistics
from voice_pipeline.ledger import ACCEPTED, counts, table
from voice_pipeline.ledger_page import PAGE, RE_RECORD, to_record_again
from voice_pipeline.preprocessing import PreprocessResult, preprocess
from voice_pipeline.voice_folder import VoiceFolder, read_jsonl

if TYPE_CHECKING:
    from voice_pipeline.training import TrainingRun


@contextmanager
def progress_bar(name: str) -> Iterator[ProgressCallback]:
    """A bar from 0 to 100 % with a sentence beside it, as a progress callback."""
    with progress(total=100, desc=name, unit="%") as bar:
        bar.bar_format = "{desc}: {percentage:3.0f}% |{bar:16}| {elapsed}<{remaining}{postfix}"

        def report(share: float, sentence: str) -> None:
            bar.set_postfix_str(sentence, refresh=False)
            bar.update(max(0, round(100 * share) - bar.n))

        yield report


def preprocess_step(
    folder: VoiceFolder,
    *,
    seed: int = 0,
    allow_few: bool = False,
    workers: int | None = None,
    listening: bool = True,
) -> PreprocessResult:
    """Recordings to clips; prints the ledger and what to record again."""
    total = len(read_jsonl(folder.manifest))
    try:
        with progress(total=total, desc="Preprocessing", unit="clip") as bar:
            result = preprocess(
                folder,
                seed=seed,
                allow_few=allow_few,
                workers=workers,
                listening=listening,
                on_clip=lambda row: bar.update(),
                on_heard=_second_bar(bar, "Listening"),
            )
            if not listening:
                bar.update(result.reused)
    except PipelineError:
        _print_ledger(folder, read_jsonl(folder.ledger))
        raise
    _print_ledger(folder, result.rows)
    accepted, rejected = counts(result.rows)
    for note in result.notes:
        print(f"NOTE: {note}")
    print(f"\n{len(result.rows)} recordings = {accepted} accepted + {rejected} rejected ", end="")
    print(f"({result.processed} processed now, {result.reused} unchanged, {result.removed} old clips removed)")
    print(f"{len(result.split['train'])} clips to train on, {len(result.split['validation'])} held out")
    return result


def _second_bar(bar: Any, name: str) -> Callable[[object], None]:
    """Turn a finished bar into one for the work that follows, at its first step."""

    def update(_: object) -> None:
        if bar.desc != f"{name}: ":
            bar.reset(total=bar.total)
            bar.set_description(name, refresh=False)
        bar.update()

    return update


def _print_ledger(folder: VoiceFolder, rows: list[dict[str, Any]]) -> None:
    print(table(rows))
    again = to_record_again(rows)
    if again:
        print(f"\nRecord again ({len(again)}):")
        for row in again:
            print(f"  {row['id']}: {row['text'] or row['file']}".encode("ascii", "backslashreplace").decode())
    print(f"  {folder.reports / PAGE}\n  {folder.reports / RE_RECORD}")


def features_step(folder: VoiceFolder, *, workers: int | None = None) -> dict[str, Any]:
    """Clips to features; prints the voice's statistics and where the plots are."""
    from voice_pipeline.plots import describe_voice, plot_examples, plot_overview

    total = sum(row["status"] == ACCEPTED for row in read_jsonl(folder.ledger))
    with progress(total=total, desc="Features", unit="clip") as bar:
        clips = extract_all(folder, workers=workers, on_clip=lambda clip: bar.update())
    statistics = write_statistics(folder, clips)
    plots = [*plot_examples(folder, clips), plot_overview(folder, clips, statistics)]
    print(f"{len(clips)} clips, {sum(clip.from_cache for clip in clips)} from the cache")
    print(describe_voice(folder.name, statistics))
    for path in plots:
        print(f"  {path}")
    return statistics


def fine_tune_step(
    folder: VoiceFolder, *, engine: str = "starter", device: str = "auto", budget: str = "print", **options: Any
) -> FineTuneResult | None:
    """Clips to a model; prints what it will cost, what each tried checkpoint measured, and what it did cost.

    Args:
        folder: the voice.
        engine: name of the engine.
        device: auto, cpu, cuda or mps.
        budget: "print" calibrates before a new run, "only" does nothing else, "off" leaves it out.
        options: those of `training.open_run`.

    Returns:
        the result; None with `budget="only"`.
    """
    from voice_pipeline.budget_text import truth_text
    from voice_pipeline.engines import get_engine
    from voice_pipeline.report_plots import plot_training
    from voice_pipeline.run_log import how_to_look
    from voice_pipeline.training import open_run

    choice = choose_device(device)
    licence = get_engine(engine).licence
    print(f"engine {engine}, licence {licence.name}{': ' + licence.note if licence.note else ''}")
    print(choice.describe())
    run = open_run(folder, engine=engine, device=str(choice.device), **options)
    if budget != "off":
        budget_step(run)
    if budget == "only":
        return None
    fresh = not run.finished
    with writing_to(folder.root), progress_bar("Fine-tuning") as report:
        run.request.on_progress = report
        result = run.train()
    run_dir = run.request.run_dir
    trials = read_jsonl(run_dir / "trials.jsonl")
    if trials:
        chosen = max(trials, key=lambda row: row["score"])
        print("  step  share  similarity  word error   (tried on sentences nobody recorded)")
        for row in trials:
            mark = "  <- kept" if row is chosen else ""
            figures = f"{row['similarity']:10.3f}  {row['word_error_rate']:10.2f}"
            print(f"{row['step']:6d}  {row['share']:5.2f}  {figures}{mark}")
    print(f"{result.steps} steps in {result.seconds / 60:.1f} min; model in {result.model_dir}")
    if fresh and "truth" in run.saved_budget():
        print(truth_text(run.saved_budget()))
    plot = plot_training(run_dir, folder.reports / "training.png")
    if plot:
        print(f"  {plot}")
    if run.log:
        print(f"  {how_to_look(run.log, folder.models)}")
    return result


def budget_step(run: TrainingRun) -> None:
    """Say what a run will cost, or why that is not said."""
    from voice_pipeline.budget import CALIBRATION_SECONDS
    from voice_pipeline.budget_text import budget_text, resumed_text
    from voice_pipeline.meter import free_disk_mb, free_memory_mb

    if run.finished:
        print("budget: this run is finished, nothing is left to do")
        return
    with writing_to(run.request.folder.root), progress_bar("Calibrating") as report:
        run.request.on_progress = report
        budget = run.budget()
    if budget and run.steps_done:
        print(resumed_text(budget, run.steps_done))
    elif budget:
        free = {"free_memory_mb": free_memory_mb(), "free_disk_mb": free_disk_mb(run.request.folder.root)}
        print(budget_text(budget, **free))
    elif run.steps_done:
        print(f"was stopped at step {run.steps_done} and goes on; no budget was made when it began")
    elif run.is_short:
        print("budget: too little training to be worth a calibration")
    else:
        print(f"budget: no prediction; two steps and a checkpoint took longer than {2 * CALIBRATION_SECONDS:.0f} s")


def synthesize_step(
    folder: VoiceFolder,
    text: str,
    path: Path,
    *,
    speed: float = 1.0,
    seed: int = 0,
    device: str = "auto",
    verify: bool = False,
    mark: bool = True,
    manifest: bool = False,
) -> Path:
    """Text to an audio file in the voice, noted in its ledger; prints how long it took and where it is.

    Args:
        folder: the voice.
        text: what to say.
        path: where to.
        speed: 0.25..4.0.
        seed: random seed.
        device: auto, cpu, cuda or mps.
        verify: listen to each sentence and say it again while it is not understood.
        mark: add the watermark where its library is installed.
        manifest: put a signed C2PA manifest into the file.
    """
    from voice_pipeline import content_credentials, provenance, watermark
    from voice_pipeline.synthesis import save, speak
    from voice_pipeline.training import load_voice
    from voice_pipeline.verified import VerifiedVoice, score_text

    if manifest:
        content_credentials.check_possible(path.suffix.lstrip(".").lower())
    choice = choose_device(device)
    print(choice.describe())
    voice = load_voice(folder, device=str(choice.device))
    with progress_bar("Speaking") as report:
        checked = VerifiedVoice(voice) if verify else None
        speech = speak(checked or voice, text, speed=speed, seed=seed, on_progress=report)
    details = provenance.describe_speech(folder, seed=seed, speed=speed)
    waveform, details["watermark"] = watermark.apply(speech.waveform, speech.sample_rate) if mark else (None, None)
    if waveform is not None:
        speech = replace(speech, waveform=waveform)
    if checked:
        details["verified"] = checked.result.as_dict()
    details["c2pa"] = manifest

    def seal(data: bytes, audio_format: str) -> bytes:
        return content_credentials.sign(data, audio_format, details, folder.home) if manifest else data

    sidecar = save(speech, path, details=details, tags=provenance.tags(details), seal=seal)
    provenance.note(folder, details, speech.waveform, speech.sample_rate, sha256_file(path), speech.text)
    if checked:
        print(score_text(checked.result))
    print(f"{speech.seconds:.1f} s of speech in {speech.compute_seconds:.1f} s: {path}")
    print(f"how it was made: {sidecar}")
    return path


def evaluate_step(folder: VoiceFolder, *, device: str = "auto", seed: int = 0) -> dict[str, Any]:
    """Prove the voice; prints the card, what would help, and where picture and page are."""
    from voice_pipeline.card_files import write_card_files
    from voice_pipeline.card_text import card_table
    from voice_pipeline.evaluation import evaluate_voice

    with writing_to(folder.root), progress_bar("Evaluating") as report:
        card = evaluate_voice(folder, device=str(choose_device(device).device), seed=seed, on_progress=report)
        paths = write_card_files(folder, card)
    print(f"{card_table(card)}\n{card['verdict']}")
    helps = [f"  {number}. {row['seen']}: {row['do']}" for number, row in enumerate(card["advice"], 1)]
    if helps:
        print("What would help most:\n" + "\n".join(helps).encode("ascii", "backslashreplace").decode())
    if card["record_next"]:
        print("Sentences to record next are on the page.")
    print("\n".join(f"  {path}" for path in paths))
    return card
