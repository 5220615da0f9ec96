"""A speaker encoder that no voice here was conditioned on: the honest second opinion on similarity.

Weights: the 3-layer bidirectional LSTM of github.com/wq2012/SpeakerRecognitionFromScratch (Apache-2.0), trained on
LibriSpeech; not part of this repository. Input: 40 MFCC by librosa's defaults at 16 kHz.
"""

from __future__ import annotations

from pathlib import Path

import librosa
import numpy as np
import soundfile
import soxr
import torch

from coursekit.errors import CourseError
from voice_pipeline.engines.checkpoints import load_checkpoint
from voice_pipeline.speaker import centroid, similarity

_RATE, _MFCC, _HIDDEN, _LAYERS = 16_000, 40, 64, 3
_WINDOW, _STEP = 100, 50  # frames of 32 ms


class SecondEncoder:
    """Waveform to a 128-d unit vector.

    Args:
        weights: file with `encoder_state_dict`, names `lstm.*`.

    Raises:
        CourseError: the file is missing, damaged, or of another network.
    """

    def __init__(self, weights: Path) -> None:
        self._lstm = torch.nn.LSTM(_MFCC, _HIDDEN, _LAYERS, batch_first=True, bidirectional=True)
        try:
            state = load_checkpoint(weights)["encoder_state_dict"]
            self._lstm.load_state_dict({name.removeprefix("lstm."): value for name, value in state.items()})
        except (KeyError, RuntimeError, AttributeError) as error:
            raise CourseError(
                f"{weights} is not the 3-layer BiLSTM speaker encoder: {str(error).splitlines()[0]}",
                hint="--second-encoder FILE, saved_model.bilstm.mean.*.pt of SpeakerRecognitionFromScratch",
            ) from error
        self._lstm.eval()

    @torch.inference_mode()
    def embed(self, waveform: np.ndarray, sample_rate: int) -> np.ndarray:
        """Embed one waveform: mean over frames, then over windows of 3.2 s.

        Args:
            waveform: float32 `[samples]`, -1..1.
            sample_rate: Hz; resampled to 16 kHz.

        Returns:
            float32 `[128]`, length 1.
        """
        at_16k = soxr.resample(waveform.astype(np.float32), sample_rate, _RATE)
        mfcc = librosa.feature.mfcc(y=at_16k, sr=_RATE, n_mfcc=_MFCC).T.astype(np.float32)  # [frames, 40]
        starts = range(0, max(1, len(mfcc) - _WINDOW + 1), _STEP)
        windows = torch.from_numpy(np.stack([mfcc[start : start + _WINDOW] for start in starts]))
        return centroid(self._lstm(windows)[0].mean(dim=1).numpy())


def normalized_similarity(
    encoder: SecondEncoder, train: list[Path], real: list[Path], others: list[Path], systems: dict[str, list[Path]]
) -> dict[str, float | dict[str, float]]:
    """Similarity of each system to the speaker, between other people (0) and the speaker (1).

    Args:
        encoder: what listens.
        train: clips whose mean embedding stands for the speaker.
        real: held-out recordings of the speaker.
        others: clips of other people.
        systems: name -> files that it spoke.

    Returns:
        `floor` and `ceiling` (mean cosines), and `normalized`, one figure a system.
    """

    def embed(path: Path) -> np.ndarray:
        return encoder.embed(*soundfile.read(path, dtype="float32"))

    target = centroid([embed(path) for path in train])

    def mean(paths: list[Path]) -> float:
        return float(np.mean([similarity(embed(path), target) for path in paths]))

    floor, ceiling = mean(others), mean(real)
    scale = max(1e-6, ceiling - floor)
    figures = {name: (mean(paths) - floor) / scale for name, paths in systems.items()}
    return {"floor": floor, "ceiling": ceiling, "normalized": figures}
