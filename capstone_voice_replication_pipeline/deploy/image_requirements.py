"""Write which packages the service's image needs: the lock's lines for the capstone, without lessons and tests.

Run (the Dockerfile does, in its build stage):
    python deploy/image_requirements.py --torch-backend cpu --out image.txt

With --torch-backend cpu, what only a GPU build of PyTorch needs is left out. Standard library only: it runs before
anything is installed.

Writes: the file named by --out
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GROUPS = ("capstone",)


def lines(torch_backend: str, root: Path = ROOT) -> list[str]:
    """The lock's lines to install.

    Args:
        torch_backend: "cpu", another of uv's names for a build of PyTorch, or empty for the default index's.
        root: of the repository.
    """
    sys.path.insert(0, str(root / "00_env_setup"))
    try:
        import bootstrap_steps
    finally:
        sys.path.pop(0)
    lock = (root / "00_env_setup" / "requirements.lock").read_text(encoding="utf-8")
    direct = (root / "requirements.txt").read_text(encoding="utf-8")
    return bootstrap_steps.select(lock, direct, GROUPS, skip_cuda=torch_backend == "cpu")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--torch-backend", default="", metavar="NAME", help="cpu, or empty for the default index's")
    parser.add_argument("--out", required=True, metavar="FILE", help="where the lines go")
    arguments = parser.parse_args(argv)
    found = lines(arguments.torch_backend)
    temporary = Path(f"{arguments.out}.tmp")
    temporary.write_text("\n".join(found) + "\n", encoding="utf-8")
    os.replace(temporary, arguments.out)
    print(f"{sum('==' in line for line in found)} packages in {arguments.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
