"""Is this the same person? A small x-vector model, an equal-error rate on people it never heard, and two yardsticks.

What you will learn
    - verification against identification: the people of the test are nobody whom the model was trained on
    - how a classifier of thirty people becomes a ruler for all others: vectors, cosine, a margin in the loss
    - false acceptances and false rejections, the threshold between them, and the equal-error rate from scratch
    - why a threshold chosen on known people does not hold for strangers
    - how far minutes of speech are from the thousand hours behind the capstone's encoder
How to run it
    python 06_speaker_verification.py --quick    about 33 s, on what is on this machine
    python 06_speaker_verification.py            the first run downloads 12 MB
    python 06_speaker_verification.py --model    WavLM with its x-vector head (400 MB) on the same trials, or
                                                 --model FOLDER
Time and memory on 2 CPU cores: quick 33 s, full 46 s; 1.1 GB. Without data it first makes its speech.
Writes outputs/: verification.png, trials.csv, verifier/, spoken/ (first run without data)
Concepts: TRANSFORMERS_CONCEPTS_EXPLAINED.md (speaker verification, speech models)
"""

from itertools import combinations

import numpy as np
import torch
from hf_utils import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    RATE,
    SpeechModel,
    add_model_flag,
    count_parameters,
    embed,
    load_people,
    load_verifier,
    prepare,
    public_model,
    save_figure,
    save_model,
    seconds_of,
    write_csv,
)
from matplotlib.figure import Figure
from sklearn.metrics import roc_curve

from coursekit.cli import run_script, script_parser
from coursekit.expectations import Expected

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = add_model_flag(script_parser(__doc__), "microsoft/wavlm-base-plus-sv")
MELS = 40
WINDOW = 1.2  # seconds of speech in a trial; longer is easier for everybody
WIDTH, SIZE = 64, 64  # C inside, numbers in the vector
SCALE, MARGIN = 15.0, 0.1  # of the loss; the library's 30 and 0.4 are for long trainings with thousands of people
BATCH = 24
LEARNING_RATE = 3e-3
QUICK_STEPS, FULL_STEPS = 150, 600

# ----------------------------------------------------------------------------------------------------------------------
# windows and trials


def windows_of(waveform: np.ndarray) -> list[np.ndarray]:
    """Cut speech into windows that do not overlap; what is left at the end is dropped."""
    size = round(WINDOW * RATE)
    return [waveform[start : start + size] for start in range(0, len(waveform) - size + 1, size)]


def trials_of(people: dict[str, np.ndarray]) -> tuple[list[np.ndarray], list[str], list[tuple[int, int]]]:
    """Return all windows, who speaks in each, and all pairs of windows: each pair is one trial."""
    cut = [(name, window) for name, waveform in people.items() for window in windows_of(waveform)]
    return [window for _, window in cut], [name for name, _ in cut], list(combinations(range(len(cut)), 2))


def score(vectors: np.ndarray, pairs: list[tuple[int, int]]) -> np.ndarray:
    """Cosine of each pair, -1 to 1; the vectors have length 1. `[N]`"""
    first, second = np.array(pairs).T
    return np.sum(vectors[first] * vectors[second], axis=1)


# ----------------------------------------------------------------------------------------------------------------------
# error rates


def error_rates(scores: np.ndarray, same: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Count the mistakes at every threshold that matters.

    Args:
        scores: `[N]`, higher for pairs that sound more alike.
        same: True where both windows are of one person, `[N]`.

    Returns:
        Thresholds from high to low, the share of other people accepted there (false acceptances), and the share of the
        right people rejected (false rejections). A trial is accepted when its score is at least the threshold.
    """
    order = np.argsort(-scores, kind="stable")
    accepted, good = scores[order], same[order]
    false_accept = np.cumsum(~good) / max(1, (~good).sum())
    false_reject = 1 - np.cumsum(good) / max(1, good.sum())
    last = np.append(np.diff(accepted) != 0, True)  # equal scores are accepted together
    return accepted[last], false_accept[last], false_reject[last]


def equal_error_rate(scores: np.ndarray, same: np.ndarray) -> tuple[float, float]:
    """Return the rate at which both kinds of mistake are equally frequent, 0..1, and the threshold there."""
    # concept: speaker verification
    thresholds, accept, reject = error_rates(scores, same)
    accept, reject = np.append(0.0, accept), np.append(1.0, reject)  # a threshold above all scores accepts nobody
    thresholds = np.append(thresholds[0] + 1e-6, thresholds)
    place = int(np.argmax(accept >= reject))  # the first threshold at which the curves have crossed
    gap = accept - reject
    part = -gap[place - 1] / (gap[place] - gap[place - 1])  # on a straight line between two thresholds
    rate = accept[place - 1] + part * (accept[place] - accept[place - 1])
    return float(rate), float(thresholds[place - 1] + part * (thresholds[place] - thresholds[place - 1]))


def by_sklearn(scores: np.ndarray, same: np.ndarray) -> float:
    """The same from scikit-learn's ROC curve."""
    accept, right, _ = roc_curve(same, scores, drop_intermediate=False)
    grid = np.linspace(0, 1, 100_001)
    reject = 1 - np.interp(grid, accept, right)  # ROC curves go straight up where accept does not change
    return float(grid[np.argmax(grid >= reject)])


# ----------------------------------------------------------------------------------------------------------------------
# the model


def small_verifier(people: int) -> SpeechModel:
    """A Wav2Vec2-BERT with an x-vector head (Snyder 2018), made from its configuration class.

    For words, the extractor takes the mean of every band away. Here it stays: much of a voice is in it, and, sadly,
    much of the microphone. Two windows of one recording share it, so the rates below flatter whoever listens to it.
    """
    from transformers import SeamlessM4TFeatureExtractor, Wav2Vec2BertConfig, Wav2Vec2BertForXVector

    extractor = SeamlessM4TFeatureExtractor(
        feature_size=MELS, num_mel_bins=MELS, sampling_rate=RATE, stride=2, do_normalize_per_mel_bins=False
    )
    config = Wav2Vec2BertConfig(
        feature_projection_input_dim=2 * MELS,
        hidden_size=WIDTH,
        num_hidden_layers=1,
        num_attention_heads=4,
        intermediate_size=2 * WIDTH,
        conv_depthwise_kernel_size=9,
        position_embeddings_type="rotary",
        hidden_dropout=0.1,
        attention_dropout=0.0,
        feat_proj_dropout=0.0,
        layerdrop=0.0,
        apply_spec_augment=False,
        initializer_range=0.1,  # 0.02 is for 1,024 channels; with 64, what comes out of five layers would be nothing
        tdnn_dim=(WIDTH, WIDTH, 2 * WIDTH),  # layers that look at neighbours; then mean and deviation over all frames
        tdnn_kernel=(5, 3, 1),
        tdnn_dilation=(1, 2, 1),
        xvector_output_dim=SIZE,
        num_labels=people,
    )
    model = Wav2Vec2BertForXVector(config)
    model.objective.scale, model.objective.margin = SCALE, MARGIN
    return SpeechModel(model, extractor)


def train(speech: SpeechModel, people: dict[str, np.ndarray], steps: int, seed: int) -> list[float]:
    """Learn to tell the people apart. The loss asks for a margin (AM-softmax, Wang 2018): right is not enough.

    The vector in front of the classes is kept, and the classes are thrown away: that is what works for strangers.
    """
    random, size = np.random.default_rng(seed), round(WINDOW * RATE)
    crops, labels = [], []
    for label, waveform in enumerate(people.values()):
        for start in np.linspace(0, len(waveform) - size, 16).astype(int):  # crops overlap; tests do not
            crops.append(waveform[start : start + size])
            labels.append(label)
    features = torch.cat([speech.inputs(crops[i : i + 64])["input_features"] for i in range(0, len(crops), 64)])
    answers = torch.tensor(labels, device=features.device)
    optimizer = torch.optim.AdamW(speech.model.parameters(), lr=LEARNING_RATE, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps, pct_start=0.2)
    speech.model.train()
    losses = []
    for _ in range(steps):
        rows = torch.from_numpy(random.integers(len(crops), size=BATCH)).to(features.device)
        loss = speech.model(input_features=features[rows], labels=answers[rows]).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(speech.model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    speech.model.eval()
    return losses


# ----------------------------------------------------------------------------------------------------------------------
# yardsticks


def mean_spectrum(windows: list[np.ndarray], speech: SpeechModel) -> np.ndarray:
    """A vector that learns nothing: mean and deviation of every mel band over the window. `[N, 4 * MELS]`"""
    inputs = speech.inputs(windows)["input_features"].cpu().numpy()
    vectors = np.concatenate([inputs.mean(axis=1), inputs.std(axis=1)], axis=1)
    vectors = vectors - vectors.mean(axis=0)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def by_the_capstone(windows: list[np.ndarray]) -> np.ndarray:
    """The capstone's speaker encoder (Resemblyzer, trained on about 1,800 people). `[N, 256]`"""
    from voice_pipeline.speaker import SpeakerEncoder

    encoder = SpeakerEncoder.shared()
    vectors = np.stack([encoder.embed(window, RATE) for window in windows])
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def plot(scores: dict[str, np.ndarray], same: np.ndarray, threshold: float, path) -> None:
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    ours = scores["small model"]
    edges = np.linspace(ours.min(), 1, 40)
    left.hist(ours[~same], edges, density=True, alpha=0.6, color=ORANGE, label="two people")
    left.hist(ours[same], edges, density=True, alpha=0.6, color=BLUE, label="one person")
    left.axvline(threshold, color=GREY, linestyle="--", label="equal errors")
    left.set(xlabel="cosine", ylabel="density", title="scores of people never heard")
    left.legend()
    for (name, values), colour in zip(scores.items(), (BLUE, GREY, GREEN, ORANGE), strict=False):
        _, accept, reject = error_rates(values, same)
        rate = equal_error_rate(values, same)[0]
        right.plot(100 * accept, 100 * reject, color=colour, label=f"{name}: EER {rate:.1%}")
        right.plot(100 * rate, 100 * rate, "o", color=colour)
    right.plot([0, 50], [0, 50], color=GREY, linestyle=":", linewidth=1)
    right.set(xlabel="other people accepted (%)", ylabel="right people rejected (%)", xlim=(0, 60), ylim=(0, 60))
    right.set(title="one mistake for the other")
    right.legend()
    right.grid(alpha=0.3)
    save_figure(figure, path)


def main(settings) -> dict:
    device = prepare(settings)
    known, strangers = load_people(settings)
    speech = small_verifier(len(known))
    speech.model.to(device)
    windows, names, pairs = trials_of(strangers)
    same = np.array([names[a] == names[b] for a, b in pairs])
    print(f"{len(known)} people to learn from; {len(strangers)} strangers, {len(windows)} windows of {WINDOW} s:")
    print(f"   {len(pairs):,} trials, {same.sum()} of them with one person twice")
    untrained = equal_error_rate(score(embed(speech, windows), pairs), same)[0]
    steps = QUICK_STEPS if settings.quick else FULL_STEPS
    losses, seconds = seconds_of(lambda: train(speech, known, steps, settings.seed))
    weights, last = count_parameters(speech.model), np.mean(losses[-10:])
    print(f"   {weights:,} parameters, {steps} steps in {seconds:.0f} s, loss {losses[0]:.1f} to {last:.2f}")
    scores = {
        "small model": score(embed(speech, windows), pairs),
        "mean spectrum": score(mean_spectrum(windows, speech), pairs),
        "capstone": score(by_the_capstone(windows), pairs),
    }
    save_model(settings.out / "verifier", speech.model, speech.extractor)
    again = score(embed(load_verifier(settings.out / "verifier", device), windows), pairs)
    loaded = float(np.abs(again - scores["small model"]).max())
    if folder := public_model(settings):
        scores["public"] = score(embed(load_verifier(folder, device), windows), pairs)

    rates = {name: equal_error_rate(values, same) for name, values in scores.items()}
    print("\nEqual-error rate on strangers")
    print(f"   before training {untrained:>24.1%}")
    for name, (rate, threshold) in rates.items():
        print(f"   {name:<15} {rate:>24.1%}   at a cosine of {threshold:.2f}")
    apart = max(abs(rates[name][0] - by_sklearn(values, same)) for name, values in scores.items())
    print(f"   from scratch and by scikit-learn: {apart:.1e} apart at most")

    at_home = trials_of(known)
    home_same = np.array([at_home[1][a] == at_home[1][b] for a, b in at_home[2]])
    home = equal_error_rate(score(embed(speech, at_home[0]), at_home[2]), home_same)
    wrong = (
        float((scores["small model"][~same] >= home[1]).mean()),
        float((scores["small model"][same] < home[1]).mean()),
    )
    print(f"\nOn the people it was trained on: {home[0]:.1%} at a cosine of {home[1]:.2f}. With that threshold")
    print(f"   {wrong[0]:.0%} of the strangers would be taken for another, and {wrong[1]:.0%} rejected as themselves.")
    write_csv(
        settings.out / "trials.csv",
        [
            ["first", "second", "same", *scores],
            *(
                [names[a], names[b], int(one), *(f"{values[row]:.4f}" for values in scores.values())]
                for row, ((a, b), one) in enumerate(zip(pairs, same, strict=True))
            ),
        ],
    )
    plot(scores, same, rates["small model"][1], settings.out / "verification.png")
    print(f"verification.png: two hills that overlap; EER {rates['small model'][0]:.1%}, the capstone's encoder "
          f"{rates['capstone'][0]:.1%}")  # fmt: skip
    return {
        "eer_untrained": untrained,
        "eer": rates["small model"][0],
        "eer_mean_spectrum": rates["mean spectrum"][0],
        "eer_capstone": rates["capstone"][0],
        "eer_known_people": home[0],
        "eer_difference_to_sklearn": apart,
        "difference_after_loading": loaded,
        **({"public_eer": rates["public"][0]} if "public" in rates else {}),
    }


EXPECTED = {
    "eer": Expected(quick=(0.03, 0.38), full=(0.12, 0.32)),
    "eer_mean_spectrum": Expected(quick=(0.2, 0.6), full=(0.2, 0.4)),
    "eer_capstone": Expected(quick=(0, 0.45), full=(0, 0.2)),
    "eer_difference_to_sklearn": Expected(quick=(0, 0.002), full=(0, 0.002)),
    "difference_after_loading": Expected(quick=(0, 1e-5), full=(0, 1e-5)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="07_publish.py")
