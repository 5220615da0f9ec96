"""The `pocket` engine: pocket-tts by Kyutai, a zero-shot cloner made for two CPU cores.

Nothing is trained: `fine_tune` lets the model hear the clips and keeps what it remembers of them (the keys and values
of its transformer), in seconds. The weights are CC BY 4.0; their page asks everyone to agree to terms before it hands
them out, and cloning without the speaker's consent is forbidden. Nothing is fetched or loaded before the user has
accepted that by an explicit flag.

What is proved and what is not: the published weights were not at hand where this was written. Everything here runs in
the tests with random weights of a published configuration in the published file layout. Not proved: how the published
model sounds with these voice prompts, and a GPU.
"""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from coursekit.files import atomic_path, write_json_atomic
from voice_pipeline.engines.base import FineTuneRequest, FineTuneResult, Licence, LoadedVoice, TrainingClip
from voice_pipeline.engines.pocket_files import TERMS, base_files, load_base
from voice_pipeline.errors import PipelineError
from voice_pipeline.tempo import change_tempo
from voice_pipeline.voice_folder import read_json

logger = logging.getLogger(__name__)

CHECKPOINT_VARIABLE = "VOICE_POCKET_CHECKPOINT"
DEFAULT_CHECKPOINT = "english"
_LONGEST_PROMPT = 30.0  # seconds; where the package itself cuts a longer prompt
_SHORTEST_PROMPT = 3.0
_PAUSE = 0.1  # seconds of silence between two clips of the prompt
_STATE = "voice.safetensors"


class PocketEngine:
    """pocket-tts (Rouard et al. 2025, Continuous Audio Language Models, arXiv 2509.06926).

    Attributes:
        options: what `FineTuneRequest.options` may hold, with one line of help each.
    """

    name = "pocket"
    title = "pocket-tts, zero-shot on a CPU (download of 220 MB after agreeing to its terms; nothing is trained)"
    licence = Licence(
        name="CC BY 4.0, and the terms of use on its page",
        url=TERMS,
        needs_acceptance=True,
        note="The code is MIT. Name Kyutai where you publish speech; no voice without its speaker's explicit consent.",
    )
    options = {"checkpoint": f"name of a configuration of the package, or a folder (default {DEFAULT_CHECKPOINT})"}

    def __init__(self, checkpoint: str | Path | None = None) -> None:
        self.checkpoint = str(checkpoint or os.environ.get(CHECKPOINT_VARIABLE) or DEFAULT_CHECKPOINT)
        self._accepted = False

    def prepare(self, *, accept_licence: bool = False, offline: bool = False) -> None:
        """Have the model ready.

        Args:
            accept_licence: True only if the user has accepted the terms explicitly.
            offline: never touch the network.

        Raises:
            PipelineError: the terms were not accepted, the package is not installed, or the weights cannot be had.
        """
        if not accept_licence:
            raise self._refusal()
        self._accepted = True
        logger.info("licence accepted: %s, %s", self.licence.name, self.licence.url)
        base_files(self.checkpoint, offline=offline)

    def fine_tune(self, request: FineTuneRequest) -> FineTuneResult:
        """Let the model hear the longest clips, 30 seconds at most, and keep what it remembers. No steps are done.

        Raises:
            PipelineError: no acceptance of the terms, no model, steps asked for, or fewer than 3 seconds of clips.
        """
        from voice_pipeline.engines.coqui import keep_usable

        if not self._accepted:
            raise self._refusal()
        checkpoint = self._checkpoint_of(request)
        usable, left_out = keep_usable(request.train, shortest=0.5, longest=_LONGEST_PROMPT, why="pocket-tts")
        references = _references(usable)
        started = time.perf_counter()
        files = base_files(checkpoint)
        request.on_progress(0.1, "loading the model")
        model = load_base(files).to(request.device)
        request.on_progress(0.5, "listening to the clips")
        prompt = _prompt(references, model.sample_rate)
        state = model.get_state_for_audio_prompt(prompt)
        model_dir = request.run_dir / "best"
        _save_state(model_dir / _STATE, state)
        settings = {
            "engine": self.name,
            "checkpoint": checkpoint,
            "weights": files.identity,
            "licence": self.licence.name,
            "references": [clip.clip_id for clip in references],
            "left_out": left_out,
        }
        write_json_atomic(model_dir / "settings.json", settings)
        seconds = prompt.shape[-1] / model.sample_rate
        return FineTuneResult(model_dir, 0, time.perf_counter() - started, {"prompt_seconds": round(seconds, 2)})

    def load(self, model_dir: Path, *, device: str = "cpu") -> LoadedVoice:
        """Load a voice: what is its own from safetensors in `model_dir`, the rest from the model on this machine.

        Raises:
            PipelineError: a file is missing or damaged, the model is not on this machine, or it is another one now.
        """
        path = model_dir / "settings.json"
        settings = read_json(path) if path.is_file() else {}
        if settings.get("engine") != self.name:
            raise PipelineError(f"{path} does not describe a pocket voice", hint="fine-tune the voice again")
        state = _read_state(model_dir / _STATE)
        files = base_files(str(settings.get("checkpoint", self.checkpoint)), offline=True)
        if settings.get("weights") != files.identity:
            raise PipelineError(
                f"the voice in {model_dir} was made with other weights than '{settings.get('checkpoint')}' has now",
                hint="fine-tune the voice again; it takes seconds",
            )
        model = load_base(files).to(device)
        _check_fits(model, state, model_dir / _STATE)
        return PocketVoice(model, state)

    def _refusal(self) -> PipelineError:
        return PipelineError(
            f"the weights of pocket-tts come under {self.licence.name}, which were not accepted: {self.licence.url}",
            hint="read the terms; if you agree, run again with --accept-licence; --engine starter and vits ask nothing",
        )

    def _checkpoint_of(self, request: FineTuneRequest) -> str:
        unknown = sorted(set(request.options) - set(self.options))
        if unknown:
            raise PipelineError(
                f"the engine pocket has no setting {', '.join(unknown)}", hint=f"it knows {', '.join(self.options)}"
            )
        if request.max_steps:
            raise PipelineError(
                f"the engine pocket trains nothing, so it cannot do {request.max_steps} steps", hint="leave out --steps"
            )
        return str(request.options.get("checkpoint", self.checkpoint))


class PocketVoice:
    """A pocket-tts model in memory with what it remembers of one voice.

    Attributes:
        sample_rate: Hz (24,000 for all published models).
    """

    def __init__(self, model: Any, state: dict[str, dict[str, Any]]) -> None:
        self.model = model
        self.model.max_decoder_frames_per_call = 1  # else the samples depend on which thread was faster
        self.sample_rate = int(model.sample_rate)
        self._state = {
            module: {name: tensor.to(model.device) for name, tensor in tensors.items()}
            for module, tensors in state.items()
        }

    def synthesize(self, text: str, *, speed: float = 1.0, seed: int = 0) -> np.ndarray:
        """Speak one chunk; see `LoadedVoice.synthesize`. Text without a letter or digit gives 0.2 s of silence.

        The model knows no speed, so a spoken chunk is stretched at its pitch.
        """
        import torch

        if not any(character.isalnum() for character in text):
            return np.zeros(self.sample_rate // 5, dtype=np.float32)
        device = self.model.device
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(seed)
            sound = self.model.generate_audio(self._state, text).cpu().numpy()
        sound = np.clip(np.nan_to_num(sound), -1.0, 1.0).astype(np.float32)
        return change_tempo(sound, self.sample_rate, speed)


def _references(clips: list[TrainingClip]) -> list[TrainingClip]:
    """The longest clips that fit into the prompt together."""
    chosen, seconds = [], 0.0
    for clip in sorted(clips, key=lambda clip: (-clip.seconds, clip.clip_id)):
        if seconds + clip.seconds + _PAUSE <= _LONGEST_PROMPT:
            chosen.append(clip)
            seconds += clip.seconds + _PAUSE
    if seconds < _SHORTEST_PROMPT:
        raise PipelineError(
            f"the clips hold {seconds:.1f} s of speech; a voice prompt needs {_SHORTEST_PROMPT:.0f} s",
            hint="record more sentences, then preprocess again",
        )
    return chosen


def _prompt(clips: list[TrainingClip], sample_rate: int) -> Any:
    """Clips one after the other, float32 tensor `[1, samples]` at the model's rate."""
    import soundfile
    import torch

    from voice_pipeline.audio import resample

    parts = []
    for clip in clips:
        waveform, rate = soundfile.read(clip.path, dtype="float32")
        parts += [resample(waveform, rate, sample_rate), np.zeros(round(_PAUSE * sample_rate), np.float32)]
    return torch.from_numpy(np.concatenate(parts[:-1])).unsqueeze(0)


def _save_state(path: Path, state: dict[str, dict[str, Any]]) -> None:
    from pocket_tts import export_model_state

    plain = {module: {name: t.cpu().contiguous() for name, t in tensors.items()} for module, tensors in state.items()}
    with atomic_path(path) as temporary:
        export_model_state(plain, temporary)


def _read_state(path: Path) -> dict[str, dict[str, Any]]:
    """What `export_model_state` wrote: tensors named "module/tensor"."""
    from voice_pipeline.engines.checkpoints import load_weights

    state: dict[str, dict[str, Any]] = {}
    for key, tensor in load_weights(path).items():
        module, _, name = key.rpartition("/")
        state.setdefault(module, {})[name] = tensor
    return state


def _check_fits(model: Any, state: dict[str, dict[str, Any]], path: Path) -> None:
    """Names and shapes of a voice are those of the model, but for the length of what was heard."""
    from pocket_tts.modules.stateful_module import init_states

    def outline(one: dict[str, dict[str, Any]]) -> dict[tuple[str, str], tuple[int, ...]]:
        return {
            (module, name): tuple(tensor.shape[:2] + tensor.shape[3:])
            for module, tensors in one.items()
            for name, tensor in tensors.items()
        }

    if outline(state) != outline(init_states(model.flow_lm, batch_size=1, sequence_length=1)):
        raise PipelineError(f"{path} does not fit the pocket-tts model", hint="fine-tune the voice again")
