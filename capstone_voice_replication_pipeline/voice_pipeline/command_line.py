"""What the numbered scripts share at the command line: `--voice`, `--home`, and the name of the next command."""

from __future__ import annotations

import argparse
import logging
from typing import Any

from coursekit.cli import ScriptParser
from coursekit.device import DEVICES
from voice_pipeline.engines import engine_names
from voice_pipeline.errors import PipelineError
from voice_pipeline.run_log import LOGGERS
from voice_pipeline.voice_folder import HOME_VARIABLE, VoiceFolder, default_home, resolve_home


def voice_parser(description: str | None) -> ScriptParser:
    """A parser with `--voice NAME` and `--home DIR`; `--help` shows `description` as it stands."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    parser = ScriptParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--voice", required=True, metavar="NAME", help="name of the voice: a-z, 0-9, - and _")
    parser.add_argument(
        "--home", metavar="DIR", help=f"where voice folders live (default: ${HOME_VARIABLE}, else voices/ beside this)"
    )
    return parser


def voice_folder(arguments: argparse.Namespace) -> VoiceFolder:
    """The folder that `--home` and `--voice` name."""
    return VoiceFolder(resolve_home(arguments.home), arguments.voice)


def add_training_flags(parser: ScriptParser) -> None:
    """The flags of fine-tuning, read by `training_options`."""
    parser.add_argument("--engine", choices=engine_names(), default="starter", help="what to fine-tune")
    parser.add_argument("--device", choices=DEVICES, default="auto", help="where to compute (default auto)")
    parser.add_argument("--steps", type=int, metavar="N", help="optimiser steps (default: the engine's choice)")
    parser.add_argument("--minutes", type=float, metavar="M", help="stop training after this many minutes")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="random seed (default 0)")
    parser.add_argument("--learning-rate", type=float, metavar="R", help="of the optimiser (default: the engine's)")
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument("--budget", action="store_true", help="predict minutes, memory and disk; do not train")
    budget.add_argument("--no-budget", action="store_true", help="train without the half minute of calibration")
    parser.add_argument("--log", choices=LOGGERS, help="write the curve there, too; stays on this computer")
    parser.add_argument("--accept-licence", action="store_true", help="I have read and accept the weights' licence")
    parser.add_argument("--offline", action="store_true", help="touch no network")


def training_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """What `steps.fine_tune_step` is to be called with.

    Raises:
        PipelineError: --steps, --minutes or --learning-rate is not above zero, or the last one not below 1.
    """
    rate = arguments.learning_rate
    for flag, value in (("--steps", arguments.steps), ("--minutes", arguments.minutes), ("--learning-rate", rate)):
        if value is not None and not value > 0:
            raise PipelineError(f"{flag} {value} is not above zero", hint=f"leave {flag} out, or give a larger number")
    if rate is not None and not rate < 1:
        raise PipelineError(f"--learning-rate {rate} is not below 1", hint="usual values lie between 1e-6 and 1e-3")
    return {
        "engine": arguments.engine,
        "device": arguments.device,
        "seed": arguments.seed,
        "max_steps": arguments.steps,
        "max_seconds": arguments.minutes * 60 if arguments.minutes else None,
        "options": {"learning_rate": rate} if rate is not None else None,
        "budget": "only" if arguments.budget else "off" if arguments.no_budget else "print",
        "log": arguments.log,
        "accept_licence": arguments.accept_licence,
        "offline": arguments.offline,
    }


def next_command(script: str, folder: VoiceFolder) -> str:
    """The line that goes on with this voice."""
    home = "" if folder.home == resolve_home() else f' --home "{folder.home}"'
    place = "" if folder.home == default_home() or home else f"   (with {HOME_VARIABLE}={folder.home})"
    return f"python {script} --voice {folder.name}{home}{place}"
