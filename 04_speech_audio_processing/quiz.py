"""The quiz of module 04: at least one question for each section of AUDIO_CONCEPTS_EXPLAINED.md.

Run it with `course quiz 04`; `course quiz 04 --due` asks again what was missed.
"""

import math

from coursekit.course.quiz import Choice, Number, Question

RATE, WINDOW, HOP, BANDS = 24_000, 1024, 256, 80  # the course's settings, as voice_pipeline.settings.AUDIO has them


def alias(hz: float, rate: float) -> float:
    """Where a tone turns up: its distance to the nearest multiple of the rate."""
    return abs(hz - rate * round(hz / rate))


QUESTIONS = [
    Question(
        "alias-of-nine-thousand",
        concept="sampling and aliasing",
        text="A tone of 9,000 Hz is kept at 12,000 samples a second, without a filter. At how many Hz is it heard?",
        answer=Number(
            lambda: alias(9000, 12_000),
            "The nearest multiple of the rate is 12,000 Hz, and it is 3,000 Hz away.",
            wrong={
                "9000": "Half of 12,000 is 6,000 Hz; nothing above that can be written down.",
                "6000": "That is the Nyquist frequency. The tone is mirrored at it, to 6,000 - 3,000 Hz.",
            },
            unit="Hz",
        ),
    ),
    Question(
        "wrong-rate-in-the-header",
        concept="sampling and aliasing",
        text="A woman recorded at 24,000 Hz sounds like a slow, deep man. What happened?",
        answer=[
            Choice("The file says 16,000 Hz.", "Played at two thirds of its speed, everything is lower.", right=True),
            Choice("The file says 48,000 Hz.", "Then she would sound like a child in a hurry."),
            Choice("The file was aliased.", "Aliasing adds wrong tones; it does not change the speed."),
            Choice("The file has 8 bits.", "Fewer bits add noise, and leave pitch and speed alone."),
        ],
    ),
    Question(
        "bits-lost-by-a-quiet-recording",
        concept="quantisation",
        text="A 16-bit recording is 24 dB too quiet. How many of its bits does the speech use? (a whole number)",
        answer=Number(
            lambda: 16 - round(24 / (20 * math.log10(2))),
            "Each bit is 20 log10(2) = 6.02 dB, so 24 dB are 4 bits. 12 are left, and amplifying brings none back.",
            wrong={
                "16": "The file has 16 bits; the speech stays in the lower 12 of them.",
                "8": "That would be 48 dB. A bit is 6 dB, not 3.",
            },
        ),
    ),
    Question(
        "telephone-wav",
        concept="containers and codecs",
        text="A file called take.wav begins with 4 bytes of length and then `ftyp`. What is it?",
        answer=[
            Choice(
                "An MP4, usually with AAC inside.", "The suffix is only a name; these bytes are the file.", right=True
            ),
            Choice("A WAV with a damaged header.", "A WAV begins with RIFF. Nothing here is damaged."),
            Choice("A FLAC.", "A FLAC begins with fLaC."),
            Choice("Text.", "ftyp at byte 4 is the mark of MP4 and its family."),
        ],
    ),
    Question(
        "bytes-of-a-minute",
        concept="containers and codecs",
        text="How many bytes of samples has one minute of mono at 24,000 Hz and 16 bits?",
        answer=Number(
            lambda: 60 * RATE * 2,
            "60 s * 24,000 samples * 2 bytes = 2,880,000 bytes. FLAC needs about 60 % of it for speech.",
            wrong={
                "1440000": "That is the number of samples; each has two bytes.",
                "23040000": "That is bits. Eight of them are a byte.",
            },
            unit="bytes",
        ),
    ),
    Question(
        "half-the-amplitude",
        concept="levels and loudness",
        text="A waveform is multiplied by 0.25. By how many dB does its level change? (two decimals, with the sign)",
        answer=Number(
            lambda: 20 * math.log10(0.25),
            "20 log10(0.25) = -12.04 dB: twice -6.02.",
            wrong={
                "-6.02": "That is a quarter of the power, or half of the amplitude. For amplitudes the factor is 20.",
                "-4": "dB are a logarithm, not a ratio.",
            },
            tolerance=0.05,
            unit="dB",
        ),
    ),
    Question(
        "equally-loud",
        concept="levels and loudness",
        text="Twenty takes must sound equally loud. In some, somebody knocks on the table; some have long pauses.",
        answer=[
            Choice("Normalise by peak.", "The knock is the peak, and decides about the whole take."),
            Choice(
                "Normalise by RMS over the whole take.", "A long pause lowers the RMS, and its take becomes too loud."
            ),
            Choice("Normalise by LUFS.", "Its gates leave pauses out, and a knock is short.", right=True),
            Choice("Compress until all samples are near 1.", "That makes all of them loud, and clipped."),
        ],
    ),
    Question(
        "find-the-clipping",
        concept="clipping",
        text="The highest sample of a take is 0.4. How do you find out whether it is clipped?",
        answer=[
            Choice("It is not: 0.4 is far from 1.", "It may have been clipped while recording and turned down later."),
            Choice("Look for neighbours that stand still near 0.4.", "Flat tops stay flat at any volume.", right=True),
            Choice(
                "Normalise it to 1 and listen for crackling.",
                "You may hear it; a program cannot, and you have 500 takes.",
            ),
            Choice("Count the samples at 0.4.", "Every file has one at its peak. Three in a row is what matters."),
        ],
    ),
    Question(
        "frames-of-two-seconds",
        concept="frames and windows",
        text="How many centred frames has a clip of 2 s at 24,000 Hz with a hop of 256?",
        answer=Number(
            lambda: 1 + 2 * RATE // HOP,
            "1 + 48,000 // 256 = 188: frame n stands on sample 256 n, and sample 0 has a frame, too.",
            wrong={
                "187": "The frame on sample 0 is missing.",
                "184": "That is without centring: only whole windows inside the clip.",
                "46": "That is with a hop of a whole window.",
            },
        ),
    ),
    Question(
        "see-two-harmonics",
        concept="spectrograms",
        text="You want to see harmonics 100 Hz apart as separate lines. Which is the shortest window (at 24,000 Hz)?",
        answer=[
            Choice("128 samples (5 ms)", "Its frequencies are 188 Hz apart: all harmonics melt."),
            Choice(
                "256 samples (11 ms)", "94 Hz from one frequency to the next: two lines need a valley between them."
            ),
            Choice("1,024 samples (43 ms)", "23 Hz apart; script 02 told tones 55 Hz apart with it.", right=True),
            Choice("8,192 samples (341 ms)", "It can, but blurs several sounds into one. It is not the shortest."),
        ],
    ),
    Question(
        "distance-of-frequencies",
        concept="spectrograms",
        text="How many frequencies does the transform of a window of 1,024 samples give?",
        answer=Number(
            lambda: WINDOW // 2 + 1,
            "Half as many as samples, and one: from 0 Hz to 12,000 Hz, both counted.",
            wrong={
                "512": "0 Hz and the Nyquist frequency are both counted.",
                "1024": "The upper half mirrors the lower.",
            },
        ),
    ),
    Question(
        "dull-vocoder",
        concept="the mel scale",
        text="Your mels go into a vocoder from elsewhere, and noise comes out. Both have 80 bands. And now?",
        answer=[
            Choice("Train the vocoder longer.", "It was trained well, on something else."),
            Choice(
                "Shift your mels to the mean of its mels.", "A shift repairs a scale factor, and no other difference."
            ),
            Choice(
                "Compare every setting: scale, norm, range, power, logarithm, hop.",
                "Mels of the same shape differ by up to 4.6 nepers with one setting changed (script 03).",
                right=True,
            ),
            Choice("Use more bands.", "Then nothing fits at all."),
        ],
    ),
    Question(
        "louder-mfcc",
        concept="mfcc",
        text="A clip is made 10 dB louder. By how much does MFCC 0 change with 80 bands? (one decimal)",
        answer=Number(
            lambda: 10 * math.sqrt(BANDS),
            "All 80 levels rise by 10 dB; the first wave is constant, with the length 1: 10 * sqrt(80) = 89.4.",
            wrong={
                "10": "The transform has orthonormal waves, so a constant is multiplied by sqrt(80).",
                "800": "The sum of all changes; the first wave has values of 1 / sqrt(80), not 1.",
            },
            tolerance=0.1,
        ),
    ),
    Question(
        "upsampled-telephone",
        concept="resampling",
        text="A telephone recording of 8,000 Hz is resampled to 24,000 Hz with the best library. What is missing?",
        answer=[
            Choice("Nothing, the rate is right now.", "The rate is. What was never recorded is still not there."),
            Choice(
                "Everything above 4,000 Hz.",
                "Half of the old rate is the limit for ever; s and f are gone.",
                right=True,
            ),
            Choice("Everything above 8,000 Hz.", "8,000 is the rate; the highest frequency is half of it."),
            Choice("Two samples of three.", "They are computed, and rightly."),
        ],
    ),
    Question(
        "mix-at-twenty",
        concept="noise and snr",
        text="Speech has an RMS of 0.1, noise one of 1. By what must the noise be multiplied for an SNR of 20 dB?",
        answer=Number(
            lambda: 0.1 / 10 ** (20 / 20),
            "20 dB are a factor of 10 in amplitude: the noise must have an RMS of 0.01.",
            wrong={
                "0.1": "That makes them equally strong, 0 dB.",
                "0.001": "20 dB are a factor of 100 in power, and 10 in amplitude.",
            },
            tolerance=0.0005,
        ),
    ),
    Question(
        "precision-and-recall",
        concept="voice activity detection",
        text="Of 50 frames called speech, 40 are. 60 frames of speech there were. What is the recall? (two decimals)",
        answer=Number(
            lambda: 40 / 60,
            "40 of the 60 frames of speech were found: 0.67.",
            wrong={
                "0.8": "That is the precision: 40 of the 50 finds were right.",
                "0.73": "That is F1, the mean of both.",
            },
            tolerance=0.006,
        ),
    ),
    Question(
        "babble",
        concept="voice activity detection",
        text="With other people talking, Silero's precision falls to 0.65. What does that show?",
        answer=[
            Choice("That it is a bad detector.", "In hiss and clicks it was the best one."),
            Choice("That it detects speech, whoever speaks.", "Other people's speech is speech.", right=True),
            Choice("That its threshold is too low.", "It is sure of what it finds: those are voices."),
            Choice("That the labels are wrong.", "They say where the wanted speaker speaks, and that is right."),
        ],
    ),
    Question(
        "octave",
        concept="pitch",
        text="How many cents is a tracker off that says 110 Hz where the voice has 220 Hz?",
        answer=Number(
            lambda: 1200 * math.log2(220 / 110),
            "A factor of two is an octave: 12 semitones of 100 cents.",
            wrong={"110": "That is the difference in Hz.", "100": "That is one semitone, a factor of 1.059."},
            unit="cents",
        ),
    ),
    Question(
        "why-the-first-valley",
        concept="pitch",
        text="Why does YIN take the first deep valley and not the deepest?",
        answer=[
            Choice("It is quicker.", "It is, but that is not why."),
            Choice(
                "Two periods match as well as one.",
                "The deepest may be at two or three: an octave too low.",
                right=True,
            ),
            Choice("The deepest valley is at lag 0.", "The normalising step has removed that one."),
            Choice("High voices are more frequent.", "It says nothing about how frequent a pitch is."),
        ],
    ),
    Question(
        "denoised-and-proud",
        concept="denoising",
        text="After denoising, the ledger's SNR rises from 9.5 to 24.4 dB. How much better is the speech?",
        answer=[
            Choice("15 dB.", "The ledger looks into the pauses, and those are what a gate shuts."),
            Choice(
                "By less: the noise under the words is still there.",
                "Against the clean recording the gain was 6.9 dB, and 1.9 dB of the treble were lost.",
                right=True,
            ),
            Choice("It is worse.", "It gained 6.9 dB against the clean recording."),
            Choice("24 dB.", "That is the level that was measured, not the gain."),
        ],
    ),
    Question(
        "speed-and-speaker",
        concept="augmentation",
        text="Which augmentation must not keep the speaker's name in a data set of voices?",
        answer=[
            Choice("Room echo.", "The same person in another room."),
            Choice("A lower level.", "The same person farther away."),
            Choice("Faster by 10 %.", "Pitch and formants rise: it is another, smaller person.", right=True),
            Choice("Noise.", "The same person beside a fan."),
        ],
    ),
    Question(
        "length-after-speed",
        concept="augmentation",
        text="A clip of 3.3 s is played 1.1 times as fast. How many seconds does it last?",
        answer=Number(
            lambda: 3.3 / 1.1,
            "3.3 / 1.1 = 3.0 s.",
            wrong={
                "3.63": "Faster is shorter.",
                "2.97": "That is 10 % off the length; the speed is 10 % more, which is not the same.",
            },
            tolerance=0.005,
            unit="s",
        ),
    ),
    Question(
        "calibrated",
        concept="calibration",
        text="A classifier says 90 % on 200 recordings and is right on 150. What is its calibration error there?",
        answer=Number(
            lambda: 0.9 - 150 / 200,
            "It was right in 75 %, and said 90 %: 0.15 too sure.",
            wrong={"0.25": "That is the share of wrong answers.", "0.75": "That is how often it was right."},
            tolerance=0.005,
        ),
    ),
]
