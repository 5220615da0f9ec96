"""The quiz of module 07: at least one question for each section of DATA_CONCEPTS_EXPLAINED.md.

Run it with `course quiz 07`; `course quiz 07 --due` asks again what was missed.
"""

from coursekit.course.quiz import Choice, Number, Question

RATE = 24_000  # Hz, as voice_pipeline.settings.AUDIO has it
LETTERS_A_SECOND = 15  # read English, as voice_pipeline.prompts has it


def robust_distance(values: list[float], x: float) -> float:
    """Distance of x from the median in units of 1.4826 MAD."""
    import statistics

    middle = statistics.median(values)
    return abs(x - middle) / (1.4826 * statistics.median(abs(value - middle) for value in values))


QUESTIONS = [
    Question(
        "expected-seconds",
        concept="prompts",
        text="How many seconds should a reader need for a sentence of 90 letters, at 15 letters a second?",
        answer=Number(
            lambda: 90 / LETTERS_A_SECOND,
            "90 / 15 = 6 s.",
            wrong={
                "1350": "Divide by the rate; a rate times letters is no time.",
                "0.17": "That is the other way round.",
            },
            unit="s",
        ),
    ),
    Question(
        "why-read",
        concept="prompts",
        text="Why does one read sentences from a list instead of talking freely?",
        answer=[
            Choice(
                "The text is known before the sound.",
                "Writing down what was said takes five times as long.",
                right=True,
            ),
            Choice("Reading sounds more natural.", "It sounds less natural; that is what it costs."),
            Choice("Nobody makes slips while reading.", "Everybody does; but one sees at once that it was one."),
            Choice("Short sentences train faster.", "They do, and prompts may be long as well."),
        ],
    ),
    Question(
        "rate-of-a-take",
        concept="takes",
        text="A take holds 2 s of speech, its sentence has 84 letters. What do you tell the speaker?",
        answer=[
            Choice("Good, go on.", "42 letters a second: nobody speaks like that. Part of it is missing."),
            Choice("Read all of it.", "42 letters a second; the fastest reader of the tests had 23.", right=True),
            Choice("Turn the level down.", "Nothing says that it was too loud."),
            Choice("Read it more quickly.", "It is too quick already, or cut off."),
        ],
    ),
    Question(
        "when-to-check",
        concept="takes",
        text="When is the best moment to find out that a take is clipped?",
        answer=[
            Choice("While the speaker is still there.", "Ten seconds, and the same room and voice.", right=True),
            Choice("Before the training.", "The speaker is at home, and the microphone elsewhere."),
            Choice("In the evaluation.", "Then the voice has learnt to crackle, and nobody knows why."),
            Choice("Never; it can be repaired.", "What was cut off was never recorded."),
        ],
    ),
    Question(
        "pieces-of-a-reader",
        concept="slicing",
        text="20 sentences give 45 pieces, most of them 1 to 2 s long. What do you change first?",
        answer=[
            Choice("A longer minimal pause.", "The sentences were cut at their commas.", right=True),
            Choice("A shorter minimal pause.", "Then there are more pieces still."),
            Choice("A lower threshold for speech.", "It joins a little, and lets noise in as speech."),
            Choice("Nothing; short clips are good.", "Without their neighbours they have no melody."),
        ],
    ),
    Question(
        "merged-pieces",
        concept="slicing",
        text="Speech from 0 to 2, 2.3 to 4, 4.6 to 6 and 8 to 9 s. How many pieces with a minimal pause of 0.5 s?",
        answer=Number(
            lambda: 1 + sum(gap >= 0.5 for gap in (0.3, 0.6, 2.0)),
            "The pauses are 0.3, 0.6 and 2.0 s. Two of them are long enough: three pieces.",
            wrong={"2": "0.6 s is longer than 0.5.", "4": "The pause of 0.3 s is too short: two stretches become one."},
        ),
    ),
    Question(
        "false-start",
        concept="alignment",
        text="A speaker repeats sentence 3 of 20. The pieces are given their texts by order. How many can be right?",
        answer=Number(
            lambda: 3,
            "Sentences 1 and 2, and one of the takes of sentence 3. Everything behind it is one off.",
            wrong={"19": "One slip moves all that follow, not one.", "20": "There are 21 pieces for 20 texts."},
        ),
    ),
    Question(
        "cells-of-the-table",
        concept="alignment",
        text="How many cells has the table `best` for 12 pieces and 9 sentences, the empty row and column included?",
        answer=Number(
            lambda: 13 * 10,
            "(12 + 1) * (9 + 1) = 130: also none of the pieces and none of the sentences need a cell.",
            wrong={"108": "The row and the column for nothing are missing.", "21": "That is the sum of both lists."},
        ),
    ),
    Question(
        "wer-of-a-pair",
        concept="word error rate",
        text='Said: "the night was dark and cold". Heard: "night was dark and very cool". WER? (two decimals)',
        answer=Number(
            lambda: 3 / 6,
            "One deletion (the), one insertion (very), one substitution (cold, cool): 3 of 6 words, 0.50.",
            wrong={
                "1": "Compared place by place everything is wrong; the cheapest way counts.",
                "0.33": "A word too many is an error, too.",
            },
            tolerance=0.005,
        ),
    ),
    Question(
        "pooled",
        concept="word error rate",
        text="Clip 1: 1 error in 2 words. Clip 2: 1 error in 18 words. The WER of both together? (two decimals)",
        answer=Number(
            lambda: 2 / 20,
            "2 errors in 20 words: 0.10.",
            wrong={"0.28": "That is the mean of the rates; the short clip counts nine times too much."},
            tolerance=0.004,
        ),
    ),
    Question(
        "why-sounds",
        concept="verification",
        text="Why are sounds compared and not words, to find out whether a clip says its text?",
        answer=[
            Choice("Sounds are quicker to compare.", "They are more, so it is slower."),
            Choice(
                "A small recogniser gets many words wrong and most sounds right.",
                "The gap between right and wrong pairs is wider.",
                right=True,
            ),
            Choice("Texts have no words.", "They have; but a word that is nearly right counts as wrong."),
            Choice("A voice speaks no words.", "It does. The recogniser is what is weak here."),
        ],
    ),
    Question(
        "books",
        concept="the clip ledger",
        text="200 files given. 180 clips trained, 15 rejected with a reason. What is wrong?",
        answer=[
            Choice("Nothing; some always get lost.", "None may. A loss without a reason cannot be repaired."),
            Choice(
                "5 files are not accounted for.", "Given = accepted + rejected, or the program has a fault.", right=True
            ),
            Choice("The limits are too strict.", "The rejected ones have their reasons; the lost ones have none."),
            Choice("15 is too few.", "That depends on the recordings."),
        ],
    ),
    Question(
        "consequences",
        concept="the clip ledger",
        text="A muted microphone: silent, no speech, too short, noisy. What should the person be told?",
        answer=[
            Choice("All four.", "Three of them follow from the first, and hide it."),
            Choice("That it was silent.", "It is the cause; with it the others go.", right=True),
            Choice("That it was too short.", "Then they speak longer into a muted microphone."),
            Choice("Nothing; reject it.", "Then it is not recorded again."),
        ],
    ),
    Question(
        "where-the-limit",
        concept="limits",
        text="Good clips have an SNR of 14 dB or more, noisy ones 7 dB or less. Which limit loses none and keeps none?",
        answer=[
            Choice("5 dB", "It lets the noisy ones at 6 and 7 dB through."),
            Choice("9 dB", "In the gap, and nearer to the bad ones: good clips from other rooms are safe.", right=True),
            Choice("16 dB", "It loses good clips."),
            Choice("30 dB", "It loses most good clips."),
        ],
    ),
    Question(
        "not-csv",
        concept="manifests",
        text="A manifest of 500 lines is read with `csv.reader(file, delimiter='|')` and gives 431 rows. Why?",
        answer=[
            Choice(
                "Texts that begin with a quotation mark.",
                "Up to the next one, lines are taken for one cell.",
                right=True,
            ),
            Choice("Duplicates were removed.", "The module compares nothing."),
            Choice("Lines that are too long.", "There is a limit of 131,072 characters, and it raises an error."),
            Choice("Umlauts.", "A wrong encoding gives wrong letters or an error, not fewer rows."),
        ],
    ),
    Question(
        "column-of-lengths",
        concept="columnar data sets",
        text="A million clips, each with a length of 4 bytes. How many MB must be read for the total length?",
        answer=Number(
            lambda: 1_000_000 * 4 / 1e6,
            "Only the column of lengths: 4 MB. The sound, hundreds of GB, is not touched.",
            wrong={"240000": "That is all of the sound. The column alone is enough."},
            unit="MB",
        ),
    ),
    Question(
        "status-200",
        concept="downloads",
        text="You ask for `Range: bytes=700-` and get status 200. What are the bytes that come?",
        answer=[
            Choice("The rest, from byte 700.", "That would be 206."),
            Choice("The whole file.", "The server ignored the Range. Replace, do not append.", right=True),
            Choice("An error page.", "An error has a status of 400 or more."),
            Choice("Nothing.", "200 comes with a body."),
        ],
    ),
    Question(
        "after-the-last-byte",
        concept="downloads",
        text="All bytes have come and the size fits. Is the download done?",
        answer=[
            Choice("Yes.", "Damaged bytes do not change the size."),
            Choice("When its SHA-256 is the published one.", "Only that says that it is the file.", right=True),
            Choice("When it can be unpacked.", "A damaged sample unpacks well and crackles."),
            Choice("When it was downloaded twice.", "Both may come from the same bad copy."),
        ],
    ),
    Question(
        "which-text",
        concept="libritts",
        text="Which of LibriTTS's texts is a voice trained on?",
        answer=[
            Choice(".original.txt", "It has figures and abbreviations, as the book prints them."),
            Choice(".normalized.txt", "As it is spoken: numbers in words.", right=True),
            Choice("speakers.tsv", "That says who reads."),
            Choice("Both, in turn.", "Then figures would be spoken once so and once so."),
        ],
    ),
    Question(
        "two-heaps",
        concept="data statistics",
        text="The mean speaking rate is 15, and no clip is near it. What does the histogram look like?",
        answer=[
            Choice("Flat.", "Then many clips would be near 15."),
            Choice("Two heaps.", "One at 10 and one at 20: two readers, or two moods.", right=True),
            Choice("One heap at 15.", "Then clips would be near it."),
            Choice("One can't know.", "One can: where the mean is empty, something lies on both sides."),
        ],
    ),
    Question(
        "mad",
        concept="outliers",
        text="Lengths 4, 5, 5, 6 and 15 s. How many robust units is 15 from the median? (one decimal)",
        answer=Number(
            lambda: robust_distance([4, 5, 5, 6, 15], 15),
            "The median is 5; the distances 1, 0, 0, 1, 10 have the median 1. 10 / 1.4826 = 6.7.",
            wrong={
                "10": "The unit is 1.4826 MAD, not MAD.",
                "2": "That is by the standard deviation, which 15 has widened.",
            },
            tolerance=0.06,
        ),
    ),
    Question(
        "greedy",
        concept="phoneme coverage",
        text="Which sentence does greedy set cover take next?",
        answer=[
            Choice("The one with most sounds.", "They may all be covered already."),
            Choice("The one with the rarest sound.", "One rare sound may come with nothing else that is new."),
            Choice("The one that brings most that is new.", "Counted against what is covered so far.", right=True),
            Choice("The shortest.", "It is cheap and brings little."),
        ],
    ),
    Question(
        "too-good",
        concept="leakage",
        text="Accents are recognised with 99 %, on 40 clips each of 30 people, split at random. What was measured?",
        answer=[
            Choice("How well accents are recognised.", "The same people are on both sides."),
            Choice("How well 30 people are recognised.", "And each person has one accent.", right=True),
            Choice("The noise of the rooms.", "That, too, perhaps; but the person is enough."),
            Choice("Nothing; 30 people are too few.", "They are few; that alone gives no 99 %."),
        ],
    ),
    Question(
        "order-of-augmentation",
        concept="leakage",
        text="Each clip gets three noisy copies, then everything is split at random. What is wrong?",
        answer=[
            Choice("Noise must not be added at all.", "It may, to training clips."),
            Choice(
                "Copies of a clip stand on both sides.", "Split first, then augment the training clips.", right=True
            ),
            Choice("Three copies are too few.", "The number does not matter here."),
            Choice("Nothing, the noise is random.", "What is under it is the same."),
        ],
    ),
    Question(
        "groups-of-clips",
        concept="grouped splits",
        text="Clips 1 and 2 share a recording, 2 and 5 a text, 3 and 4 a recording; 6 is alone. How many groups?",
        answer=Number(
            lambda: 3,
            "{1, 2, 5}, {3, 4} and {6}: it chains.",
            wrong={"4": "Clip 5 belongs to 1 as well, through clip 2.", "6": "Those are the clips."},
        ),
    ),
    Question(
        "hash-of-a-name",
        concept="grouped splits",
        text="Groups are held out where `hash(name) % 4 == 0`. What happens tomorrow?",
        answer=[
            Choice("The same split.", "Only within one process; texts are hashed with a new salt each time."),
            Choice("Another split.", "Python salts the hash of a text in each process.", right=True),
            Choice("An error.", "It runs, which is what makes it bad."),
            Choice("No group is held out.", "About a quarter is, but others."),
        ],
    ),
]
