"""Clone every unseen speaker at hand with the starter engine and print one table of all proof cards.

Run:
    python benchmarks/unseen_speakers.py --data DIR [--steps N] [--home DIR]

DIR is laid out like the data mirror: ljspeech/, vctk/, librispeech/ in their published layouts. The speakers are those
that the starter voice was never trained on. Clips and order are fixed; a second run finds finished voices done.

Writes: HOME/<speaker>/ for each speaker, and unseen_speakers.json beside them.
Time: about 5 minutes a speaker on 2 CPU cores.
"""

from __future__ import annotations

import argparse
import shutil
from dataclasses import dataclass
from pathlib import Path

from coursekit.cli import ScriptParser, run_main
from coursekit.errors import CourseError
from coursekit.files import write_json_atomic, write_text_atomic
from voice_pipeline import steps
from voice_pipeline.consent import declare_licence
from voice_pipeline.recording import import_folder
from voice_pipeline.voice_folder import VoiceFolder, resolve_home


@dataclass(frozen=True)
class Speaker:
    """An unseen speaker: name of the voice, sex, and where clips with their texts are found."""

    name: str
    sex: str
    corpus: str
    speaker_id: str = ""

    def clips(self, data: Path) -> dict[Path, str]:
        """Audio file -> text, at most 20 of them."""
        found = {"ljspeech": _ljspeech, "vctk": _vctk, "librispeech": _librispeech}[self.corpus](data, self.speaker_id)
        return dict(sorted(found.items())[:20])


LICENCES = {
    "ljspeech": ("public domain", "LJSpeech 1.1"),
    "vctk": ("CC BY 4.0", "VCTK corpus"),
    "librispeech": ("CC BY 4.0", "LibriSpeech"),
}
SPEAKERS = (
    Speaker("ljspeech", "F", "ljspeech"),
    Speaker("p225", "F", "vctk", "p225"),
    Speaker("p227", "M", "vctk", "p227"),
    Speaker("libri1998", "F", "librispeech", "1998"),
    Speaker("libri3331", "F", "librispeech", "3331"),
    Speaker("libri1688", "M", "librispeech", "1688"),
    Speaker("libri2609", "M", "librispeech", "2609"),
)


def main(argv: list[str] | None = None) -> int:
    parser = ScriptParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder with the published data sets")
    parser.add_argument("--home", metavar="DIR", help="where voice folders go (default: $VOICE_HOME, else voices/)")
    parser.add_argument("--steps", type=int, metavar="N", help="optimiser steps (default: the engine's choice)")
    arguments = parser.parse_args(argv)
    home = resolve_home(arguments.home) / "unseen"
    cards = {}
    for speaker in SPEAKERS:
        print(f"\n=== {speaker.name} ({speaker.sex}, {speaker.corpus})")
        folder = VoiceFolder(home, speaker.name).create()
        with folder.lock():
            declare_licence(folder, *LICENCES[speaker.corpus])
            import_folder(folder, _recordings(speaker, arguments.data, home / "recordings" / speaker.name))
            steps.preprocess_step(folder, allow_few=True)
            steps.fine_tune_step(folder, max_steps=arguments.steps)
            cards[speaker.name] = steps.evaluate_step(folder)
    write_json_atomic(home / "unseen_speakers.json", cards)
    print("\n" + table(cards))
    return 0


def table(cards: dict[str, dict]) -> str:
    """Markdown table of all cards, with the mean over speakers in the last row."""
    lines = [
        "| speaker | sex | train / held out | normalized: zero-shot | fine-tuned (95 %) "
        "| word error: real | clone (95 %) | pitch error | rate | fine-tuning |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for speaker in SPEAKERS:
        if speaker.name in cards:
            card = cards[speaker.name]
            clone, zero = card["systems"]["clone"], card["systems"]["zero_shot"]
            pitch = clone["pitch_hz"] / card["pitch_hz"]["real"] - 1
            lines.append(
                f"| {speaker.name} | {speaker.sex} | {card['train_clips']} / {card['held_out_sentences']} "
                f"| {zero['normalized']:.2f} | {clone['normalized']:.2f} ({_interval(clone['normalized_interval'])}) "
                f"| {card['wer']['real']:.2f} | {clone['wer']:.2f} ({_interval(clone['wer_interval'])}) "
                f"| {100 * pitch:+.0f} % | {clone['rate']:.2f} | {card['fine_tune_seconds']:.0f} s |"
            )
    clones = [card["systems"]["clone"] for card in cards.values()]
    zeros = [card["systems"]["zero_shot"]["normalized"] for card in cards.values()]
    reals = [card["wer"]["real"] for card in cards.values()]
    lines.append(
        f"| mean | | | {sum(zeros) / len(zeros):.2f} | {sum(one['normalized'] for one in clones) / len(clones):.2f} "
        f"| {sum(reals) / len(reals):.2f} | {sum(one['wer'] for one in clones) / len(clones):.2f} | | | |"
    )
    return "\n".join(lines)


def _interval(bounds: list[float]) -> str:
    return f"{bounds[0]:.2f} to {bounds[1]:.2f}"


def _recordings(speaker: Speaker, data: Path, target: Path) -> Path:
    clips = speaker.clips(data)
    if not clips:
        raise CourseError(f"no clips of {speaker.name} below {data}", hint="--data DIR, laid out as the docstring says")
    target.mkdir(parents=True, exist_ok=True)
    for path in clips:
        if not (target / path.name).is_file():
            shutil.copyfile(path, target / path.name)
    write_text_atomic(target / "metadata.csv", "".join(f"{path.stem}|{text}\n" for path, text in clips.items()))
    return target


def _ljspeech(data: Path, _: str) -> dict[Path, str]:
    root = data / "ljspeech" / "LJSpeech-1.1"
    rows = [line.split("|") for line in (root / "metadata.csv").read_text(encoding="utf-8").splitlines() if line]
    return {root / "wavs" / f"{row[0]}.wav": row[-1] for row in rows if (root / "wavs" / f"{row[0]}.wav").is_file()}


def _vctk(data: Path, speaker: str) -> dict[Path, str]:
    root = data / "vctk" / "VCTK-Corpus"
    texts = {path.stem: path.read_text(encoding="utf-8").strip() for path in (root / "txt" / speaker).glob("*.txt")}
    return {path: texts[path.stem] for path in (root / "wav48" / speaker).glob("*.wav") if path.stem in texts}


def _librispeech(data: Path, speaker: str) -> dict[Path, str]:
    found = {}
    for transcript in (data / "librispeech").rglob(f"{speaker}-*.trans.txt"):
        for line in transcript.read_text(encoding="utf-8").splitlines():
            clip, _, text = line.partition(" ")
            if (transcript.parent / f"{clip}.flac").is_file():
                found[transcript.parent / f"{clip}.flac"] = text.capitalize() + "."
    return found


if __name__ == "__main__":
    run_main(main)
