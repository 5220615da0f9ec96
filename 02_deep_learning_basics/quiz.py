"""The quiz of module 02: at least one question for each section of ML_CONCEPTS_EXPLAINED.md.

Run it with `course quiz 02`; `course quiz 02 --due` asks again what was missed.
"""

import math

from coursekit.course.quiz import Choice, Number, Question

MNIST_MEAN, MNIST_STD = 0.1307, 0.3081  # of MNIST's training pixels between 0 and 1, as 02_load_mnist.py prints them
HELD_OUT_LOSSES = (0.62, 0.40, 0.35, 0.39, 0.47)  # epochs 1 to 5 of an invented training


def squared_error(w: float) -> float:
    """Loss of the network `w * 3` whose answer should be 4."""
    return (w * 3 - 4) ** 2


def two_layers(w1: float) -> float:
    """Loss of `w2 * relu(w1 * x)` with x = 2 and w2 = 3, whose answer should be 5."""
    return (3 * max(0.0, w1 * 2) - 5) ** 2


def slope(function, at: float) -> float:
    """Feel the slope of a function with a small step to both sides, as section 2 does."""
    return round((function(at + 1e-4) - function(at - 1e-4)) / 2e-4, 3)


def steady_step(rate: float, momentum: float) -> float:
    """Length of a momentum step after a hundred equal slopes of 1."""
    speed = 0.0
    for _ in range(100):
        speed = momentum * speed + 1.0
    return rate * speed


QUESTIONS = [
    # ------------------------------------------------------------------------------------------------- loss functions
    Question(
        "loss-of-guessing",
        concept="loss functions",
        text="A new network knows nothing and gives 10 % to each of ten digits. What is its cross-entropy loss? "
        "(two decimals)",
        answer=Number(
            lambda: -math.log(1 / 10),
            f"-log(0.1) = {-math.log(0.1):.3f}, whichever digit is right. Remember it: a fresh network starts there.",
            wrong={
                "0.1": "That is the probability of the truth. The loss is minus its logarithm.",
                "1": "That is the logarithm to base 10. The loss uses the natural logarithm.",
                "0.9": "That is 1 minus the probability. It would hardly punish an answer that is surely wrong.",
            },
            tolerance=0.01,
        ),
    ),
    Question(
        "loss-stuck-at-one-and-a-half",
        concept="loss functions",
        text="A digit network reaches 96 % accuracy, but its CrossEntropyLoss comes down to 1.50 and no further. Why?",
        answer=[
            Choice(
                "The network ends in a softmax, and the loss applies another one.",
                f"Fed with probabilities, ten classes cannot go below {math.log(math.e + 9) - 1:.3f}. "
                "Return raw scores.",
                right=True,
            ),
            Choice(
                "Cross-entropy of ten classes cannot become smaller than that.",
                "It can reach 0: -log(1) = 0, when the truth gets a probability of 1.",
            ),
            Choice(
                "The learning rate is too small.",
                "Then the accuracy would creep too. Here nearly all answers are right, only the loss cannot show it.",
            ),
            Choice(
                "It overfits.",
                "Overfitting shows as a low training loss and a higher held-out loss, not as a floor.",
            ),
        ],
    ),
    # ------------------------------------------------------------------------------------------------------ gradients
    Question(
        "gradient-by-hand",
        concept="gradients",
        text="prediction = w * x with w = 2 and x = 3; the right answer is 4; the loss is the squared error. "
        "What is dL/dw?",
        answer=Number(
            lambda: slope(squared_error, 2.0),
            "The error is 6 - 4 = 2, and dL/dw = 2 * error * x = 2 * 2 * 3 = 12: w should become smaller.",
            wrong={
                "4": "That is the loss itself, and also dL/dprediction. The factor x = 3 is missing.",
                "6": "The 2 that comes from the square is missing.",
                "-12": "The gradient points uphill, to larger w here. The minus sign comes with the step.",
                "2": "That is the error, not the slope of the loss.",
            },
        ),
    ),
    Question(
        "no-zero-grad",
        concept="gradients",
        text="Someone forgets optimizer.zero_grad() in the loop. What happens?",
        answer=[
            Choice(
                "Each step follows the sum of the gradients of all batches so far.",
                "backward() adds to .grad. The direction is more and more out of date, and the sum grows.",
                right=True,
            ),
            Choice("The weights start from zero in each step.", "zero_grad() clears gradients, never weights."),
            Choice("PyTorch stops with an error.", "It does not: adding up is sometimes wanted, so it is allowed."),
            Choice(
                "Nothing, backward() overwrites the old gradients.",
                "That is what most people expect. It adds to them instead.",
            ),
        ],
    ),
    # -------------------------------------------------------------------------------------------------- learning rate
    Question(
        "one-step-down",
        concept="learning rate",
        text="L = w^2, w = 5, learning rate 0.3. Where is w after one step of gradient descent?",
        answer=Number(
            lambda: 5 - 0.3 * (2 * 5),
            "The slope of w^2 is 2w = 10, the step is 0.3 * 10 = 3, and 5 - 3 = 2.",
            wrong={
                "3.5": "The slope of w^2 is 2w, not w.",
                "8": "That is uphill: the step goes against the slope.",
                "4.7": "The step is rate times slope, not the rate alone. (Adam's first step would be 0.3.)",
                "-2.5": "The loss was taken as the slope: 5 - 0.3 * 25.",
            },
            tolerance=1e-6,
        ),
    ),
    Question(
        "nan-in-fine-tuning",
        concept="learning rate",
        text="You fine-tune a voice with AdamW at 0.01. At step 12 the loss is nan. What do you do?",
        answer=[
            Choice(
                "Load the base model again and start with a rate of 0.001 or less.",
                "Weights that are nan stay nan, so begin anew, with a far shorter step.",
                right=True,
            ),
            Choice(
                "Set the rate to 0.0001 and go on from step 12.",
                "The smaller rate is right, but the weights are nan by now, and nan minus anything is nan.",
            ),
            Choice("Wait: Adam adapts its step by itself.", "Adam forgives a factor of ten, but it cannot undo a nan."),
            Choice(
                "Train more epochs.",
                "More steps from broken weights change nothing.",
            ),
        ],
    ),
    # --------------------------------------------------------------------------------------------------- activations
    Question(
        "layers-without-bends",
        concept="activation functions",
        text="A network has five nn.Linear layers and no activation between them. What can it learn?",
        answer=[
            Choice(
                "Nothing that a single nn.Linear could not.",
                "A product of five matrices is one matrix. Depth without bends is a long way to write it.",
                right=True,
            ),
            Choice("Curves, because it has five layers.", "Layers do not bend. The activation between them does."),
            Choice(
                "Nothing at all, gradients need an activation.",
                "It trains well; straight lines are enough for over 90 % of simple digits.",
            ),
            Choice(
                "The same as with ReLU, only more slowly.",
                "No amount of training makes it bend: it cannot even draw |x|.",
            ),
        ],
    ),
    Question(
        "dead-neuron",
        concept="activation functions",
        text="The input of a ReLU is below zero for every training example. What becomes of its neuron?",
        answer=[
            Choice(
                "It stays as it is: its output and its slope are zero.",
                "No gradient passes a slope of zero, so its weights never change again. It is called dead.",
                right=True,
            ),
            Choice(
                "Training lifts it above zero in the next epochs.",
                "The gradient of its weights is zero, so training does not touch them.",
            ),
            Choice("Its output becomes negative.", "ReLU gives 0 for everything below 0."),
        ],
    ),
    # ------------------------------------------------------------------------------------ forward and backward pass
    Question(
        "no-grad-or-eval",
        concept="forward and backward pass",
        text="You measure the test accuracy inside torch.no_grad(), without model.eval(). The model has dropout. "
        "What do you get?",
        answer=[
            Choice(
                "A result that is too low and changes from run to run.",
                "no_grad() only stops the writing of notes. Dropout goes on dropping until eval().",
                right=True,
            ),
            Choice(
                "The right result; no_grad() includes eval().",
                "They are two switches. no_grad() saves memory, eval() changes what layers do.",
            ),
            Choice(
                "The weights change while you measure.",
                "Weights change only in optimizer.step(), and nobody calls it.",
            ),
            Choice(
                "The right result, with more memory.", "That would be eval() without no_grad(): the other way round."
            ),
        ],
    ),
    # ------------------------------------------------------------------------------------------------ backpropagation
    Question(
        "chain-of-two",
        concept="backpropagation",
        text="h = relu(w1 * x), y = w2 * h, L = (y - 5)^2, with x = 2, w1 = 1, w2 = 3. What is dL/dw1?",
        answer=Number(
            lambda: slope(two_layers, 1.0),
            "h = 2, y = 6. dL/dy = 2 * (6 - 5) = 2, times w2 = 3, times the slope of ReLU 1, times x = 2: 12.",
            wrong={
                "4": "That is dL/dw2 = dL/dy * h = 2 * 2.",
                "6": "That is dL/dh. The way from h to w1 (slope of ReLU, then x) is missing.",
                "2": "That is dL/dy, only the start of the way back.",
                "7": "Slopes along a path multiply; they do not add (2 + 3 + 2).",
            },
        ),
    ),
    Question(
        "what-backpropagation-does",
        concept="backpropagation",
        text="What does backpropagation do?",
        answer=[
            Choice(
                "It computes the slope of the loss for every weight, in one walk back.",
                "Only the slopes. What is done with them is the optimizer's affair.",
                right=True,
            ),
            Choice("It changes the weights so that the loss falls.", "That is the optimizer: optimizer.step()."),
            Choice(
                "It sends the right answers backward through the network.",
                "What goes back are slopes: how much the loss would change with each intermediate number.",
            ),
            Choice(
                "It tries each weight a little up and down.",
                "That is the slow way of section 2: two forward passes for each weight.",
            ),
        ],
    ),
    # ------------------------------------------------------------------------------- epochs, batches and iterations
    Question(
        "steps-in-all",
        concept="epochs, batches and iterations",
        text="1,437 pictures, batches of 128, 40 epochs. How many times does the optimizer step?",
        answer=Number(
            lambda: 40 * math.ceil(1437 / 128),
            f"1,437 / 128 = {1437 / 128:.2f}: 11 full batches and a smaller one make 12 iterations, times 40.",
            wrong={
                "440": "The last, smaller batch of each epoch is left out.",
                "449": "The epochs were strung together and rounded once. A batch does not reach into the next epoch.",
                "57480": "That is how many pictures are seen (1,437 * 40). A step sees 128 of them.",
                "40": "That would be one step an epoch: a batch of all pictures.",
            },
        ),
    ),
    # ------------------------------------------------------------------------------------------------------ optimizers
    Question(
        "sgd-to-adam",
        concept="optimizers",
        text="SGD with a learning rate of 0.5 trained well. Someone replaces SGD by Adam, rate unchanged, and the "
        "accuracy falls to 10 %. Why?",
        answer=[
            Choice(
                "Adam divides by the size of the slopes, so each weight moves by about 0.5 in each step.",
                "For Adam the rate is the length of the step. 0.001 to 0.01 is its usual range.",
                right=True,
            ),
            Choice("Adam overfits more.", "10 % is guessing. A network that overfits is good at its training data."),
            Choice(
                "Adam needs more epochs than SGD.",
                "It needs fewer: after one epoch it led the table. More epochs do not help at a broken rate.",
            ),
            Choice(
                "Adam cannot be used with cross-entropy.",
                "An optimizer sees only slopes; it does not know which loss they come from.",
            ),
        ],
    ),
    Question(
        "momentum-step",
        concept="optimizers",
        text="SGD with momentum 0.9 and rate 0.01 on a slope that is always 1. How long is a step after many steps?",
        answer=Number(
            lambda: steady_step(0.01, 0.9),
            "The speed tends to 1 + 0.9 + 0.81 + ... = 1 / (1 - 0.9) = 10, so a step is 0.01 * 10 = 0.1. "
            "That is why momentum wants about a tenth of plain SGD's rate.",
            wrong={
                "0.01": "That is the first step, before any speed has gathered.",
                "0.019": "That is the second step: 0.01 * (0.9 + 1).",
                "0.009": "Momentum adds to the new slope; it does not shorten it.",
            },
            tolerance=0.001,
        ),
    ),
    # -------------------------------------------------------------------------------------------------- normalization
    Question(
        "normalise-a-pixel",
        concept="normalization",
        text=f"A pixel has the value 204 of 255. MNIST's training mean is {MNIST_MEAN}, its std {MNIST_STD}, both for "
        "pixels between 0 and 1. What does the network get? (two decimals)",
        answer=Number(
            lambda: (204 / 255 - MNIST_MEAN) / MNIST_STD,
            f"204 / 255 = 0.8, and (0.8 - {MNIST_MEAN}) / {MNIST_STD} = {(0.8 - MNIST_MEAN) / MNIST_STD:.3f}.",
            wrong={
                "0.67": "The mean is gone, but it was not divided by the std.",
                "661.7": "The pixel has to come to 0..1 first; the mean was measured on that scale.",
                "0.8": "That is only scaled to 0..1.",
            },
            tolerance=0.01,
        ),
    ),
    Question(
        "whose-mean",
        concept="normalization",
        text="Your finished program reads digits from a camera. Whose mean and std does it use for a new picture?",
        answer=[
            Choice(
                "Those of the training set.",
                "They are part of the network, which learned to read numbers on exactly that scale.",
                right=True,
            ),
            Choice(
                "Those of the new picture itself.",
                "Then a dark and a bright picture look alike, which the network never saw in training.",
            ),
            Choice("Those of the test set.", "Nothing of the test set may go into the program: it only measures."),
            Choice(
                "None; normalization is only needed while training.",
                "The network would get numbers on another scale than it learned, and answer nonsense.",
            ),
        ],
    ),
    # ------------------------------------------------------------------------------------------------ model capacity
    Question(
        "count-parameters",
        concept="model capacity",
        text="How many parameters has 784 -> 64 -> 10, two nn.Linear with a ReLU between?",
        answer=Number(
            lambda: (784 * 64 + 64) + (64 * 10 + 10),
            "784 * 64 + 64 = 50,240 and 64 * 10 + 10 = 650, together 50,890. ReLU has none.",
            wrong={
                "50816": "The 64 + 10 biases are missing.",
                "50240": "That is the first layer alone.",
                "858": "Those are the neurons; parameters sit on the lines between them.",
                "501760": "The three sizes were multiplied. Each layer counts by itself, and they add up.",
            },
        ),
    ),
    # ---------------------------------------------------------------------------------- overfitting and underfitting
    Question(
        "which-epoch",
        concept="overfitting and underfitting",
        text="Epochs 1 to 5. Training loss: 0.60 0.31 0.15 0.07 0.03. Held-out loss: "
        + " ".join(f"{loss:.2f}" for loss in HELD_OUT_LOSSES)
        + ". After which epoch were the weights best?",
        answer=Number(
            lambda: 1 + HELD_OUT_LOSSES.index(min(HELD_OUT_LOSSES)),
            "The held-out loss is lowest after epoch 3. From then on the network learns its examples by heart.",
            wrong={
                "5": "The training loss is lowest there, but it cannot tell learning from memorising.",
                "1": "The gap is smallest there, because nothing has been learned yet.",
                "4": "The held-out loss has risen already.",
            },
        ),
    ),
    Question(
        "both-bad",
        concept="overfitting and underfitting",
        text="Training accuracy 81 %, test accuracy 80 %, and both have stood still for ten epochs. What helps?",
        answer=[
            Choice(
                "A larger network, or a better learning rate.",
                "The gap is tiny and both are low. It underfits: it lacks room, or long enough steps.",
                right=True,
            ),
            Choice("Dropout.", "That takes room away from a network that has too little of it."),
            Choice(
                "More training data.",
                "It cannot even learn the data it has. More data closes a gap, and there is none.",
            ),
            Choice("Stopping earlier.", "Earlier it was no better. That repairs overfitting."),
        ],
    ),
    # ------------------------------------------------------------------------------------------------ generalization
    Question(
        "best-of-forty",
        concept="generalization",
        text="You tried 40 settings and kept the one with the best test accuracy, 98.3 %. What will new data show?",
        answer=[
            Choice(
                "A little less, because the test set took part in the choice.",
                "The best of forty was good and lucky. Choose on a validation set, and test once.",
                right=True,
            ),
            Choice("98.3 %: no weight was trained on the test set.", "Choosing is learning too, only more slowly."),
            Choice(
                "A little more, because the best was kept.",
                "Keeping the best makes the number higher, not the network.",
            ),
            Choice("Nothing can be said.", "One can say the direction: 98.3 % is too high, by a little."),
        ],
    ),
    Question(
        "margin-of-chance",
        concept="generalization",
        text="90 % of 400 test pictures are right. How wide is the 95 % margin to each side, in percentage points? "
        "(one decimal)",
        answer=Number(
            lambda: 100 * 1.96 * math.sqrt(0.9 * 0.1 / 400),
            f"100 * 1.96 * sqrt(0.9 * 0.1 / 400) = {100 * 1.96 * math.sqrt(0.9 * 0.1 / 400):.2f}: from 87 to 93 %.",
            wrong={
                "1.5": "That is one standard error; 95 % of the cases lie within 1.96 of them.",
                "10": "That is the share of wrong answers.",
                "0.03": "That is the share. Points are hundredths, so multiply by 100.",
            },
            tolerance=0.1,
            unit="points",
        ),
    ),
    # ------------------------------------------------------------------------------------------------ regularization
    Question(
        "after-dropout",
        concept="regularization",
        text="A number is 3.0 before nn.Dropout(0.25), in training, and it survives. What is it behind the layer?",
        answer=Number(
            lambda: 3.0 / (1 - 0.25),
            "Survivors are divided by 1 - p = 0.75, so that the mean stays: 0.75 * 4 = 3.",
            wrong={
                "3": "That is so in eval(). In training the survivors make up for those that were dropped.",
                "2.25": "It was multiplied by 1 - p. Then the mean would shrink twice.",
                "12": "It was divided by p. p is the share that is dropped.",
            },
        ),
    ),
    Question(
        "when-to-regularize",
        concept="regularization",
        text="Which of these trainings calls for regularization?",
        answer=[
            Choice(
                "Training loss 0.02, held-out loss 0.51 and rising.",
                "A large, growing gap is what regularization works against.",
                right=True,
            ),
            Choice("Training loss 1.20, held-out loss 1.22.", "That is underfitting; it would get worse."),
            Choice("Training loss 0.09, held-out loss 0.10, both falling.", "All is well there. Let it go on."),
            Choice("Training loss nan.", "That is the learning rate or the input, not memorising."),
        ],
    ),
    # ----------------------------------------------------------------------------------------------- hyperparameters
    Question(
        "size-of-the-grid",
        concept="hyperparameters",
        text="A grid of 4 learning rates, 3 hidden sizes and 2 batch sizes, with 3 seeds each. How many runs?",
        answer=Number(
            lambda: 4 * 3 * 2 * 3,
            "Every value meets every other: 4 * 3 * 2 = 24 settings, each run three times.",
            wrong={
                "24": "Those are the settings. Each runs with three seeds.",
                "12": "The numbers were added. In a grid every value is combined with every other.",
                "9": "That is one of them changed at a time, without the seeds: a cheaper plan, but no grid.",
            },
        ),
    ),
    Question(
        "half-a-point-better",
        concept="hyperparameters",
        text="128 neurons reach 96.0 % and 160 neurons 96.5 %, one run each, 297 test pictures. Which is better?",
        answer=[
            Choice(
                "It cannot be told from these two runs.",
                "Another seed alone moves such results by a point, and 297 pictures leave 2 points to chance.",
                right=True,
            ),
            Choice("160: half a point is half a point.", "The same network with two seeds differs by more than that."),
            Choice("160, because more neurons are always better.", "Often, not always, and this does not prove it."),
            Choice(
                "128, because smaller networks generalise better.",
                "Not by itself: in the table of section 10 the largest network was best even on 100 pictures.",
            ),
        ],
    ),
]
