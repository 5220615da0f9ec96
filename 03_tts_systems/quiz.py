"""The quiz of module 03: at least one question for each section of TTS_CONCEPTS_EXPLAINED.md.

Run it with `course quiz 03`; `course quiz 03 --due` asks again what was missed.
"""

import math

from coursekit.course.quiz import Choice, Number, Question

RATE, HOP, BANDS = 24_000, 256, 80  # the course's settings, as voice_pipeline.settings.AUDIO has them

QUESTIONS = [
    Question(
        "why-phonemes",
        concept="phonemes",
        text="You have 20 minutes of English speech to train on. Why give the model phonemes and not letters?",
        answer=[
            Choice("It need not learn spelling from so little.", "20 minutes hold few of its exceptions.", right=True),
            Choice("Phonemes are fewer than letters.", "There are 39 of them and 26 letters."),
            Choice("A model cannot read letters.", "It can, and with many hours of speech it does."),
            Choice("Phonemes say who speaks.", "They say what is said."),
        ],
    ),
    Question(
        "all-words-known",
        concept="pronunciation lexicon",
        text="A lexicon has 99 % of a text's words. What share of its 30-word sentences is known whole? (two decimals)",
        answer=Number(
            lambda: 0.99**30,
            "0.99 thirty times: 0.74. Every fourth sentence needs a guess.",
            wrong={"0.99": "That is one word.", "0.7": "30 * 1 % is 30 % only as a first guess; it overcounts."},
            tolerance=0.006,
        ),
    ),
    Question(
        "two-ways-of-read",
        concept="pronunciation lexicon",
        text='"I read it yesterday" comes out as "reed". The lexicon has both ways. What is missing?',
        answer=[
            Choice("A larger lexicon.", "The word is in it, twice."),
            Choice("A look at the sentence.", "The part of speech, or the tense, decides.", right=True),
            Choice("A letter-to-sound model.", "It sees the word alone, like the lexicon."),
            Choice("Stress.", "Both ways have one stressed vowel."),
        ],
    ),
    Question(
        "words-from-sounds",
        concept="letter-to-sound",
        text="Each sound of a word is right with 94 %. What share of words of 6 sounds is right? (two decimals)",
        answer=Number(
            lambda: 0.94**6,
            "0.94 to the power of 6 is 0.69.",
            wrong={"0.94": "That is one sound.", "0.64": "6 * 6 % is not how chances combine."},
            tolerance=0.006,
        ),
    ),
    Question(
        "unseen-words",
        concept="letter-to-sound",
        text="A letter-to-sound model has 0 % errors on the words it learned from. What does that show?",
        answer=[
            Choice("It is ready.", "With wide contexts it has stored them. New words decide."),
            Choice("Nothing yet.", "A lexicon has 0 % errors on its own words, too.", right=True),
            Choice("English is regular.", "Rules by hand get most words wrong."),
            Choice("It has too few contexts.", "It has enough to store every word."),
        ],
    ),
    Question(
        "frames-of-a-sentence",
        concept="two-stage synthesis",
        text="How many values has the mel of 4 s at 24,000 Hz? (80 bands, hop 256, 1 + samples // hop frames)",
        answer=Number(
            lambda: BANDS * (1 + 4 * RATE // HOP),
            "1 + 96,000 // 256 = 376 frames of 80 values: 30,080. The sound has 96,000.",
            wrong={
                "376": "That is the number of frames; each has 80 values.",
                "96000": "That is the number of samples.",
                "30000": "The frame at the very beginning counts, too.",
            },
        ),
    ),
    Question(
        "which-half",
        concept="two-stage synthesis",
        text="A real mel through your vocoder sounds as hoarse as your whole system. What do you improve?",
        answer=[
            Choice("The acoustic model.", "With a perfect mel it is as hoarse, so it is not to blame."),
            Choice("The vocoder.", "Copy synthesis leaves only the vocoder to blame.", right=True),
            Choice("The phonemes.", "They decide what is said, not how hoarse."),
            Choice("The recordings' texts.", "They are not used at all in this test."),
        ],
    ),
    Question(
        "what-is-kept",
        concept="griffin-lim",
        text="In a round of Griffin-Lim, what is taken from the new spectrogram, and what is not?",
        answer=[
            Choice("Its phases; the magnitudes are put back.", "The phases fit each other now.", right=True),
            Choice("Its magnitudes; the phases are put back.", "Then nothing would ever change."),
            Choice("Both.", "The magnitudes would drift away from the wanted ones."),
            Choice("Neither.", "Then nothing would be gained by the way there and back."),
        ],
    ),
    Question(
        "convergence-of-silence",
        concept="griffin-lim",
        text="Spectral convergence is | |STFT(x)| - S | / |S|. What is it for x = silence?",
        answer=Number(
            lambda: math.sqrt(sum((0 - s) ** 2 for s in (1, 2, 3))) / math.sqrt(sum(s**2 for s in (1, 2, 3))),
            "The difference is all of S, so 1. Noise with random phases may be worse than silence.",
            wrong={"0": "That is for a waveform with exactly these magnitudes."},
        ),
    ),
    Question(
        "told-the-pitch",
        concept="neural vocoder",
        text="Why is the capstone's vocoder given the pitch besides the mel?",
        answer=[
            Choice("To speak louder.", "Loudness is in the mel."),
            Choice("To know the speaker.", "Who speaks is decided before, in the mel."),
            Choice(
                "So that it need not guess where the harmonics are.", "Bands are too wide to show them.", right=True
            ),
            Choice("To save memory.", "It is one number more a frame."),
        ],
    ),
    Question(
        "harmonics-below-nyquist",
        concept="neural vocoder",
        text="A train of pulses at 200 Hz has all harmonics below 12,000 Hz, and that one included. How many?",
        answer=Number(
            lambda: RATE // 2 // 200,
            "12,000 / 200 = 60.",
            wrong={"120": "Half of the sample rate is the limit.", "59": "The one at 12,000 Hz is included here."},
        ),
    ),
    Question(
        "decoder-steps",
        concept="autoregression",
        text="240 frames are made with a reduction factor of 5. How many decoder steps are that?",
        answer=Number(
            lambda: 240 / 5,
            "Five frames a step: 48.",
            wrong={"240": "That is a factor of 1.", "1200": "More frames a step are fewer steps."},
        ),
    ),
    Question(
        "good-loss-bad-speech",
        concept="autoregression",
        text="The training loss of a Tacotron is low. Speaking alone, it babbles. Why?",
        answer=[
            Choice("It is over-fitted.", "It babbles on training texts, too."),
            Choice("In training it saw true frames, now its own.", "One slip leads to the next.", right=True),
            Choice("The vocoder is broken.", "The mel itself is babble; look at it."),
            Choice("The learning rate was too low.", "The loss is low, so it has learned what it was asked."),
        ],
    ),
    Question(
        "flat-attention",
        concept="attention",
        text="Attention is equal over 20 letters at every step. How large is each weight?",
        answer=Number(
            lambda: 1 / 20,
            "Weights sum to 1: 0.05 each, and the decoder only gets the mean of all letters.",
            wrong={"1": "All of them together are 1.", "20": "A weight is at most 1."},
        ),
    ),
    Question(
        "why-no-diagonal",
        concept="attention",
        text="Why did the Tacotron without guidance not learn to look, though its loss fell?",
        answer=[
            Choice("Its learning rate was wrong.", "With the same rate the guided one learned."),
            Choice("It copied: the last frame says most of the next.", "Looking at the text gains little.", right=True),
            Choice("It had too few weights.", "It has as many as the guided one."),
            Choice("The texts were too short.", "They were the same texts."),
        ],
    ),
    Question(
        "cost-in-the-middle",
        concept="guided attention",
        text="Half way through the text, 70 % through the speech, width 0.2: what is the cost? (two decimals)",
        answer=Number(
            lambda: 1 - math.exp(-(0.2**2) / (2 * 0.2**2)),
            "The distance is one width: 1 - exp(-1/2) = 0.39.",
            wrong={"0.61": "That is exp(-1/2), the part that is free.", "0.2": "That is the distance."},
            tolerance=0.006,
        ),
    ),
    Question(
        "no-skipping",
        concept="durations",
        text="Why can a model with durations not skip a word?",
        answer=[
            Choice("It was trained longer.", "It was trained for as long, and is smaller."),
            Choice("Every sound gets at least one frame, in order.", "There is nothing that jumps.", right=True),
            Choice("It uses guided attention.", "It uses none when it speaks."),
            Choice("Its texts are shorter.", "Script 05 gave both ten digits."),
        ],
    ),
    Question(
        "frames-at-speed",
        concept="durations",
        text="Durations 4, 1 and 7 at speed 2, each rounded half to even and at least 1: how many frames together?",
        answer=Number(
            lambda: sum(max(1, round(d / 2)) for d in (4, 1, 7)),
            "2, then 0.5 becomes 0 and is lifted to 1, then 3.5 becomes 4: together 7.",
            wrong={"6": "12 / 2, but each sound is rounded, and none gets lost.", "24": "Twice as fast is shorter."},
        ),
    ),
    Question(
        "how-far-between",
        concept="speaker embedding",
        text="Others reach 0.55, the person 0.90, a clone 0.76. What share of the way is that? (one decimal)",
        answer=Number(
            lambda: (0.76 - 0.55) / (0.90 - 0.55),
            "0.21 of 0.35: 0.6.",
            wrong={"0.8": "0.76 / 0.90 forgets that others are at 0.55, not at 0.", "0.2": "That is 0.76 - 0.55."},
            tolerance=0.05,
        ),
    ),
    Question(
        "like-everybody",
        concept="zero-shot cloning",
        text="All clones are 0.74 like their person and 0.73 like the others. What do you say?",
        answer=[
            Choice("Good clones.", "They are like everybody; 0.01 tells nobody apart."),
            Choice("The encoder is broken.", "It tells recordings of people apart, script 06 shows it."),
            Choice("One voice for all.", "The rank of the right person would be near chance.", right=True),
            Choice("Too few people.", "More people would not change 0.74 and 0.73."),
        ],
    ),
    Question(
        "what-is-cloned",
        concept="zero-shot cloning",
        text="A reference was recorded in a bathroom. What is likely?",
        answer=[
            Choice("The clone sounds of the bathroom.", "Room and voice are one in the recording.", right=True),
            Choice("Nothing, the encoder only hears the voice.", "It was never told which part is the voice."),
            Choice("The clone sings.", "It says the text it is given."),
            Choice("The model refuses.", "It takes any sound for a voice, which is why checks come first."),
        ],
    ),
    Question(
        "nobody-in-it",
        concept="formant synthesis",
        text="Why can espeak-ng not clone you?",
        answer=[
            Choice("Its licence forbids it.", "The GPL forbids no use."),
            Choice("Rules move its resonances; there is no speaker in it.", "Nothing was learned.", right=True),
            Choice("It is too slow.", "It is the quickest of all."),
            Choice("It has no English.", "It has a hundred languages."),
        ],
    ),
    Question(
        "wer-in-words",
        concept="judging a voice",
        text="10 words were to be said; one was heard wrong, one not at all, and two extra ones. Word error rate?",
        answer=Number(
            lambda: (1 + 1 + 2) / 10,
            "4 errors over 10 words that were to be said: 0.4.",
            wrong={"0.2": "Extra words are errors, too.", "0.33": "Divide by the words that were to be said, 10."},
            tolerance=0.005,
        ),
    ),
    Question(
        "rtf",
        concept="judging a voice",
        text="An engine takes 3 s for 12 s of speech. What is its real-time factor?",
        answer=Number(
            lambda: 3 / 12,
            "Seconds of computing for a second of speech: 0.25.",
            wrong={"4": "That is how many times faster than real time it is."},
        ),
    ),
    Question(
        "sell-the-book",
        concept="model licences",
        text="Which of these may narrate a book that you sell?",
        answer=[
            Choice("YourTTS, CC BY-NC-ND 4.0.", "NC: not for money."),
            Choice("XTTS-v2, CPML.", "Not for money either, and that covers what it says."),
            Choice("VITS, Apache-2.0.", "For every use, if you keep the notice.", right=True),
            Choice("Any, for a voice of your own.", "Your voice is yours; the weights are not."),
        ],
    ),
]
