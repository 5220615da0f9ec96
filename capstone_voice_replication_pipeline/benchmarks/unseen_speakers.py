"""Clone every unseen speaker at hand with the starter engine and print one table of all proof cards.

Run:
    python benchmarks/unseen_speakers.py --data DIR [--speakers NAME ...] [--steps N] [--home DIR] [--out FILE]
    python benchmarks/unseen_speakers.py --data DIR --second-encoder FILE      (another judge of similarity, see below)

DIR is laid out like the data mirror: ljspeech/, vctk/, librispeech/ in their published layouts. The speakers are those
that the starter voice was never trained on. Clips and order are fixed. FILE holds the cards of all speakers; it is
written after each, and a second run goes on where the first one was stopped.

The starter voice is told who speaks by the Resemblyzer encoder, which also judges it. --second-encoder adds the
opinion of an encoder it never met: saved_model.bilstm.mean.*.pt of github.com/wq2012/SpeakerRecognitionFromScratch.

Writes: HOME/unseen/<speaker>/ for each speaker, FILE (default HOME/unseen/unseen_speakers.json) and its tables as .md.
Time: about 5 minutes a speaker on 2 CPU cores.
"""

from __future__ import annotations

import argparse
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coursekit.cli import ScriptParser, run_main
from coursekit.errors import CourseError
from coursekit.files import write_json_atomic, write_text_atomic
from voice_pipeline import steps
from voice_pipeline.consent import declare_licence
from voice_pipeline.recording import import_folder
from voice_pipeline.training import read_run, read_split
from voice_pipeline.voice_folder import VoiceFolder, read_json, resolve_home

if TYPE_CHECKING:
    from second_encoder import SecondEncoder

OTHERS_CLIPS = 5  # of each other speaker, for the floor of the second encoder


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
    names = [speaker.name for speaker in SPEAKERS]
    parser.add_argument("--speakers", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--steps", type=int, metavar="N", help="optimiser steps (default: the engine's choice)")
    parser.add_argument("--out", "--json", type=Path, metavar="FILE", help="cards of all speakers; what it holds stays")
    parser.add_argument("--again", action="store_true", help="measure also the speakers that FILE holds already")
    parser.add_argument("--second-encoder", type=Path, metavar="FILE", help="weights of another speaker encoder")
    arguments = parser.parse_args(argv)
    from second_encoder import SecondEncoder  # these take seconds to import, and --help needs none of them
    from unseen_tables import full_table, mean_table

    home = resolve_home(arguments.home) / "unseen"
    out = arguments.out or home / "unseen_speakers.json"
    second = SecondEncoder(arguments.second_encoder) if arguments.second_encoder else None
    cards: dict[str, dict[str, Any]] = read_json(out) if out.is_file() else {}
    for speaker in (one for one in SPEAKERS if one.name in arguments.speakers):
        print(f"\n=== {speaker.name} ({speaker.sex}, {speaker.corpus})")
        folder = VoiceFolder(home, speaker.name).create()
        with folder.lock():
            declare_licence(folder, *LICENCES[speaker.corpus])
            import_folder(folder, _recordings(speaker, arguments.data, home / "recordings" / speaker.name))
            steps.preprocess_step(folder, allow_few=True)
            steps.fine_tune_step(folder, max_steps=arguments.steps)
            card = cards.get(speaker.name, {})
            if arguments.again or card.get("weights_sha256") != read_run(folder)["weights_sha256"]:
                card = steps.evaluate_step(folder)
            else:
                print(f"{out.name} has the card of this model already; --again measures it anew")
            if second and "second_encoder" not in card:
                card["second_encoder"] = second_opinion(second, folder, card, speaker, arguments.data)
        cards[speaker.name] = {**card, "sex": speaker.sex}
        out.parent.mkdir(parents=True, exist_ok=True)
        write_json_atomic(out, {name: cards[name] for name in names if name in cards})
    tables = f"{mean_table(cards)}\n\n{full_table(cards)}\n"
    write_text_atomic(out.with_suffix(".md"), tables)
    print(f"\n{tables}\n{out}\n{out.with_suffix('.md')}")
    return 0


def second_opinion(
    encoder: SecondEncoder, folder: VoiceFolder, card: dict[str, Any], speaker: Speaker, data: Path
) -> dict[str, Any]:
    """What another encoder says of every system on the card, from the files that were measured."""
    from second_encoder import normalized_similarity

    from voice_pipeline.evaluation import samples_dir

    train, held_out = read_split(folder)
    systems = {
        name: [samples_dir(folder, name) / f"{clip.clip_id}.wav" for clip in held_out]
        for name in card["systems"]
        if name != "real"
    }
    real = [clip.path for clip in held_out]
    others = [
        path for other in SPEAKERS if other.name != speaker.name for path in list(other.clips(data))[:OTHERS_CLIPS]
    ]
    return normalized_similarity(encoder, [clip.path for clip in train], real, others, {"real": real, **systems})


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
