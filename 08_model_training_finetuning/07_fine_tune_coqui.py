"""Fine-tune a Coqui model by hand, step by step: what the capstone's step 4 does, opened up.

What you will learn
    - what is inside a text-to-speech checkpoint, and which part of it says what
    - what a clip becomes: symbols, frames, a number of frames for each symbol, found by an aligner
    - Coqui's four losses, and a training loop in ten lines that equals Coqui's own Trainer, loss by loss
    - why a voice that learns twenty clips forgets how to speak, and how replay keeps it from that
How to run it
    python 07_fine_tune_coqui.py --quick     4 clips, 4 steps, about 17 s
    python 07_fine_tune_coqui.py             8 clips, 40 steps, about 61 s; the first run downloads 10 MB
Time and memory on 2 CPU cores: quick 17 s, full 61 s; 2.2 GB.
Writes outputs/: fine_tune_coqui.png, before.wav, after.wav, trainer_run/, clips/ (first run without data)
Concepts: TRAINING_CONCEPTS_EXPLAINED.md (fine-tuning, catastrophic forgetting, transfer learning)
"""

import copy
import shutil
from argparse import Namespace
from pathlib import Path

import numpy as np
import soundfile
import soxr
import torch
from matplotlib.figure import Figure
from train_utils import BLUE, GREY, ORANGE, as_course_error, prepare, save_figure

from coursekit.cli import run_script, script_parser
from coursekit.data import DataUnavailable, fetch, transcripts
from coursekit.errors import CourseError
from coursekit.expectations import Expected
from coursekit.seeding import seed_everything
from voice_pipeline.audio import write_wav
from voice_pipeline.engines.coqui_trainer import run_training
from voice_pipeline.engines.starter.aligner import Aligner
from voice_pipeline.engines.starter.base_voice import ACOUSTIC, ALIGNER, main_embeddings, reference_embeddings
from voice_pipeline.engines.starter.data import Batch, Frames
from voice_pipeline.engines.starter.finetune import FineTuneTTS
from voice_pipeline.engines.starter.frontend import decode, encode
from voice_pipeline.engines.starter.model import StarterTTS
from voice_pipeline.engines.starter.replay import replay_sentences, speak_replay
from voice_pipeline.engines.starter.voice import Calibration, StarterVoice
from voice_pipeline.features import extract
from voice_pipeline.recognizer import Recognizer, word_errors
from voice_pipeline.settings import AUDIO
from voice_pipeline.speaker import SpeakerEncoder, centroid, similarity

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
RATE = 1e-4  # peak; at 3e-4 the words are lost within 80 steps
LONGEST = {True: 4.0, False: 8.0}  # seconds of a clip, quick and full: the time of a step grows with it
TEXTS = (  # nobody's recordings: Lewis Carroll, Alice's Adventures in Wonderland, 1865
    "There was nothing so very remarkable in that.",
    "Begin at the beginning, and go on till you come to the end.",
)

# ----------------------------------------------------------------------------------------------------------------------
# 1 the speaker's clips


def load_speaker(settings: Namespace, count: int) -> list[tuple[str, np.ndarray]]:
    """Return (text, waveform `[S]` at 24 kHz): a woman of LJSpeech, or a stand-in the starter voice has never heard."""
    try:
        data = fetch("ljspeech_sample", download=not settings.quick)
    except DataUnavailable as reason:
        print(f"NOTE: {reason}")
        settings.quick = True
        return stand_in(settings, count)
    print(data.message)
    texts, found = transcripts("ljspeech_sample"), []
    for path in data.files:
        if path.stem in texts and len(found) < count:
            waveform, rate = soundfile.read(path, dtype="float32")
            if 1.5 < len(waveform) / rate < LONGEST[settings.quick]:
                found.append((texts[path.stem], soxr.resample(waveform, rate, AUDIO.sample_rate).astype(np.float32)))
    return found


def stand_in(settings: Namespace, count: int) -> list[tuple[str, np.ndarray]]:
    """Sentences by a synthetic voice, played 12 % faster: higher, and a shorter vocal tract than any it knows."""
    sentences = [text for text in replay_sentences() if len(text) < 45][:count]
    found = []
    for number, text in enumerate(sentences):
        path = settings.out / "clips" / f"clip_{number}.wav"
        if not path.is_file():
            voice = StarterVoice(StarterTTS.read(ACOUSTIC), torch.from_numpy(reference_embeddings()[7]), Calibration())
            faster = soxr.resample(voice.synthesize(text), AUDIO.sample_rate * 1.12, AUDIO.sample_rate)
            write_wav(path, faster, AUDIO.sample_rate)
        found.append((text, soundfile.read(path, dtype="float32")[0]))
    return found


def to_frames(clips: list[tuple[str, np.ndarray]]) -> list[Frames]:
    """Text to symbols, sound to frames, and by the aligner how many frames each symbol lasts."""
    aligner, found = Aligner.read(ALIGNER), []
    for number, (text, waveform) in enumerate(clips):
        heard = extract(waveform)  # mel [80, T], F0 [T], energy [T]
        embedding = np.zeros(256, np.float32)  # all zeros: "the voice that is being learnt", see FineTuneTTS
        clip = Frames.of(encode(text), heard.mel, heard.f0, heard.energy, embedding, f"clip {number}")
        if clip.alignable:
            clip.durations = aligner.durations(clip)  # [N], sums to T
            found.append(clip)
    return found


def show_clip(clip: Frames) -> None:
    """Print the first symbols with their durations; phonemes that are not ASCII by their number."""
    names = [symbol if symbol.isascii() else f"u{ord(symbol):04x}" for symbol in decode(clip.ids.tolist())]
    frame_ms = 1000 * AUDIO.hop_length / AUDIO.sample_rate
    pairs = [f"{name}:{frame_ms * frames:.0f}" for name, frames in zip(names, clip.durations.tolist(), strict=True)]
    print(f"   {len(names)} symbols, {len(clip.mel)} frames; the first symbols and their ms: {' '.join(pairs[:10])}")


# ----------------------------------------------------------------------------------------------------------------------
# 2 the model


def show_parts(model: torch.nn.Module) -> None:
    """Print how many weights each part has. ForwardTTS, the FastPitch family (Lancucki 2021)."""
    says = {
        "emb": "a vector for each symbol",
        "encoder": "symbols that know their neighbours",
        "duration_predictor": "frames of each symbol",
        "pitch_predictor": "pitch of each symbol",
        "energy_predictor": "loudness of each symbol",
        "decoder": "frames: 80 mel bands, pitch and voicing each",
        "speaker_bias": "who speaks, into every block of the decoder",
    }
    counts: dict[str, int] = {}
    for name, value in model.named_parameters():
        part = name.split(".")[0]
        counts[part] = counts.get(part, 0) + value.numel()
    print(f"\nThe checkpoint: {sum(counts.values()):,} weights")
    for part, count in sorted(counts.items(), key=lambda item: -item[1]):
        print(f"   {part:<20} {count:>9,}  {says.get(part, '')}")


def fresh(base: StarterTTS, embedding: torch.Tensor, steps: int) -> FineTuneTTS:
    """The base model's weights, and the speaker's embedding as one more thing to train."""
    model = FineTuneTTS(base.settings).start_from(base, embedding)
    model.learning_rate, model.total_steps = RATE, steps
    return model


# ----------------------------------------------------------------------------------------------------------------------
# 3 the loop, by hand


def epoch_seed(seed: int, epoch: int) -> int:
    """What run_training seeds each epoch with: a resumed run finds the same order and the same dropout."""
    return (seed + epoch * 100_003) % 2**32


def train_by_hand(model: FineTuneTTS, config, clips: list[Frames], steps: int, seed: int) -> list[dict[str, float]]:
    """Fine-tune; return Coqui's losses at every step."""
    seed_everything(seed)
    loader = model.get_data_loader(config, samples=clips)
    optimizer, criterion = model.get_optimizer(), model.get_criterion()
    [schedule] = model.get_scheduler([optimizer])  # 20 steps of warm-up, then a straight line down
    history: list[dict[str, float]] = []
    for epoch in range(steps):
        seed_everything(epoch_seed(seed, epoch))
        model.train()  # concept: fine-tuning
        for batch in loader:
            _, losses = model.train_step(batch, criterion)
            optimizer.zero_grad()
            losses["loss"].backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), config.grad_clip)
            optimizer.step()
            schedule.step()
            history.append({name: torch.as_tensor(value).item() for name, value in losses.items()})
            if len(history) == steps:
                return history
    return history


def settings_of_coqui(model: FineTuneTTS, batch_size: int):
    """Coqui's configuration of this model, with what we change."""
    config = copy.deepcopy(model.config)
    config.batch_size, config.scheduler_after_epoch = batch_size, False
    return config


# ----------------------------------------------------------------------------------------------------------------------
# 4 what became of it


@torch.no_grad()
def mel_error(model: FineTuneTTS, clips: list[Frames]) -> float:
    """Mean absolute error of the normalised mel on clips, durations and pitch given."""
    model.eval()
    _, losses = model.train_step(model.coqui_batch(Batch.collate(clips)), model.get_criterion())
    return float(losses["loss_spec"])


def speak(model: FineTuneTTS, texts: tuple[str, ...]) -> list[np.ndarray]:
    plain = StarterTTS(model.settings)
    plain.load_state_dict({name: value for name, value in model.state_dict().items() if name != "voice"})
    voice = StarterVoice(plain.eval(), model.voice.detach().clone(), Calibration())
    return [voice.synthesize(text) for text in texts]


def plot(
    alone: list[dict], replayed: list[dict], by_trainer: list[float], forgot: dict[str, list[float]], path: Path
) -> None:
    figure = Figure(figsize=(11, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot([row["loss"] for row in alone], color=BLUE, label="by hand")
    left.plot([row["loss"] for row in replayed], color=ORANGE, label="by hand, with replay")
    left.plot(by_trainer, "k.", label="Coqui's Trainer")
    left.set(xlabel="step", ylabel="loss", title="fine-tuning")
    left.grid(alpha=0.3)
    left.legend()
    places = np.arange(2)
    for shift, (colour, (name, values)) in enumerate(zip((GREY, BLUE, ORANGE), forgot.items(), strict=True)):
        right.bar(places + 0.25 * (shift - 1), values, 0.25, color=colour, label=name)
    right.set(
        xticks=places,
        xticklabels=["the new voice", "what it knew before"],
        ylabel="mel error (deviations)",
        title="learnt, and forgotten",
    )
    right.legend()
    save_figure(figure, path)


def main(settings) -> dict:
    device = prepare(settings)
    if device.type != "cpu":
        raise CourseError("this lesson compares losses to the last digit, on the CPU.", hint="use --device cpu")
    with as_course_error():
        recordings = load_speaker(settings, 4 if settings.quick else 8)
        clips = to_frames(recordings)
        base = StarterTTS.read(ACOUSTIC)
    steps = 4 if settings.quick else 40
    seconds = sum(len(clip.mel) for clip in clips) * AUDIO.hop_length / AUDIO.sample_rate
    print(f"\n{len(clips)} clips, {seconds:.0f} s")
    show_clip(clips[0])
    show_parts(base)

    encoder = SpeakerEncoder.shared()
    target = torch.from_numpy(centroid([encoder.embed(waveform, AUDIO.sample_rate) for _, waveform in recordings]))
    model = fresh(base, target, steps)
    config = settings_of_coqui(model, len(clips))  # one batch holds all clips: an epoch is a step
    with torch.no_grad():
        _, before = model.eval().train_step(model.coqui_batch(Batch.collate(clips)), model.get_criterion())
    print(
        "\nCoqui's losses before: "
        + ", ".join(f"{name.removeprefix('loss_')} {float(value):.3f}" for name, value in before.items())
    )

    others = speak_replay(
        base, [torch.from_numpy(row) for row in main_embeddings()], replay_sentences()[: 4 if settings.quick else 8]
    )
    start_error = [mel_error(model, clips), mel_error(model, others)]
    alone = train_by_hand(model, config, clips, steps, settings.seed)
    alone_error = [mel_error(model, clips), mel_error(model, others)]
    print(f"\nby hand, {steps} steps: loss {alone[0]['loss']:.4f} to {alone[-1]['loss']:.4f}")

    folder = settings.out / "trainer_run"
    shutil.rmtree(folder, ignore_errors=True)
    compared = min(steps, 3)
    with as_course_error():
        done = run_training(
            fresh(base, target, steps),
            config,
            clips,
            [],
            folder,
            max_steps=compared,
            seed=settings.seed,
            save_every=100,
        )
    by_trainer = [row["loss"] for row in done.curves if row["split"] == "train"]
    apart = max(abs(row["loss"] - other) for row, other in zip(alone, by_trainer, strict=False))
    print(f"Coqui's Trainer, {compared} steps through the capstone's run_training: at most {apart:.1e} apart")

    with_replay = fresh(base, target, steps)
    config.batch_size = 2 * len(clips)
    replayed = train_by_hand(with_replay, config, clips + others[: len(clips)], steps, settings.seed)
    replay_error = [mel_error(with_replay, clips), mel_error(with_replay, others)]
    print("\nmel error (deviations)   the new voice   what it knew before")  # concept: catastrophic forgetting
    errors = {"before": start_error, "clips alone": alone_error, "with replay": replay_error}
    for name, (new, old) in errors.items():
        print(f"{name:<24} {new:>13.3f} {old:>21.3f}")

    sounds_before, sounds_after = speak(fresh(base, target, steps), TEXTS), speak(with_replay, TEXTS)
    for name, sounds in (("before", sounds_before), ("after", sounds_after)):
        write_wav(settings.out / f"{name}.wav", np.concatenate(sounds), AUDIO.sample_rate)
    alike = {
        name: float(np.mean([similarity(encoder.embed(sound, AUDIO.sample_rate), target.numpy()) for sound in sounds]))
        for name, sounds in (("before", sounds_before), ("after", sounds_after))
    }
    print(f"\nsimilarity to the speaker: {alike['before']:.3f} before, {alike['after']:.3f} after")
    values = {}
    if not settings.quick:
        recognizer = Recognizer.shared()
        heard = [recognizer.transcribe(sound, AUDIO.sample_rate) for sound in sounds_after]
        values["word_error_rate"] = word_errors(TEXTS, heard).rate
        print(f"PocketSphinx got {values['word_error_rate']:.0%} of the {len(' '.join(TEXTS).split())} words wrong")
    plot(alone, replayed, by_trainer, errors, settings.out / "fine_tune_coqui.png")
    print(
        f"fine_tune_coqui.png: one loop, one curve; without replay the old sentences go from {start_error[1]:.2f} to "
        f"{alone_error[1]:.2f}, with it to {replay_error[1]:.2f}"
    )
    print("The capstone's step 4 adds a listener that judges whole sentences, trials, the best checkpoint, resuming:")
    print("   python 04_fine_tune.py --voice NAME      (and --engine vits for Coqui's VITS, where it can be fetched)\n")
    return {
        "clips": len(clips),
        "loss_at_first": alone[0]["loss"],
        "loss_at_last": alone[-1]["loss"],
        "difference_to_the_trainer": apart,
        "forgotten_without_replay": alone_error[1] - start_error[1],
        "forgotten_with_replay": replay_error[1] - start_error[1],
        "similarity_before": alike["before"],
        "similarity_after": alike["after"],
        **values,
    }


EXPECTED = {
    "clips": Expected(quick=(3, 4), full=(6, 8)),
    "loss_at_first": Expected(quick=(0.05, 5), full=(0.05, 5)),
    "difference_to_the_trainer": Expected(quick=(0, 1e-4), full=(0, 1e-4)),
    "forgotten_without_replay": Expected(quick=(0.001, 1), full=(0.005, 2)),
    "forgotten_with_replay": Expected(quick=(-0.05, 0.3), full=(-0.05, 0.5)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="08_small_voice.py")
