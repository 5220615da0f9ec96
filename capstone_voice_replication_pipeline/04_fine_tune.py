"""Step 4: teach a model to speak with the voice, on CUDA or CPU.

Run:
    python 04_fine_tune.py --voice my-voice
    python 04_fine_tune.py --voice my-voice --engine vits            (a public Coqui checkpoint; wants a GPU)

A run that was stopped goes on where it was; a run that is finished is not repeated. Checkpoints are tried out on
sentences nobody recorded: the one with the best similarity at the fewest misheard words is kept.

Writes: HOME/NAME/models/RUN/ (checkpoints, curves.jsonl, trials.jsonl, best/ with safetensors and settings),
reports/training.png
Time: about 8 minutes for 20 clips with the starter engine on 2 CPU cores.
Next: 05_process_text.py
"""

from __future__ import annotations

from coursekit.cli import run_main
from coursekit.device import DEVICES
from voice_pipeline.command_line import next_command, voice_folder, voice_parser
from voice_pipeline.engines import engine_names
from voice_pipeline.steps import fine_tune_step


def main(argv: list[str] | None = None) -> int:
    parser = voice_parser(__doc__)
    parser.add_argument("--engine", choices=engine_names(), default="starter", help="what to fine-tune")
    parser.add_argument("--device", choices=DEVICES, default="auto", help="where to compute (default auto)")
    parser.add_argument("--steps", type=int, metavar="N", help="optimiser steps (default: the engine's choice)")
    parser.add_argument("--minutes", type=float, metavar="M", help="stop training after this many minutes")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="random seed (default 0)")
    parser.add_argument("--accept-licence", action="store_true", help="I have read and accept the weights' licence")
    parser.add_argument("--offline", action="store_true", help="touch no network")
    arguments = parser.parse_args(argv)
    folder = voice_folder(arguments).require()
    with folder.lock():
        fine_tune_step(
            folder,
            engine=arguments.engine,
            device=arguments.device,
            seed=arguments.seed,
            max_steps=arguments.steps,
            max_seconds=arguments.minutes * 60 if arguments.minutes else None,
            accept_licence=arguments.accept_licence,
            offline=arguments.offline,
        )
    print(f"\nNext: {next_command('05_process_text.py', folder)} --text \"Hello there.\"")
    return 0


if __name__ == "__main__":
    run_main(main)
