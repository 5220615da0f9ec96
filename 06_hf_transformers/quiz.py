"""The quiz of module 06: at least one question for each section of TRANSFORMERS_CONCEPTS_EXPLAINED.md.

Run it with `course quiz 06`; `course quiz 06 --due` asks again what was missed.
"""

import math

from coursekit.course.quiz import Choice, Number, Question

QUESTIONS = [
    Question(
        "why-pieces",
        concept="tokens and bpe",
        text="A tokenizer of bytes and merges meets a word that was in no training text. What does it do?",
        answer=[
            Choice("It gives the token for unknown words.", "Bytes need no such token: every text is made of them."),
            Choice(
                "It cuts the word into smaller pieces, bytes at worst.", "More tokens, and nothing lost.", right=True
            ),
            Choice(
                "It adds the word to its vocabulary.",
                "The vocabulary is fixed; the model has one vector for each entry.",
            ),
            Choice("It takes the most similar word.", "That would change the text. Tokens can always be turned back."),
        ],
    ),
    Question(
        "size-of-a-vocabulary",
        concept="tokens and bpe",
        text="256 bytes, 3 special tokens and 500 merges: how many entries has the vocabulary?",
        answer=Number(
            lambda: 256 + 3 + 500,
            "Each merge makes one new symbol: 256 + 3 + 500 = 759.",
            wrong={
                "500": "The bytes stay in it, or rare words could not be written.",
                "756": "The special tokens count too.",
            },
        ),
    ),
    Question(
        "share-of-attention",
        concept="attention",
        text="A query meets two keys with scores ln 3 and 0 (divided already). Which weight gets the first?",
        answer=Number(
            lambda: math.exp(math.log(3)) / (math.exp(math.log(3)) + 1),
            "exp(ln 3) = 3 and exp(0) = 1: 3 / (3 + 1) = 0.75.",
            wrong={
                "1": "The highest score does not take all: softmax is soft.",
                "0.5": "That would be for equal scores.",
            },
            tolerance=0.005,
        ),
    ),
    Question(
        "why-the-root",
        concept="attention",
        text="Why are the scores divided by the square root of D?",
        answer=[
            Choice(
                "A sum of D products spreads like sqrt(D), and softmax of large scores hardly learns.",
                "Divided, the scores stay near 1 whatever the size of a head.",
                right=True,
            ),
            Choice("So that the weights sum to 1.", "Softmax does that for any scores."),
            Choice("To save memory.", "The number of scores stays the same."),
            Choice("Because D positions are looked at.", "D is the size of a head, not the length of the text."),
        ],
    ),
    Question(
        "twice-as-long",
        concept="attention",
        text="A text becomes twice as long. By which factor does the number of attention weights of a layer grow?",
        answer=Number(
            lambda: 2**2,
            "Every position has one weight for every position: 2 * 2 = 4.",
            wrong={"2": "Both the queries and the keys become twice as many.", "8": "That would be three dimensions."},
        ),
    ),
    Question(
        "allowed-cells",
        concept="masks",
        text="Five tokens, a causal mask. How many of the 25 weights may differ from 0?",
        answer=Number(
            lambda: sum(range(1, 6)),
            "The first token sees itself, the second two, and so on: 1 + 2 + 3 + 4 + 5 = 15.",
            wrong={
                "10": "Every token sees itself, too.",
                "25": "Ten of them look into the future.",
                "20": "Count the rows: 1, 2, 3, 4, 5.",
            },
        ),
    ),
    Question(
        "batch-changes-answers",
        concept="masks",
        text="A sentence gets other scores alone than in a batch with a longer one. What is missing most likely?",
        answer=[
            Choice(
                "The attention mask of the padding.",
                "Without it every position mixes in the vectors of nothing.",
                right=True,
            ),
            Choice("The causal mask.", "It is the same for a sentence alone and in a batch."),
            Choice("Dropout.", "It would change the scores from call to call, alone as well."),
            Choice("A larger vocabulary.", "The tokens are the same in both cases."),
        ],
    ),
    Question(
        "numbers-per-head",
        concept="heads",
        text="GPT-2 has 768 channels and 12 heads. How many numbers has the query of one head?",
        answer=Number(
            lambda: 768 // 12,
            "The channels are shared out: 768 / 12 = 64. More heads do not make the layer larger.",
            wrong={
                "768": "All heads together have 768.",
                "9216": "The heads share the channels, they do not multiply them.",
            },
        ),
    ),
    Question(
        "perplexity-of-guessing",
        concept="language models and perplexity",
        text="A model gives each of 512 tokens the same probability. What is its perplexity?",
        answer=Number(
            lambda: math.exp(math.log(512)),
            "The loss is ln 512, and perplexity is exp(loss): 512. It chooses among 512.",
            wrong={"6.24": "That is the loss, ln 512, in nats.", "9": "That is the loss in bits."},
            tolerance=0.5,
        ),
    ),
    Question(
        "compare-two-models",
        concept="language models and perplexity",
        text="Model A has a perplexity of 20 with letters as tokens, model B of 40 with words. Which is better?",
        answer=[
            Choice(
                "A, because 20 is less than 40.", "Its tokens are easier to guess, and there are five times as many."
            ),
            Choice("B, because words are harder.", "They are, and that is why the two numbers cannot be compared."),
            Choice(
                "Bits for each character would tell.",
                "Both models spread their surprise over the same characters.",
                right=True,
            ),
            Choice("They are equal, for a word has two letters.", "Nothing in the numbers says so."),
        ],
    ),
    Question(
        "bits-per-character",
        concept="language models and perplexity",
        text="A model's perplexity is 64, its tokens have 3 characters on average. How many bits for each character?",
        answer=Number(
            lambda: math.log2(64) / 3,
            "log2(64) = 6 bits for each token, over 3 characters: 2.",
            wrong={
                "6": "That is for each token.",
                "18": "Divide by the characters: they share the surprise of their token.",
            },
            tolerance=0.01,
            unit="bits",
        ),
    ),
    Question(
        "nucleus-keeps",
        concept="sampling",
        text="Probabilities 0.5, 0.3, 0.1, 0.06, 0.04. How many tokens does nucleus sampling with top_p = 0.7 keep?",
        answer=Number(
            lambda: 2,
            "0.5 is not yet 0.7, 0.5 + 0.3 = 0.8 is. The token that crosses the line stays.",
            wrong={"1": "0.5 alone holds less than 0.7.", "3": "Two already hold 0.8.", "5": "Those would be all."},
        ),
    ),
    Question(
        "temperature-zero",
        concept="sampling",
        text="A story generator writes the same three words for ever. What is the likely setting?",
        answer=[
            Choice(
                "It always takes the best token.",
                "Greedy decoding falls into loops: each round makes the next likelier.",
                right=True,
            ),
            Choice("A temperature of 2.", "That makes all tokens alike, and the text a mess."),
            Choice("top_p = 1.", "All tokens may come, so loops are left by chance."),
            Choice("Too small a vocabulary.", "It sets how the words are spelt, not which ones come."),
        ],
    ),
    Question(
        "what-a-configuration-holds",
        concept="configurations",
        text="Which of these is in a model's config.json?",
        answer=[
            Choice(
                "The number of layers.",
                "Everything that is needed to build the network, without its weights.",
                right=True,
            ),
            Choice("The weights.", "They are in model.safetensors."),
            Choice("The training data.", "Nowhere in the folder; the model card should name it."),
            Choice("The learning rate.", "A setting of the training. The finished model does not need it."),
        ],
    ),
    Question(
        "what-from-pretrained-makes-new",
        concept="pre-training and fine-tuning",
        text="A BERT pre-trained on hidden words is loaded as a classifier of four books. Which part is random?",
        answer=[
            Choice(
                "The last layer, from the vector to four scores.",
                "There was none before: hidden words need other scores.",
                right=True,
            ),
            Choice("The embeddings.", "They are the same for both tasks, and are kept."),
            Choice("The attention layers.", "They are what pre-training was for."),
            Choice("Nothing.", "The library warns that the head is new; it has to be trained."),
        ],
    ),
    Question(
        "steps-of-a-training",
        concept="the trainer",
        text="320 lines, 16 in a batch, 4 epochs, no accumulation. How many optimiser steps does the Trainer do?",
        answer=Number(
            lambda: 4 * math.ceil(320 / 16),
            "20 batches an epoch, four times: 80.",
            wrong={"20": "That is one epoch.", "1280": "A batch of 16 lines is one step, not 16."},
        ),
    ),
    Question(
        "two-trainings-that-differ",
        concept="the trainer",
        text="A plain loop and the Trainer begin with the same weights and end with others. Why, most likely?",
        answer=[
            Choice(
                "Another order of the batches.",
                "The Trainer shuffles by its own seed unless told otherwise.",
                right=True,
            ),
            Choice("The Trainer uses a secret optimiser.", "It is PyTorch's AdamW, and the loop can use it too."),
            Choice("Python is not exact.", "Both do the same float32 arithmetic; the rest is in the last digits."),
            Choice("The Trainer trains on the test set.", "It trains on train_dataset alone."),
        ],
    ),
    Question(
        "collapse",
        concept="ctc",
        text="The frames say 7 7 - 7 - - 1 1, where - is the blank. What is the text?",
        answer=Number(
            lambda: 771,
            "Join equal neighbours: 7 - 7 - 1. Drop the blanks: 771.",
            wrong={
                "71": "The blanks must go last: they are what keeps the two sevens apart.",
                "77711": "Equal neighbours are one token that lasts.",
                "7711": "The two ones are neighbours: one token.",
            },
        ),
    ),
    Question(
        "frames-of-a-string",
        concept="ctc",
        text="How many frames does the string 4411 need at least?",
        answer=Number(
            lambda: 4 + 2,
            "Four digits, and a blank inside each of the two doubles: 6.",
            wrong={"4": "Then 44 would become 4.", "7": "Between 4 and 1 no blank is needed."},
        ),
    ),
    Question(
        "whisper-or-ctc",
        concept="speech models",
        text="A recogniser writes fluent sentences into a silent recording. Which kind is it?",
        answer=[
            Choice(
                "An encoder with a decoder, such as Whisper.",
                "Its decoder is a language model, and goes on writing.",
                right=True,
            ),
            Choice("CTC, such as wav2vec2.", "Silence gives blanks, and blanks give nothing."),
            Choice("Both alike.", "CTC has nothing that would like to write a sentence."),
            Choice(
                "Neither; it must be a bug in the file.", "It is a known habit, and a reason to detect speech first."
            ),
        ],
    ),
    Question(
        "frames-of-a-second",
        concept="speech models",
        text="A model gets mel frames every 10 ms and joins 2 of them. How many outputs does it give for 3 seconds?",
        answer=Number(
            lambda: 3000 // 20,
            "One output every 20 ms: 3000 / 20 = 150.",
            wrong={"300": "Two frames are one input.", "48000": "Those are the samples at 16,000 Hz."},
        ),
    ),
    Question(
        "people-in-the-test",
        concept="speaker verification",
        text="A verifier is tested on new recordings of the people it was trained on. What does the result say?",
        answer=[
            Choice("How well it will do for strangers.", "It has learnt these people; strangers are harder."),
            Choice(
                "How well it knows those people.",
                "For a door that opens for anybody else, the test needs others.",
                right=True,
            ),
            Choice("Nothing, for the recordings are new.", "It says something, only not what a buyer wants to know."),
            Choice("The equal-error rate of any test.", "Another set of people gives another rate."),
        ],
    ),
    Question(
        "read-an-eer",
        concept="speaker verification",
        text="EER 5 %, 1,000 trials of strangers, 100 of the right people. How many strangers get in there?",
        answer=Number(
            lambda: 0.05 * 1000,
            "5 % of the 1,000 strangers: 50. Of the right people, 5 are rejected.",
            wrong={"5": "Those are the right people who are rejected.", "55": "Both mistakes together."},
        ),
    ),
    Question(
        "bytes-before-the-table",
        concept="safetensors",
        text="How many bytes come before the table of a safetensors file?",
        answer=Number(
            lambda: 8,
            "One whole number of 64 bits, low byte first: the length of the table.",
            wrong={"4": "The number has 64 bits.", "0": "The table's length has to stand somewhere."},
        ),
    ),
    Question(
        "weights-from-a-stranger",
        concept="safetensors",
        text="A stranger sends pytorch_model.bin, which is a pickle. How do you open it?",
        answer=[
            Choice(
                "With pickle.load; it is only numbers.",
                "Unpickling calls whatever the file names. It can be any program.",
            ),
            Choice(
                "With torch.load and weights_only=True, if at all.",
                "The guard lets numbers and plain containers in.",
                right=True,
            ),
            Choice("Rename it to model.safetensors.", "The bytes stay a pickle, and the reader refuses them."),
            Choice("In a text editor, to see whether it is safe.", "Nobody sees that by eye."),
        ],
    ),
    Question(
        "what-a-card-must-say",
        concept="model cards",
        text="A card says 'accuracy 0.97'. What is missing most?",
        answer=[
            Choice("A logo.", "Nice, and says nothing."),
            Choice(
                "On which data, with which split, by which script.",
                "Without these nobody can compare or repeat it.",
                right=True,
            ),
            Choice("More digits.", "0.9713 of what?"),
            Choice("The names of the layers.", "They are in config.json."),
        ],
    ),
    Question(
        "no-network",
        concept="the hub",
        text="Without a network a program asks the hub for a model, and hangs for a minute. What helps?",
        answer=[
            Choice(
                "HF_HUB_OFFLINE=1, or a folder instead of a name.",
                "Then the library looks only on this machine.",
                right=True,
            ),
            Choice("A faster computer.", "It waits; it does not compute."),
            Choice("trust_remote_code=True.", "That runs a stranger's program, and fetches even more."),
            Choice("Deleting the cache.", "The cache is the very thing that could have helped."),
        ],
    ),
]
