"""Check the way of sound: microphone, level, file, loudspeaker; and without any of them, a loopback through a file.

What you will learn
    - what a recording is for a program: so many numbers a second (the sample rate), each between -1 and 1
    - how loud is measured: peak and average level in dBFS, and what clipping is
    - how to find the pitch of a tone with a Fourier transform
    - that a WAV file gives back what was written, up to a rounding error you can compute
How to run it
    python 03_check_audio.py --quick                a tone through a file and back, no microphone, about 2 s
    python 03_check_audio.py                        records 3 s and plays them, about 10 s
    python 03_check_audio.py --microphone headset   takes the microphone whose name contains this
    python 03_check_audio.py --seconds 10           records longer
Time and memory on 2 CPU cores: quick 2 s, full 10 s; 0.2 GB.
Writes outputs/: loopback.wav, recording.wav (full run with a microphone)
Concepts: ENVIRONMENT_CONCEPTS_EXPLAINED.md (sample rate, level and clipping, number formats)
"""

import sys

import numpy as np

from coursekit.cli import run_script, script_parser
from coursekit.errors import CourseError
from coursekit.expectations import Expected
from voice_pipeline.audio import decode, write_wav
from voice_pipeline.measurements import clipped_share, decibels
from voice_pipeline.microphone import ConsoleTerminal, list_microphones, open_microphone, record_take

# ----------------------------------------------------------------------------------------------------------------------
# settings

RATE = 24_000  # Hz, samples a second; the rate of every voice in this course. 44,100 is a CD, 8,000 an old telephone
PITCH = 440.0  # Hz, the a of a tuning fork; a man's voice lies near 120, a woman's near 210
AMPLITUDE = 0.5  # of 1.0, the largest that a file holds; beyond it a recording is clipped
SECONDS = 2.0  # of tone; longer gives a finer pitch
QUIET, LOUD = -45.0, -1.0  # dBFS; a peak below the first is too quiet to use, above the second it may be clipped

PARSER = script_parser(__doc__)
PARSER.add_argument("--microphone", metavar="NAME", help="part of its name (default: the first)")
PARSER.add_argument("--seconds", type=float, default=3.0, metavar="S", help="how long to record (default 3)")

# A sine of amplitude 0.5 has a known peak, average and pitch, and 16-bit rounding a known error, on every machine.
EXPECTED = {
    "peak_dbfs": Expected(quick=(-6.03, -6.01), full=(-6.03, -6.01)),  # 20 log10(0.5)
    "rms_dbfs": Expected(quick=(-9.04, -9.02), full=(-9.04, -9.02)),  # 3.01 dB below the peak: a sine's average
    "pitch_hz": Expected(quick=(439.5, 440.5), full=(439.5, 440.5)),
    "clipped_percent": Expected(quick=(0, 0), full=(0, 0)),
    "signal_to_rounding_db": Expected(quick=(87.0, 93.0), full=(87.0, 93.0)),  # 16 bits have 98 at most; see loopback
}

# ----------------------------------------------------------------------------------------------------------------------
# a tone, and what can be measured about any sound


def make_tone():
    """Return a sine wave, float32 [samples], between -AMPLITUDE and AMPLITUDE."""
    moments = np.arange(int(SECONDS * RATE)) / RATE  # concept: sample rate  (the time of each sample, in seconds)
    return (AMPLITUDE * np.sin(2 * np.pi * PITCH * moments)).astype(np.float32)


def rms(waveform):
    """Return the root of the mean square: the average strength, which is what we hear as loudness."""
    return float(np.sqrt(np.mean(np.square(waveform, dtype=np.float64))))


def measure(waveform, sample_rate):
    """Return level, clipping and pitch of a sound. dBFS is decibels below the loudest that a file can hold (0)."""
    return {
        "seconds": len(waveform) / sample_rate,
        "peak_dbfs": decibels(float(np.abs(waveform).max(initial=0.0))),  # concept: level and clipping
        "rms_dbfs": decibels(rms(waveform)),
        "clipped_percent": 100 * clipped_share(waveform),
        "pitch_hz": strongest_frequency(waveform, sample_rate),
    }


def strongest_frequency(waveform, sample_rate):
    """Return the frequency that is strongest in the sound, in Hz; for a voice, one of its overtones as often as not.

    The Fourier transform tells how much of each frequency is in it, in steps of sample_rate / samples.
    """
    if not len(waveform):
        return 0.0
    window = np.hanning(len(waveform))  # fades both ends, so that cutting the sound adds no frequencies of its own
    strength = np.abs(np.fft.rfft(waveform * window))  # [samples / 2 + 1]
    return float(np.argmax(strength) * sample_rate / len(waveform))


def describe(name, found):
    """Print the measurements in one line."""
    level = f"peak {found['peak_dbfs']:.1f} dBFS, average {found['rms_dbfs']:.1f} dBFS"
    print(f"{name}: {found['seconds']:.1f} s, {level}, strongest frequency {found['pitch_hz']:.0f} Hz")


# ----------------------------------------------------------------------------------------------------------------------
# 1. the loopback: write a sound, read it back, compare


def loopback(path):
    """Send a tone through a WAV file, and return what came back, measured."""
    tone = make_tone()
    write_wav(path, tone, RATE)  # 16 bits a sample: 65,536 steps from -1 to 1
    back = decode(path)
    found = measure(back.waveform, back.sample_rate)
    describe(f"{path.name}, {back.sample_rate} Hz, {back.bit_depth} bits", found)

    # What the file changed is the rounding to the nearest step: half a step at most. As usual, samples are written
    # times 32,767 (the largest 16-bit number) and read back divided by 32,768, which adds half a step at full level.
    change = tone - back.waveform  # concept: number formats
    found["signal_to_rounding_db"] = decibels(rms(tone)) - decibels(rms(change))
    print(f"The file changed each sample by {np.abs(change).max():.7f} at most; one of its steps is {1 / 32_768:.7f}.")
    heard = "nobody can hear it" if found["signal_to_rounding_db"] > 60 else "that is distortion, and anybody hears it"
    print(f"The tone is {found['signal_to_rounding_db']:.1f} dB above that change: {heard}.")
    return found


# ----------------------------------------------------------------------------------------------------------------------
# 2. the microphone: record, look, play


def record(settings, path):
    """Record with a level meter, keep the take as WAV, say how good it is; return what was measured."""
    microphone = open_microphone(settings.microphone)
    terminal = ConsoleTerminal(sys.stdout, sys.stdin.readline)
    print(
        f"Recording {settings.seconds:.0f} s with {plain(microphone.name)}, {microphone.sample_rate} Hz. Say something."
    )
    waveform = record_take(microphone, settings.seconds, on_level=terminal.level)  # the meter runs from -60 to 0 dBFS
    print()
    write_wav(path, waveform, microphone.sample_rate)
    found = measure(waveform, microphone.sample_rate)
    describe(path.name, found)
    print(f"Verdict: {verdict(found)}.")
    return waveform, microphone.sample_rate, found


def verdict(found):
    """Judge a take by its level, as the capstone does while you record."""
    if found["peak_dbfs"] < QUIET:
        return "almost nothing was heard; unmute the microphone, come nearer, or choose another with --microphone"
    if found["clipped_percent"] > 0.1 or found["peak_dbfs"] > LOUD:
        return "too loud, the tops of the waves are cut off; turn the level down or move back a little"
    return "good; peaks between -12 and -3 dBFS are the best"


def play(waveform, sample_rate):
    """Play a sound through the loudspeaker; where there is none, say so."""
    import threading

    import miniaudio

    samples, done = (waveform * 32_767).astype(np.int16), threading.Event()

    def feed():
        wanted = yield b""  # the sound card asks for this many samples, again and again
        position = 0
        while position < len(samples):
            block = samples[position : position + wanted]
            position += wanted
            wanted = yield block.tobytes()
        done.set()

    try:
        with miniaudio.PlaybackDevice(nchannels=1, sample_rate=sample_rate) as device:
            source = feed()
            next(source)
            device.start(source)
            done.wait(len(waveform) / sample_rate + 2.0)
    except miniaudio.MiniaudioError as error:
        print(f"It cannot be played here ({error}); open the file with any player.")


def plain(text):
    """Names of devices may hold any letter; the console may not know it."""
    return text.encode("ascii", "replace").decode()


# ----------------------------------------------------------------------------------------------------------------------


def main(settings):
    """The loopback always; the microphone in the full run, where there is one."""
    if not 0.5 <= settings.seconds <= 60:
        raise CourseError(f"--seconds {settings.seconds:g} is not possible.", hint="0.5 to 60 are; try --seconds 3")
    microphones = [] if settings.quick else list_microphones()
    for number, name in enumerate(microphones, 1):
        print(f"microphone {number}: {plain(name)}")
    if not microphones and not settings.quick:
        print("No microphone was found, so only the loopback is checked. `course doctor` says how to get one to work.")
        settings.quick = True  # what this run measures is what a quick run measures

    values = loopback(settings.out / "loopback.wav")
    if microphones:
        waveform, rate, found = record(settings, settings.out / "recording.wav")
        print("Playing it back ...")
        play(waveform, rate)
        values |= {f"recording_{name}": value for name, value in found.items()}
    return values | {"microphones": len(microphones)}


if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="01_python_programming/01_python_basics.py")
