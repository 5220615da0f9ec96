"""What the numbered scripts share at the command line: `--voice`, `--home`, and the name of the next command."""

from __future__ import annotations

import argparse
import logging

from coursekit.cli import ScriptParser
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


def next_command(script: str, folder: VoiceFolder) -> str:
    """The line that goes on with this voice."""
    home = "" if folder.home == resolve_home() else f' --home "{folder.home}"'
    place = "" if folder.home == default_home() or home else f"   (with {HOME_VARIABLE}={folder.home})"
    return f"python {script} --voice {folder.name}{home}{place}"
