"""What the scripts of this module share: a voice folder to keep, emulators of three clouds, and how they are reached.

Servers that end, speech and colours are those of modules 10 and 04, passed on from here.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from coursekit.course.modules import load_script
from coursekit.errors import CourseError
from coursekit.files import atomic_path, sha256_file
from voice_pipeline.audio import write_wav
from voice_pipeline.consent import declare_licence
from voice_pipeline.voice_folder import VoiceFolder, write_jsonl

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
CAPSTONE = ROOT / "capstone_voice_replication_pipeline"
STARTER_VOICE = CAPSTONE / "starter_voice"
mlops_utils = load_script(ROOT / "10_mlops" / "mlops_utils.py")
prepare = mlops_utils.prepare  # says the device, returns the generator of random numbers
save_figure = mlops_utils.save_figure
free_port, launched, Server = mlops_utils.free_port, mlops_utils.launched, mlops_utils.Server
BLUE, ORANGE, GREEN, PURPLE, GREY = (
    mlops_utils.BLUE,
    mlops_utils.ORANGE,
    mlops_utils.GREEN,
    mlops_utils.PURPLE,
    mlops_utils.GREY,
)
AZURITE = "azurite@3.35.0"  # the release that was tried
MADE_UP_ACCOUNT = "devstoreaccount1"  # Azurite's own, the same on every machine, and its key is no secret either
MADE_UP_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

# ----------------------------------------------------------------------------------------------------------------------
# packages


def needs(*modules: str) -> None:
    """Make sure that the packages of the group [cloud] are there.

    Raises:
        CourseError: One is missing; the hint installs them.
    """
    import importlib.util

    missing = [name for name in modules if not _found(importlib.util.find_spec, name)]
    if missing:
        raise CourseError(
            f"this script needs {', '.join(missing)}, which only this module uses.",
            hint="python3 00_env_setup/bootstrap.py setup cloud",
        )


def _found(find, name: str) -> bool:
    try:
        return find(name) is not None
    except ModuleNotFoundError:  # "google.cloud.storage" where there is no google at all
        return False


def needs_ray() -> None:
    """Make sure that Ray is there, and that it reports nothing to anybody.

    Raises:
        CourseError: It is missing; the hint installs it.
    """
    import importlib.util

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_USAGE_STATS_REPORT_URL"] = "http://127.0.0.1:9/"  # else Ray reports that it reports nothing
    if importlib.util.find_spec("ray") is None:
        raise CourseError("this script needs Ray.", hint="python3 00_env_setup/bootstrap.py extra ray")


# ----------------------------------------------------------------------------------------------------------------------
# something worth keeping


def voice_to_keep(settings: Namespace, clips: int = 3, home: Path | None = None) -> VoiceFolder:
    """Return a voice folder with recordings, a manifest, a licence record and a model; made on the first run.

    The recordings are real speech or stand-ins (module 04). The model is the capstone's starter voice, 11 MB in two
    files: large enough to be sent in parts.
    """
    folder = VoiceFolder(home or settings.out / "voices", "demo")
    if folder.manifest.is_file():
        return folder
    speech = mlops_utils.audio_utils.load_speakers(settings, clips, sentences_each=1)
    folder.create()
    declare_licence(folder, "CC BY 4.0", "LibriSpeech, or the course's synthetic stand-in")
    for clip in speech:
        write_wav(folder.raw / f"{clip.name}.wav", clip.waveform, clip.sample_rate)
    models = folder.models / "first"
    models.mkdir(parents=True, exist_ok=True)
    for name in ("acoustic.safetensors", "vocoder.safetensors"):
        with atomic_path(models / name) as temporary:
            shutil.copyfile(STARTER_VOICE / name, temporary)
    rows = [{"id": clip.name, "sha256": sha256_file(folder.raw / f"{clip.name}.wav")} for clip in speech]
    write_jsonl(folder.manifest, rows)  # last: where it is, the folder is whole
    return folder


def files_of(folder: VoiceFolder) -> dict[str, Path]:
    """Return every file of a voice by its key: the path below the home of all voices, with slashes."""
    found = sorted(path for path in folder.root.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {path.relative_to(folder.home).as_posix(): path for path in found}


def starter_voice(number: int = 0) -> Any:
    """Return the capstone's starter voice with the voice of one of its speakers, ready to speak and warm."""
    from voice_pipeline.engines.starter.base_voice import reference_embeddings
    from voice_pipeline.engines.starter.engine import StarterEngine

    voice = StarterEngine().of_embedding(reference_embeddings()[number])
    voice.synthesize("warm")  # the first sentence loads lexicon and vocoder
    return voice


def serving_voice(home: Path) -> None:
    """Put `starter_voice()` into a home of voices as "demo", for a service to speak with; nothing when it is there."""
    folder = VoiceFolder(home, "demo")
    if not (folder.exists and folder.read_info().get("model")):
        load_script(CAPSTONE / "benchmarks" / "api_load.py").make_voice(home, folder.name)


# ----------------------------------------------------------------------------------------------------------------------
# emulators: servers on this machine that speak a cloud's language


def azurite_script() -> Path | None:
    """Return Azurite's program where npm put it, or None."""
    path = Path(sys.prefix) / "azurite" / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
    return path if path.is_file() and shutil.which("node") else None


def why_no_azurite() -> str:
    """Return why Azure cannot be rehearsed here and what lifts it; empty where it can."""
    if azurite_script():
        return ""
    if not shutil.which("npm"):
        return "Azure is left out: its emulator, Azurite, needs Node.js 20 with npm."
    return f"Azure is left out: its emulator is missing. Install it: npm install --prefix .venv/azurite {AZURITE}"


def commands(port: int) -> dict[str, list[str]]:
    """How each emulator is started, all in memory. The key is the scheme of the addresses it serves."""
    azurite = [
        "node",
        str(azurite_script()),
        "--silent",
        "--inMemoryPersistence",
        "--skipApiVersionCheck",  # the SDK is newer than the emulator, which would refuse it
        "--disableTelemetry",
        "--blobHost",
        "127.0.0.1",
        "--blobPort",
        str(port),
    ]
    gcs = [sys.executable, "-m", "gcp_storage_emulator", "start", "--host", "127.0.0.1", "--port", str(port)]
    return {
        "s3": [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        "gs": [*gcs, "--in-memory", "--quiet"],
        "az": azurite,
    }


@contextmanager
def emulators(settings: Namespace, schemes: Sequence[str] = ("s3", "gs", "az")) -> Iterator[dict[str, str]]:
    """Run emulators on free ports while the block lasts; gives the address of each by scheme.

    Where Azurite is missing the reason is printed, and `az` is not among them.
    """
    if "az" in schemes and (reason := why_no_azurite()):
        print(reason)
        schemes = [scheme for scheme in schemes if scheme != "az"]
    with _running(settings, list(schemes), {}) as servers:  # all are starting; now wait for each
        for scheme, server in servers.items():
            _listening(server)
            print(f"{scheme}://  emulated at {server.url}")
        yield {scheme: server.url for scheme, server in servers.items()}


@contextmanager
def _running(settings: Namespace, schemes: list[str], started: dict[str, Server]) -> Iterator[dict[str, Server]]:
    if not schemes:
        yield started
        return
    scheme, *rest = schemes
    port = free_port()
    more = {"AWS_ACCESS_KEY_ID": "made-up", "AWS_SECRET_ACCESS_KEY": "made-up", "AWS_EC2_METADATA_DISABLED": "true"}
    with launched(commands(port)[scheme], port, settings.out / f"emulator_{scheme}.log", more) as server:
        with _running(settings, rest, {**started, scheme: server}) as servers:
            yield servers


def _listening(server: Server) -> None:
    """Return as soon as somebody listens; what an emulator answers at / differs."""
    deadline = time.monotonic() + mlops_utils.WAIT
    address = ("127.0.0.1", int(server.url.rsplit(":", 1)[1]))
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            socket.create_connection(address, timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    last = "\n".join(server.log.read_text(encoding="utf-8", errors="replace").splitlines()[-8:])
    raise CourseError(f"the emulator at {server.url} does not start:\n{last}", hint=f"read {server.log}")


def mib(size: float) -> str:
    """Return a number of bytes in MiB, for people."""
    return f"{size / 2**20:.1f} MiB"
