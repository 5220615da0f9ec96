"""Step 8: prove that it worked. The clone between the real speaker (ceiling) and other people (floor).

Run:
    python 08_evaluate_voice.py --voice my-voice

The held-out sentences, never trained on, are spoken by the clone and compared with the recordings: speaker similarity
(Resemblyzer), word error rate (PocketSphinx), sound quality (DNSMOS), pitch, rate, speed of synthesis, with 95 %
intervals over sentences; beside it the voice before fine-tuning, other kept checkpoints, what other engines made of the
same clips, and a Griffin-Lim copy of the recordings. Then a verdict in words, and what to record next. A blind
listening test: ab_test.py.

Writes: HOME/NAME/reports/proof_card.json, proof_card.png, proof_card.html (with players), aligned_*.png and .txt,
samples/ (what was measured, as WAV)
Time: about 2 minutes on 2 CPU cores.
Next: 07_serve_api.py
"""

from __future__ import annotations

from coursekit.cli import run_main
from coursekit.device import DEVICES
from voice_pipeline.command_line import next_command, voice_folder, voice_parser
from voice_pipeline.steps import evaluate_step


def main(argv: list[str] | None = None) -> int:
    parser = voice_parser(__doc__)
    parser.add_argument("--device", choices=DEVICES, default="auto", help="where to compute (default auto)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="random seed (default 0)")
    arguments = parser.parse_args(argv)
    folder = voice_folder(arguments).require()
    with folder.lock():
        evaluate_step(folder, device=arguments.device, seed=arguments.seed)
    print(f'\nNext: {next_command("07_serve_api.py", folder).split(" --voice")[0]} --home "{folder.home}"')
    return 0


if __name__ == "__main__":
    run_main(main)
