"""A job's process whose work is pretended; how it ends, the task's seed tells. Its talk with the service is real.

0 succeeds, 1 waits for the file HOME/go, 2 is refused, 3 fails in an unforeseen way, 4 dies.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

from voice_pipeline.api import job_process
from voice_pipeline.errors import PipelineError


def perform(task: dict[str, Any], report: job_process.Report) -> dict[str, Any]:
    """Stands in for `job_process.perform`."""
    print("what a library prints")
    report(0.25, "beginning")
    seed, home = task["options"]["seed"], Path(task["home"])
    (home / "pid").write_text(str(os.getpid()))
    while seed == 1 and not (home / "go").exists():
        time.sleep(0.01)
    if seed == 2:
        raise PipelineError("there are no clips")
    if seed == 3:
        raise KeyError("a secret")
    if seed == 4:
        os._exit(9)
    return {"kind": task["kind"], "options": task["options"], "key": os.environ.get("VOICE_API_KEY")}


if __name__ == "__main__":
    job_process.perform = perform
    sys.exit(job_process.main())
