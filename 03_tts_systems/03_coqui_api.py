"""Coqui's TTS API: which models there are and who may use them, one voice loaded from here, and a batch of files.

What you will learn
    - to read the list of public models: language, architecture, licence, and what a licence forbids
    - how large a model is, counted without downloading it
    - what the API asks of a model: the embedded starter voice speaks through it, and clones through it
    - a batch of files with a manifest, and two habits of the API: half a second of silence, and every file at full peak
    - what the capstone does differently with the same text
How to run it
    python 03_coqui_api.py --quick          the list and the local voice, no network, about 17 s
    python 03_coqui_api.py                  twelve sentences; asks the servers how large the downloads are, about 18 s
    python 03_coqui_api.py --model tts_models/en/ljspeech/vits     a public model (150 MB) through the same functions
Time and memory on 2 CPU cores: quick 17 s, full 18 s; 1.1 GB.
Writes outputs/: batch/, coqui_models.csv, public_model.wav (full run with --model)
Concepts: TTS_CONCEPTS_EXPLAINED.md (model licences, two-stage synthesis)
"""

import os
import re
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import soundfile
from tts_utils import (
    SAMPLE_RATE,
    SENTENCES,
    as_course_error,
    coqui_model,
    coqui_says,
    is_free,
    prepare_cpu,
    seconds_of,
    starter_voice,
    voice_of,
    write_csv,
    write_wav,
)

from coursekit.cli import run_script, script_parser
from coursekit.errors import CourseError
from coursekit.expectations import Expected
from voice_pipeline.engines.coqui import setup_coqui
from voice_pipeline.engines.coqui_models import OFFLINE_VARIABLE, base_model

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
PARSER.add_argument("--model", metavar="NAME", help="a public model, or a folder with config.json and model_file.pth")
PARSER.add_argument("--accept-licence", action="store_true", help="yes to the licence of --model, where it is not free")
SPEAKERS = ("ann", "ben", "cleo")  # names for three of the people whom the starter voice knows; any names would do
# Architectures whose size is counted below: Coqui's name for them, by the first word of the model's name.
COUNTED = {"vits": "vits", "fast": "fast_pitch", "glow": "glow_tts", "tacotron2": "tacotron2"}

# ----------------------------------------------------------------------------------------------------------------------
# the list of public models


@contextmanager
def without_memory():
    """Let networks be built without numbers: each weight goes to PyTorch's device "meta", which stores shapes only."""
    import torch

    register = torch.nn.Module.register_parameter

    def register_shape(module, name, weight):
        register(
            module, name, weight if weight is None else torch.nn.Parameter(weight.to("meta"), weight.requires_grad)
        )

    torch.nn.Module.register_parameter = register_shape
    try:
        yield
    finally:
        torch.nn.Module.register_parameter = register


def count_parameters(architecture: str) -> int:
    """Return how many weights a model of Coqui's default size has, without downloading one."""
    from TTS.config import register_config
    from TTS.tts.models import setup_model

    with without_memory():
        model = setup_model(register_config(architecture)())
    return sum(weights.numel() for weights in model.parameters())


def download_size(address: str) -> float:
    """Ask the server how large a file is, MB; 0 when it does not say within a few seconds."""
    import requests

    try:
        answer = requests.head(address, timeout=5, allow_redirects=True)
        return float(answer.headers.get("Content-Length", 0)) / 1e6 if answer.ok else 0.0
    except requests.RequestException:
        return 0.0


def list_models(settings) -> dict[str, float]:
    """Print and write the public models with their licences; return what was counted."""
    from TTS.utils.manage import ModelManager

    names = ModelManager().list_tts_models()  # from a file inside the package: no network
    models = [base_model(name) for name in names]
    free = [model for model in models if is_free(model.licence)]  # concept: model licences
    languages = {name.split("/")[1] for name in names}
    print(f"Coqui lists {len(models)} models in {len(languages)} languages; {len(free)} may be used for everything.")
    licences = Counter(model.licence for model in models if not is_free(model.licence))
    print("   not free, or not clear: " + ", ".join(f"{name[:20]} ({n})" for name, n in licences.most_common(6)))
    counts = {word: count_parameters(architecture) for word, architecture in COUNTED.items()}
    online = not settings.quick and os.environ.get(OFFLINE_VARIABLE) != "1"
    rows = []
    print(f"\n{'English, and many languages':<52} {'licence':<20} {'million weights':>15} {'download':>11}")
    for model in models:
        if model.name.split("/")[1] not in ("en", "multilingual"):
            continue
        word = re.split("[-_]", model.name.split("/")[-1])[0]
        kind = word if word in counts else ""
        size = download_size(model.address) if online and not model.repository else 0.0
        rows.append([model.name, model.licence, counts.get(kind, 0), round(size), model.needs_terms])
        weights, megabytes = (f"{counts[kind] / 1e6:.0f}" if kind else "-"), (f"{size:.0f} MB" if size else "not asked")
        print(f"{model.name.removeprefix('tts_models/'):<52} {model.licence[:20]:<20} {weights:>15} {megabytes:>11}")
    write_csv(settings.out / "coqui_models.csv", [["name", "licence", "weights", "download_mb", "terms"], *rows])
    return {
        "models": len(models),
        "languages": len(languages),
        "free_models": len(free),
        "vits_million": counts["vits"] / 1e6,
    }


# ----------------------------------------------------------------------------------------------------------------------
# a voice of our own behind the API


class StarterModel:
    """What Coqui's API asks of a model: `synthesize(text, ...)`, its languages, its speakers. Nothing else is called.

    Inside, two stages: an acoustic model of Coqui's own class makes a mel, a vocoder makes the sound. A third thing,
    who speaks, is a vector of 256 numbers: of one of the known speakers, or of any recording.
    """

    def __init__(self) -> None:
        self.config = SimpleNamespace(supports_cloning=True, model="starter")
        self.language_manager = SimpleNamespace(language_names=["en"], num_languages=1)
        self.speaker_manager = SimpleNamespace(speaker_names=list(SPEAKERS), num_speakers=len(SPEAKERS))

    def get_voices(self, folder) -> dict:
        """No voices are stored beside the model."""
        return {}

    def synthesize(self, text, speaker=None, speaker_wav=None, **ignored) -> dict:
        """Return {"wav": float32 [S]} for one sentence."""
        if speaker_wav:
            from voice_pipeline.speaker import SpeakerEncoder

            voice = voice_of(SpeakerEncoder.shared().embed(*soundfile.read(speaker_wav, dtype="float32")))
        else:
            voice = starter_voice(SPEAKERS.index(speaker) * 7 if speaker else 0)
        return {"wav": voice.synthesize(text)}


def starter_tts():
    """Return Coqui's own TTS object with the starter voice in it."""
    setup_coqui()
    from TTS.api import TTS
    from TTS.utils.synthesizer import Synthesizer

    from voice_pipeline.engines.starter.base_voice import BASE_DIR

    class StarterSynthesizer(Synthesizer):
        """Coqui's synthesizer but for the way in which it loads a model."""

        def _load_tts(self, tts_checkpoint, tts_config_path=None, *, use_cuda=False):
            self.tts_model = StarterModel()
            self.tts_config = SimpleNamespace(audio={"sample_rate": SAMPLE_RATE})
            self.output_sample_rate = SAMPLE_RATE

    tts = TTS(progress_bar=False)
    tts.synthesizer = StarterSynthesizer(tts_checkpoint=BASE_DIR)
    return tts


def speak_batch(tts, folder: Path, sentences: list[str]) -> dict[str, float]:
    """Write one file a sentence, speakers in turn, and a manifest; return the speed and what the files are like."""
    rows, peaks, computing, length = [["file", "speaker", "seconds", "text"]], [], 0.0, 0.0
    folder.mkdir(parents=True, exist_ok=True)
    tts.tts("ready", speaker=SPEAKERS[0])  # libraries load at the first sentence; that is not the model's speed
    for number, text in enumerate(sentences):
        speaker, path = SPEAKERS[number % len(SPEAKERS)], folder / f"{number:02d}.wav"
        _, took = seconds_of(lambda t=text, s=speaker, p=path: tts.tts_to_file(t, speaker=s, file_path=str(p)))
        waveform, rate = soundfile.read(path, dtype="float32")
        rows.append([path.name, speaker, f"{len(waveform) / rate:.2f}", text])
        peaks.append(float(np.abs(waveform).max()))
        computing, length = computing + took, length + len(waveform) / rate
    write_csv(folder / "manifest.csv", rows)
    print(
        f"\nbatch/: {len(sentences)} files by {len(SPEAKERS)} speakers, {length:.1f} s of speech in {computing:.1f} s"
    )
    return {"files": len(sentences), "real_time_factor": computing / length, "lowest_peak": min(peaks)}


def compare_with_capstone(tts, folder: Path) -> dict[str, float]:
    """Say two sentences through the API and through the capstone, with the same voice."""
    from voice_pipeline.synthesis import speak

    text = "It sounded an excellent plan, no doubt. The table was a large one."
    api = np.asarray(tts.tts(text, speaker=SPEAKERS[0]), np.float32)
    with as_course_error():
        capstone = speak(starter_voice(0), text)
    after = len(api) - 1 - int(np.flatnonzero(np.abs(api) > 1e-6)[-1])  # samples of silence at the end
    write_wav(folder / "capstone.wav", capstone.waveform, SAMPLE_RATE)
    print(f"   The API puts {after / SAMPLE_RATE:.2f} s of silence behind a sentence, and scales files to a peak of 1.")
    pauses = [b.start_seconds - a.end_seconds for a, b in zip(capstone.chunks, capstone.chunks[1:], strict=False)]
    print(
        f"   The capstone pauses by punctuation ({', '.join(f'{p:.2f} s' for p in pauses)}), fades edges, keeps levels"
    )
    return {"api_silence_seconds": after / SAMPLE_RATE, "capstone_chunks": len(capstone.chunks)}


def clone_through_api(tts, reference: Path) -> float:
    """Give the API a recording instead of a name; return how alike the two voices are, -1..1."""
    from voice_pipeline.speaker import SpeakerEncoder, similarity

    encoder = SpeakerEncoder.shared()
    clone = np.asarray(tts.tts(SENTENCES[3], speaker_wav=str(reference)), np.float32)
    waveform, rate = soundfile.read(reference, dtype="float32")
    alike = similarity(encoder.embed(clone, SAMPLE_RATE), encoder.embed(waveform, rate))
    print(
        f"   speaker_wav={reference.name}: the clone is {alike:.2f} like its reference (script 06 says what that means)"
    )
    return alike


def try_public(settings) -> None:
    """Load the model that `--model` names and let it speak; say in one line what is in the way, if something is."""
    try:
        tts = coqui_model(settings.model, download=not settings.quick, accept_licence=settings.accept_licence)
    except CourseError as error:
        print(f"\nNOTE: without {settings.model}: {error}")
        print(f"      {error.hint}")
        print("      The rest of this script runs with the starter voice, which is here.")
        return
    waveform, took = seconds_of(lambda: coqui_says(tts, SENTENCES[2], settings.out / "batch" / "00.wav"))
    write_wav(settings.out / "public_model.wav", waveform, SAMPLE_RATE)
    weights = sum(value.numel() for value in tts.synthesizer.tts_model.parameters()) / 1e6
    print(f"\n{settings.model}: {weights:.0f} million weights, {len(waveform) / SAMPLE_RATE:.1f} s in {took:.1f} s")


def main(settings) -> dict:
    prepare_cpu(settings, "one sentence at a time is quick enough; with a GPU, call .to('cuda') on Coqui's object")
    setup_coqui()
    listed = list_models(settings)
    tts = starter_tts()
    print(f"\nin Coqui's API: speakers {tts.speakers}, several languages {tts.is_multi_lingual}, {SAMPLE_RATE} Hz")
    batch = speak_batch(tts, settings.out / "batch", list(SENTENCES[: 3 if settings.quick else len(SENTENCES)]))
    compared = compare_with_capstone(tts, settings.out / "batch")
    alike = clone_through_api(tts, settings.out / "batch" / "01.wav")
    if settings.model:
        try_public(settings)
    return {**listed, **batch, **compared, "clone_like_reference": alike}


EXPECTED = {
    "models": Expected(quick=(60, 200), full=(60, 200)),
    "languages": Expected(quick=(30, 60), full=(30, 60)),
    "free_models": Expected(quick=(30, 150), full=(30, 150)),
    "vits_million": Expected(quick=(70, 95), full=(70, 95)),
    "files": Expected(quick=(3, 3), full=(10, 10)),
    "lowest_peak": Expected(quick=(0.95, 1), full=(0.95, 1)),
    "api_silence_seconds": Expected(quick=(0.41, 0.8), full=(0.41, 0.8)),
    "capstone_chunks": Expected(quick=(2, 2), full=(2, 2)),
    "clone_like_reference": Expected(quick=(0.5, 1), full=(0.5, 1)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="04_small_tacotron.py")
