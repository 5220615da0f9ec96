"""Import and preprocess a voice on a disk that refuses, then on one that gives way; prints what happened as JSON.

    python hostile_disk.py tmpfs SOURCE HOME     HOME becomes a 3 MB file system: full, read-only, then with room
    python hostile_disk.py limit SOURCE HOME     no file may be longer than a limit (RLIMIT_FSIZE), then it is lifted

`tmpfs` needs rights to mount: run it by `unshare --map-root-user --mount`. Started by test_reliability.py.
"""

from __future__ import annotations

import hashlib
import json
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from voice_pipeline.errors import PipelineError
from voice_pipeline.preprocessing import preprocess
from voice_pipeline.recording import import_folder
from voice_pipeline.voice_folder import VoiceFolder, read_jsonl

KIND, SOURCE, HOME = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
FILLER = HOME / "filler"
LEAVES = {"import": 300_000, "preprocess": 150_000}  # bytes: less than the step needs
LIMIT = 60_000  # bytes: less than a clip


def refuse(step: str) -> None:
    if KIND == "limit":
        resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, resource.RLIM_INFINITY))
        return
    free = _free()
    with open(FILLER, "wb") as file:
        file.write(bytes(max(0, free - LEAVES[step])))


def give_way() -> None:
    if KIND == "limit":
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    FILLER.unlink(missing_ok=True)


def _free() -> int:
    import os

    found = os.statvfs(HOME)
    return found.f_bavail * found.f_frsize


def attempt(step: Callable[[], object]) -> dict[str, str]:
    """What a step says; anything but a PipelineError ends this program with a traceback."""
    try:
        step()
    except PipelineError as error:
        return {"error": str(error), "hint": error.hint}
    return {"error": "", "hint": ""}


def state(voice: VoiceFolder) -> dict[str, Any]:
    """Whether the folder is valid: tables parse, files are what the tables say, nothing half written lies about."""
    manifest, ledger = read_jsonl(voice.manifest), read_jsonl(voice.ledger)
    wrong = [
        row["file"]
        for row in manifest
        if hashlib.sha256((voice.raw / row["file"]).read_bytes()).hexdigest() != row["sha256"]
    ]
    wrong += [
        row["clip"]
        for row in ledger
        if row["clip"] and hashlib.sha256((voice.root / row["clip"]).read_bytes()).hexdigest() != row["clip_sha256"]
    ]
    half = [path.name for path in voice.root.rglob("*.tmp*")]
    voice.read_info()
    return {"recordings": len(manifest), "rows": len(ledger), "wrong": wrong, "half": half}


def content(voice: VoiceFolder) -> str:
    digest = hashlib.sha256()
    for path in sorted(voice.root.rglob("*")):
        digest.update(f"{path.relative_to(voice.root)}\n".encode())
        digest.update(path.read_bytes() if path.is_file() else b"")
    return digest.hexdigest()


def main() -> None:
    if KIND == "tmpfs":
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(HOME)], check=True)
    voice, found = VoiceFolder(HOME, "ann").create(), {}
    for step, work in (("import", lambda: import_folder(voice, SOURCE)), ("preprocess", lambda: preprocess(voice))):
        refuse(step)
        found[f"{step} refused"] = {**attempt(work), **state(voice)}
        give_way()
        if KIND == "tmpfs":
            subprocess.run(["mount", "-o", "remount,ro", str(HOME)], check=True)
            before = content(voice)
            found[f"{step} read-only"] = {**attempt(work), **state(voice), "same": content(voice) == before}
            subprocess.run(["mount", "-o", "remount,rw", str(HOME)], check=True)
        found[f"{step} done"] = {**attempt(work), **state(voice)}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
