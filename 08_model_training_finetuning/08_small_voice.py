"""A voice from nothing in ten minutes on a CPU: an aligner, an acoustic model, and a count of the words understood.

What you will learn
    - the two networks that a voice needs, each trained here from random weights
    - that durations can be found without anybody marking a boundary, and how exact they are
    - how to judge speech honestly: sentences nobody trained on, a recogniser, and the teacher beside it
    - what the real script, 08_train_starter_voice.py, has more: many voices, hours of speech, resuming
How to run it
    python 08_small_voice.py --quick                  a few steps: it runs, and does not speak yet; about 14 s
    python 08_small_voice.py                          ten minutes of training; then listen
    python 08_small_voice.py --minutes 30             three times as long
    python 08_small_voice.py --data MY_VOICE          your own WAV files and metadata.csv, 20 minutes or more
Time and memory on 2 CPU cores: quick 14 s, full 14 min; 1.5 GB.
Writes outputs/: small_voice.png, small_voice.wav, teacher.wav, small_voice/
Concepts: TRAINING_CONCEPTS_EXPLAINED.md (training from nothing, schedules, gradient clipping)
"""

import math
import random
import time
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
import torch
from matplotlib.figure import Figure
from train_utils import BLUE, ORANGE, as_course_error, prepare, save_figure, smoothed

from coursekit.cli import run_script, script_parser
from coursekit.errors import CourseError
from coursekit.expectations import Expected
from coursekit.files import write_json_atomic
from coursekit.progress import progress
from coursekit.seeding import seed_everything
from voice_pipeline.audio import write_wav
from voice_pipeline.engines.starter.aligner import Aligner
from voice_pipeline.engines.starter.base_voice import ACOUSTIC, main_embeddings
from voice_pipeline.engines.starter.data import Batch, Frames, bucketed
from voice_pipeline.engines.starter.frontend import encode
from voice_pipeline.engines.starter.model import StarterSettings, StarterTTS
from voice_pipeline.engines.starter.replay import speak_replay
from voice_pipeline.engines.starter.voice import Calibration, StarterVoice
from voice_pipeline.features import extract
from voice_pipeline.prompt_plan import load_pool
from voice_pipeline.recognizer import Recognizer, word_errors
from voice_pipeline.settings import AUDIO
from voice_pipeline.speaker import SpeakerEncoder, centroid

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
PARSER.add_argument(
    "--minutes", type=float, default=10.0, metavar="N", help="of training in all (10); not with --quick"
)
PARSER.add_argument(
    "--data", type=Path, metavar="FOLDER", help="recordings of your own: wavs and metadata.csv (id|...|text)"
)


@dataclass(frozen=True)
class Size:
    """How large everything is.

    Attributes:
        sentences: That are trained on.
        tests: Sentences kept for the recogniser.
        model: Of the acoustic model. Powers of two: 192 channels are four times slower than 128 on a CPU.
        frames: In a batch at most, padding included; 94 frames are a second.
        align_steps: Of the aligner, when no clock decides.
        steps: Of the acoustic model, when no clock decides.
    """

    sentences: int
    tests: int
    model: StarterSettings
    frames: int
    align_steps: int
    steps: int


QUICK = Size(
    8, 2, StarterSettings(channels=32, encoder_blocks=2, decoder_blocks=3, predictor_channels=32), 1500, 20, 12
)
FULL = Size(500, 8, StarterSettings(channels=64, encoder_blocks=4, decoder_blocks=6, predictor_channels=64), 3500, 0, 0)
ALIGN_SHARE = 0.2  # of the minutes; the aligner is small and converges first
ALIGN_RATE, RATE = 2e-3, 2e-3  # Adam and AdamW, peak
WARM_UP = 50  # steps

# ----------------------------------------------------------------------------------------------------------------------
# 1 what to learn from


def by_teacher(size: Size) -> tuple[list[Frames], list[str], list[Frames]]:
    """Return (training clips, test sentences, test clips): book sentences, read by the course's own starter voice.

    A teacher has two advantages: it reads as much as one likes, and it knows the truth about its own durations.
    The student gets neither its weights nor, when it is trained, its durations.
    """
    sentences = load_pool("en").sentences
    random.Random(0).shuffle(sentences)
    if size is QUICK:
        sentences.sort(key=len)
    teacher, voice = StarterTTS.read(ACOUSTIC), torch.from_numpy(main_embeddings()[0])
    tests, wanted = sentences[: size.tests], sentences[size.tests : size.tests + size.sentences]
    clips = speak_replay(teacher, [voice], progress(wanted, desc="teacher", unit="sentence"))
    return clips, tests, speak_replay(teacher, [voice], tests)


def from_folder(folder: Path, size: Size) -> tuple[list[Frames], list[str], list[Frames]]:
    """The same from recordings: `metadata.csv` with id|...|text, and id.wav below the folder."""
    listing = folder / "metadata.csv"
    if not listing.is_file():
        raise CourseError(f"--data {folder} has no metadata.csv.", hint="a line for each recording: id|text")
    sounds = {path.stem: path for path in folder.rglob("*") if path.suffix.lower() in (".wav", ".flac")}
    rows = [line.split("|") for line in listing.read_text(encoding="utf-8").splitlines() if line.strip()]
    rows = [(row[0], row[-1]) for row in rows if row[0] in sounds]
    if len(rows) < size.sentences // 4 + size.tests:
        raise CourseError(
            f"--data {folder}: only {len(rows)} recordings with a text.", hint="record more, or use --quick"
        )
    clips, embeddings = [], []
    for name, text in progress(rows[: size.tests + size.sentences], desc="recordings", unit="clip"):
        waveform, rate = soundfile.read(sounds[name], dtype="float32", always_2d=True)
        waveform = soxr.resample(waveform.mean(axis=1), rate, AUDIO.sample_rate).astype(np.float32)
        heard = extract(waveform)
        embeddings.append(SpeakerEncoder.shared().embed(waveform, AUDIO.sample_rate))
        clips.append(Frames.of(encode(text), heard.mel, heard.f0, heard.energy, embeddings[-1], name))
    for clip in clips:  # one voice: the same embedding for all
        clip.embedding = torch.from_numpy(centroid(embeddings))
    return clips[size.tests :], [text for _, text in rows[: size.tests]], clips[: size.tests]


# ----------------------------------------------------------------------------------------------------------------------
# 2 which frames belong to which symbol


class Clock:
    """Says when training is over: after some steps, or after some minutes."""

    def __init__(self, steps: int, minutes: float) -> None:
        self.steps, self.seconds, self.step, self.started = steps, 60 * minutes, 0, time.monotonic()

    @property
    def done(self) -> float:
        """Share of the training that is over, 0..1."""
        return min(1.0, self.step / self.steps if self.steps else (time.monotonic() - self.started) / self.seconds)

    def tick(self) -> bool:
        self.step += 1
        return self.done >= 1.0


def train_aligner(clips: list[Frames], frames: int, clock: Clock) -> tuple[Aligner, list[float]]:
    """An aligner reads symbols and frames, and finds the most likely way through; nobody tells it a boundary."""
    aligner = Aligner()  # concept: training from nothing
    optimizer = torch.optim.Adam(aligner.parameters(), lr=ALIGN_RATE)
    losses: list[float] = []
    order = random.Random(0)
    short = [clip for clip in clips if len(clip.mel) <= 450]  # its cost grows with length squared
    while True:
        for members in bucketed(short or clips, frames, order):
            loss = aligner.loss(Batch.collate(members))  # minus the log probability of all ways through, per frame
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(aligner.parameters(), 5.0)
            optimizer.step()
            losses.append(loss.item())
            if clock.tick():
                return aligner.eval(), losses


def boundary_error(aligner: Aligner, clips: list[Frames]) -> float:
    """Median distance of the boundaries found from the true ones, ms; clips that know their true durations."""
    apart = []
    for clip in clips:
        found, true = aligner.durations(clip).cumsum(0), clip.durations.cumsum(0)
        apart += (found - true)[:-1].abs().tolist()  # the last boundary is the end of the clip
    return float(np.median(apart)) * 1000 * AUDIO.hop_length / AUDIO.sample_rate


def even_error(clips: list[Frames]) -> float:
    """The same for durations that are all alike: what knowing nothing gives."""
    apart = []
    for clip in clips:
        even = torch.linspace(0, len(clip.mel), len(clip.ids) + 1)[1:]
        apart += (even - clip.durations.cumsum(0))[:-1].abs().tolist()
    return float(np.median(apart)) * 1000 * AUDIO.hop_length / AUDIO.sample_rate


# ----------------------------------------------------------------------------------------------------------------------
# 3 the acoustic model


def train_acoustic(clips: list[Frames], tests: list[Frames], size: Size, clock: Clock) -> tuple[StarterTTS, list, list]:
    """Symbols to frames. Returns the model, the losses, and (step, error on test sentences) now and then."""
    model = StarterTTS(size.model)
    frames = torch.cat([clip.mel for clip in clips])
    f0, level = torch.cat([clip.f0 for clip in clips]), torch.cat([clip.energy for clip in clips])
    model.fit_normalisation(frames, f0[f0 > 0], level)
    criterion = model.get_criterion()
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.01)
    order, losses, held_out = random.Random(0), [], []
    looks = 0
    while True:
        for members in bucketed(clips, size.frames, order):
            for group in optimizer.param_groups:  # up over some steps, then half a cosine down to nothing
                group["lr"] = RATE * min((clock.step + 1) / WARM_UP, 0.5 * (1 + math.cos(math.pi * clock.done)))
            model.train()
            _, found = model.train_step(model.coqui_batch(Batch.collate(members)), criterion)
            optimizer.zero_grad()
            found["loss"].backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(found["loss"].item())
            finished = clock.tick()
            if clock.done >= looks / 10 or finished:
                held_out.append((clock.step, mel_error(model, tests)))
                print(
                    f"   {clock.done:>4.0%}  step {clock.step:>5}  loss {np.mean(losses[-50:]):.3f}  "
                    f"mel error on test sentences {held_out[-1][1]:.3f}",
                    flush=True,
                )
                looks = int(10 * clock.done) + 1
            if finished:
                return model.eval(), losses, held_out


@torch.no_grad()
def mel_error(model: StarterTTS, clips: list[Frames]) -> float:
    """Mean absolute error of the normalised mel, durations and pitch given."""
    model.eval()
    _, losses = model.train_step(model.coqui_batch(Batch.collate(clips)), model.get_criterion())
    return float(losses["loss_spec"])


# ----------------------------------------------------------------------------------------------------------------------
# 4 does it speak?


def judge(voice: StarterVoice, texts: list[str], path: Path, recognizer: Recognizer) -> tuple[float, list[str]]:
    """Speak the test sentences into a file; return the word error rate, and what was heard."""
    sounds = [voice.synthesize(text) for text in texts]
    write_wav(path, np.concatenate(sounds), AUDIO.sample_rate)
    heard = [recognizer.transcribe(sound, AUDIO.sample_rate) for sound in sounds]
    return word_errors(texts, heard).rate, heard


def plot(align: list[float], acoustic: list[float], held_out: list, spoken, true, path: Path) -> None:
    figure = Figure(figsize=(12, 6), layout="constrained")
    (first, second), (third, fourth) = figure.subplots(2, 2)
    first.plot(smoothed(align), color=BLUE)
    first.set(xlabel="step", ylabel="forward-sum loss", title="the aligner")
    second.plot(smoothed(acoustic), color=BLUE, label="training loss")
    second.plot(*zip(*held_out, strict=True), "o-", color=ORANGE, label="mel error, test sentences")
    second.set(xlabel="step", ylabel="loss", title="the acoustic model")
    second.legend()
    for axes, mel, title in ((third, true, "test sentence, teacher"), (fourth, spoken, "the same, small voice")):
        axes.imshow(mel, origin="lower", aspect="auto", cmap="magma", vmin=-11, vmax=2)
        axes.set(xlabel="frame (10.7 ms)", ylabel="mel band", title=title)
    for axes in (first, second):
        axes.grid(alpha=0.3)
    save_figure(figure, path)


def main(settings: Namespace) -> dict:
    device = prepare(settings)
    if device.type != "cpu":
        print("NOTE: models this small are trained on the CPU, whatever --device says")
    size = QUICK if settings.quick else FULL
    if settings.minutes <= 0:
        raise CourseError(f"--minutes {settings.minutes:g} is no time to train.", hint="try --minutes 10")
    seed_everything(settings.seed)
    with as_course_error():
        clips, texts, tests = from_folder(settings.data, size) if settings.data else by_teacher(size)
    clips = [clip for clip in clips if clip.alignable]
    seconds = sum(len(clip.mel) for clip in clips) * AUDIO.hop_length / AUDIO.sample_rate
    who = "your recordings" if settings.data else "the starter voice, as a teacher"
    print(
        f"\n1 {len(clips)} sentences, {seconds / 60:.1f} minutes, by {who}; {len(texts)} other sentences to test with"
    )

    minutes = 0.0 if settings.quick else settings.minutes
    clock = Clock(size.align_steps, ALIGN_SHARE * minutes)
    aligner, align_losses = train_aligner(clips, size.frames, clock)
    print(f"\n2 the aligner: {clock.step} steps, loss {align_losses[0]:.2f} to {np.mean(align_losses[-20:]):.2f}")
    values: dict[str, float] = {"boundary_error_ms": 0.0}  # with recordings nobody knows the truth
    if not settings.data:
        values = {"boundary_error_ms": boundary_error(aligner, tests), "even_error_ms": even_error(tests)}
        print(
            f"   its boundaries are {values['boundary_error_ms']:.0f} ms from the teacher's (median); equal durations "
            f"would be {values['even_error_ms']:.0f} ms off"
        )
    for clip in clips + tests:
        clip.durations = aligner.durations(clip)  # from here on, what the student found itself

    print(f"\n3 the acoustic model, {sum(p.numel() for p in StarterTTS(size.model).parameters()):,} weights")
    clock = Clock(size.steps, (1 - ALIGN_SHARE) * minutes)
    model, losses, held_out = train_acoustic(clips, tests, size, clock)
    model.save(settings.out / "small_voice" / "acoustic.safetensors")
    aligner.save(settings.out / "small_voice" / "aligner.safetensors")

    voice = StarterVoice(model, clips[0].embedding, Calibration())
    recognizer = Recognizer.quick() if settings.quick else Recognizer.shared()
    student, heard = judge(voice, texts, settings.out / "small_voice.wav", recognizer)
    teacher_voice = StarterVoice(StarterTTS.read(ACOUSTIC), clips[0].embedding, Calibration())
    teacher, _ = judge(teacher_voice, texts, settings.out / "teacher.wav", recognizer)
    print("\n4 what PocketSphinx heard in small_voice.wav")
    for text, words in list(zip(texts, heard, strict=True))[:3]:
        print(f"   said:  {text}\n   heard: {words or '(nothing)'}".encode("ascii", "replace").decode())
    print(f"   words wrong: {student:.0%} small voice, {teacher:.0%} its teacher (PocketSphinx is a weak listener)")
    if settings.quick:
        print("   A few steps teach no one to speak. Run it without --quick, and listen.")
    spoken = voice.frames(texts[0])
    plot(align_losses, losses, held_out, spoken.mel.T.numpy(), tests[0].mel.T.numpy(), settings.out / "small_voice.png")
    print(
        f"small_voice.png: error on other sentences {held_out[0][1]:.2f} to {held_out[-1][1]:.2f}, {clock.step} steps"
    )
    write_json_atomic(settings.out / "small_voice" / "facts.json", {"steps": clock.step, "word_error_rate": student})
    print(
        "The real thing is 08_train_starter_voice.py: the same two networks, thousands of voices, hours, and a GPU.\n"
    )
    return {
        **values,
        "align_loss_first": align_losses[0],
        "align_loss_last": float(np.mean(align_losses[-20:])),
        "fall_of_the_align_loss": align_losses[0] - float(np.mean(align_losses[-20:])),
        "steps": clock.step,
        "fall_of_the_mel_error": held_out[0][1] - held_out[-1][1],
        "mel_error_first": held_out[0][1],
        "mel_error_last": held_out[-1][1],
        "word_error_rate": student,
        "word_error_rate_of_the_teacher": teacher,
    }


# What ten minutes give depends on the machine: a slow or busy one does fewer steps.
EXPECTED = {
    "fall_of_the_align_loss": Expected(quick=(0.05, 3), full=(0.5, 3)),
    "boundary_error_ms": Expected(quick=(1, 60), full=(1, 30)),
    "fall_of_the_mel_error": Expected(quick=(0.0005, 1), full=(0.2, 1)),
    "word_error_rate": Expected(quick=None, full=(0, 0.6)),
    "word_error_rate_of_the_teacher": Expected(quick=(0, 0.9), full=(0, 0.7)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="09_hyperparameter_search.py")
