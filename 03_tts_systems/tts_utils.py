"""What the scripts of this module share: speech, spoken digits, voices, a formant synthesiser, Coqui models, measures.

Letters used in shapes: S samples, T frames, M mel bins, N symbols, B batch. Speech to work on, levels and plots come
from module 04's `audio_utils`; every audio number that the whole course shares comes from `AUDIO`, the settings object
of the capstone.
"""

from __future__ import annotations

import ctypes
import functools
import json
import re
import time
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

from coursekit.course.modules import ROOT, load_script
from coursekit.data import DataUnavailable, fetch
from coursekit.device import choose_device, cpu_generator
from coursekit.errors import CourseError
from coursekit.files import sha256_file, write_csv_atomic
from voice_pipeline.settings import AUDIO, AudioSettings

audio_utils = load_script(ROOT / "04_speech_audio_processing" / "audio_utils.py")
Clip = audio_utils.Clip  # name, speaker, waveform float32 [S] -1..1, sample_rate; .seconds, .at(rate)
load_reader = audio_utils.load_reader  # LJSpeech, one woman, with texts; or one synthetic voice
load_speakers = audio_utils.load_speakers  # LibriSpeech, up to 50 people; or eight synthetic voices
as_course_error = audio_utils.as_course_error
draw_spectrogram, save_figure = audio_utils.draw_spectrogram, audio_utils.save_figure
write_wav = audio_utils.write_wav
BLUE, ORANGE, GREEN, PURPLE, GREY = (
    getattr(audio_utils, name) for name in ("BLUE", "ORANGE", "GREEN", "PURPLE", "GREY")
)
SENTENCES = audio_utils.STAND_IN_TEXTS  # of Lewis Carroll, Alice's Adventures in Wonderland (1865), public domain
SAMPLE_RATE = AUDIO.sample_rate  # Hz, 24,000


prepare_cpu = cpu_generator  # says where it computes and why, returns the generator of random numbers


def prepare_torch(settings: Namespace) -> Any:
    """Choose the device, print it with the reason, seed every generator; return the torch device."""
    from coursekit.seeding import seed_everything

    choice = choose_device(settings.device)
    print(choice.describe())
    seed_everything(settings.seed)
    return choice.device


write_csv = write_csv_atomic  # rows as CSV, whole or not at all


def seconds_of(action: Callable[[], Any]) -> tuple[Any, float]:
    """Return what an action returns, and how many seconds it took."""
    started = time.perf_counter()
    result = action()
    return result, time.perf_counter() - started


# ----------------------------------------------------------------------------------------------------------------------
# voices that are at hand


@functools.cache
def starter_voice(number: int) -> Any:
    """Return the capstone's embedded voice speaking as one of the people it has heard (a `LoadedVoice`)."""
    from voice_pipeline.engines.starter.base_voice import reference_embeddings

    others = reference_embeddings()  # [people, 256]
    return voice_of(others[number % len(others)])


def voice_of(embedding: np.ndarray) -> Any:
    """Return the capstone's embedded voice with any speaker embedding `[256]`: that is zero-shot cloning."""
    from voice_pipeline.engines.starter.engine import StarterEngine

    with as_course_error():
        return StarterEngine().of_embedding(embedding)


class Espeak:
    """espeak-ng, the formant synthesiser, from the wheel `espeakng-loader`: its library by ctypes, no system package.

    It has one state for the whole process, so make it once (`espeak()`), and use it from one thread.

    Attributes:
        sample_rate: Hz of what `speak` returns (22,050).
    """

    _SYNCHRONOUS, _DONT_EXIT, _UTF8, _BY_CHARACTER, _RATE, _IPA = 2, 0x8000, 1, 1, 1, 0x02
    _LONGEST_PATH = 150  # the library copies the path of its data into 160 bytes

    def __init__(self, voice: str = "en-us") -> None:
        import espeakng_loader

        data = str(Path(espeakng_loader.get_data_path()).parent)
        if len(data.encode()) > self._LONGEST_PATH:
            raise CourseError(
                f"espeak-ng cannot read its data: its path has {len(data)} characters, {self._LONGEST_PATH} at most.",
                hint="move the course to a folder with a shorter path, and set it up there",
            )
        self._library = library = ctypes.CDLL(espeakng_loader.get_library_path())
        library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        self.sample_rate = int(library.espeak_Initialize(self._SYNCHRONOUS, 0, data.encode(), self._DONT_EXIT))
        if self.sample_rate <= 0 or library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise CourseError(f"espeak-ng does not start with the voice {voice!r}.", hint="course doctor")
        self._pieces: list[np.ndarray] = []
        kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
        self._callback = kind(self._take)  # kept, or Python would throw it away while the library still calls it
        library.espeak_SetSynthCallback(self._callback)

    def _take(self, samples: Any, count: int, events: Any) -> int:
        if samples and count > 0:
            self._pieces.append(np.ctypeslib.as_array(samples, shape=(count,)).astype(np.float32) / 32768)
        return 0  # go on

    def speak(self, text: str, words_a_minute: int = 160) -> np.ndarray:
        """Return a text spoken, float32 `[S]` at `sample_rate`."""
        self._pieces.clear()
        data = text.encode()
        self._library.espeak_SetParameter(self._RATE, words_a_minute, 0)
        size = ctypes.c_size_t(len(data) + 1)
        self._library.espeak_Synth(data, size, 0, self._BY_CHARACTER, 0, self._UTF8, None, None)
        return np.concatenate(self._pieces) if self._pieces else np.zeros(0, np.float32)

    def ipa(self, text: str) -> str:
        """Return the phonemes of a text in IPA, words separated by spaces."""
        rest = ctypes.c_char_p(text.encode())
        clauses = []
        while rest.value:  # one clause a call; the pointer moves on, and is empty at the end
            clauses.append(self._library.espeak_TextToPhonemes(ctypes.byref(rest), self._UTF8, self._IPA).decode())
        return " ".join(clauses)


@functools.cache
def espeak() -> Espeak:
    """Return the one espeak-ng of this process."""
    return Espeak()


# Phonemes here are those of the CMU dictionary: 39 names in plain letters, "K AE T" for cat. The libraries write IPA;
# this table turns theirs into ours. The longest piece that fits is taken first, so diphthongs come before their parts.
IPA = dict(pair.split("=") for pair in (
    "t\u0283=CH d\u0292=JH a\u026a=AY a\u028a=AW e\u026a=EY o\u028a=OW \u0254\u026a=OY \u0250=AH \u025c=ER \u025a=ER "
    "\u0259l=AH,L \u025d=ER \u00e6=AE \u0251=AA \u0254=AO \u0259=AH \u025b=EH \u026a=IH \u1d7b=IH \u028a=UH "
    "\u028c=AH \u0294=T \u027e=T \u0279=R \u0261=G \u014b=NG \u03b8=TH \u00f0=DH \u0283=SH \u0292=ZH i=IY u=UW e=EY "
    "o=AO a=AA b=B d=D f=F g=G h=HH j=Y k=K l=L m=M n=N p=P r=R s=S t=T v=V w=W x=K z=Z"
).split())  # fmt: skip


def of_ipa(ipa: str) -> list[str]:
    """Turn IPA into the dictionary's names; stress, length and what is unknown are left out."""
    ipa = re.sub("[^" + re.escape("".join(IPA)) + "]", "", ipa.replace("n\u0329", "\u0259n"))
    found = []
    while ipa:  # concept: phonemes
        size = 2 if ipa[:2] in IPA else 1
        found += IPA.get(ipa[:size], "").split(",") if ipa[:size] in IPA else []
        ipa = ipa[size:]
    return found


# ----------------------------------------------------------------------------------------------------------------------
# public models, through Coqui's own code

XTTS, YOUR_TTS = "tts_models/multilingual/multi-dataset/xtts_v2", "tts_models/multilingual/multi-dataset/your_tts"
BARK, VITS = "tts_models/multilingual/multi-dataset/bark", "tts_models/en/ljspeech/vits"
# Beginnings of licences; anything else needs a yes. Some ask for a name, or for the same licence on what is changed.
FREE_LICENCES = (
    "apache",
    "mit",
    "mpl",
    "bsd",
    "cc0",
    "public domain",
    "cc-by-4.0",
    "cc-by-sa",
    "cc by 4.0",
    "cc by-sa",
)


def is_free(licence: str) -> bool:
    """Whether a licence lets everybody use a model for everything, selling what it says included."""
    return licence.lower().startswith(FREE_LICENCES)


def coqui_model(name: str, *, download: bool, accept_licence: bool) -> Any:
    """Return a published Coqui model, or one in a folder, as Coqui's own `TTS` object.

    Args:
        name: A public name such as "tts_models/en/ljspeech/vits", or a folder with config.json and model_file.pth.
        download: Whether it may be fetched; what is in Coqui's cache is used either way.
        accept_licence: The user has said yes to its licence by `--accept-licence`.

    Raises:
        CourseError: It is not free and was not accepted, or it can be had neither here nor from its public home.
    """
    from voice_pipeline.engines.coqui import setup_coqui
    from voice_pipeline.engines.coqui_models import base_model, ensure_base_model, files_in

    with as_course_error():
        if Path(name).is_dir():
            files = files_in(Path(name))
        else:
            licence = base_model(name).licence
            if not is_free(licence) and not accept_licence:
                raise CourseError(
                    f"{name} comes under {licence}, which forbids some uses, selling among them.",
                    hint="read the licence; if you agree, add --accept-licence",
                )
            files = ensure_base_model(name, offline=not download, terms_accepted=accept_licence)
    setup_coqui()  # it logs every sentence otherwise
    from TTS.api import TTS

    architecture = json.loads(files.config.read_text(encoding="utf-8")).get("model", "")
    path = files.folder if architecture in ("xtts", "bark") else files.weights  # those two load a whole folder
    try:
        return TTS(model_path=str(path), config_path=str(files.config), progress_bar=False)
    except Exception as error:  # a damaged file or a missing espeak-ng raises anything from KeyError to AssertionError
        reason = (str(error).strip().splitlines() or [type(error).__name__])[-1][:200]
        raise CourseError(
            f"{name} cannot be loaded: {reason}", hint="fetch it again, or choose another model"
        ) from error


def coqui_says(tts: Any, text: str, reference: Path | None = None) -> np.ndarray:
    """Let a loaded Coqui model speak; return float32 `[S]` at 24 kHz.

    Args:
        tts: From `coqui_model`.
        text: English.
        reference: A recording of whom it shall sound like, where the model can do that.
    """
    given: dict[str, Any] = {"language": "en"} if tts.is_multi_lingual else {}
    if tts.is_multi_speaker:
        given |= {"speaker_wav": str(reference)} if reference else {"speaker": tts.speakers[0]}
    return at_course_rate(np.asarray(tts.tts(text, **given)), tts.synthesizer.output_sample_rate)


# ----------------------------------------------------------------------------------------------------------------------
# spoken digits, for the two small models that are trained here

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
DIGIT_AUDIO = AudioSettings(hop_length=512, n_mels=32)  # 47 frames a second, 32 bins: enough for ten words
DIGIT_SPEAKER = "jackson"  # of the six people in the data set
DIGIT_VOICE, DIGIT_TEMPI = 7, (0.9, 1.0, 1.15)  # of the stand-in: one of the starter voice's people, three tempi
DIGIT_PAUSE = (0.03, 0.08)  # seconds before a word
LETTERS = " " + "".join(sorted(set("".join(DIGITS))))  # the space is symbol 0, and the padding


@dataclass(frozen=True)
class DigitString:
    """A few spoken digits and what is known about them.

    Attributes:
        text: For example "three one four".
        symbols: Numbers of its letters in LETTERS, int64 `[N]`.
        waveform: The sound, float32 `[S]` at 24 kHz.
        mel: Log mel, normalised to about -1..1 by `normal_mel`, float32 `[T, M]`.
        word_edges: Where each word begins and ends, frames, float `[words, 2]`: known, for the words were joined here.
    """

    text: str
    symbols: np.ndarray
    waveform: np.ndarray
    mel: np.ndarray
    word_edges: np.ndarray

    @property
    def word_of_symbol(self) -> np.ndarray:
        """Which word each letter belongs to, int `[N]`; a space belongs to the word before it."""
        return word_numbers(self.text)


def digit_takes(settings: Namespace) -> dict[str, list[np.ndarray]]:
    """Return spoken digits: word -> takes, float32 `[S]` at 24 kHz.

    Ten takes of each by one person (Free Spoken Digit Dataset), or three by a synthetic voice, made once in `digits/`.
    """
    try:
        data = fetch("spoken_digits", download=not settings.quick)
    except DataUnavailable as reason:
        print(f"NOTE: {reason}")
        return _synthetic_digits(settings.out / "digits")
    print(data.message)
    takes: dict[str, list[np.ndarray]] = {word: [] for word in DIGITS}
    for path in data.files:  # "3_jackson_7.wav" is his eighth "three"
        digit, speaker, _ = path.stem.split("_")
        if speaker == DIGIT_SPEAKER:
            takes[DIGITS[int(digit)]].append(trimmed(at_course_rate(*soundfile.read(path, dtype="float32"))))
    return takes


def _synthetic_digits(folder: Path) -> dict[str, list[np.ndarray]]:
    from voice_pipeline.engines.starter.base_voice import ACOUSTIC

    stamp = sha256_file(ACOUSTIC)[:8]  # another starter voice, other takes
    takes: dict[str, list[np.ndarray]] = {}
    for word in DIGITS:
        for tempo in DIGIT_TEMPI:
            path = folder / f"{word}_{round(100 * tempo)}_{stamp}.wav"
            if not path.is_file():
                with as_course_error():
                    spoken = starter_voice(DIGIT_VOICE).synthesize(f"{word}.", speed=tempo)
                write_wav(path, trimmed(np.asarray(spoken, np.float32)), SAMPLE_RATE)
            takes.setdefault(word, []).append(soundfile.read(path, dtype="float32")[0])
    return takes


def trimmed(waveform: np.ndarray) -> np.ndarray:
    """The speech in a waveform, at most 40 dB below its loudest frame, at a common peak."""
    import librosa

    inside = librosa.effects.trim(waveform, top_db=40)[0]
    return (0.5 * inside / max(1e-6, float(np.abs(inside).max()))).astype(np.float32)


def join_digits(words: list[str], takes: dict[str, list[np.ndarray]], random: np.random.Generator) -> DigitString:
    """Join one take of each word, with short pauses, and compute what the models need."""
    from voice_pipeline.acoustics import log_mel

    pieces, edges, place = [], [], 0
    for word in words:
        gap = np.zeros(round(random.uniform(*DIGIT_PAUSE) * SAMPLE_RATE), np.float32)
        take = takes[word][random.integers(len(takes[word]))]
        edges.append((place + len(gap), place + len(gap) + len(take)))
        pieces += [gap, take]
        place += len(gap) + len(take)
    whole = np.concatenate([*pieces, np.zeros(round(0.05 * SAMPLE_RATE), np.float32)])
    whole = whole + 1e-4 * random.normal(size=len(whole)).astype(np.float32)  # a room; digital silence is never heard
    mel = normal_mel(log_mel(whole, DIGIT_AUDIO)).T
    text = " ".join(words)
    symbols = np.array([LETTERS.index(letter) for letter in text], np.int64)
    return DigitString(text, symbols, whole, mel, np.array(edges) / DIGIT_AUDIO.hop_length)


def word_numbers(text: str) -> np.ndarray:
    """Return which word each character of a text belongs to, int `[N]`; a space belongs to the word before it."""
    ends = np.cumsum([0, *(letter == " " for letter in text)])
    return ends[:-1].astype(int)


def digit_strings(
    count: int, lengths: tuple[int, int], takes: dict[str, list[np.ndarray]], random: np.random.Generator, known=()
) -> list[DigitString]:
    """Return `count` strings of `lengths[0]` to `lengths[1]` digits, all different, none in the texts `known`."""
    found: dict[str, DigitString] = {}
    while len(found) < count:
        words = [DIGITS[digit] for digit in random.integers(10, size=random.integers(lengths[0], lengths[1] + 1))]
        if " ".join(words) not in (*found, *known):
            found[" ".join(words)] = join_digits(words, takes, random)
    return list(found.values())


def normal_mel(log_mel: np.ndarray) -> np.ndarray:
    """Bring a natural-log mel of speech to about -1..1, which small networks like. Inverse: `raw_mel`."""
    return ((log_mel + 5.0) / 5.0).astype(np.float32)


def raw_mel(normal: np.ndarray) -> np.ndarray:
    """Undo `normal_mel`."""
    return normal * 5.0 - 5.0


def sound_of(normal: np.ndarray, seed: int = 0) -> np.ndarray:
    """Turn a normalised mel `[T, M]` of this module's digits into sound, by librosa's Griffin-Lim. float32 `[S]`"""
    import librosa

    audio = DIGIT_AUDIO
    magnitude = librosa.feature.inverse.mel_to_stft(
        np.exp(raw_mel(normal.T)),
        sr=SAMPLE_RATE,
        n_fft=audio.n_fft,
        power=1.0,
        fmin=audio.mel_fmin,
        fmax=audio.mel_fmax,
    )
    sound = librosa.griffinlim(magnitude, n_iter=60, hop_length=audio.hop_length, n_fft=audio.n_fft, random_state=seed)
    return (0.5 * sound / max(1e-6, float(np.abs(sound).max()))).astype(np.float32)


def at_course_rate(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """Resample to 24 kHz (soxr). float32 `[S]`"""
    if sample_rate == SAMPLE_RATE:
        return np.asarray(waveform, np.float32)
    return soxr.resample(np.asarray(waveform, np.float32), sample_rate, SAMPLE_RATE).astype(np.float32)
