"""Checks mix_with_noise at several ratios, and that the speech is untouched."""

import numpy as np

from coursekit.course import Wrong


def check(answer) -> None:
    random = np.random.default_rng(7)
    for speech_level, noise_level, wanted in ((0.1, 1.0, 10.0), (0.02, 0.3, 0.0), (0.5, 0.01, -5.0), (0.1, 0.1, 26.0)):
        speech = speech_level * random.normal(size=4800) * np.repeat([0.2, 1.5, 0.2], 1600)
        noise = noise_level * random.normal(size=4800)
        kept = speech.copy()
        mixed = np.asarray(answer.mix_with_noise(speech, noise, wanted), float)
        if not np.array_equal(speech, kept):
            raise Wrong("The array of the speech was changed in place; work on a new one.")
        if mixed.shape != speech.shape:
            raise Wrong(f"{len(speech)} samples went in, an array of shape {mixed.shape} came out.")
        added = mixed - speech
        if abs(np.corrcoef(added, noise)[0, 1]) < 0.999:
            raise Wrong(f"snr_db={wanted}: mixed - speech is not the scaled noise: the speech itself was scaled.")
        seen = 10 * np.log10(np.mean(speech**2) / np.mean(added**2))
        if abs(seen - wanted) < 0.01:
            continue
        told = f"snr_db={wanted}: the speech is {seen:.2f} dB above the noise."
        root = np.mean(speech**2) * 10 ** (-wanted / 10) / np.mean(noise**2)
        if np.allclose(added, noise * root):
            raise Wrong(f"{told} A factor of powers was used for samples; samples take its square root.")
        if np.allclose(added, noise * np.abs(speech).max() / np.abs(noise).max() * 10 ** (-wanted / 20)):
            raise Wrong(f"{told} Peaks were compared; one high sample says little about a level.")
        if abs(seen + wanted) < 0.01:
            raise Wrong(f"{told} The sign is the wrong way round: a higher SNR means less noise.")
        raise Wrong(told)
    silent = np.asarray(answer.mix_with_noise(speech, np.zeros(4800), 10.0), float)
    if not np.array_equal(silent, speech):
        raise Wrong("With noise of all zeros the speech must come back as it was; a division by 0 spoils it.")
