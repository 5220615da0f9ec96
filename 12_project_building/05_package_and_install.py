"""Packaging: one file that anybody can install, tried in an environment that holds nothing else.

What you will learn
    - what a wheel is: a ZIP of the package, its name and needs, its commands, and a checksum of every file
    - the command line that a package brings, and where it comes from
    - "works on my machine": a file that the wheel lacks, which no test of the source tree can see
    - a build that can be repeated byte by byte, so that anybody can check what was published
How to run it (needs the tools: python3 00_env_setup/bootstrap.py extra tools)
    python 05_package_and_install.py --quick     build, look inside, install, run: about 5 s
    python 05_package_and_install.py             also from the source archive, and the capstone's wheel
Time and memory on 2 CPU cores: quick 5 s, full 9 s; 0.1 GB.
Writes outputs/: dist/ (the wheel and the source archive), wheel_contents.txt
Concepts: PROJECT_CONCEPTS_EXPLAINED.md (packaging)
"""

import base64
import csv
import hashlib
import io
import os
import shutil
import sys
import tarfile
import tempfile
import zipfile
from argparse import Namespace
from email.parser import Parser
from pathlib import Path

from packaging.utils import parse_wheel_filename
from project_utils import CHECKS, Answers, Done, ascii_only, make_project, prepare, python, run

from coursekit.cli import run_script, script_parser
from coursekit.course.modules import ROOT
from coursekit.errors import CourseError
from coursekit.expectations import Expected
from coursekit.files import sha256_file, write_text_atomic

# ----------------------------------------------------------------------------------------------------------------------
# settings

# A build begins in an empty environment with what [build-system] asks for, freshly downloaded. --no-build-isolation
# takes the setuptools of this environment instead: no network, and the same result, since the lock holds its version.
BUILD = ("build", "--no-build-isolation", "--quiet")
MOMENT = "1700000000"  # SOURCE_DATE_EPOCH: the time that is written into the archive, instead of now
ELSEWHERE = {"PYTHONPATH": None, "PYTHONHOME": None, "VIRTUAL_ENV": None}  # what would lead Python back to this place

# ----------------------------------------------------------------------------------------------------------------------
# 1. build


def uv(*arguments: object, cwd: Path, env: dict[str, str | None] | None = None) -> Done:
    """Run uv, an installer and builder in one program; pip and `python -m build` do the same, more slowly."""
    from uv import find_uv_bin

    quiet = {"UV_OFFLINE": "1", "UV_NO_CACHE": "1", "UV_NO_CONFIG": "1"}  # no network, nothing left in your home
    done = run(find_uv_bin(), *arguments, cwd=cwd, env={**quiet, **(env or {})})
    if done.code:
        raise CourseError(f"uv {arguments[0]} failed: {ascii_only(done.errors)[-600:]}", hint="course doctor")
    return done


def build(project: Path, out: Path, *kinds: str) -> list[Path]:
    """Build a project into `out`; return the archives made.

    Args:
        project: Its folder.
        out: Made anew.
        kinds: "--wheel", "--sdist"; none of them makes the source archive, and the wheel out of that.
    """
    shutil.rmtree(out, ignore_errors=True)
    for left in (project / "build", *project.rglob("*.egg-info")):  # what an older build left is packed again otherwise
        shutil.rmtree(left, ignore_errors=True)
    uv(*BUILD, *kinds, "--python", sys.executable, "--out-dir", out, project, cwd=project,
       env={"SOURCE_DATE_EPOCH": MOMENT})  # fmt: skip
    return sorted(path for path in out.iterdir() if path.suffix in (".whl", ".gz"))


# ----------------------------------------------------------------------------------------------------------------------
# 2. look inside


def read_wheel(wheel: Path) -> dict[str, bytes]:
    """Return the files in a wheel by name: it is a ZIP, nothing more."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}  # concept: packaging


def wrong_checksums(files: dict[str, bytes]) -> list[str]:
    """Return the files whose SHA-256 is not the one in RECORD, as an installer checks it."""
    [record] = [name for name in files if name.endswith(".dist-info/RECORD")]
    wrong = []
    for name, digest, _ in csv.reader(io.StringIO(files[record].decode("utf-8"))):
        made = base64.urlsafe_b64encode(hashlib.sha256(files[name]).digest()).rstrip(b"=").decode()
        if name != record and digest != f"sha256={made}":
            wrong.append(name)
    return wrong


def not_packed(source: Path, files: dict[str, bytes]) -> list[str]:
    """Return what lies in the package's folder and not in the wheel."""
    there = [path.relative_to(source.parent).as_posix() for path in source.rglob("*") if path.is_file()]
    return sorted(name for name in there if "__pycache__" not in name and name not in files)


def show(wheel: Path, files: dict[str, bytes]) -> str:
    """Return what is in a wheel, and what it says about itself."""
    name, version, _, tags = parse_wheel_filename(wheel.name)
    lines = [f"{wheel.name}: {name} {version}, for {', '.join(map(str, tags))}", ""]
    lines += [f"{len(content):8} {file}" for file, content in files.items()]
    [metadata] = [content for file, content in files.items() if file.endswith("/METADATA")]
    said = Parser().parsestr(metadata.decode("utf-8"))
    lines += [
        "",
        *(f"{field}: {said[field]}" for field in ("Name", "Version", "License-Expression", "Requires-Python")),
    ]
    [entry] = [content for file, content in files.items() if file.endswith("/entry_points.txt")]
    return "\n".join([*lines, entry.decode("utf-8").strip()]) + "\n"


# ----------------------------------------------------------------------------------------------------------------------
# 3. install into a fresh environment, and run it there


def fresh_environment(folder: Path) -> Path:
    """Make an environment with nothing in it, not even pip; return its folder of programs."""
    uv("venv", "--quiet", "--python", sys.executable, folder, cwd=folder.parent)
    return folder / ("Scripts" if os.name == "nt" else "bin")


def install(archive: Path, programs: Path) -> None:
    """Install an archive and nothing else; `--no-index` asks no server for anything."""
    uv("pip", "install", "--no-index", "--quiet", "--python",
       programs / f"python{'.exe' if os.name == 'nt' else ''}", archive, cwd=archive.parent)  # fmt: skip


def command(programs: Path, name: str, *arguments: object, cwd: Path) -> Done:
    """Run an installed command as a user does, from another folder."""
    return run(programs / f"{name}{'.exe' if os.name == 'nt' else ''}", *arguments, cwd=cwd, env=ELSEWHERE)


def try_out(wheel: Path, answers: Answers, sound: Path, folder: Path) -> dict[str, Done]:
    """Install a wheel in a fresh environment and use its command; return how each call ended."""
    programs = fresh_environment(folder / "environment")
    install(wheel, programs)
    work = folder / "work"
    work.mkdir()
    name, out = answers.name, work / "out.wav"
    listing = uv("pip", "list", "--format", "freeze", "--python",
                 programs / f"python{'.exe' if os.name == 'nt' else ''}", cwd=work, env=ELSEWHERE)  # fmt: skip
    return {
        "what is installed": listing,
        "--version": command(programs, name, "--version", cwd=work),
        "trim": command(programs, name, "trim", sound, out, cwd=work),
        "check": command(programs, name, "check", out, cwd=work),
        "a file that is not there": command(programs, name, "check", work / "no.wav", cwd=work),
    }


def show_calls(calls: dict[str, Done], folder: Path) -> None:
    for what, done in calls.items():
        said = ascii_only((done.output + done.errors).strip()).replace(str(folder), "").splitlines()
        print(f"  {what:26} exit code {done.code}  {said[-1 if 'Traceback' in done.errors else 0][:80]}")


# ----------------------------------------------------------------------------------------------------------------------
# 4. the wheel that lacks a file


def forget_data(project: Path, answers: Answers, folder: Path, sound: Path) -> tuple[bool, int, list[str]]:
    """Forget the data file in pyproject.toml; return (tests pass, exit code of the installed check, files missing)."""
    settings = project / "pyproject.toml"
    original = settings.read_text(encoding="utf-8")
    line = f'{answers.package} = ["py.typed", "rules.json"]\n'
    assert line in original
    settings.write_text(original.replace(line, f'{answers.package} = ["py.typed"]\n'), encoding="utf-8")
    tests = python(*CHECKS["pytest"], cwd=project)
    [wheel] = build(project, folder / "dist", "--wheel")
    missing = not_packed(project / "src" / answers.package, read_wheel(wheel))
    calls = try_out(wheel, answers, sound, folder)
    settings.write_text(original, encoding="utf-8")
    print(f"  tests in the source tree: {ascii_only(tests.last)}")
    show_calls({"check, installed": calls["check"]}, folder)
    print(f"  not in the wheel: {', '.join(missing)}")
    return tests.code == 0, calls["check"].code, missing


# ----------------------------------------------------------------------------------------------------------------------
# 5. the capstone's own wheel


def capstone_wheel(folder: Path) -> tuple[int, int]:
    """Build the capstone's package from a copy of its sources; return (files in it, files of the tree it lacks)."""
    source = ROOT / "capstone_voice_replication_pipeline"
    copy = folder / "capstone"
    skip = shutil.ignore_patterns("__pycache__", "*.egg-info", "build")
    shutil.copytree(source / "voice_pipeline", copy / "voice_pipeline", ignore=skip)
    shutil.copyfile(source / "pyproject.toml", copy / "pyproject.toml")
    [wheel] = build(copy, folder / "capstone_dist", "--wheel")
    files = read_wheel(wheel)
    return len(files), len(not_packed(copy / "voice_pipeline", files))


# ----------------------------------------------------------------------------------------------------------------------
# main


def main(settings: Namespace) -> dict[str, float]:
    """Build, look inside, install, run; then make the mistake that everybody makes once."""
    prepare(settings, needs=("uv", "pytest", "hypothesis"))
    answers = Answers()
    values: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        project = folder / answers.name
        make_project(project, answers)
        sound = project / "tests" / "golden" / "sentence.wav"

        print("1. Built twice, and looked into")
        [wheel] = build(project, settings.out / "dist", "--wheel")
        [second] = build(project, folder / "again", "--wheel")
        same = sha256_file(wheel) == sha256_file(second)
        files = read_wheel(wheel)
        contents = show(wheel, files)
        write_text_atomic(settings.out / "wheel_contents.txt", contents)
        print("  " + ascii_only(contents).strip().replace("\n", "\n  "))
        lacking_before = len(not_packed(project / "src" / answers.package, files))
        print(f"  checksums that are wrong: {len(wrong_checksums(files))}; built again, byte by byte the same: {same}")

        print("2. Installed where nothing else is")
        (folder / "good").mkdir()
        calls = try_out(wheel, answers, sound, folder / "good")
        show_calls(calls, folder / "good")

        print("3. The line of the data files forgotten in pyproject.toml")
        (folder / "bad").mkdir()
        tests_pass, code, missing = forget_data(project, answers, folder / "bad", sound)

        if not settings.quick:
            print("4. The source archive, and the capstone")
            archives = build(project, folder / "both")
            [source] = [path for path in archives if path.suffix == ".gz"]
            with tarfile.open(source) as archive:
                names = archive.getnames()
            values["source_archive_tests"] = sum(file.rpartition("/")[2].startswith("test_") for file in names)
            packed, lacking = capstone_wheel(folder)
            print(f"  {source.name}: {len(names)} entries; the capstone's wheel: {packed} files, {lacking} missing")
            values |= {"capstone_files": packed, "capstone_files_missing": lacking}
    return values | {
        "files_in_the_wheel": len(files),
        "files_missing": lacking_before,
        "wrong_checksums": len(wrong_checksums(files)),
        "built_again_the_same": float(same),
        "packages_installed": len(calls["what is installed"].output.split()),
        "exit_codes_right": float([done.code for done in calls.values()] == [0, 0, 0, 0, 2]),
        "forgotten_tests_pass": float(tests_pass),
        "forgotten_exit_code": code,
        "forgotten_files": len(missing),
    }


EXPECTED = {
    "files_in_the_wheel": Expected((16, 16), (16, 16)),
    "files_missing": Expected((0, 0), (0, 0)),
    "wrong_checksums": Expected((0, 0), (0, 0)),
    "built_again_the_same": Expected((1, 1), (1, 1)),
    "packages_installed": Expected((1, 1), (1, 1)),
    "exit_codes_right": Expected((1, 1), (1, 1)),
    "forgotten_tests_pass": Expected((1, 1), (1, 1)),
    "forgotten_exit_code": Expected((1, 1), (1, 1)),
    "forgotten_files": Expected((1, 1), (1, 1)),
    "source_archive_tests": Expected(None, (1, 10)),
    "capstone_files": Expected(None, (50, 1000)),
    "capstone_files_missing": Expected(None, (0, 0)),
}

PARSER = script_parser(__doc__)

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="06_documentation_and_licences.py")
