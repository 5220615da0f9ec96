"""One job in a process of its own, so that it can be stopped, gives its memory back, and takes nothing down with it.

The service writes one JSON line with the task to this process and reads JSON lines from it: `{"share", "sentence"}`
while it works, then `{"result"}` or `{"error"}`. When the service dies, this process ends as well; what it has done
stays in the voice folder, and the same job goes on from there.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, TextIO

from voice_pipeline.errors import PipelineError
from voice_pipeline.voice_folder import VoiceFolder, read_jsonl

Report = Callable[[float, str], None]
_SECONDS_BETWEEN_REPORTS = 0.2


def main() -> int:
    """Do the task that stands in the first line of the input."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print goes to the log
    task = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_the_service, daemon=True).start()
    try:
        result = perform(task, _reporter(answers))
    except PipelineError as error:
        _say(answers, error={"message": str(error), "code": getattr(error, "code", "not_possible")})
        return 1
    except Exception as error:
        _say(
            answers, error={"message": f"it failed: {type(error).__name__}; the job's log says where", "code": "failed"}
        )
        raise
    _say(answers, result=result)
    return 0


def perform(task: dict[str, Any], report: Report) -> dict[str, Any]:
    """Do a task.

    Args:
        task: `kind`, `home`, `voice`, `options`, `device`.
        report: progress callback.

    Raises:
        PipelineError: it cannot be done; says why.
    """
    folder = VoiceFolder(task["home"], task["voice"]).require()
    work = {"prepare": _prepare, "train": _train, "evaluate": _evaluate}[task["kind"]]
    with folder.lock():
        return work(folder, task["options"], task["device"], report)


def _prepare(folder: VoiceFolder, options: dict[str, Any], device: str, report: Report) -> dict[str, Any]:
    from voice_pipeline.ledger import counts
    from voice_pipeline.preprocessing import preprocess

    total = max(1, len(read_jsonl(folder.manifest)))
    done = {"clips": 0, "heard": 0}

    def on(kind: str, start: float, sentence: str) -> Callable[[object], None]:
        def step(_: object) -> None:
            done[kind] += 1
            report(start + 0.5 * min(1.0, done[kind] / total), sentence)

        return step

    result = preprocess(
        folder,
        seed=options.get("seed", 0),
        allow_few=bool(options.get("allow_few")),
        listening=True,
        on_clip=on("clips", 0.0, "preparing the recordings"),
        on_heard=on("heard", 0.5, "listening to the clips"),
    )
    accepted, rejected = counts(result.rows)
    return {
        "recordings": len(result.rows),
        "accepted": accepted,
        "rejected": rejected,
        "train": len(result.split["train"]),
        "held_out": len(result.split["validation"]),
        "notes": list(result.notes),
    }


def _train(folder: VoiceFolder, options: dict[str, Any], device: str, report: Report) -> dict[str, Any]:
    from coursekit.device import choose_device
    from voice_pipeline.report_plots import plot_training
    from voice_pipeline.training import open_run

    prepared = _prepare(folder, options, device, _part(report, 0.0, 0.1))
    minutes, rate = options.get("minutes"), options.get("learning_rate")
    run = open_run(
        folder,
        engine=options.get("engine") or "starter",
        device=str(choose_device(device).device),
        seed=options.get("seed", 0),
        max_steps=options.get("steps"),
        max_seconds=60 * minutes if minutes else None,
        options={"learning_rate": rate} if rate else None,
        accept_licence=bool(options.get("accept_licence")),
        on_progress=_part(report, 0.1, 0.15, "calibrating: "),
    )
    if options.get("budget", True):
        run.budget()
    run.request.on_progress = _part(report, 0.15, 1.0)
    result = run.train()
    plot_training(run.request.run_dir, folder.reports / "training.png")
    return {"run": run.name, "steps": result.steps, "seconds": round(result.seconds, 1), "prepared": prepared}


def _evaluate(folder: VoiceFolder, options: dict[str, Any], device: str, report: Report) -> dict[str, Any]:
    from coursekit.device import choose_device
    from voice_pipeline.card_files import write_card_files
    from voice_pipeline.evaluation import evaluate_voice

    chosen = str(choose_device(device).device)
    card = evaluate_voice(folder, device=chosen, seed=options.get("seed", 0), on_progress=_part(report, 0.0, 0.95))
    report(0.95, "writing the proof card")
    paths = write_card_files(folder, card)
    return {
        "verdict": card["verdict"],
        "similarity": card["similarity"]["clone"],
        "word_error_rate": card["wer"]["clone"],
        "files": [path.name for path in paths],
    }


def _part(report: Report, start: float, end: float, prefix: str = "") -> Report:
    return lambda share, sentence: report(start + (end - start) * share, prefix + sentence)


def _reporter(answers: TextIO) -> Report:
    last = 0.0

    def report(share: float, sentence: str) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _SECONDS_BETWEEN_REPORTS:
            last = now
            _say(answers, share=share, sentence=sentence)

    return report


def _say(answers: TextIO, **what: Any) -> None:
    answers.write(json.dumps(what) + "\n")
    answers.flush()


def _end_with_the_service() -> None:
    """The input ends when the service does."""
    while sys.stdin.readline():
        pass
    os._exit(3)


if __name__ == "__main__":
    sys.exit(main())
