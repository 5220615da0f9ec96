"""How fast the voices speak, side by side in one run: seconds of computing for one second of speech, and the ratios.

Run:
    python benchmarks/speed.py [--repeats N] [--threads 2] [--only starter,stream,griffin-lim] [--json FILE]

Measured, warm, in turn (each round speaks the same passage with every system, so that a busy moment meets all):
    starter       the embedded voice as a whole: text, acoustic model, vocoder
    stream        the same engine's first piece of audio of a stream
    griffin-lim   the vocoder that needs no training, 40 iterations on the starter's own frames
    vits          Coqui VITS in the size of its LJSpeech model, random weights, speaking about as long as the starter
    pocket        pocket-tts in its smallest configuration, random weights, ended after as many frames as the starter
                  speaks, with as many PyTorch threads as are quicker for it (its package sets 1, and decodes in a
                  second Python thread)
What a model costs does not depend on its weights. The process is held to as many processor cores as threads, where the
system can do that. Medians with their quartiles; ratios are the medians of the rounds' ratios.

Writes: outputs/speed.json beside this script.
Time: about 2 minutes on 2 idle CPU cores. On a busy machine the figures are worth little: it says so.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from coursekit.cli import ScriptParser, run_main
from coursekit.errors import CourseError
from coursekit.files import write_json_atomic

# After Alice's Adventures in Wonderland (Lewis Carroll, 1865, public domain); each fits into one chunk. Every round has
# another name in it, so that no system finds its text in a cache.
PASSAGES = (
    "There was nothing so very remarkable in that, thought {name}. She had never before seen a rabbit with a waistcoat "
    "pocket, and burning with curiosity, {name} ran across the field after it.",
    "The rabbit hole went straight on like a tunnel, and {name} followed it. Then it dipped so suddenly down that "
    "she had not a moment to think, and {name} found herself falling.",
    "Either the well was very deep, or {name} fell very slowly. She had plenty of time as she went down to look about, "
    "and {name} began to wonder what was going to happen next.",
    "Suddenly {name} came upon a little table, all made of solid glass. There was nothing on it but a tiny golden key, "
    "and {name} thought that it might belong to one of the doors.",
)
NAMES = ("Alice", "Mary", "Emma", "Clara", "Helen", "Laura", "Nancy", "Paula", "Ruth", "Susan", "Vera", "Wendy", "Rose")
SHORT = "There was nothing so very remarkable in that."
SYSTEMS = ("starter", "stream", "griffin-lim", "vits", "pocket")
_PROMPT_SECONDS = 10
_WIDTHS = (11, 9, 10, 9, 18, 13, 9, 9, 10)


@dataclass
class System:
    """Something that speaks.

    Attributes:
        speak: passage -> waveform `[samples]`.
        sample_rate: Hz.
        parameters: how many weights it uses to speak.
        threads: PyTorch threads it runs with.
    """

    speak: Callable[[str], np.ndarray]
    sample_rate: int
    parameters: int
    threads: int


@dataclass
class Figures:
    """What a system took, one value a round.

    Attributes:
        wall: seconds that passed.
        cpu: processor seconds of all threads.
        audio: seconds of speech.
    """

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    audio: list[float] = field(default_factory=list)

    @property
    def factors(self) -> np.ndarray:
        """Seconds of computing per second of speech, by round."""
        return np.array(self.wall) / np.array(self.audio)

    @property
    def cpu_factors(self) -> np.ndarray:
        """Processor seconds of all threads per second of speech, by round."""
        return np.array(self.cpu) / np.array(self.audio)


@dataclass(frozen=True)
class Target:
    """What is to be reached, and what was measured (None where a system was left out)."""

    text: str
    limit: float
    value: float | None
    at_least: bool = True

    @property
    def verdict(self) -> str:
        """ok, missed, or not measured."""
        if self.value is None:
            return "not measured"
        return "ok" if (self.value >= self.limit if self.at_least else self.value <= self.limit) else "missed"


def passage_of(number: int) -> str:
    """What is spoken in a round; the first 52 differ."""
    return PASSAGES[number % len(PASSAGES)].format(name=NAMES[number % len(NAMES)])


def compare(systems: dict[str, System], repeats: int) -> dict[str, Figures]:
    """Let every system speak, in turn, `repeats` rounds after one round of warming up."""
    figures = {name: Figures() for name in systems}
    for number in range(-1, repeats):
        passage = passage_of(number)
        for name, system in systems.items():
            _set_threads(system.threads)
            wall, cpu = time.perf_counter(), time.process_time()
            waveform = system.speak(passage)
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            if number >= 0:
                figures[name].wall.append(wall)
                figures[name].cpu.append(cpu)
                figures[name].audio.append(len(waveform) / system.sample_rate)
    return figures


def targets(figures: dict[str, Figures]) -> list[Target]:
    """The issue's targets, checked on the medians."""

    def times_faster(name: str) -> float | None:
        if name not in figures or "starter" not in figures:
            return None
        return float(np.median(figures[name].factors / figures["starter"].factors))

    real_time = 1 / float(np.median(figures["starter"].factors)) if "starter" in figures else None
    first = 1000 * float(np.median(figures["stream"].wall)) if "stream" in figures else None
    return [
        Target("starter, times faster than real time, at least", 20, real_time),
        Target("first audio of a stream, ms, at most", 150, first, at_least=False),
        Target("starter, times faster than Coqui VITS (LJSpeech size), at least", 8, times_faster("vits")),
        Target("starter, times faster than the smallest pocket-tts, at least", 4, times_faster("pocket")),
    ]


def table(systems: dict[str, System], figures: dict[str, Figures]) -> str:
    """Figures of all systems, one a line; the last two columns are multiples of the starter's."""
    heads = ("parameters", "threads", "speech s", "s per s", "quartiles", "x real time", "CPU s/s", "time", "CPU time")
    lines = [f"{'':12s}" + "".join(f"{head:>{_WIDTHS[number]}s}" for number, head in enumerate(heads))]
    for name, one in figures.items():
        if name == "stream":
            continue
        low, middle, high = np.percentile(one.factors, [25, 50, 75])
        cells = [
            f"{systems[name].parameters / 1e6:.2f} M",
            f"{systems[name].threads}",
            f"{np.median(one.audio):.1f}",
            f"{middle:.4f}",
            f"{low:.4f}-{high:.4f}",
            f"{1 / middle:.1f}",
            f"{np.median(one.cpu_factors):.4f}",
        ]
        if "starter" in figures:
            starter = figures["starter"]
            cells += [f"x {np.median(one.factors / starter.factors):.1f}"]
            cells += [f"x {np.median(one.cpu_factors / starter.cpu_factors):.1f}"]
        lines.append(f"{name:12s}" + "".join(f"{cell:>{_WIDTHS[number]}s}" for number, cell in enumerate(cells)))
    if "stream" in figures:
        low, middle, high = 1000 * np.percentile(figures["stream"].wall, [25, 50, 75])
        piece = f"a piece of {np.median(figures['stream'].audio):.1f} s"
        lines.append(f"first audio of a stream: {middle:.0f} ms ({low:.0f}-{high:.0f}), {piece}")
    return "\n".join(lines)


# --------------------------------------------------------------------------------------------------- what is measured


def starter_voice() -> Any:
    """The embedded voice, told to sound like one of its reference speakers."""
    from voice_pipeline.engines.starter.base_voice import reference_embeddings
    from voice_pipeline.engines.starter.engine import StarterEngine

    return StarterEngine().of_embedding(reference_embeddings()[0])


def make_systems(names: list[str], threads: int, scratch: Path) -> dict[str, System]:
    """Load or make what is to be compared.

    Raises:
        CourseError: a package is not installed.
    """
    voice = starter_voice()
    systems: dict[str, System] = {}
    if "starter" in names:
        systems["starter"] = System(voice.synthesize, voice.sample_rate, _count(voice), threads)
    if "stream" in names:
        systems["stream"] = System(lambda text: _first_piece(voice, text), voice.sample_rate, _count(voice), threads)
    if "griffin-lim" in names:
        systems["griffin-lim"] = _griffin_lim_system(voice, threads)
    if "vits" in names:
        systems["vits"] = _vits_system(voice, threads)
    if "pocket" in names:
        systems["pocket"] = _pocket_system(voice, scratch, threads)
    return systems


def _first_piece(voice: Any, text: str) -> np.ndarray:
    from voice_pipeline.synthesis import stream

    return next(stream(voice, text)).waveform


def _griffin_lim_system(voice: Any, threads: int) -> System:
    import librosa

    from voice_pipeline.acoustics import log_mel, mel_filters
    from voice_pipeline.settings import AUDIO

    inverse = np.linalg.pinv(mel_filters(AUDIO)).astype(np.float32)
    mel = log_mel(voice.synthesize(" ".join([SHORT] * 3)))

    def speak(passage: str) -> np.ndarray:
        magnitude = np.maximum(inverse @ np.exp(mel), 0.0)
        return librosa.griffinlim(magnitude, n_iter=40, hop_length=AUDIO.hop_length, n_fft=AUDIO.n_fft, random_state=0)

    return System(speak, AUDIO.sample_rate, 0, threads)


def _vits_system(voice: Any, threads: int) -> System:
    import torch

    from voice_pipeline.engines.coqui import setup_coqui
    from voice_pipeline.engines.vits import VitsVoice

    setup_coqui()
    from TTS.tts.configs.vits_config import VitsConfig
    from TTS.tts.models.vits import Vits

    torch.manual_seed(0)
    model = Vits(VitsConfig(text_cleaner="basic_cleaners", use_phonemes=False, add_blank=True)).eval()
    # Discriminator and posterior encoder take part in training only.
    speaking = (model.text_encoder, model.duration_predictor, model.flow, model.waveform_decoder)
    parameters = sum(weight.numel() for part in speaking for weight in part.parameters())
    wanted = len(voice.synthesize(SHORT)) / voice.sample_rate
    vits = VitsVoice(model)
    for _ in range(8):  # random weights speak at a random rate; durations are whole frames, so it takes some tries
        seconds = len(vits.synthesize(SHORT)) / vits.sample_rate
        if abs(seconds / wanted - 1) < 0.1:
            break
        model.length_scale *= wanted / seconds
        vits = VitsVoice(model)
    return System(vits.synthesize, vits.sample_rate, parameters, threads)


def _pocket_system(voice: Any, scratch: Path, threads: int) -> System:
    import torch
    from random_models import make_pocket

    from voice_pipeline.engines.pocket_files import base_files, load_base

    corpus = [passage.format(name=name) for passage in PASSAGES for name in NAMES]
    model = load_base(base_files(str(make_pocket(scratch / "pocket", corpus=corpus))))
    seconds_wanted = len(voice.synthesize(passage_of(-2))) / voice.sample_rate
    model.eos_threshold = float("-inf")  # every frame is the last one, once this many are spoken
    model._MIN_FRAMES_BEFORE_EOS = round(seconds_wanted * model.config.mimi.frame_rate)
    prompt = 0.05 * torch.randn(1, _PROMPT_SECONDS * model.sample_rate, generator=torch.Generator().manual_seed(0))
    state = model.get_state_for_audio_prompt(prompt)
    parts = (model.flow_lm, model.mimi.decoder, model.mimi.decoder_transformer)  # the encoder only hears the voice
    parameters = sum(weight.numel() for part in parts for weight in part.parameters())

    def speak(passage: str) -> np.ndarray:
        return model.generate_audio(state, passage).numpy()

    def seconds(number: int) -> float:
        _set_threads(number)
        speak(SHORT)
        started = time.perf_counter()
        speak(SHORT)
        return time.perf_counter() - started

    return System(speak, model.sample_rate, parameters, min({1, threads}, key=seconds))


def _count(voice: Any) -> int:
    """Weights of all modules a voice holds."""
    import torch

    modules = [value for value in vars(voice).values() if isinstance(value, torch.nn.Module)]
    return sum(weight.numel() for module in modules for weight in module.parameters())


def _set_threads(number: int) -> None:
    import torch

    torch.set_num_threads(number)


def hold_to_cores(number: int) -> bool:
    """Let the process use no more than `number` processor cores; False where the system has no such call."""
    if not hasattr(os, "sched_setaffinity"):
        return False
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:number])
    return True


def load_average() -> float | None:
    """How many processes wanted a processor in the last minute; None where the system does not say."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line.

    Raises:
        CourseError: an unknown system, or a number out of range.
    """
    parser = ScriptParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument("--repeats", type=int, default=9, metavar="N", help="rounds after the warm-up (default 9)")
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="threads and cores to use (default 2)")
    parser.add_argument("--only", default=",".join(SYSTEMS), metavar="NAMES", help="systems, separated by commas")
    parser.add_argument("--json", metavar="FILE", help="where the figures go (default outputs/speed.json)")
    arguments = parser.parse_args(argv)
    arguments.only = arguments.only.split(",")
    unknown = sorted(set(arguments.only) - set(SYSTEMS))
    if unknown:
        raise CourseError(f"nothing called '{unknown[0]}' can be measured", hint=f"--only {','.join(SYSTEMS)}")
    if arguments.repeats < 1 or arguments.threads < 1:
        raise CourseError("--repeats and --threads are 1 or more", hint="leave them out for the defaults")
    return arguments


def main(argv: list[str] | None = None) -> int:
    arguments = parse(argv)
    held = hold_to_cores(arguments.threads)
    _set_threads(arguments.threads)
    import torch
    from threadpoolctl import threadpool_limits

    before = load_average()
    with threadpool_limits(arguments.threads), tempfile.TemporaryDirectory() as scratch:
        systems = make_systems(arguments.only, arguments.threads, Path(scratch))
        figures = compare(systems, arguments.repeats)
    after = load_average()
    busy = before is not None and before > 0.5
    machine = {
        "system": f"{platform.system()} {platform.machine()}",
        "torch": torch.__version__,
        "threads": arguments.threads,
        "held_to_cores": held,
        "load_before": before,
        "load_after": after,
    }
    print("  ".join(f"{name} {value}" for name, value in machine.items()))
    print(table(systems, figures))
    if busy:
        print("NOTE: other programs were running. Ratios suffer less than times; run it again on an idle machine.")
    checked = targets(figures)
    for target in checked:
        value = "" if target.value is None else f"{target.value:.1f}"
        print(f"{target.text} {target.limit:g}: {value} {target.verdict}".replace("  ", " "))
    path = Path(arguments.json) if arguments.json else Path(__file__).with_name("outputs") / "speed.json"
    rows = {
        name: {
            "parameters": systems[name].parameters,
            "threads": systems[name].threads,
            "wall_seconds": one.wall,
            "cpu_seconds": one.cpu,
            "speech_seconds": one.audio,
        }
        for name, one in figures.items()
    }
    verdicts = [{"target": one.text, "limit": one.limit, "value": one.value, "verdict": one.verdict} for one in checked]
    write_json_atomic(path, {"machine": machine, "repeats": arguments.repeats, "systems": rows, "targets": verdicts})
    print(f"  {path}")
    return 0


if __name__ == "__main__":
    run_main(main)
