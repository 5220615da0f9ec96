"""Extras: packages that one script or engine needs and most learners do without, each listed in requirements-NAME.txt
of its module or of the capstone.

An extra is installed beside the lock, which holds every package that both name, so that it can never change what the
rest of the course was tested with. What is installed stands in .venv/extras.json.
"""

import hashlib
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path

import bootstrap_steps as steps


def extras() -> dict[str, Path]:
    """Return the requirements file of every extra, by name."""
    found = [
        *sorted(steps.ROOT.glob("[0-9][0-9]_*/requirements-*.txt")),
        *sorted(steps.ROOT.glob("capstone_*/requirements-*.txt")),
    ]
    here = "00_env_setup"  # its requirements-overrides.txt belongs to the lock
    return {path.stem.removeprefix("requirements-"): path for path in found if path.parent.name != here}


def add(names: Sequence[str]) -> int:
    """Run `bootstrap.py extra NAME`.

    Raises:
        SetupError: There is no such extra, or it cannot be installed.
    """
    known = extras()
    unknown = [name for name in names if name not in known]
    if unknown or len(names) != 1:
        problem = f"there is no extra called {unknown[0]!r}." if unknown else "extra takes one name."
        raise steps.SetupError(problem, f"possible are: {', '.join(known) or 'none yet'}")
    steps.set_up(steps.USER_GROUPS)
    [name] = names
    if is_installed(known[name]):
        print(f"The extra {name} is installed already.")
        return 0
    with steps.exclusive(steps.ROOT / ".bootstrap.lock"):
        steps.say(f"installing the extra {name}")
        steps.run(command(known[name]), f"the extra {name} could not be installed (see above).")
        note(known[name])
    module = known[name].parent.name
    print(f"Ready: {name}, for {f'module {module[:2]}' if module[0].isdigit() else 'the capstone'}.")
    return 0


def add_all_that_can_be_had() -> None:
    """Install every extra for the tests; where one cannot be had, say so, and its tests skip with that reason."""
    missing = {name: path for name, path in extras().items() if not is_installed(path)}
    if not missing:
        return
    with steps.exclusive(steps.ROOT / ".bootstrap.lock"):
        for name, path in missing.items():
            steps.say(f"installing the extra {name}")
            result = steps.quiet(command(path), UV_HTTP_RETRIES="0")
            if result.returncode == 0:
                note(path)
                continue
            print(f"   {name} cannot be had for this machine, so its tests are skipped:", flush=True)
            for line in result.stderr.strip().splitlines()[-4:]:
                print(f"   {line.strip()}".encode("ascii", "replace").decode(), flush=True)


def command(requirements: Path) -> list[object]:
    """The installer's command line: built wheels only, and whatever the lock names at the lock's version."""
    held = steps.VENV / "bootstrap-constraints.txt"
    lines = steps.LOCK.read_text(encoding="utf-8").splitlines()
    held.write_text("\n".join(line for line in lines if re.match(r"[A-Za-z0-9]", line)) + "\n", encoding="utf-8")
    return [*steps.installer(steps.install_uv()), "--only-binary", ":all:", "-r", requirements, "-c", held]


def is_installed(requirements: Path) -> bool:
    """Return whether this very file was installed beside this very lock."""
    return _noted().get(requirements.name) == fingerprint(requirements)


def note(requirements: Path) -> None:
    """Write down that an extra is installed."""
    file = steps.VENV / "extras.json"
    temporary = file.with_suffix(".tmp")
    temporary.write_text(json.dumps({**_noted(), requirements.name: fingerprint(requirements)}), encoding="utf-8")
    os.replace(temporary, file)


def fingerprint(requirements: Path) -> str:
    """Return a hash of what decides whether an extra has to be installed again."""
    return hashlib.sha256(requirements.read_bytes() + steps.LOCK.read_bytes()).hexdigest()


def _noted() -> dict[str, str]:
    try:
        found = json.loads((steps.VENV / "extras.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
