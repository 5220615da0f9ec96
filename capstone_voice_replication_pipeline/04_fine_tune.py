"""Step 4: teach a model to speak with the voice, on CUDA or CPU.

Run:
    python 04_fine_tune.py --voice my-voice
    python 04_fine_tune.py --voice my-voice --budget                 (what it will cost; trains nothing)
    python 04_fine_tune.py --voice my-voice --minutes 5              (as many steps as fit into five minutes)
    python 04_fine_tune.py --voice my-voice --engine vits            (a public Coqui checkpoint; wants a GPU)

A run that was stopped goes on where it was; a run that is finished is not repeated. Checkpoints are tried out on
sentences nobody recorded: the one with the best similarity at the fewest misheard words is kept.

Writes: HOME/NAME/models/RUN/ (checkpoints, curves.jsonl, trials.jsonl, budget.json, best/ with safetensors and
settings), reports/training.png
Time: about 5 minutes for 20 clips with the starter engine on 2 CPU cores.
Next: 05_process_text.py
"""

from __future__ import annotations

from coursekit.cli import run_main
from voice_pipeline.command_line import (
    add_training_flags,
    next_command,
    training_options,
    voice_folder,
    voice_parser,
)
from voice_pipeline.steps import fine_tune_step


def main(argv: list[str] | None = None) -> int:
    parser = voice_parser(__doc__)
    add_training_flags(parser)
    arguments = parser.parse_args(argv)
    options = training_options(arguments)
    folder = voice_folder(arguments).require()
    with folder.lock():
        result = fine_tune_step(folder, **options)
    if result is None:
        print("\nNext: the same command without --budget, or with --steps or --minutes")
        return 0
    print(f'\nNext: {next_command("05_process_text.py", folder)} --text "Hello there."')
    return 0


if __name__ == "__main__":
    run_main(main)
