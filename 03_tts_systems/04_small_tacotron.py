"""A small Tacotron: letters in, frames out, and an attention that has to find out by itself which letter is being said.

What you will learn
    - encoder, attention and decoder in 60 lines, and what goes through them at each step
    - why attention does not learn: the decoder gets the last frame, and guessing the next one from it is easier
    - guided attention: one line in the loss that says "early letters come early", and the diagonal appears
    - how to see and measure alignment: here the words were joined by us, so the truth is known
    - what a Tacotron does when it speaks alone, and the capstone's aligner on the same sound
How to run it
    python 04_small_tacotron.py --quick     160 steps with guidance and 160 without, no network, about 32 s
    python 04_small_tacotron.py             3,000 steps each, longer strings, about 5 min; the first run downloads 4 MB
Time and memory on 2 CPU cores: quick 32 s, full 5 min; 1.2 GB. Without data the first run makes its speech first.
Writes outputs/: attention.png, tacotron.safetensors, tacotron.json, guided.wav, unguided.wav,
    digits/ (first run without data)
Concepts: TTS_CONCEPTS_EXPLAINED.md (attention, guided attention, autoregression)
"""

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence
from tts_utils import (
    AUDIO,
    DIGIT_AUDIO,
    LETTERS,
    SAMPLE_RATE,
    DigitString,
    digit_strings,
    digit_takes,
    prepare_torch,
    save_figure,
    sound_of,
    word_numbers,
    write_wav,
)

from coursekit.cli import run_script, script_parser
from coursekit.expectations import Expected
from coursekit.files import write_json_atomic
from voice_pipeline.engines.checkpoints import save_weights

# ----------------------------------------------------------------------------------------------------------------------
# settings: B strings in a batch, N letters, T frames, S = T / R decoder steps, M mel bins, C channels

PARSER = script_parser(__doc__)
M = DIGIT_AUDIO.n_mels  # 32
R = 4  # frames a decoder step; fewer steps to align, coarser attention. Tacotron began with 2 to 5
C = 64  # channels of a letter
HIDDEN = 128  # of the decoder
BATCH = 16
LEARNING_RATE = 3e-3
DROPOUT = 0.5  # in the pre-net, also when speaking: it blurs the last frame, so that looking at the text pays
GUIDE_WIDTH = 0.2  # how far from the diagonal attention may be, share of the length (Tachibana 2017)
GUIDE_WEIGHT = 5.0  # of the guidance in the loss; more pins the attention to an even pace
STEP_MS = 1000 * R * DIGIT_AUDIO.hop_length / SAMPLE_RATE  # 85 ms
LONGEST = 60  # decoder steps, where a Tacotron that does not stop is stopped

# ----------------------------------------------------------------------------------------------------------------------
# the model


class Tacotron(nn.Module):
    """Wang et al. 2017, made small: one convolution, one GRU each way, one decoder cell."""

    def __init__(self) -> None:
        super().__init__()
        self.letters = nn.Embedding(len(LETTERS), C)
        self.neighbours = nn.Conv1d(C, C, 5, padding=2)  # "th" is not t and h
        self.reader = nn.GRU(C, C // 2, batch_first=True, bidirectional=True)
        self.pre1, self.pre2 = nn.Linear(M, C), nn.Linear(C, C // 2)
        self.cell = nn.GRUCell(C // 2 + C, HIDDEN)
        self.query, self.key = nn.Linear(HIDDEN, C, bias=False), nn.Linear(C, C)
        self.place = nn.Conv1d(2, C, 7, padding=3, bias=False)  # where attention was: last step, and all steps so far
        self.energy = nn.Linear(C, 1, bias=False)
        self.frames, self.stop = nn.Linear(HIDDEN + C, R * M), nn.Linear(HIDDEN + C, 1)

    def encode(self, symbols: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Letters `[B, N]` to what is known about each, and its key for the attention, both `[B, N, C]`."""
        embedded = self.letters(symbols)
        read = F.relu(self.neighbours(embedded.transpose(1, 2))).transpose(1, 2)
        memory, _ = self.reader(embedded + read)
        return memory, self.key(memory)

    def begin(self, memory: torch.Tensor) -> tuple:
        """State before the first step: hidden, context, attention of the last step, attention so far."""
        b, n = memory.shape[:2]
        zeros = memory.new_zeros
        return zeros(b, HIDDEN), zeros(b, C), zeros(b, n), zeros(b, n)

    def prenet(self, frames: torch.Tensor) -> torch.Tensor:
        """Blur frames `[..., M]` to `[..., C / 2]`, when training and when speaking."""
        return F.dropout(F.relu(self.pre2(F.dropout(F.relu(self.pre1(frames)), DROPOUT))), DROPOUT)

    def step(self, pre: torch.Tensor, state: tuple, memory, keys, absent) -> tuple:
        """One step: the blurred last frame `[B, C / 2]` -> what comes out `[B, HIDDEN + C]`, and the new state."""
        hidden, context, last, so_far = state
        hidden = self.cell(torch.cat([pre, context], 1), hidden)
        place = self.place(torch.stack([last, so_far], 1)).transpose(1, 2)  # [B, N, C]
        energy = self.energy(torch.tanh(self.query(hidden)[:, None] + keys + place)).squeeze(2)  # [B, N]
        weights = torch.softmax(energy.masked_fill(absent, -1e9), 1)  # concept: attention
        context = (weights[:, None] @ memory)[:, 0]  # what is known about the letters that are looked at, [B, C]
        return torch.cat([hidden, context], 1), (hidden, context, weights, so_far + weights)

    def forward(self, symbols, absent, mel) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Teacher forcing, the frame before is true: frames `[B, T, M]`, stops `[B, S]` and attention `[B, S, N]`."""
        memory, keys = self.encode(symbols)
        state, out, attention = self.begin(memory), [], []
        before = torch.cat([mel.new_zeros(len(mel), 1, M), mel[:, R - 1 : -1 : R]], 1)  # concept: autoregression
        for pre in self.prenet(before).unbind(1):
            made, state = self.step(pre, state, memory, keys, absent)
            out.append(made), attention.append(state[2])
        stacked = torch.stack(out, 1)  # [B, S, HIDDEN + C]
        frames, stops = self.frames(stacked).view(len(mel), -1, M), self.stop(stacked)[:, :, 0]
        return frames, stops, torch.stack(attention, 1)

    @torch.inference_mode()
    def speak(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        """Speak alone: the frame before is its own. Returns the mel `[T, M]` and the attention `[S, N]`."""
        device = self.energy.weight.device
        symbols = torch.tensor([[LETTERS.index(letter) for letter in text]], device=device)
        memory, keys = self.encode(symbols)
        state, frame = self.begin(memory), memory.new_zeros(1, M)
        absent = torch.zeros_like(symbols, dtype=torch.bool)
        frames, attention = [], []
        for _ in range(max(LONGEST, 3 * len(text))):
            out, state = self.step(self.prenet(frame), state, memory, keys, absent)
            frames.append(self.frames(out).view(R, M)), attention.append(state[2][0])
            frame = frames[-1][-1:]
            if self.stop(out).item() > 0:
                break
        return torch.cat(frames).cpu().numpy(), torch.stack(attention).cpu().numpy()


# ----------------------------------------------------------------------------------------------------------------------
# training


def collate(strings: list[DigitString], device) -> tuple[torch.Tensor, ...]:
    """Symbols `[B, N]`, which are absent `[B, N]`, mel `[B, T, M]` (T a multiple of R), and steps of each `[B]`."""
    symbols = pad_sequence([torch.from_numpy(one.symbols) for one in strings], batch_first=True)
    absent = torch.arange(symbols.shape[1])[None] >= torch.tensor([len(one.symbols) for one in strings])[:, None]
    steps = torch.tensor([-(-len(one.mel) // R) for one in strings])  # rounded up
    mel = torch.full((len(strings), int(steps.max()) * R, M), -1.0)  # silence
    for row, one in zip(mel, strings, strict=True):
        row[: len(one.mel)] = torch.from_numpy(one.mel)
    return tuple(part.to(device) for part in (symbols, absent, mel, steps))


def guide(absent: torch.Tensor, steps: torch.Tensor, longest: int) -> torch.Tensor:
    """Return what attention costs, `[B, S, N]`: 0 on the diagonal, nearly 1 far away, 0 where there is nothing."""
    n = torch.arange(absent.shape[1], device=absent.device)[None, None] / (~absent).sum(1)[:, None, None]
    s = torch.arange(longest, device=absent.device)[None, :, None] / steps[:, None, None]
    away = 1 - torch.exp(-((n - s) ** 2) / (2 * GUIDE_WIDTH**2))  # concept: guided attention
    return away * (s < 1) * ~absent[:, None]


def loss_of(model: Tacotron, strings: list[DigitString], guided: bool, device) -> tuple[torch.Tensor, float]:
    """Return the loss of a batch and, of it, the error of the frames."""
    symbols, absent, mel, steps = collate(strings, device)
    frames, stops, attention = model(symbols, absent, mel)
    s = torch.arange(stops.shape[1], device=device)[None]
    real = s < steps[:, None]  # [B, S]
    spectrum = ((frames - mel).abs().mean(2) * real.repeat_interleave(R, 1)).sum() / (real.sum() * R)
    ends = (s >= steps[:, None] - 1).float()  # 1 at the last step
    stop = F.binary_cross_entropy_with_logits(stops, ends, pos_weight=torch.tensor(5.0, device=device))
    loss = spectrum + 0.1 * stop
    if guided:
        loss = loss + GUIDE_WEIGHT * (attention * guide(absent, steps, stops.shape[1])).sum() / real.sum()
    return loss, spectrum.item()


def train(strings, held_out, steps: int, guided: bool, seed: int, device) -> tuple[Tacotron, list[tuple]]:
    """Train one model; return it, and (step, share of attention on the right word, attention of one string)."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    model = Tacotron().to(device)
    optimiser = torch.optim.Adam(model.parameters(), LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=steps, pct_start=0.1)
    history = []
    print(f"\n{'with' if guided else 'without'} guidance:  step    frames off    attention on the right word")
    for number in range(1, steps + 1):
        batch = [strings[i] for i in random.integers(len(strings), size=BATCH)]
        loss, spectrum = loss_of(model, batch, guided, device)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if number in (1, steps) or number % (steps // 5) == 0:
            share, example = on_right_word(model, held_out, device)
            history.append((number, share, example))
            print(f"{number:>22} {spectrum:>13.3f} {share:>18.0%}")
    return model, history


# ----------------------------------------------------------------------------------------------------------------------
# judging: the truth is known, because the words were joined here


@torch.inference_mode()
def attention_of(model: Tacotron, strings: list[DigitString], device) -> list[np.ndarray]:
    """Return the attention of each string with the true frames before, `[S, N]`."""
    symbols, absent, mel, steps = collate(strings, device)
    attention = model(symbols, absent, mel)[2].cpu().numpy()
    return [one[:s, : len(string.symbols)] for one, s, string in zip(attention, steps.tolist(), strings, strict=True)]


def right_share(string: DigitString, attention: np.ndarray) -> list[float]:
    """Return for each step how much of its attention `[S, N]` lies on the word that is being said, 0..1."""
    middles, shares = (np.arange(len(attention)) + 0.5) * R, []
    for word, (start, end) in enumerate(string.word_edges):
        inside = attention[(middles >= start) & (middles < end)]
        shares += list(inside[:, string.word_of_symbol == word].sum(axis=1))
    return shares


def on_right_word(model: Tacotron, strings: list[DigitString], device) -> tuple[float, np.ndarray]:
    """Return the mean of that over strings, and the attention of the first string."""
    found = attention_of(model, strings, device)
    return float(np.mean(sum(map(right_share, strings, found), []))), found[0]


def straight_line(string: DigitString) -> np.ndarray:
    """Return the attention of somebody who only knows the lengths and reads at an even pace, `[S, N]`."""
    n, s = len(string.symbols), -(-len(string.mel) // R)
    return np.eye(n)[np.arange(s) * n // s]


def read_through(model: Tacotron, texts: list[str]) -> float:
    """Return the share of texts of which it looks at every word, in order and to the last one, when it speaks alone."""
    good = 0
    for text in texts:
        looked = word_numbers(text)[model.speak(text)[1].argmax(axis=1)]
        jumps = np.diff(looked)
        good += (
            looked[0] == 0 and looked[-1] == text.count(" ") and jumps.min(initial=0) >= 0 and jumps.max(initial=0) <= 1
        )
    return good / len(texts)


def word_starts_off(strings: list[DigitString], starts: list[np.ndarray]) -> float:
    """Return how far found beginnings of words (seconds) are from the true ones, ms; the first word is not counted."""
    seconds = DIGIT_AUDIO.hop_length / SAMPLE_RATE
    return float(
        1000
        * np.mean(
            [
                np.abs(found[1:] - one.word_edges[1:, 0] * seconds).mean()
                for one, found in zip(strings, starts, strict=True)
            ]
        )
    )


def starts_of(strings: list[DigitString], attentions: list[np.ndarray]) -> list[np.ndarray]:
    """Return when each attention `[S, N]` moves on to each word, seconds."""
    found = []
    for string, attention in zip(strings, attentions, strict=True):
        looked = string.word_of_symbol[attention.argmax(axis=1)]
        first = [np.flatnonzero(looked >= word) for word in range(len(string.word_edges))]
        found.append(np.array([(places[0] if len(places) else len(looked)) * STEP_MS / 1000 for places in first]))
    return found


def starts_by_capstone(strings: list[DigitString]) -> list[np.ndarray]:
    """Return when each word begins, seconds, by the capstone's aligner: trained alone, with a prior, on real speech."""
    from voice_pipeline.acoustics import log_mel
    from voice_pipeline.engines.starter.aligner import Aligner
    from voice_pipeline.engines.starter.base_voice import ALIGNER
    from voice_pipeline.engines.starter.data import Frames
    from voice_pipeline.engines.starter.frontend import decode, encode

    aligner, found = Aligner.read(ALIGNER), []
    for string in strings:
        mel, ids = log_mel(string.waveform), encode(string.text)
        nothing = np.zeros(mel.shape[1], np.float32)
        durations = aligner.durations(Frames.of(ids, mel, nothing, nothing, np.zeros(256, np.float32))).numpy()
        begins = np.cumsum(durations) - durations
        after_space = [0, *(i + 1 for i, symbol in enumerate(decode(ids)) if symbol == " ")]
        found.append(begins[after_space] / AUDIO.frames_per_second)
    return found


def plot(histories: dict[str, list[tuple]], string: DigitString, path) -> None:
    """Draw the attention of one string as training goes on, guided above, unguided below."""
    figure = Figure(figsize=(12, 5.5), layout="constrained")
    axes = figure.subplots(2, 4)
    for row, (name, history) in zip(axes, histories.items(), strict=True):
        picked = [history[round(i * (len(history) - 1) / 3)] for i in range(4)]
        for axis, (number, share, attention) in zip(row, picked, strict=True):
            axis.imshow(attention.T, aspect="auto", origin="lower", cmap="viridis", vmin=0, vmax=0.8)
            axis.set(title=f"{name}, step {number}: {share:.0%}", xlabel="decoder step (85 ms)")
            axis.set_yticks(range(len(string.text)), string.text.replace(" ", "_"), fontsize=6)
    save_figure(figure, path)
    print("attention.png: above, a diagonal appears; below, every step looks at several places at once")


def main(settings) -> dict:
    device = prepare_torch(settings)
    takes = digit_takes(settings)
    random = np.random.default_rng(settings.seed)
    steps, longest, count = (160, 3, 200) if settings.quick else (3000, 4, 800)
    strings = digit_strings(count, (2, longest), takes, random)
    held_out = digit_strings(24, (3, 3), takes, random, known={one.text for one in strings})
    even = float(np.mean(sum((right_share(one, straight_line(one)) for one in held_out), [])))
    weights = sum(value.numel() for value in Tacotron().parameters())
    print(f"{count} strings of 2 to {longest} spoken digits to learn from, 24 others held out; {weights:,} weights")
    print(f"Who knows the length and reads at an even pace is on the right word {even:.0%} of the time.")
    models, histories = {}, {}
    for name, guided in (("guided", True), ("unguided", False)):
        models[name], histories[name] = train(strings, held_out, steps, guided, settings.seed, device)
    through = {name: read_through(model, [one.text for one in held_out]) for name, model in models.items()}
    print(f"\nalone, every word in order: guided {through['guided']:.0%}, unguided {through['unguided']:.0%}")
    for name, model in models.items():
        write_wav(settings.out / f"{name}.wav", sound_of(model.speak(held_out[0].text)[0]), SAMPLE_RATE)
    print(f'listen: guided.wav and unguided.wav, "{held_out[0].text}"')
    off = word_starts_off(held_out, starts_of(held_out, attention_of(models["guided"], held_out, device)))
    even_off = word_starts_off(held_out, starts_of(held_out, list(map(straight_line, held_out))))
    capstone = word_starts_off(held_out, starts_by_capstone(held_out))
    print(f"words begin {off:.0f} ms off (a step: {STEP_MS:.0f} ms); even pace {even_off:.0f}, capstone {capstone:.0f}")
    plot(histories, held_out[0], settings.out / "attention.png")
    save_weights(settings.out / "tacotron.safetensors", models["guided"].cpu().state_dict())
    write_json_atomic(settings.out / "tacotron.json", {"letters": LETTERS, "bins": M, "frames_a_step": R})
    return {
        "even_pace_on_right_word": even,
        "guided_on_right_word": histories["guided"][-1][1],
        "unguided_on_right_word": histories["unguided"][-1][1],
        "guided_reads_through": through["guided"],
        "unguided_reads_through": through["unguided"],
        "word_starts_off_ms": off,
        "word_starts_off_by_capstone_ms": capstone,
    }


# Without guidance chance decides: it may find the diagonal after thousands of steps, so the full run does not check it.
EXPECTED = {
    "even_pace_on_right_word": Expected(quick=(0.6, 0.95), full=(0.6, 0.95)),
    "guided_on_right_word": Expected(quick=(0.65, 1), full=(0.75, 1)),
    "unguided_on_right_word": Expected(quick=(0.2, 0.62), full=None),
    "guided_reads_through": Expected(quick=(0.3, 1), full=(0.7, 1)),
    "unguided_reads_through": Expected(quick=(0, 0.5), full=None),
    "word_starts_off_ms": Expected(quick=(0, 260), full=(0, 200)),
    "word_starts_off_by_capstone_ms": Expected(quick=(0, 120), full=(0, 120)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="05_small_fastspeech.py")
