"""Exit with 0 when the service answers, else with 1: the health check of the image and of compose.yaml.

Run:
    python deploy/healthcheck.py            (is the process alive: /health)
    python deploy/healthcheck.py /ready     (can it speak)

Standard library only, since it runs every few seconds. The port is VOICE_API_PORT, as the service's own.

Writes: nothing
"""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request


def answers(path: str, port: str) -> bool:
    """Whether the service on this machine answers `path` with status 200."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=4) as answer:
            return bool(answer.status == 200)
    except (OSError, ValueError) as error:
        print(f"{path}: {error}", file=sys.stderr)
        return False


if __name__ == "__main__":
    if sys.argv[1:] in (["--help"], ["-h"]):
        print(__doc__)
        sys.exit(0)
    wanted = sys.argv[1] if len(sys.argv) > 1 else "/health"
    sys.exit(0 if answers(wanted, os.environ.get("VOICE_API_PORT", "8000")) else 1)
