"""The quiz of module 09: at least one question for each section of GENERATIVE_CONCEPTS_EXPLAINED.md.

Run it with `course quiz 09`; `course quiz 09 --due` asks again what was missed.
"""

import math

from coursekit.course.quiz import Choice, Number, Question

QUESTIONS = [
    Question(
        "how-narrow-is-the-neck",
        concept="autoencoders",
        text="An autoencoder squeezes pictures of 16x16 pixels through 12 numbers. How many pixels are there for each?",
        answer=Number(
            lambda: 16 * 16 / 12,
            "256 pixels for 12 numbers: 21.3 for each. Script 01 copies digits through that neck.",
            wrong={
                "1.33": "16 / 12 forgets that a picture has two sides.",
                "0.047": "That is the other way round: numbers for each pixel.",
            },
            tolerance=0.05,
        ),
    ),
    Question(
        "why-not-draw-from-it",
        concept="latent space",
        text="Why do random codes give poor pictures from an autoencoder, even with the codes' spread?",
        answer=[
            Choice(
                "The decoder saw only the places where codes lay; between them nothing was asked of it.",
                "A VAE's noise makes the decoder learn whole clouds, and they fill the space.",
                right=True,
            ),
            Choice("The decoder is too small.", "It copies digits well; size is not what is missing."),
            Choice("Random codes have too few numbers.", "They have as many as real codes."),
            Choice("Tanh cannot make pictures.", "The same Tanh makes the VAE's pictures."),
        ],  # fmt: skip
    ),
    Question(
        "kl-of-one-number",
        concept="the variational autoencoder",
        text="One number of a code has mean 1 and variance 1. How many nats is its KL from the standard normal?",
        answer=Number(
            lambda: 0.5 * (1**2 + 1 - 1 - math.log(1)),
            "0.5 * (mean^2 + variance - 1 - log(variance)) = 0.5 * (1 + 1 - 1 - 0).",
            wrong={"0": "It is 0 only for mean 0 and variance 1.", "1": "The factor 0.5 stands before all of it."},
            tolerance=0.001,
            unit="nats",
        ),
    ),
    Question(
        "collapsed-code",
        concept="the variational autoencoder",
        text="A VAE's KL falls to 0 at once, and all its copies are the same blur. What is the likeliest cause?",
        answer=[
            Choice(
                "The error is averaged over pixels, the KL summed over the code.",
                "Then a code that says nothing is the cheapest. Both are sums of nats.",
                right=True,
            ),
            Choice("The learning rate is too low.", "Then both terms would move slowly, not one to 0 at once."),
            Choice("There are too few pictures.", "Few pictures lead to learning by heart, with a large KL."),
            Choice("The decoder has too few layers.", "Even one layer would make use of a code that is free."),
        ],  # fmt: skip
    ),
    Question(
        "all-alike-and-perfect",
        concept="quality of samples",
        text="A generator always draws the same perfect 3. What does the Frechet distance to real digits say?",
        answer=[
            Choice("It is large: the spread of the drawn ones is 0.", "It compares means and spreads.", right=True),
            Choice("It is 0: the 3 is perfect.", "Of one perfect picture it sees that nine kinds are missing."),
            Choice("It cannot be worked out.", "It can: a covariance of 0 is a covariance."),
            Choice("It depends on the detective.", "It needs features from a judge, no detective of a GAN."),
        ],
    ),
    Question(
        "two-clouds",
        concept="quality of samples",
        text="Two clouds of one feature have means 0 and 3, variances 1 and 4. What is their Frechet distance?",
        answer=Number(
            lambda: 3**2 + 1 + 4 - 2 * math.sqrt(1 * 4),
            "3^2 + 1 + 4 - 2 * sqrt(4) = 10: 9 for the means, 1 for the spreads.",
            wrong={"9": "That is the means alone.", "14": "The root of the product, twice, is taken away."},
        ),
    ),
    Question(
        "the-detective-wins",
        concept="adversarial training",
        text="Why does the forger maximise log D(fake) instead of minimising log(1 - D(fake))?",
        answer=[
            Choice(
                "When the detective is sure, the first still has a slope, the second hardly.",
                "At the beginning all forgeries are seen through, and one has to learn from that.",
                right=True,
            ),
            Choice("It needs less memory.", "Both need the same."),
            Choice("It makes the detective weaker.", "The detective's loss is not changed."),
            Choice("It covers more modes.", "It does not; script 02's plain recipe uses it and collapses."),
        ],  # fmt: skip
    ),
    Question(
        "four-in-ten",
        concept="mode collapse",
        text="Of 1,000 forged digits, 500 are ones, 300 sevens, 150 nines, 30 fours, 15 twos and 5 eights. "
        "How many kinds are covered, if one needs 2 %?",
        answer=Number(
            lambda: sum(count >= 20 for count in (500, 300, 150, 30, 15, 5)),
            "2 % are 20: ones, sevens, nines and fours.",
            wrong={"6": "15 and 5 of 1,000 are below 2 %.", "3": "30 of 1,000 are 3 %."},
        ),
    ),
    Question(
        "half-way-noise",
        concept="diffusion",
        text="At some level 64 % of the picture's power is left. By what is the picture itself multiplied?",
        answer=Number(
            lambda: math.sqrt(0.64),
            "Power is the square of the amplitude: the root of 0.64. The noise gets the root of 0.36, 0.6.",
            wrong={"0.64": "That is the power.", "0.6": "That is the noise's factor."},
            tolerance=0.001,
        ),
    ),
    Question(
        "what-does-it-predict",
        concept="diffusion",
        text="What is the network of script 03 trained to say?",
        answer=[
            Choice("Which noise was added to the picture it sees.", "One mean square, at any level.", right=True),
            Choice("Whether the picture is real.", "That is a GAN's detective."),
            Choice("The next level's picture, word for word.", "It says the noise; the step is worked out from it."),
            Choice("Which digit it is.", "It is never told the digit."),
        ],
    ),
    Question(
        "same-start-same-picture",
        concept="sampling in fewer steps",
        text="The same start noise is drawn twice, with 200 and with 20 steps. When do both pictures look alike?",
        answer=[
            Choice(
                "With DDIM (eta 0): it follows one path, in smaller or larger strides.",
                "No chance is in it.",
                right=True,
            ),
            Choice("With DDPM (eta 1): its noise is averaged out.", "Its fresh noise leads elsewhere each time."),
            Choice("Always: the start decides.", "For DDPM it decides little."),
            Choice("Never: fewer steps are other pictures.", "For DDIM they differ by strides only."),
        ],
    ),
    Question(
        "nucleus-of-five",
        concept="sampling strategies",
        text="The next token: probabilities 0.4, 0.3, 0.15, 0.1, 0.05. How many tokens does top-p keep at p = 0.8?",
        answer=Number(
            lambda: 1 + sum(sum((0.4, 0.3, 0.15, 0.1, 0.05)[:n]) < 0.8 for n in range(1, 5)),
            "0.4 + 0.3 = 0.7 is not enough, with 0.15 it is 0.85: three.",
            wrong={"2": "0.7 is below 0.8; the token that reaches p is kept.", "4": "0.85 is enough."},
        ),
    ),
    Question(
        "temperature-one-half",
        concept="sampling strategies",
        text="Two tokens have the probabilities 0.8 and 0.2. What does the likelier one have at temperature 0.5?",
        answer=Number(
            lambda: 0.8**2 / (0.8**2 + 0.2**2),
            "Halving the temperature squares the odds: 4 to 1 becomes 16 to 1, 0.941.",
            wrong={"0.9": "Logits are divided, not probabilities.", "0.67": "That is temperature 2: odds of 2 to 1."},
            tolerance=0.005,
        ),
    ),
    Question(
        "more-diverse-is-better",
        concept="diversity and repetition",
        text="At temperature 1.5 the small GPT's texts are the most diverse of all. What does that prove?",
        answer=[
            Choice(
                "Little: many of their words do not exist. Diversity needs a second number beside it.",
                "Random letters are as diverse as can be.",
                right=True,
            ),
            Choice("That 1.5 is the best temperature.", "People's text is less diverse, and better."),
            Choice("That the model was trained long enough.", "An untrained one is more diverse still."),
            Choice(
                "That it does not repeat itself, so it is good.", "Not repeating is not the same as saying something."
            ),
        ],  # fmt: skip
    ),
    Question(
        "bits-of-a-second",
        concept="audio as tokens",
        text="EnCodec gives 75 steps a second with 8 books of 1,024 codes. How many bits is a second of sound?",
        answer=Number(
            lambda: 75 * 8 * math.log2(1024),
            "75 steps * 8 books * 10 bits = 6,000; the WAV has 384,000.",
            wrong={"600": "Each code is 10 bits, not one.", "614400": "A code of 1,024 is 10 bits, not 1,024."},
            unit="bits",
        ),
    ),
    Question(
        "who-knows-the-words",
        concept="bark's three stages",
        text="Bark pronounces a word wrongly, in the right voice and with clean sound. Which stage made the mistake?",
        answer=[
            Choice("The first: text to semantic tokens.", "After it nobody sees the text any more.", right=True),
            Choice("The second: semantic to two rough books.", "It turns meaning into a voice; the meaning was wrong."),
            Choice("The third: the fine books.", "It adds detail to a sound that is said already."),
            Choice("EnCodec's decoder.", "It plays what the tokens say."),
        ],
    ),
    Question(
        "numbers-of-a-latent",
        concept="latent diffusion",
        text="Stable Diffusion turns 512x512 pixels of 3 colours into 64x64 of 4 channels. How many times fewer?",
        answer=Number(
            lambda: 512 * 512 * 3 / (64 * 64 * 4),
            "786,432 / 16,384 = 48.",
            wrong={"64": "That is the pixels alone: 3 colours become 4 channels.", "8": "That is one side."},
        ),
    ),
    Question(
        "guided-noise",
        concept="guidance",
        text="For one number the network says 0.2 without the sentence and 0.5 with it. What is used at guidance 3?",
        answer=Number(
            lambda: 0.2 + 3 * (0.5 - 0.2),
            "0.2 + 3 * (0.5 - 0.2) = 1.1: beyond what the sentence alone would say.",
            wrong={"1.5": "3 * 0.5 leaves out what it starts from.", "0.5": "That is guidance 1."},
            tolerance=0.001,
        ),
    ),
    Question(
        "chance-of-a-batch",
        concept="contrastive learning",
        text="What is CLIP's loss for a batch of 64 pairs when it knows nothing? (nats, two decimals)",
        answer=Number(
            lambda: math.log(64),
            "Each of 64 is as likely: log(64) = 4.16. Script 07's curve starts there.",
            wrong={"0.02": "1 / 64 is the chance; its loss is -log of it.", "6": "That is in bits."},
            tolerance=0.02,
            unit="nats",
        ),
    ),
    Question(
        "forty-six-seconds",
        concept="public weights",
        text="A script asks the model hub without a network, and sits there for most of a minute. What repairs that?",
        answer=[
            Choice(
                "HF_HUB_OFFLINE=1, or asking once with a short limit before the library does.",
                "load_public does the second, and respects the first.",
                right=True,
            ),
            Choice("A longer limit.", "Then it sits there longer."),
            Choice("Another name of the model.", "No name is found without a network."),
            Choice("--quick with the public name.", "That is refused: --quick downloads nothing."),
        ],  # fmt: skip
    ),
    Question(
        "mark-of-somebody-else",
        concept="watermarks",
        text="A file carries no watermark of ours. What follows?",
        answer=[
            Choice(
                "That we did not make it, or that the mark was destroyed. Not that a person spoke.",
                "Other machines do not use our key.",
                right=True,
            ),
            Choice("That it is a recording.", "Any other machine leaves no mark of ours, either."),
            Choice("That it is synthetic.", "People leave no marks."),
            Choice("That the detector is broken.", "It finds ours; there is none to be found."),
        ],  # fmt: skip
    ),
    Question(
        "four-times-as-long",
        concept="watermarks",
        text="A clip gives a score of 5 deviations. About what does one four times as long give, all else alike?",
        answer=Number(
            lambda: 5 * math.sqrt(4),
            "The mark grows with the number of tiles, chance with its root: twice as high, 10.",
            wrong={"20": "Chance grows, too, with the root of 4.", "5": "More tiles say more."},
            tolerance=0.01,
        ),
    ),
    Question(
        "perfect-detector",
        concept="detecting synthetic speech",
        text="A detector is never wrong. All recordings came at 16 kHz, all synthetic clips at 24 kHz. What now?",
        answer=[
            Choice(
                "Make both alike first: it may only have learned the rate.",
                "Script 08 does, and errors appear.",
                right=True,
            ),
            Choice("Publish it.", "It would call every recording of 24 kHz synthetic."),
            Choice("Use a larger network.", "It would learn the rate sooner."),
            Choice("Test it on more clips of the same files.", "They have the same rates."),
        ],
    ),
    Question(
        "one-in-a-hundred",
        concept="detecting synthetic speech",
        text="1 % of all calls are synthetic. A detector with an error rate of 10 % on both kinds rings. "
        "In how many per cent of such alarms is the call synthetic?",
        answer=Number(
            lambda: 100 * 0.01 * 0.9 / (0.01 * 0.9 + 0.99 * 0.1),
            "0.9 % ring rightly, 9.9 % wrongly: 0.9 / 10.8 = 8.3 %.",
            wrong={"90": "That is the other question: how many synthetic calls ring.", "10": "That is the error rate."},
            tolerance=0.2,
            unit="%",
        ),
    ),
    Question(
        "public-recordings",
        concept="consent",
        text="Somebody's talks are on the web under a free licence. May you clone the voice?",
        answer=[
            Choice(
                "Not without asking: a licence for a recording is no consent to be imitated.",
                "The capstone wants a spoken statement by the same voice.",
                right=True,
            ),
            Choice("Yes, the licence says so.", "It speaks of copies of the talk, not of new words in that voice."),
            Choice("Yes, with a watermark.", "A mark says that it was made, not that it was allowed."),
            Choice("Yes, if nobody notices.", "That is what consent protects from."),
        ],  # fmt: skip
    ),
]
