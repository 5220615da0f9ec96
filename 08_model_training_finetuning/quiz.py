"""The quiz of module 08: at least one question for each section of TRAINING_CONCEPTS_EXPLAINED.md.

Run it with `course quiz 08`; `course quiz 08 --due` asks again what was missed.
"""

import math

from coursekit.course.quiz import Choice, Number, Question

QUESTIONS = [
    Question(
        "first-loss",
        concept="training from nothing",
        text="A network with random weights tells 30 words apart. What is its first cross-entropy? (two decimals)",
        answer=Number(
            lambda: math.log(30),
            "Knowing nothing means 1/30 for each word: -log(1/30) = 3.40. A first loss far above that is a fault.",
            wrong={
                "0.97": "Chance is wrong 29 times of 30, but the loss is a logarithm of a probability.",
                "30": "The loss is -log(1/30), not the number of words.",
            },
            tolerance=0.02,
        ),
    ),
    Question(
        "which-part-is-new",
        concept="transfer learning",
        text="A network for thirty words is to learn ten digits. Which of its weights cannot be used?",
        answer=[
            Choice("Those of the head.", "It has an output for each word; the digits need ten others.", right=True),
            Choice("Those of the first layer.", "It sees mels as before. It is what transfers best."),
            Choice("All biases.", "Biases are weights like the others."),
            Choice("None can be used.", "Then it would be a training from nothing."),
        ],
    ),
    Question(
        "weights-when-frozen",
        concept="transfer learning",
        text="The frozen body gives 128 numbers a clip. How many weights does a new head for 10 digits train?",
        answer=Number(
            lambda: 128 * 10 + 10,
            "A weight for every pair of number and digit, and a bias for each digit: 1,290.",
            wrong={"1280": "The ten biases are missing.", "138": "Each digit weighs all 128 numbers."},
        ),
    ),
    Question(
        "rate-of-fine-tuning",
        concept="fine-tuning",
        text="Trained from nothing with a rate of 2e-3. Which rate would you try first for fine-tuning all weights?",
        answer=[
            Choice("2e-2", "Ten times larger steps throw away what the weights know."),
            Choice("2e-3", "It can work on a small network, but the first steps disturb more than they teach."),
            Choice("1e-4 to 1e-3", "Smaller steps: most of the way has been walked already.", right=True),
            Choice("1e-8", "Then nothing happens in the steps you can afford."),
        ],
    ),
    Question(
        "words-fall-apart",
        concept="catastrophic forgetting",
        text="After 100 steps on fifteen clips, a voice sounds more like its speaker, and its words fall apart. Why?",
        answer=[
            Choice("The clips are too loud.", "Loudness is normalised, and it would not harm the words."),
            Choice(
                "Fifteen clips hold few of a language's sound sequences.",
                "The others are forgotten, because nothing asks for them. Replay asks for them.",
                right=True,
            ),
            Choice("The learning rate is too small.", "Then the voice would not have changed."),
            Choice("The vocoder has forgotten.", "It is not trained here."),
        ],
    ),
    Question(
        "finder-factor",
        concept="learning-rate finder",
        text="A finder goes from 1e-5 to 1 in 100 equal factors (101 rates). What is one factor? (2 decimals)",
        answer=Number(
            lambda: (1 / 1e-5) ** (1 / 100),
            "The hundredth root of 100,000: 1.12.",
            wrong={"0.01": "Equal sums would spend 99 of 100 steps above 0.01.", "1.05": "1.05^100 is only 131."},
            tolerance=0.006,
        ),
    ),
    Question(
        "read-the-finder",
        concept="learning-rate finder",
        text="A finder: steepest fall at 3e-3, lowest loss at 3e-2, explosion at 1e-1. Which rate do you take?",
        answer=[
            Choice("1e-1", "There it explodes."),
            Choice("3e-2", "Where it is lowest it is about to rise: too close to the edge."),
            Choice("about 3e-3", "The steepest fall, a tenth of the lowest: both readings say so.", right=True),
            Choice("1e-5", "There nothing has begun to move."),
        ],
    ),
    Question(
        "cosine-at-a-quarter",
        concept="schedules",
        text="Half a cosine from 1 to 0 over 100 steps. Which share of the peak is left at step 25? (two decimals)",
        answer=Number(
            lambda: 0.5 * (1 + math.cos(math.pi * 0.25)),
            "0.5 * (1 + cos(pi / 4)) = 0.85: it falls slowly at first.",
            wrong={"0.75": "That is a straight line.", "0.71": "That is cos(pi / 4), without being moved to 0..1."},
            tolerance=0.006,
        ),
    ),
    Question(
        "why-warm-up",
        concept="warm-up",
        text="What does warm-up protect from?",
        answer=[
            Choice("From a cold GPU.", "No temperature is meant."),
            Choice(
                "From large steps in directions that are still noise.",
                "At first the gradients are large and Adam's means rest on a few batches.",
                right=True,
            ),
            Choice("From over-fitting.", "That comes at the end of a training, not at its start."),
            Choice("From clips that are too long.", "Sorting by length does that."),
        ],
    ),
    Question(
        "checkpoint-size",
        concept="checkpoints",
        text="10 MB of float32 weights, trained with Adam. How large is a checkpoint that can be resumed? (MB)",
        answer=Number(
            lambda: 10 * 3,
            "The weights, and for each weight Adam's two running means: three times 10 MB.",
            wrong={
                "10": "That is enough to speak, not to go on training.",
                "20": "Adam keeps two means of each weight.",
            },
            unit="MB",
        ),
    ),
    Question(
        "killed-while-writing",
        concept="checkpoints",
        text="The process is killed while it writes checkpoint.pt. How is a whole checkpoint left all the same?",
        answer=[
            Choice("Write it more often.", "Then a kill hits a write more often."),
            Choice(
                "Write under another name, then rename.",
                "Renaming is one act: the old file or the new one, never a half.",
                right=True,
            ),
            Choice("Catch the exception.", "A kill or a power cut raises none."),
            Choice("Make it smaller.", "A half of something small is a half."),
        ],
    ),
    Question(
        "resumed-and-different",
        concept="reproducibility",
        text="A resumed run has the right first loss, and differs from the second on. What was forgotten?",
        answer=[
            Choice("The weights.", "Then the first loss would be wrong already."),
            Choice(
                "The optimizer's memory.", "Its means change the update, and so the loss of the next step.", right=True
            ),
            Choice("The log file.", "It has no influence on the training."),
            Choice("Nothing, that is rounding.", "On the same machine the losses are the same to the last bit."),
        ],
    ),
    Question(
        "patience-of-three",
        concept="early stopping",
        text="Losses at looks 1, 2, ...: 0.9, 0.7, 0.6, 0.65, 0.62, 0.61, 0.5. Patience 3. Which look is the last?",
        answer=Number(
            lambda: 6,
            "The best is look 3. Looks 4, 5 and 6 are three in a row without a new best. Look 7 never happens.",
            wrong={
                "3": "That is the look whose weights are kept.",
                "7": "At look 6 three looks have passed without a new best.",
            },
        ),
    ),
    Question(
        "who-judges",
        concept="early stopping",
        text="The step to stop at was chosen by the test set's lowest loss. May that loss be reported?",
        answer=[
            Choice("Nothing, it was measured.", "It was chosen because it was low: partly by luck."),
            Choice(
                "It is too low: the test has chosen it.", "Choose by validation clips, judge by others.", right=True
            ),
            Choice("It is too high.", "A choice by the lowest value errs to the low side."),
            Choice("Losses may not be reported.", "They may, when nothing was chosen by them."),
        ],
    ),
    Question(
        "sum-in-bf16",
        concept="mixed precision",
        text="bfloat16 has 8 significant bits. Which number comes next after 32? (two decimals)",
        answer=Number(
            lambda: 32 * (1 + 2**-7),
            "The step above 1 is 1/128; above 32 it is 32/128 = 0.25: 32.25. Adding 0.1 to 32 changes nothing.",
            wrong={
                "32.13": "8 bits, the leading 1 among them: the step above 1 is 1/128, not 1/256.",
                "33": "Steps of 0.25.",
            },
            tolerance=0.004,
        ),
    ),
    Question(
        "why-scale-the-loss",
        concept="mixed precision",
        text="Why is the loss multiplied by a large number with float16, and not with bfloat16?",
        answer=[
            Choice(
                "bfloat16 has as many exponents as float32.", "Small gradients survive in it as they are.", right=True
            ),
            Choice("bfloat16 is more exact.", "It has fewer digits than float16, not more."),
            Choice("float16 is quicker.", "Speed has nothing to do with it."),
            Choice("To raise the learning rate.", "The gradients are divided again before the update."),
        ],
    ),
    Question(
        "short-last-part",
        concept="gradient accumulation",
        text="60 clips in parts of 16, 16, 16 and 12. By what is the last part's mean loss multiplied? (one decimal)",
        answer=Number(
            lambda: 12 / 60,
            "By its share of the clips: 12 of 60.",
            wrong={
                "0.25": "A quarter would count its clips a third more than the others.",
                "1": "Then the step is too large.",
            },
            tolerance=0.001,
        ),
    ),
    Question(
        "clip-three-four",
        concept="gradient clipping",
        text="The gradient is (30, 40), the longest allowed is 5. What is its second number after clipping?",
        answer=Number(
            lambda: 40 * 5 / math.hypot(30, 40),
            "Its length is 50, so everything is divided by 10: (3, 4). The direction stays.",
            wrong={"5": "Cutting each number off at 5 would turn the direction.", "40": "50 is longer than 5."},
        ),
    ),
    Question(
        "lora-numbers",
        concept="lora",
        text="A layer has 512 inputs and 512 outputs. How many weights does LoRA of rank 8 train beside it?",
        answer=Number(
            lambda: 8 * (512 + 512),
            "A is [8, 512] and B is [512, 8]: 8,192, a thirty-second part of 262,144.",
            wrong={"4096": "That is one of the two matrices.", "262144": "That is the frozen layer."},
        ),
    ),
    Question(
        "why-is-b-zero",
        concept="lora",
        text="Why does B begin at zero, and A not?",
        answer=[
            Choice(
                "At first nothing is changed, and yet B gets a gradient.",
                "B's gradient needs A x, which is not 0. With both at zero, neither would ever move.",
                right=True,
            ),
            Choice("It saves memory.", "Zeros take as much room as other numbers."),
            Choice("B is frozen.", "Both are trained; only W is frozen."),
            Choice(
                "With A at zero instead, nothing would ever be learnt.",
                "It would: A's gradient needs B, which is not 0 then. One of the two has to be zero.",
            ),
        ],
    ),
    Question(
        "grid-of-rates",
        concept="hyperparameter search",
        text="27 trainings on a grid: three settings, three values each. How many learning rates were tried?",
        answer=Number(
            lambda: 3,
            "Three. 27 random trainings would have tried 27, for the same price.",
            wrong={"27": "Nine trainings share each rate.", "9": "That is how often each rate was tried."},
        ),
    ),
    Question(
        "the-winner",
        concept="hyperparameter search",
        text="The best of 50 random settings has a validation loss of 0.30. And when it is trained again?",
        answer=[
            Choice("0.30", "It was the luckiest of fifty as well as a good one."),
            Choice(
                "Somewhat more than 0.30",
                "Part of being the lowest of fifty is luck, and luck does not repeat.",
                right=True,
            ),
            Choice("Less than 0.30", "It was chosen for being low."),
            Choice("The mean of all fifty", "It is better than most, too."),
        ],
    ),
    Question(
        "batch-of-all",
        concept="data parallel training",
        text="4 processes, 8 clips each in a step. Which batch size has one process that computes the same update?",
        answer=Number(
            lambda: 4 * 8,
            "The mean of four means of 8 clips is the mean of 32 clips.",
            wrong={"8": "That is the part of one process.", "2": "Processes add clips, they do not divide them."},
        ),
    ),
    Question(
        "two-halves-of-a-truth",
        concept="data parallel training",
        text="Two processes train for an hour; their weights differ at the end. What does that tell?",
        answer=[
            Choice("Nothing, chance differs in each.", "After an averaged update all have the same weights, always."),
            Choice("Their gradients were not averaged.", "You have two half-trained models, and save one.", right=True),
            Choice("One of them is broken.", "Both do what a lone training does."),
            Choice("The batch is too small.", "Its size changes both alike."),
        ],
    ),
]
