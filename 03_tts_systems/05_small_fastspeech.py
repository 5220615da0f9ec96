"""A small FastSpeech: the durations are said beforehand, and all frames are made at once.

What you will learn
    - where durations come from: the attention of the Tacotron of script 04, made hard by a monotonic path
    - the length regulator, three lines that replace the whole attention when the model speaks
    - why one look at all frames is faster than one step after the other, measured on the same texts
    - long texts: a Tacotron may repeat, skip and lose its place; durations cannot
    - to speak faster and slower, and where the capstone does all of this
How to run it
    python 05_small_fastspeech.py --quick     400 steps, no network, about 28 s, after script 04
    python 05_small_fastspeech.py             3,000 steps, about 2 min; the first run downloads 4 MB
Time and memory on 2 CPU cores: quick 28 s, full 2 min; 1.2 GB. It needs the Tacotron that script 04 trains.
Writes outputs/: fastspeech.png, fastspeech.wav, fastspeech_slow.wav, digits/ (first run without data)
Concepts: TTS_CONCEPTS_EXPLAINED.md (durations, autoregression)
"""

import importlib
import json

import librosa
import numpy as np
import torch
from matplotlib.figure import Figure
from monotonic_alignment_search import maximum_path
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence
from tts_utils import (
    BLUE,
    DIGIT_AUDIO,
    DIGIT_VOICE,
    LETTERS,
    ORANGE,
    SAMPLE_RATE,
    DigitString,
    digit_strings,
    digit_takes,
    prepare_torch,
    save_figure,
    seconds_of,
    sound_of,
    starter_voice,
    word_numbers,
    write_wav,
)

from coursekit.cli import run_script, script_parser
from coursekit.errors import CourseError
from coursekit.expectations import Expected
from voice_pipeline.engines.checkpoints import apply_weights, load_weights

lesson_04 = importlib.import_module("04_small_tacotron")  # the import statement takes no leading digit

# ----------------------------------------------------------------------------------------------------------------------
# settings: B strings in a batch, N letters, T frames, M mel bins, C channels

PARSER = script_parser(__doc__)
M = DIGIT_AUDIO.n_mels  # 32
C = 64
BATCH = 32
LEARNING_RATE = 3e-3
FRAME = DIGIT_AUDIO.hop_length / SAMPLE_RATE  # 0.021 s

# ----------------------------------------------------------------------------------------------------------------------
# durations


def read_teacher(settings) -> nn.Module:
    """Return the Tacotron that script 04 has trained.

    Raises:
        CourseError: It is not there, or was made by another version of that script.
    """
    path = settings.out / "tacotron.safetensors"
    if not path.is_file():
        raise CourseError(
            f"{path.name} is not in {settings.out}.", hint="run first: python 04_small_tacotron.py --quick"
        )
    facts = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    if facts != {"letters": LETTERS, "bins": M, "frames_a_step": lesson_04.R}:
        raise CourseError(f"{path.name} has other settings.", hint="run first: python 04_small_tacotron.py --quick")
    model = lesson_04.Tacotron()
    apply_weights(model, load_weights(path), path)
    return model.eval()


def durations_of(teacher: nn.Module, strings: list[DigitString]) -> list[torch.Tensor]:
    """Return how many frames each letter lasts, int64 `[N]`, sum T, by the teacher's attention.

    The attention of a step is soft; a duration is a whole number. The monotonic path with the highest sum of logarithms
    gives each frame to one letter, every letter at least one frame, in order (Kim et al. 2020).
    """
    found = []
    for string, attention in zip(strings, lesson_04.attention_of(teacher, strings, torch.device("cpu")), strict=True):
        frames = torch.from_numpy(attention).repeat_interleave(lesson_04.R, 0)[: len(string.mel)]  # [T, N]
        score = torch.log(frames + 1e-6).T[None].contiguous()  # [1, N, T]
        found.append(maximum_path(score, torch.ones_like(score))[0].sum(1).long())
    return found


# ----------------------------------------------------------------------------------------------------------------------
# the model


class Block(nn.Module):
    """A convolution with a way around it, normalised."""

    def __init__(self, size: int = 5) -> None:
        super().__init__()
        self.mix, self.norm = nn.Conv1d(C, C, size, padding=size // 2), nn.LayerNorm(C)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`[B, L, C]` to the same."""
        return self.norm(x + F.relu(self.mix(x.transpose(1, 2)).transpose(1, 2)))


class FastSpeech(nn.Module):
    """Ren et al. 2019, made small, with convolutions in place of transformers."""

    def __init__(self) -> None:
        super().__init__()
        self.letters = nn.Embedding(len(LETTERS), C)
        self.encoder = nn.Sequential(Block(), Block())
        self.duration = nn.Sequential(Block(3), nn.Linear(C, 1))  # log(1 + frames) of each letter
        self.place = nn.Linear(2, C)  # how far through its letter a frame is, from both sides
        self.decoder = nn.Sequential(Block(), Block(), Block(), nn.Linear(C, M))

    def forward(self, symbols, durations) -> tuple[torch.Tensor, torch.Tensor]:
        """`[B, N]` and true durations `[B, N]` -> frames `[B, T, M]`, and the logarithms of durations it would say."""
        read = self.encoder(self.letters(symbols))
        return self.decoder(self.regulate(read, durations)), self.duration(read.detach())[:, :, 0]

    def regulate(self, read: torch.Tensor, durations: torch.Tensor) -> torch.Tensor:
        """Repeat what is known about each letter as many times as it lasts: `[B, N, C]` -> `[B, T, C]`."""
        long = []
        for row, frames in zip(read, durations, strict=True):
            ends = torch.cumsum(frames, 0).repeat_interleave(frames)
            through = (ends - torch.arange(len(ends), device=row.device)) / frames.repeat_interleave(frames)  # 1 .. 1/d
            long.append(row.repeat_interleave(frames, 0) + self.place(torch.stack([through, 1 - through], 1)))
        return pad_sequence(long, batch_first=True)  # concept: durations

    @torch.inference_mode()
    def speak(self, text: str, speed: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
        """Return the mel `[T, M]` and the frames of each letter `[N]`; `speed` 2 is twice as fast."""
        symbols = torch.tensor([[LETTERS.index(letter) for letter in text]], device=self.place.weight.device)
        read = self.encoder(self.letters(symbols))
        frames = (torch.expm1(self.duration(read)[:, :, 0]) / speed).round().clamp(min=1).long()  # [1, N]
        return self.decoder(self.regulate(read, frames))[0].cpu().numpy(), frames[0].cpu().numpy()


def train(strings: list[DigitString], durations: list[torch.Tensor], steps: int, device) -> FastSpeech:
    """Teach it frames and durations; returns the model."""
    model, random = FastSpeech().to(device), np.random.default_rng(0)
    optimiser = torch.optim.Adam(model.parameters(), LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=steps, pct_start=0.1)
    print(f"\n{sum(p.numel() for p in model.parameters()):,} weights\n   step   frames off   durations off (log)")
    for number in range(1, steps + 1):
        picked = random.integers(len(strings), size=BATCH)
        symbols = pad_sequence([torch.from_numpy(strings[i].symbols) for i in picked], batch_first=True).to(device)
        frames = pad_sequence([durations[i] for i in picked], batch_first=True).to(device)  # 0 where there is no letter
        mel = pad_sequence([torch.from_numpy(strings[i].mel) for i in picked], batch_first=True).to(device)
        real = (torch.arange(mel.shape[1], device=device)[None] < frames.sum(1)[:, None])[..., None]
        made, said = model(symbols, frames)
        spectrum = ((made - mel).abs() * real).sum() / (real.sum() * M)
        lasting = ((said - torch.log1p(frames.float())) ** 2 * (frames > 0)).sum() / (frames > 0).sum()
        optimiser.zero_grad()
        (spectrum + 0.1 * lasting).backward()
        optimiser.step()
        schedule.step()
        if number == 1 or number % (steps // 4) == 0:
            print(f"{number:>7} {spectrum.item():>12.3f} {lasting.item():>14.3f}")
    return model.eval()


# ----------------------------------------------------------------------------------------------------------------------
# judging


def warped_distance(real: np.ndarray, made: np.ndarray) -> float:
    """Return how far two mels `[T, M]` are from each other along the best path, in units of `normal_mel` (5 nepers)."""
    cost, path = librosa.sequence.dtw(real.T, made.T, metric="cityblock")
    return float(cost[-1, -1] / len(path) / M)


def time_both(teacher, student: FastSpeech, strings: list[DigitString]) -> tuple[float, float]:
    """Return seconds of computing for a second of speech, of Tacotron and FastSpeech, on the same texts."""
    factors = []
    for model in (teacher, student):
        model.speak(strings[0].text)  # warm
        mels, took = seconds_of(lambda model=model: [model.speak(one.text)[0] for one in strings])
        factors.append(took / sum(len(mel) * FRAME for mel in mels))
    return factors[0], factors[1]


def judge(teacher, student: FastSpeech, short: list[DigitString], long: list[DigitString]) -> dict[str, float]:
    """Compare both on short texts, as they were trained, and on long ones."""
    values = {}
    print(f"\n{'':<24}{'seconds a second':>24}{'off the real mel':>24}{'length, of the real':>26}")
    for name, strings in (("3 digits", short), ("10 digits", long)):
        slow, fast = time_both(teacher, student, strings)
        distances, lengths = [], []
        for model in (teacher, student):
            made = [model.speak(one.text)[0] for one in strings]
            distances.append(np.mean([warped_distance(one.mel, mel) for one, mel in zip(strings, made, strict=True)]))
            lengths.append(sum(map(len, made)) / sum(len(one.mel) for one in strings))
        print(f"{name:<10} Tacotron {slow:>24.4f} {distances[0]:>23.3f} {lengths[0]:>24.0%}")
        print(f"{'':<10} FastSpeech {fast:>22.4f} {distances[1]:>23.3f} {lengths[1]:>24.0%}   {slow / fast:.1f} times")
        key = name.replace(" ", "_")
        values |= {f"times_faster_{key}": slow / fast, f"mel_off_{key}": float(distances[1])}
        values |= {f"mel_off_tacotron_{key}": float(distances[0]), f"length_{key}": lengths[1]}
    values["tacotron_reads_long_through"] = lesson_04.read_through(teacher, [one.text for one in long])
    print(f"   The Tacotron looks at every word in order in {values['tacotron_reads_long_through']:.0%} of long texts; "
          "durations leave no other way.")  # fmt: skip
    return values


def word_starts(text: str, frames: np.ndarray) -> np.ndarray:
    """Return when each word begins, seconds, from the frames of each letter `[N]`."""
    begins = np.cumsum(frames) - frames
    words = word_numbers(text)
    return np.array([begins[words == word][0] * FRAME for word in range(words.max() + 1)])


def compare_with_capstone(text: str) -> None:
    """Let the starter voice say the same text: a model of this family, its frames apart from its sound."""
    voice = starter_voice(DIGIT_VOICE)
    voice.frames(f"{text}.")  # warm
    spoken, took = seconds_of(lambda: voice.frames(f"{text}."))
    seconds = len(spoken.mel) * 256 / SAMPLE_RATE
    weights = sum(value.numel() for value in voice.model.parameters()) / 1e6
    print(f"the capstone: {weights:.1f} million weights, {len(spoken.durations)} symbols, {len(spoken.mel)} frames, "
          f"{took / seconds:.3f} seconds a second for the frames")  # fmt: skip
    print("   It also says a pitch and an energy for each symbol, and who speaks; its durations come from an aligner.")


def plot(student: FastSpeech, string: DigitString, values: dict, path) -> None:
    """Draw the real mel, the made one with its letters, and how much faster it is."""
    mel, frames = student.speak(string.text)
    figure = Figure(figsize=(11, 6.5), layout="constrained")
    top, middle, bottom = figure.subplots(3, 1, height_ratios=(2, 2, 1))
    for axis, picture, name in ((top, string.mel, "as it was spoken"), (middle, mel, "by the small FastSpeech")):
        axis.imshow(picture.T, aspect="auto", origin="lower", cmap="magma", extent=(0, len(picture) * FRAME, 0, M))
        axis.set(title=f'"{string.text}" {name}', ylabel="mel bin")
    for letter, end, size in zip(string.text, np.cumsum(frames), frames, strict=True):
        middle.axvline(end * FRAME, color="white", linewidth=0.5)
        middle.text((end - size / 2) * FRAME, 2, letter, color="white", ha="center")
    middle.set(xlabel="time (s)")
    ratios = [values["times_faster_3_digits"], values["times_faster_10_digits"]]
    bottom.barh(["3 digits", "10 digits"], ratios, color=[BLUE, ORANGE])
    bottom.set(xlabel="times faster than the Tacotron")
    save_figure(figure, path)
    print(f"fastspeech.png: each letter between two lines; {ratios[0]:.0f} and {ratios[1]:.0f} times faster")


def main(settings) -> dict:
    device = prepare_torch(settings)
    teacher = read_teacher(settings)
    takes, random = digit_takes(settings), np.random.default_rng(settings.seed)
    steps, count = (400, 200) if settings.quick else (3000, 800)
    strings = digit_strings(count, (2, 4), takes, random)
    known = {one.text for one in strings}
    short = digit_strings(12, (3, 3), takes, random, known)
    long = digit_strings(6, (10, 10), takes, random, known)
    durations = durations_of(teacher, strings)
    off = [
        np.abs(word_starts(s.text, d.numpy())[1:] - s.word_edges[1:, 0] * FRAME).mean()
        for s, d in zip(strings, durations, strict=True)
    ]
    print(f"durations by the Tacotron's attention: words begin {1000 * np.mean(off):.0f} ms off")
    student = train(strings, durations, steps, device).cpu()
    values = judge(teacher, student, short, long)
    text = short[0].text
    normal, slow = student.speak(text)[0], student.speak(text, speed=0.5)[0]
    write_wav(settings.out / "fastspeech.wav", sound_of(normal), SAMPLE_RATE)
    write_wav(settings.out / "fastspeech_slow.wav", sound_of(slow), SAMPLE_RATE)
    print(f'listen: fastspeech.wav, and fastspeech_slow.wav, {len(slow) / len(normal):.2f} times as long: "{text}"')
    compare_with_capstone(text)
    plot(student, short[0], values, settings.out / "fastspeech.png")
    return {
        **values,
        "teacher_starts_off_ms": float(1000 * np.mean(off)),
        "half_speed_is_longer": len(slow) / len(normal),
    }


EXPECTED = {
    "teacher_starts_off_ms": Expected(quick=(0, 260), full=(0, 200)),
    "times_faster_3_digits": Expected(quick=(1.5, 200), full=(1.5, 200)),
    "times_faster_10_digits": Expected(quick=(2, 500), full=(2, 500)),
    "mel_off_3_digits": Expected(quick=(0.02, 0.2), full=(0.02, 0.16)),
    "mel_off_10_digits": Expected(quick=(0.02, 0.2), full=(0.02, 0.16)),
    "length_10_digits": Expected(quick=(0.8, 1.2), full=(0.85, 1.15)),
    "half_speed_is_longer": Expected(quick=(1.7, 2.1), full=(1.7, 2.1)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="06_zero_shot_cloning.py")
