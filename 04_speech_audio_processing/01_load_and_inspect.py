"""Load any audio file, read its header by hand, and meet the ways in which files go wrong.

What you will learn
    - what a file is: a container (WAV, OGG, MP4, WebM ...) that holds samples, bare or packed by a codec
    - how to recognise one by its first bytes, and to read a WAV header field by field
    - what each format costs and loses: bytes a second, samples more or less, error against the original
    - eight ways in which a file lies or is broken, and what a careful loader makes of each
How to run it
    python 01_load_and_inspect.py --quick     a clip of 4 s, no network, about 9 s
    python 01_load_and_inspect.py             a clip of 9 s, about 3 s; the first run downloads 10 MB
    python 01_load_and_inspect.py --file my_recording.m4a     look at a file of your own, too
Time and memory on 2 CPU cores: quick 9 s, full 3 s; 0.8 GB. Without data the first run makes its speech first.
Writes outputs/: formats/, formats.png, stand_in/ (first run without data)
Concepts: AUDIO_CONCEPTS_EXPLAINED.md (containers and codecs, quantisation)
"""

import struct
from pathlib import Path

import av
import numpy as np
import soundfile
import soxr
from audio_utils import (
    BLUE,
    GREY,
    ORANGE,
    SAMPLE_RATE,
    as_course_error,
    decibels,
    load_reader,
    prepare,
    rms,
    save_figure,
)
from matplotlib.figure import Figure

from coursekit.cli import run_script, script_parser
from coursekit.errors import CourseError
from coursekit.expectations import Expected
from coursekit.files import atomic_path, write_bytes_atomic
from voice_pipeline.audio import AudioError, decode, to_int16

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
PARSER.add_argument("--file", type=Path, metavar="FILE", help="an audio file of your own to inspect")
QUICK_SECONDS, FULL_SECONDS = 4.0, 9.0  # length of the clip that is written in every format

# name -> (libsndfile's container, its codec); all but the last two formats
SNDFILE = {
    "pcm16.wav": ("WAV", "PCM_16"),  # 2 bytes a sample: what this course writes
    "pcm24.wav": ("WAV", "PCM_24"),  # 3 bytes: studio recordings
    "float.wav": ("WAV", "FLOAT"),  # 4 bytes: may exceed -1..1 without clipping
    "clip.flac": ("FLAC", "PCM_16"),  # lossless: the same numbers in about half the bytes
    "clip.mp3": ("MP3", "MPEG_LAYER_III"),
    "vorbis.ogg": ("OGG", "VORBIS"),
    "opus.ogg": ("OGG", "OPUS"),  # what messengers send
}
# name -> (FFmpeg's container, its codec, Hz); libsndfile cannot write or read these
FFMPEG = {
    "clip.m4a": ("mp4", "aac", SAMPLE_RATE),  # what telephones record
    "clip.webm": ("webm", "libopus", 48_000),  # what browsers record; Opus counts in 48 kHz inside
}

# ----------------------------------------------------------------------------------------------------------------------
# a file's first bytes


def sniff(data: bytes) -> str:
    """Name the container by its first bytes ("magic numbers"). A suffix is only a name; these bytes are the file."""
    # concept: containers and codecs
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        return "WAV"
    if data[4:8] == b"ftyp":
        return "MP4"  # .m4a, .mp4, .mov
    known = {b"fLaC": "FLAC", b"OggS": "OGG", b"\x1a\x45\xdf\xa3": "WebM", b"ID3": "MP3"}
    found = next((name for magic, name in known.items() if data.startswith(magic)), "")
    if not found and len(data) > 1 and data[0] == 0xFF and data[1] & 0xE0 == 0xE0:
        return "MP3"  # 11 bits set: the mark at the start of each frame of MPEG audio
    return found or "unknown"


def wav_header(data: bytes) -> dict[str, int]:
    """Read a WAV header by hand: a list of chunks, each with a name of 4 letters and a length of 4 bytes."""
    found, place = {}, 12  # behind "RIFF", the length of the file, "WAVE"
    while place + 8 <= len(data):
        name, length = data[place : place + 4], struct.unpack("<I", data[place + 4 : place + 8])[0]
        if name == b"fmt ":
            # "<": little-endian, H: 2 bytes, I: 4 bytes
            fields = struct.unpack("<HHIIHH", data[place + 8 : place + 24])
            found |= dict(zip(("format", "channels", "rate", "bytes_a_second", "frame", "bits"), fields, strict=True))
        elif name == b"data":
            found |= {"data_bytes": length, "data_found": len(data) - place - 8}
            break
        place += 8 + length + length % 2  # chunks begin at even places
    return found


def show_wav_header(path: Path) -> int:
    """Print the header beside what libsndfile says of the same file; return how many fields differ."""
    data, info = path.read_bytes(), soundfile.info(path)
    header = wav_header(data)
    samples = header["data_bytes"] // header["frame"]  # a "frame" here: one sample of every channel
    pairs = {
        "sample rate (Hz)": (header["rate"], info.samplerate),
        "channels": (header["channels"], info.channels),
        "samples": (samples, info.frames),
        "bits a sample": (header["bits"], int(info.subtype.removeprefix("PCM_"))),
    }
    print(f"\nThe first 44 bytes of {path.name}: {data[:12]!r} ... and by hand / by libsndfile")
    for name, (mine, library) in pairs.items():
        print(f"   {name:<18} {mine:>8,} {library:>8,}")
    return sum(mine != library for mine, library in pairs.values())


# ----------------------------------------------------------------------------------------------------------------------
# any format in and out


def write_ffmpeg(path: Path, waveform: np.ndarray, container: str, codec: str, rate: int) -> None:
    """Write mono sound with PyAV, which brings its own FFmpeg."""
    with atomic_path(path) as temporary, av.open(str(temporary), "w", format=container) as file:
        stream = file.add_stream(codec, rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(waveform[None].astype(np.float32), format="fltp", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        resampler = av.AudioResampler(stream.format, "mono", rate, frame_size=stream.codec_context.frame_size or 960)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            file.mux(stream.encode(part))
        file.mux(stream.encode(None))  # None: give out what is still inside


def load_audio(path: Path) -> tuple[np.ndarray, int]:
    """Load any file as mono float32 `[S]` and its rate: libsndfile where it can, FFmpeg for the rest."""
    try:
        channels, rate = soundfile.read(path, dtype="float32", always_2d=True)  # [S, C]
    except soundfile.LibsndfileError:
        with av.open(str(path)) as file:
            stream = file.streams.audio[0]
            planar = av.AudioResampler(format="fltp")  # float32, one row a channel
            parts = [part.to_ndarray() for frame in file.decode(stream) for part in planar.resample(frame)]
            channels, rate = np.concatenate(parts, axis=1).T, stream.rate
    return channels.mean(axis=1, dtype=np.float32), rate


def write_all(folder: Path, waveform: np.ndarray) -> list[Path]:
    """Write the clip in all nine formats."""
    for name, (container, codec) in SNDFILE.items():
        samples = to_int16(waveform) if codec == "PCM_16" else waveform  # int16 is stored as it is
        with atomic_path(folder / name) as temporary:
            soundfile.write(temporary, samples, SAMPLE_RATE, format=container, subtype=codec)
    for name, (container, codec, rate) in FFMPEG.items():
        write_ffmpeg(folder / name, waveform, container, codec, rate)
    return [folder / name for name in (*SNDFILE, *FFMPEG)]


def aligned_snr(original: np.ndarray, decoded: np.ndarray) -> tuple[float, int]:
    """Return the error against the original as an SNR in dB, and by how many samples the decoded sound is late.

    Codecs work in blocks and put samples before the sound. Compared without aligning, everything would look broken.
    """
    size = len(original) + len(decoded)
    correlation = np.fft.irfft(np.fft.rfft(decoded, size) * np.conj(np.fft.rfft(original, size)), size)
    late = int(correlation.argmax())
    late = late - size if late > size // 2 else late
    start, end = max(0, -late), min(len(original), len(decoded) - late)
    error = decoded[start + late : end + late] - original[start:end]
    return min(120.0, decibels(rms(original[start:end])) - decibels(rms(error))), late


def compare_formats(paths: list[Path], waveform: np.ndarray) -> dict[str, dict]:
    """Load every file with the loader above and with the capstone's; return what came out, by file name."""
    found = {}
    seconds = len(waveform) / SAMPLE_RATE
    print(f"\n{'file':<11} {'container':<9} {'kbit/s':>7} {'Hz':>7} {'samples':>8} {'late':>5} {'SNR':>8}")
    for path in paths:
        loaded, rate = load_audio(path)
        with as_course_error():
            careful = decode(path)  # the capstone's loader
        at_rate = soxr.resample(loaded, rate, SAMPLE_RATE) if rate != SAMPLE_RATE else loaded
        snr, late = aligned_snr(waveform, at_rate)
        kbits = 8 * path.stat().st_size / seconds / 1000
        container = sniff(path.read_bytes()[:16])
        print(f"{path.name:<11} {container:<9} {kbits:>7.0f} {rate:>7,} {len(loaded):>8,} {late:>5} {snr:>5.1f} dB")
        found[path.name] = {
            "container": container,
            "kbits": kbits,
            "snr": snr,
            "gap": float(np.abs(loaded - careful.waveform).max()),  # two loaders, the same numbers
        }
    return found


# ----------------------------------------------------------------------------------------------------------------------
# what goes wrong


def broken_files(folder: Path, waveform: np.ndarray) -> dict[str, Path]:
    """Make eight files as people really send them; what is wrong with each -> its path."""
    good = (folder / "pcm16.wav").read_bytes()
    mp4 = (folder / "clip.m4a").read_bytes()
    lying = bytearray(good)
    lying[24:28] = struct.pack("<I", 16_000)  # the place of the sample rate in the header
    stereo = np.stack([waveform, -waveform], axis=1)  # one cable of the microphone soldered the wrong way round
    with_nan = waveform.copy()
    with_nan[1000] = np.nan
    files = {
        "MP4 named .wav": ("renamed.wav", mp4),
        "cut off half way": ("cut.wav", good[: len(good) // 2]),
        "24 kHz called 16 kHz": ("lying.wav", bytes(lying)),
        "a web page named .wav": ("page.wav", b"<html><body>404 Not Found</body></html>"),
        "empty": ("empty.flac", b""),
        "MP4 without its index": ("cut.m4a", mp4[: len(mp4) // 2]),  # the table of contents stands at the end
    }
    for name, data in files.values():
        write_bytes_atomic(folder / name, data)
    found = {what: folder / name for what, (name, _) in files.items()}
    for what, name, samples in (("channels cancel", "phase.wav", stereo), ("holds NaN", "nan.wav", with_nan)):
        with atomic_path(folder / name) as temporary:
            soundfile.write(temporary, samples, SAMPLE_RATE, format="WAV", subtype="FLOAT")
        found[what] = folder / name
    return found


def naive(path: Path, waveform: np.ndarray) -> str:
    """Say what the short loader above makes of a file."""
    try:
        loaded, rate = load_audio(path)
    except Exception as error:  # whatever a library raises is what a learner would see
        return f"stops: {type(error).__name__}"
    if not np.isfinite(loaded).all():
        return "loads, and holds NaN"
    return f"{len(loaded) / rate:.1f} s, {decibels(rms(loaded)):.0f} dB"


def show_broken(files: dict[str, Path], waveform: np.ndarray) -> int:
    """Print what the short loader and the capstone's make of each file; return how many the capstone refuses."""
    print(f"\n{'what is wrong':<22} {'the short loader':<28} the capstone")
    refused = 0
    for what, path in files.items():
        try:
            found = decode(path)
            said = f"{found.duration:.1f} s, {decibels(rms(found.waveform)):.0f} dB, {found.mix}"
        except AudioError as error:
            said, refused = f"refused ({error.rule})", refused + 1
        print(f"{what:<22} {naive(path, waveform):<28} {said}")
    header = wav_header(files["cut off half way"].read_bytes())
    print(f"The cut file's header announces {header['data_bytes']:,} bytes; {header['data_found']:,} are there.")
    print("Nothing in the file betrays the wrong sample rate. Only ears, or the pitch, do: lab_wrong_rate is about it.")
    return refused


# ----------------------------------------------------------------------------------------------------------------------
# numbers: what 16 bits can hold


def quantisation(waveform: np.ndarray) -> tuple[float, float]:
    """Print the error of rounding to b bits; return the SNR in dB of 8 bits and the gain of each bit more."""
    print("\nRounding every sample to b bits (the loudest sample uses the whole range)")
    loud = waveform / np.abs(waveform).max()
    ratios = {}
    for bits in (4, 8, 12, 16):
        steps = 2 ** (bits - 1) - 1  # 32,767 for 16 bits; one bit is the sign
        rounded = np.rint(loud.astype(np.float64) * steps) / steps  # concept: quantisation
        ratios[bits] = decibels(rms(loud)) - decibels(rms(rounded - loud))
        print(f"   {bits:2} bits: steps of 1/{steps:<6,} error {ratios[bits]:5.1f} dB below the speech")
    overflow = np.array([1.0]) * 32_768  # full scale the wrong way: 32,768 does not fit into 16 bits
    print(
        f"   1.0 * 32,768 as int16 is {overflow.astype(np.int64).astype(np.int16)[0]:,}: it wraps round, a loud click"
    )
    return ratios[8], (ratios[12] - ratios[8]) / 4


def plot_formats(found: dict[str, dict], path: Path) -> None:
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.subplots()
    names = list(found)
    colours = [BLUE if found[name]["snr"] > 60 else ORANGE for name in names]
    bars = axes.barh(names, [found[name]["kbits"] for name in names], color=colours)
    axes.bar_label(bars, [f"{found[name]['kbits']:.0f}" for name in names], padding=3, color=GREY)
    axes.set(xlabel="size (kbit/s)", title="The same clip in nine formats: blue keeps every sample, orange does not")
    axes.invert_yaxis()
    save_figure(figure, path)
    print(
        f"formats.png: from {min(f['kbits'] for f in found.values()):.0f} kbit/s to "
        f"{max(f['kbits'] for f in found.values()):.0f} kbit/s for the same {len(names)} times written clip"
    )


def main(settings) -> dict:
    prepare(settings)
    if settings.file and not settings.file.is_file():
        raise CourseError(f"--file {settings.file} does not exist.", hint="check the name and the folder")
    clip = load_reader(settings, 1)[0].at(SAMPLE_RATE)
    waveform = clip.waveform[: int((QUICK_SECONDS if settings.quick else FULL_SECONDS) * SAMPLE_RATE)]
    print(
        f"{clip.name} by {clip.speaker}: {len(waveform):,} samples / {SAMPLE_RATE:,} Hz = "
        f"{len(waveform) / SAMPLE_RATE:.2f} s"
    )
    folder = settings.out / "formats"
    paths = write_all(folder, waveform)
    differing = show_wav_header(paths[0])
    found = compare_formats(paths, waveform)
    refused = show_broken(broken_files(folder, waveform), waveform)
    eight_bits, each_bit = quantisation(waveform)
    plot_formats(found, settings.out / "formats.png")
    if settings.file:
        with as_course_error():
            own = decode(settings.file)
        print(
            f"{settings.file.name}: {own.container}/{own.codec}, {own.sample_rate} Hz, {own.channels} channels, "
            f"{own.duration:.2f} s, peak {np.abs(own.waveform).max():.2f}"
        )
    return {
        "header_fields_that_differ": differing,
        "containers_recognised": sum(entry["container"] != "unknown" for entry in found.values()),
        "flac_gap_to_wav": float(np.abs(load_audio(paths[0])[0] - load_audio(folder / "clip.flac")[0]).max()),
        "wav_snr_db": found["pcm16.wav"]["snr"],
        "mp3_snr_db": found["clip.mp3"]["snr"],
        "flac_share_of_wav": found["clip.flac"]["kbits"] / found["pcm16.wav"]["kbits"],
        "opus_share_of_wav": found["opus.ogg"]["kbits"] / found["pcm16.wav"]["kbits"],
        "largest_gap_to_capstone": max(entry["gap"] for entry in found.values()),
        "files_refused": refused,
        "snr_of_8_bits_db": eight_bits,
        "db_a_bit": each_bit,
    }


# What the codecs lose depends on the clip; the rest is arithmetic.
EXPECTED = {
    "header_fields_that_differ": Expected(quick=(0, 0), full=(0, 0)),
    "containers_recognised": Expected(quick=(9, 9), full=(9, 9)),
    "flac_gap_to_wav": Expected(quick=(0, 0), full=(0, 0)),
    "wav_snr_db": Expected(quick=(55, 90), full=(65, 85)),
    "mp3_snr_db": Expected(quick=(8, 45), full=(15, 35)),
    "flac_share_of_wav": Expected(quick=(0.2, 0.9), full=(0.4, 0.8)),
    "opus_share_of_wav": Expected(quick=(0.03, 0.3), full=(0.05, 0.2)),
    "largest_gap_to_capstone": Expected(quick=(0, 1e-6), full=(0, 1e-6)),
    "files_refused": Expected(quick=(4, 4), full=(4, 4)),
    "snr_of_8_bits_db": Expected(quick=(20, 45), full=(30, 42)),
    "db_a_bit": Expected(quick=(5.5, 6.5), full=(5.8, 6.2)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="02_waveform_and_stft.py")
