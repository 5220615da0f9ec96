"""Write which packages the clip judge's image needs: the lock's lines for what its two files import, and no more.

The Dockerfile runs it in its build stage, before anything is installed, so it needs the standard library only.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DIRECT = ("numpy", "soundfile", "soxr", "safetensors", "fastapi", "uvicorn", "prometheus-client")


def lines(direct: tuple[str, ...] = DIRECT, root: Path = ROOT) -> list[str]:
    """Return the lock's lines for these packages and for what they need in turn."""
    sys.path.insert(0, str(root / "00_env_setup"))
    try:
        import bootstrap_steps
    finally:
        sys.path.pop(0)
    lock = (root / "00_env_setup" / "requirements.lock").read_text(encoding="utf-8")
    return bootstrap_steps.select(lock, "# [image]\n" + "\n".join(direct), ("image",), skip_cuda=True)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="where the lines go")
    arguments = parser.parse_args(argv)
    found = lines()
    arguments.out.write_text("\n".join(found) + "\n", encoding="utf-8")
    print(f"{sum('==' in line for line in found)} packages in {arguments.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
