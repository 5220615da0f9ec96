"""Trains in processes that are to be killed. The libraries are loaded once; each run is a fork of this process.

    python dying_trainer.py

reads one JSON object a line: {"run_dir": ..., "die_at_write": n or null}, answers with the child's process id, and when
the child has ended with its exit code (negative: the signal that killed it). A child with `die_at_write` kills itself
at the n-th moment of writing a file: before its content is safe, before it gets its name, or just after.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[1] / "00_env_setup")]

import torch  # noqa: E402
import torch._dynamo  # noqa: E402  (the first optimiser step imports it: seconds, in every fork again)

torch.set_num_threads(1)  # a fork of a process whose thread pool has started would hang


def toy_trainer() -> Callable[[Path], None]:
    """Sixty steps of the toy, slow enough to be killed between two of them."""
    from toy_trainer import train

    return lambda run_dir: train(run_dir, 60, eval_every=5, save_every=3, on_step=lambda report: time.sleep(0.01))


def die_at_write(number: int) -> None:
    """Kill this process at the `number`-th moment of writing."""
    moments = 0
    real_fsync, real_replace = os.fsync, os.replace

    def moment() -> None:
        nonlocal moments
        moments += 1
        if moments == number:
            os.kill(os.getpid(), signal.SIGKILL)

    def fsync(handle: int) -> None:
        moment()
        real_fsync(handle)

    def replace(source: Any, target: Any) -> None:
        moment()
        real_replace(source, target)
        moment()

    os.fsync, os.replace = fsync, replace


def main() -> None:
    """Serve the lines of standard input."""
    train = toy_trainer()
    print("ready", flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            if order["die_at_write"]:
                die_at_write(order["die_at_write"])
            try:
                train(Path(order["run_dir"]))
            except BaseException as error:
                print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
                os._exit(1)
            os._exit(0)
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
