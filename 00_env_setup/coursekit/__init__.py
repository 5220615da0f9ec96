"""Shared by all modules: command line, expectations, data registry, device, files, course, doctor."""

import os
import sys

# Every script imports this first: better said here than a TypeError somewhere else.
if sys.version_info < (3, 10):  # noqa: UP036
    sys.exit(
        "ERROR: this is Python {}.{}; the course needs Python 3.10, 3.11 or 3.12.\n"
        "HINT: use the Python in .venv (00_env_setup/README.md says how), or install one from python.org".format(
            *sys.version_info[:2]
        )
    )

# onnxruntime, which runs the detector of speech, otherwise keeps a device id in the home folder and reports its use.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
