"""Speech recognition with CTC: a small relative of wav2vec2 learns strings of digits; Whisper fits the same function.

What you will learn
    - how a network that speaks once every 20 ms learns from a text without any times in it: the blank, and CTC
    - greedy decoding from scratch, equal to the library's; why "44" needs a blank in the middle
    - the loss counted from scratch by dynamic programming, equal to PyTorch's
    - accuracy on speakers whom the training never heard
    - one function for CTC models and for Whisper, with public weights by flag
How to run it
    python 05_ctc_digits.py --quick              about 25 s, on what is on this machine
    python 05_ctc_digits.py            the first run downloads 4 MB
    python 05_ctc_digits.py --model              whisper-tiny.en (150 MB) on the same clips; or --model
                                                 facebook/wav2vec2-base-960h, or --model FOLDER
Time and memory on 2 CPU cores: quick 25 s, full 74 s; 1.1 GB. Without data it first makes its speech.
Writes outputs/: ctc_digits.png, ctc/, spoken/ (first run without data)
Concepts: TRANSFORMERS_CONCEPTS_EXPLAINED.md (ctc, speech models)
"""

import json
import tempfile
from pathlib import Path

import jiwer
import numpy as np
import torch
from hf_utils import (
    BLUE,
    DIGITS,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    RATE,
    Digit,
    SpeechModel,
    add_model_flag,
    best_of_each_frame,
    count_parameters,
    load_digits,
    load_recogniser,
    prepare,
    public_model,
    save_figure,
    save_model,
    seconds_of,
    transcribe,
)
from matplotlib.figure import Figure
from torch import Tensor

from coursekit.cli import run_script, script_parser
from coursekit.expectations import Expected

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = add_model_flag(script_parser(__doc__), "openai/whisper-tiny.en")
MELS = 40  # bands; w2v-BERT has 80
STRIDE = 4  # frames of 10 ms that are joined: the model speaks every 40 ms. w2v-BERT: 2
WIDTH = 96  # C; w2v-BERT: 1,024
LAYERS = 1  # w2v-BERT: 24
BATCH = 16
LEARNING_RATE = 3e-3  # peak
QUICK_STEPS, FULL_STEPS = 280, 1_000
STRINGS_QUICK, STRINGS_FULL = 320, 1_200  # strings to learn from, joined from single digits
LONGEST = 3  # digits in a string
SHORT_FIRST = 0.7  # share of the training until the longest strings are in it
PAUSE = (0.02, 0.15)  # seconds between two digits
BLANK = 0  # "nothing new": the token that CTC adds to the alphabet

# ----------------------------------------------------------------------------------------------------------------------
# strings of digits


def join(digits: list[Digit], random: np.random.Generator) -> tuple[str, np.ndarray]:
    """Join digits by one speaker with short pauses and a faint room. Text such as "314", float32 `[S]`."""
    parts = []
    for digit in digits:
        parts += [np.zeros(round(random.uniform(*PAUSE) * RATE), np.float32), digit.waveform]
    whole = np.concatenate([*parts, np.zeros(round(0.1 * RATE), np.float32)])
    noise = 10 ** random.uniform(-3.5, -2.5) * random.normal(size=len(whole))  # 50 to 70 dB below full scale
    return "".join(str(digit.label) for digit in digits), (whole + noise).astype(np.float32)


def strings(digits: list[Digit], count: int, random: np.random.Generator) -> list[tuple[str, np.ndarray]]:
    """Return strings of 1 to LONGEST digits; each is said by one person."""
    speakers = sorted({digit.speaker for digit in digits})
    own = {speaker: [digit for digit in digits if digit.speaker == speaker] for speaker in speakers}
    found = []
    for number in range(count):
        pool = own[speakers[number % len(speakers)]]
        size = 1 + number // len(speakers) % LONGEST
        found.append(join([pool[place] for place in random.integers(len(pool), size=size)], random))
    return found


# ----------------------------------------------------------------------------------------------------------------------
# the model


def small_recogniser() -> SpeechModel:
    """A Wav2Vec2-BERT made from its configuration class, with its feature extractor and its tokenizer.

    wav2vec2 begins with the waveform itself, and needs a thousand hours to find out that frequencies matter.
    Wav2Vec2-BERT (Barrault 2023) is its successor: the same idea, with mel frames as input. That is what can be learnt
    from minutes of speech.
    """
    # concept: speech models
    from transformers import SeamlessM4TFeatureExtractor, Wav2Vec2BertConfig, Wav2Vec2BertForCTC, Wav2Vec2CTCTokenizer

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "vocab.json")
        path.write_text(json.dumps({"<pad>": BLANK, **{str(n): n + 1 for n in range(10)}, "<unk>": 11}))
        tokenizer = Wav2Vec2CTCTokenizer(
            str(path), unk_token="<unk>", pad_token="<pad>", bos_token=None, eos_token=None
        )
    extractor = SeamlessM4TFeatureExtractor(feature_size=MELS, num_mel_bins=MELS, sampling_rate=RATE, stride=STRIDE)
    config = Wav2Vec2BertConfig(
        vocab_size=len(tokenizer),
        feature_projection_input_dim=STRIDE * MELS,
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=4,
        intermediate_size=2 * WIDTH,
        conv_depthwise_kernel_size=9,  # each block also looks 4 frames to both sides
        position_embeddings_type="rotary",
        hidden_dropout=0.0,
        activation_dropout=0.0,
        attention_dropout=0.0,
        feat_proj_dropout=0.0,
        final_dropout=0.0,
        conformer_conv_dropout=0.0,
        layerdrop=0.0,
        mask_time_prob=0.0,  # SpecAugment, hiding stretches of the input, helps where a training is long
        mask_time_length=2,
        mask_time_min_masks=1,
        pad_token_id=BLANK,
        ctc_loss_reduction="mean",
        ctc_zero_infinity=True,  # a string too long for its frames counts as nothing, instead of infinity
    )
    return SpeechModel(Wav2Vec2BertForCTC(config), extractor, tokenizer)


def train(speech: SpeechModel, known: list[tuple[str, np.ndarray]], steps: int, seed: int) -> list[float]:
    """Train on strings; the features are computed once. Returns the losses."""
    device, generator = speech.model.device, torch.Generator().manual_seed(seed)
    features = [speech.inputs([waveform])["input_features"][0] for _, waveform in known]  # [T, STRIDE * MELS] each
    labels = [torch.tensor(speech.tokenizer(text).input_ids) for text, _ in known]
    optimizer = torch.optim.AdamW(speech.model.parameters(), lr=LEARNING_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps, pct_start=0.1)
    speech.model.train()
    losses = []
    order = sorted(range(len(known)), key=lambda row: len(known[row][0]))
    for step in range(steps):
        # Short ones first (Amodei 2016): one digit has few ways to lie in its frames, and the blanks end sooner.
        share = min(1.0, 1 / LONGEST + step / (SHORT_FIRST * steps))
        rows = torch.randint(int(share * len(known)), (BATCH,), generator=generator).tolist()
        rows = [order[row] for row in rows]
        lengths = torch.tensor([len(features[row]) for row in rows])
        x = torch.nn.utils.rnn.pad_sequence([features[row] for row in rows], batch_first=True)  # [B, T, STRIDE * MELS]
        mask = (torch.arange(x.shape[1])[None] < lengths[:, None]).long()
        wanted = torch.nn.utils.rnn.pad_sequence([labels[row] for row in rows], batch_first=True, padding_value=-100)
        loss = speech.model(input_features=x, attention_mask=mask.to(device), labels=wanted.to(device)).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(speech.model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    speech.model.eval()
    return losses


# ----------------------------------------------------------------------------------------------------------------------
# CTC (Graves 2006)


def greedy(best: list[int], tokens: list[str]) -> str:
    """Turn the best token of each frame into a text: first join equal neighbours, then drop the blanks.

    In this order: 4 4 blank 4 is "44", and 4 4 4 is "4".
    """
    # concept: ctc
    kept = [token for place, token in enumerate(best) if place == 0 or token != best[place - 1]]
    return "".join(tokens[token] for token in kept if token != BLANK)


def ctc_loss(log_probs: Tensor, label: list[int]) -> float:
    """Minus the logarithm of the probability of a label, over all ways to spread it over the frames.

    Args:
        log_probs: `[T, V]`.
        label: Tokens, without blanks.

    The states are: blank, first token, blank, second token, ..., blank. In each frame a path stays, goes on by one, or
    skips a blank between two tokens that differ. Each state adds up the paths that reach it.
    """
    states = [BLANK]
    for token in label:
        states += [token, BLANK]
    may_skip = torch.tensor([s > 1 and token not in (BLANK, states[s - 2]) for s, token in enumerate(states)])
    paths = torch.full((len(states),), -torch.inf, dtype=torch.float64)
    paths[:2] = log_probs[0, states[:2]].double()
    for frame in log_probs[1:].double():
        before = torch.nn.functional.pad(paths, (2, 0), value=-torch.inf)
        may_skip = torch.tensor([s > 1 and token != BLANK and token != states[s - 2] for s, token in enumerate(states)])
        skipped = before[:-2].masked_fill(~may_skip, -torch.inf)
        paths = torch.logsumexp(torch.stack([before[2:], before[1:-1], skipped]), dim=0) + frame[states]
    return -torch.logsumexp(paths[-2:], dim=0).item()


def prove(speech: SpeechModel, held_out: list[tuple[str, np.ndarray]]) -> dict[str, float]:
    """Compare greedy decoding with the tokenizer's, and the loss with PyTorch's."""
    waveforms = [waveform for _, waveform in held_out]
    with torch.no_grad():
        inputs = speech.inputs(waveforms)
        best = best_of_each_frame(speech.model, inputs).tolist()
        one = speech.inputs(waveforms[-1:])
        log_probs = speech.model(**one).logits[0].log_softmax(dim=-1).cpu()
    tokens = speech.tokenizer.convert_ids_to_tokens(range(len(speech.tokenizer)))
    mine = [greedy(frames, tokens) for frames in best]
    theirs = speech.tokenizer.batch_decode(best)
    label = speech.tokenizer(held_out[-1][0]).input_ids
    library = torch.nn.functional.ctc_loss(
        log_probs[:, None], torch.tensor([label]), (len(log_probs),), (len(label),), reduction="sum"
    )
    gap = abs(ctc_loss(log_probs, label) - library.item()) / max(1.0, library.item())
    differ = sum(a != b for a, b in zip(mine, theirs, strict=True))
    print(f"   greedy decoding from scratch: {len(mine) - differ} of {len(mine)} strings equal to the library's")
    print(f"   the loss from scratch: {gap:.1e} from PyTorch's")
    return {"decodings_that_differ": differ, "loss_difference": gap}


# ----------------------------------------------------------------------------------------------------------------------
# what it can do


def measure(speech: SpeechModel, asked: list[tuple[str, np.ndarray]]) -> tuple[float, float, float, list[str]]:
    """Return error rate of digits, share of whole strings right, accuracy of single digits, and what was heard."""
    heard = transcribe(speech, [waveform for _, waveform in asked])
    texts = [text for text, _ in asked]
    rate = jiwer.cer(texts, heard)  # a digit is one character
    single = [(text, said) for text, said in zip(texts, heard, strict=True) if len(text) == 1]
    whole = np.mean([text == said for text, said in zip(texts, heard, strict=True)])
    return rate, float(whole), float(np.mean([text == said for text, said in single])), heard


def words_to_digits(text: str) -> str:
    """What a recogniser of English wrote, as digits: "Three, one." or "31" is "31"."""
    names = {word: str(n) for n, word in enumerate(DIGITS)} | {"oh": "0", "to": "2", "too": "2", "for": "4"}
    cleaned = "".join(letter if letter.isalnum() else " " for letter in text.lower())
    return "".join(names.get(word, word if word.isdigit() else "?") for word in cleaned.split())


def by_the_capstone(asked: list[tuple[str, np.ndarray]]) -> float:
    """Error rate of the recogniser that the capstone checks recordings with (PocketSphinx: English, any words)."""
    from voice_pipeline.recognizer import Recognizer

    heard = [words_to_digits(Recognizer.quick().transcribe(waveform, RATE)) for _, waveform in asked]
    return jiwer.cer([text for text, _ in asked], heard)


def plot(losses: list[float], speech: SpeechModel, example: tuple[str, np.ndarray], path) -> None:
    with torch.no_grad():
        shares = speech.model(**speech.inputs([example[1]])).logits[0].softmax(dim=-1).cpu().numpy()  # [T, V]
    figure = Figure(figsize=(11, 4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(2, 3))
    left.plot(losses, color=BLUE)
    left.set(
        xlabel="step", ylabel="CTC loss (nats for each token)", title="first blanks alone, then digits", yscale="log"
    )
    left.grid(alpha=0.3)
    seconds = 0.01 * STRIDE * np.arange(len(shares))
    right.plot(seconds, shares[:, BLANK], color=GREY, linewidth=1, label="blank")
    for place, digit in enumerate(dict.fromkeys(example[0])):
        colour, style = ((BLUE, ORANGE, GREEN, PURPLE) * 3)[place], ("-", "--")[place > 3]
        right.plot(seconds, shares[:, int(digit) + 1], color=colour, linestyle=style, label=DIGITS[int(digit)])
    right.set(xlabel="time (s)", ylabel="probability", title=f"a speaker never heard says {example[0]}")
    right.legend(loc="center")
    save_figure(figure, path)


def main(settings) -> dict:
    device = prepare(settings)
    known, unknown = load_digits(settings)
    random = np.random.default_rng(settings.seed)
    lessons = strings(known, STRINGS_QUICK if settings.quick else STRINGS_FULL, random)
    asked = strings(unknown, 90 if settings.quick else 200, random)
    familiar, speech = strings(known, 60, random), small_recogniser()
    speech.model.to(device)
    people = [len({digit.speaker for digit in part}) for part in (known, unknown)]
    print(f"A Wav2Vec2-BERT of {count_parameters(speech.model):,} parameters; {people[0]} speakers to learn from, "
          f"{people[1]} others for the test")  # fmt: skip
    steps = QUICK_STEPS if settings.quick else FULL_STEPS
    losses, seconds = seconds_of(lambda: train(speech, lessons, steps, settings.seed))
    print(f"   {steps} steps in {seconds:.0f} s: loss from {losses[0]:.1f} to {np.mean(losses[-10:]):.2f}")
    rate, whole, single, heard = measure(speech, asked)
    at_home = measure(speech, familiar)
    print(f"   speakers never heard: {single:.1%} of single digits, {whole:.1%} of all strings right; digit error rate "
          f"{rate:.3f}")  # fmt: skip
    print(f"   speakers of the training, new strings: {at_home[2]:.1%} and {at_home[1]:.1%}, {at_home[0]:.3f}")
    wrong = [f"{text} as {said or 'nothing'}" for (text, _), said in zip(asked, heard, strict=True) if text != said]
    print("   misheard: " + (", ".join(wrong[:6]) or "nothing"))

    print("\nProofs")
    proof = prove(speech, asked[-24:])
    save_model(settings.out / "ctc", speech.model, speech.extractor, speech.tokenizer)
    again = load_recogniser(settings.out / "ctc", device)  # as public weights would be
    same = transcribe(again, [waveform for _, waveform in asked[:24]]) == heard[:24]
    print(f"   saved, loaded by its folder and asked again: {'the same' if same else 'SOMETHING ELSE'}")

    few = asked[: 12 if settings.quick else 96]
    sphinx, ours = by_the_capstone(few), measure(speech, few)[0]
    print(f"\nThe capstone's recogniser, which knows all of English: digit error rate {sphinx:.3f}, ours {ours:.3f}")
    print(
        "   on the same strings. Ours knows ten words and hears nothing else: ask it for 'hello', and it says a digit."
    )
    plot(losses, speech, asked[-1], settings.out / "ctc_digits.png")
    print("ctc_digits.png: blanks nearly everywhere, and a spike of a frame or two for each digit")
    values = {
        "loss_at_the_end": float(np.mean(losses[-10:])),
        "digit_error_rate": rate,
        "strings_right": whole,
        "single_digits_right": single,
        "single_digits_right_known_speakers": at_home[2],
        **proof,
        "same_after_loading": float(same),
        "digit_error_of_the_capstone": sphinx,
        "digit_error_on_the_same_strings": ours,
    }
    if folder := public_model(settings):
        public = load_recogniser(folder, device)
        heard = [words_to_digits(text) for text in transcribe(public, [waveform for _, waveform in few])]
        values["public_digit_error"] = jiwer.cer([text for text, _ in few], heard)
        print(f"   {count_parameters(public.model):,} parameters: digit error rate {values['public_digit_error']:.3f}")
    return values


# Recorded strangers, where they are at hand, are harder than synthetic ones; the quick ranges hold for both.
EXPECTED = {
    "digit_error_rate": Expected(quick=(0, 0.65), full=(0, 0.65)),
    "single_digits_right": Expected(quick=(0.35, 1), full=(0.38, 1)),
    "loss_at_the_end": Expected(quick=(0, 1.2), full=(0, 0.5)),
    "decodings_that_differ": Expected(quick=(0, 0), full=(0, 0)),
    "loss_difference": Expected(quick=(0, 1e-4), full=(0, 1e-4)),
    "same_after_loading": Expected(quick=(1, 1), full=(1, 1)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="06_speaker_verification.py")
