"""Does the jobs, one at a time, each in a process of its own."""

from __future__ import annotations

import json
import logging
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from voice_pipeline.api.errors import log_unexpected
from voice_pipeline.api.jobs import Job, JobBook

logger = logging.getLogger(__name__)

COMMAND = (sys.executable, "-m", "voice_pipeline.api.job_process")
_POLL_SECONDS = 0.25
_APART: dict[str, Any] = (  # Ctrl-C in a terminal is for the service, which then stops the job in its own way
    {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
    if os.name == "nt"
    else {"start_new_session": True}
)
_GRACE_SECONDS = 10.0
_PACKAGE = Path(__file__).resolve().parents[2]


class JobRunner:
    """A thread that takes jobs from the book. Of several processes with one home, the one with the lock works.

    Args:
        book: the jobs.
        home: folder of voice folders.
        place: for the lock and the jobs' logs.
        device: where training computes.
        command: what is started for a job.
    """

    def __init__(self, book: JobBook, home: Path, place: Path, device: str, command: Sequence[str] = COMMAND) -> None:
        self._book, self._home, self._place, self._device = book, home, place, device
        self._command = list(command)
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)

    def start(self) -> None:
        """Begin, and go on with what an earlier process was doing."""
        self._thread.start()

    def wake(self) -> None:
        """There may be something to do."""
        self._wake.set()

    def close(self) -> None:
        """Stop at once; a job that runs goes on when the service is started again."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        lock = FileLock(self._place / "jobs.lock")
        while not self._stop.is_set():
            try:
                self._place.mkdir(parents=True, exist_ok=True, mode=0o700)
                with lock.acquire(timeout=0):
                    again = self._book.take_over()
                    if again:
                        logger.info("%d jobs go on that an earlier process left", again)
                    self._work()
            except Timeout:
                self._stop.wait(5.0)
            except Exception as error:
                log_unexpected(error)
                self._stop.wait(5.0)

    def _work(self) -> None:
        while not self._stop.is_set():
            job = self._book.claim()
            if job is None:
                self._wake.wait(1.0)
                self._wake.clear()
                continue
            logger.info("job %s: %s of the voice '%s'", job.id, job.kind, job.voice)
            self._do(job)

    def _do(self, job: Job) -> None:
        task = {"kind": job.kind, "voice": job.voice, "options": job.options}
        task |= {"home": str(self._home), "device": self._device}
        with open(self._place / f"{job.id}.log", "ab") as log:
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                encoding="utf-8",
                env=_environment(),
                **_APART,
            )
        lines: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        reader = threading.Thread(target=_read, args=(process, lines), daemon=True)
        reader.start()
        try:
            _give(process, task)
            self._follow(job, process, lines)
        finally:
            _end(process)
            reader.join()

    def _follow(
        self, job: Job, process: subprocess.Popen[str], lines: queue.SimpleQueue[dict[str, Any] | None]
    ) -> None:
        """Note what the process says until it ends, or is to be stopped."""
        share, sentence, answer = 0.0, "starting", None
        while True:
            if self._stop.is_set():
                _end(process)
                self._book.put_back(job.id)
                return
            try:
                said = lines.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                said = {}
            if said is None:
                break
            share, sentence = said.get("share", share), said.get("sentence", sentence)
            answer = said if "result" in said or "error" in said else answer
            if self._book.progress(job.id, share, sentence):
                _end(process)
                self._book.finish(job.id, "cancelled", sentence="cancelled")
                return
        process.wait()
        if answer and "result" in answer:
            self._book.finish(job.id, "succeeded", share=1.0, sentence="done", result=answer["result"])
            return
        died = {"message": f"its process ended with code {process.returncode}", "code": "died"}
        error = answer["error"] if answer else died
        self._book.finish(job.id, "failed", sentence="failed", error=error)


def _environment() -> dict[str, str]:
    """That of the service; the package is found wherever it was started, and the API key stays behind."""
    kept = {name: value for name, value in os.environ.items() if name != "VOICE_API_KEY"}
    return {**kept, "PYTHONPATH": os.pathsep.join(filter(None, [str(_PACKAGE), kept.get("PYTHONPATH")]))}


def _give(process: subprocess.Popen[str], task: dict[str, Any]) -> None:
    assert process.stdin
    try:
        process.stdin.write(json.dumps(task) + "\n")
        process.stdin.flush()
    except OSError:  # it has ended already; its exit code tells
        logger.info("a job's process ended before it was told what to do")


def _read(process: subprocess.Popen[str], lines: queue.SimpleQueue[dict[str, Any] | None]) -> None:
    assert process.stdout
    for line in process.stdout:
        try:
            lines.put(dict(json.loads(line)))
        except (ValueError, TypeError):
            logger.info("a job's process said something that is no JSON object")
    lines.put(None)


def _end(process: subprocess.Popen[str]) -> None:
    """Ask the process to end, then make it."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe and not pipe.closed and pipe is process.stdin:
            try:
                pipe.close()
            except OSError:
                logger.debug("the pipe of an ended process was closed already")
