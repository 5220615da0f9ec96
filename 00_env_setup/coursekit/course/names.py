"""From what a learner types ("02", "02/03", "02/gradients", "learning rate") to what it means."""

import difflib
import os
import re
from collections.abc import Iterable
from pathlib import Path

from coursekit.course.exercises import Exercise, find_exercises
from coursekit.course.modules import ROOT, Module, modules
from coursekit.errors import CourseError


def find_module(typed: str, root: Path = ROOT) -> Module:
    """Return the module of "02", "2" or "02_deep_learning_basics"."""
    wanted = _plain(typed).split("/")[0]
    known = modules(root)
    for module in known:
        if wanted in (module.number, module.number.lstrip("0") or "0", module.folder.name.lower()):
            return module
    names = [module.folder.name for module in known]
    raise CourseError(f"there is no module {typed!r}.{_close(wanted, names)}", hint="course status lists every module")


def find_script(typed: str, root: Path = ROOT) -> Path:
    """Return the script of "02/03", "2/3", "02/03_train_mnist" or its path in the repository."""
    module_name, name = _two_parts(typed, "script", "02/03", root)
    module = find_module(module_name, root)
    wanted = name.removesuffix(".py")
    for script in module.scripts:
        if wanted in (script.stem.lower(), script.name[:2], script.name[:2].lstrip("0")):
            return script
    if wanted in (stub.stem.lower() for stub in module.exercises):
        hint = f"course exercise {module.number}/{wanted}"
        raise CourseError(f"{module.number}/{wanted} is an exercise, not a script.", hint=hint)
    close = _close(wanted, [script.stem for script in module.scripts], f"{module.number}/")
    hint = f"course status {module.number} lists its scripts"
    raise CourseError(f"module {module.number} has no script {name!r}.{close}", hint=hint)


def find_exercise(typed: str, root: Path = ROOT) -> Exercise:
    """Return the exercise of "02/gradients", of "gradients" where only one has that name, or of its path."""
    typed_path = [part for part in _plain(typed).split("/") if part not in ("exercises", "my_answers")]
    module_name, name = typed_path[0], typed_path[-1].removesuffix(".py")
    if len(typed_path) == 1:
        everywhere = [exercise for module in modules(root) for exercise in find_exercises(module)]
        same_name = [exercise for exercise in everywhere if exercise.stub.stem.lower() == name]
        if len(same_name) == 1:
            return same_name[0]
        close = _close(name, [exercise.name for exercise in same_name or everywhere])
        raise CourseError(f"{typed!r} is no exercise.{close}", hint="course exercise lists them all")
    module = find_module(module_name, root)
    for exercise in find_exercises(module):
        if exercise.stub.stem.lower() == name:
            return exercise
    scripts = [script.name for script in module.scripts if name in (script.stem.lower(), script.name[:2])]
    if scripts:
        hint = f"course run {module.number}/{scripts[0][:2]}"
        raise CourseError(f"{module.number}/{name} is a script, not an exercise.", hint=hint)
    close = _close(name, [stub.stem for stub in module.exercises], f"{module.number}/")
    hint = f"course exercise {module.number} lists its exercises"
    raise CourseError(f"module {module.number} has no exercise {name!r}.{close}", hint=hint)


def suggestion(wanted: str, known: Iterable[str]) -> str:
    """Return " Did you mean ...?" for the names that are close, or nothing."""
    return _close(wanted, list(known))


def shown(path: Path) -> str:
    """Return a path as short as it can be typed from the current folder."""
    try:
        relative = os.path.relpath(path)
    except ValueError:  # another drive of Windows
        return str(path)
    return str(path) if relative.count("..") > 2 else relative


def _plain(typed: str) -> str:
    return typed.strip().replace("\\", "/").strip("/").lower()


def _two_parts(typed: str, kind: str, example: str, root: Path) -> tuple[str, str]:
    parts = _plain(typed).split("/")
    if len(parts) == 2 and all(parts):
        return parts[0], parts[1]
    if len(parts) == 1 and re.fullmatch(r"\d{1,2}(_\w+)?", parts[0]):
        number = find_module(parts[0], root).number
        raise CourseError(f"{typed!r} is a module; a {kind} is needed.", hint=f"course status {number} lists them")
    raise CourseError(f"{typed!r} is no {kind}; one is named like {example}.", hint="course status lists every module")


def _close(wanted: str, known: list[str], prefix: str = "") -> str:
    lower = {name.lower(): name for name in known}
    found = difflib.get_close_matches(wanted, lower, n=3, cutoff=0.5)
    found += [name for name in lower if wanted and wanted in name and name not in found]
    return f" Did you mean {' or '.join(prefix + lower[name] for name in found[:3])}?" if found else ""
