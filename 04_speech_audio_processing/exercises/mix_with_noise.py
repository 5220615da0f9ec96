"""Noise of a wanted strength

Write `mix_with_noise(speech, noise, snr_db)`: the speech with so much noise that the speech is `snr_db` above it. Both
are float arrays of the same length. The speech must stay as it is; only the noise is scaled. Levels are those of the
mean power (the mean of the squares), over all samples. Noise that is all zeros stays so.

    speech of power 0.01 and noise of power 1, snr_db=0     the noise is multiplied by 0.1
    the same, snr_db=20                                     the noise is multiplied by 0.01

After: 05_voice_activity.py
Concepts: noise and snr, levels and loudness
Kind: exercise
Time: 15 min
"""

import numpy as np


def mix_with_noise(speech: np.ndarray, noise: np.ndarray, snr_db: float) -> np.ndarray:
    # TODO: work out the power that the noise should have, then the factor for its samples
    raise NotImplementedError("mix_with_noise")
