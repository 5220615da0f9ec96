"""Take a voice along: pack its model, its consent and its proof card into one ZIP. Refused without consent.

Run:
    python export_voice.py --voice my-voice
    python export_voice.py --voice my-voice --out FILE.zip

The recordings and clips stay here. Unpacked below another folder of voices (--home there), the voice speaks with
06_synthesize.py and 07_serve_api.py as it does here.

Writes: --out FILE (default HOME/NAME.zip)
Time: seconds.
Next: 07_serve_api.py
"""

from __future__ import annotations

from pathlib import Path

from coursekit.cli import run_main
from voice_pipeline.command_line import voice_folder, voice_parser
from voice_pipeline.export import export_voice


def main(argv: list[str] | None = None) -> int:
    parser = voice_parser(__doc__)
    parser.add_argument("--out", type=Path, metavar="FILE", help="the ZIP to write (default HOME/NAME.zip)")
    arguments = parser.parse_args(argv)
    folder = voice_folder(arguments).require()
    path = arguments.out or folder.home / f"{folder.name}.zip"
    with folder.lock():
        names = export_voice(folder, path)
    print(f"{len(names)} files, {path.stat().st_size / 1e6:.1f} MB: {path}")
    print(f'\nNext: unpack it below another folder of voices, then: python 07_serve_api.py --home "{folder.home}"')
    return 0


if __name__ == "__main__":
    run_main(main)
