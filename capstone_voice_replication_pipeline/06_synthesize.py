"""Step 6: say a text with a trained voice.

Run:
    python 06_synthesize.py --voice my-voice --text "Good morning."
    python 06_synthesize.py --voice my-voice --file chapter.txt --out chapter.mp3
    python 06_synthesize.py --voice my-voice --text "Good morning." --verify

The text is prepared as step 5 shows it, each chunk is spoken, and the chunks are joined with pauses and cross-fades.
The same text, voice, speed and seed give the same sound. --verify lets a recogniser listen to every sentence and says
it again, with another seed, up to three times, while it is not understood; the score is printed and kept. Every file
is noted in the voice's provenance.jsonl, so that verify_audio.py knows it and its copies. --c2pa puts a signed C2PA
manifest into the file (WAV, FLAC, MP3) that any reader of Content Credentials understands.

Writes: --out FILE (default HOME/NAME/speech/DATE_TIME.wav) and FILE.json, which says how it was made.
Time: about a second plus a fraction of the speech's length with the starter engine on 2 CPU cores.
Next: 07_serve_api.py
"""

from __future__ import annotations

import time
from pathlib import Path

from coursekit.cli import run_main
from coursekit.device import DEVICES
from voice_pipeline.audio import CONTENT_TYPES
from voice_pipeline.command_line import voice_folder, voice_parser
from voice_pipeline.errors import PipelineError
from voice_pipeline.steps import synthesize_step
from voice_pipeline.synthesis import check_format
from voice_pipeline.text_source import read_text


def main(argv: list[str] | None = None) -> int:
    parser = voice_parser(__doc__)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--text", metavar="TEXT", help="what to say")
    source.add_argument("--file", type=Path, metavar="FILE", help="a UTF-8 text file to read aloud")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to write the speech")
    parser.add_argument("--format", choices=sorted(CONTENT_TYPES), help="audio format (default: from --out, else wav)")
    parser.add_argument("--speed", type=float, default=1.0, metavar="X", help="0.25 to 4; 2 is twice as fast")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="random seed (default 0)")
    parser.add_argument("--verify", action="store_true", help="listen to each sentence, say unclear ones again")
    parser.add_argument("--no-watermark", action="store_true", help="leave out the watermark of an installed Perth")
    parser.add_argument("--c2pa", action="store_true", help="add a signed C2PA manifest (wav, flac, mp3)")
    parser.add_argument("--device", choices=DEVICES, default="auto", help="where to compute (default auto)")
    arguments = parser.parse_args(argv)
    folder = voice_folder(arguments).require()
    path = output_path(arguments.out, arguments.format, folder.speech)
    text = read_text(arguments.text, arguments.file)
    synthesize_step(
        folder,
        text,
        path,
        speed=arguments.speed,
        seed=arguments.seed,
        device=arguments.device,
        verify=arguments.verify,
        mark=not arguments.no_watermark,
        manifest=arguments.c2pa,
    )
    print(f'\nNext: python 07_serve_api.py --home "{folder.home}"')
    return 0


def output_path(out: Path | None, audio_format: str | None, speech_folder: Path) -> Path:
    """Where the speech goes.

    Raises:
        PipelineError: --out and --format disagree, or the suffix is unknown.
    """
    if out is None:
        return speech_folder / f"{time.strftime('%Y%m%d_%H%M%S')}.{audio_format or 'wav'}"
    if not out.suffix:
        return out.with_name(f"{out.name}.{audio_format or 'wav'}")
    suffix = check_format(out.suffix.lstrip("."))
    if audio_format and suffix != audio_format:
        raise PipelineError(f"--out {out} and --format {audio_format} disagree", hint="leave out --format")
    return out


if __name__ == "__main__":
    run_main(main)
