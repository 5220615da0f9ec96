"""Load the trained network and use it: the same accuracy as after training, and predictions with their confidence.

What you will learn
    - what a .pth file holds (numbers, not code) and how to load one safely
    - why the network must be built again first, and why new pictures get the training set's normalization
    - what confidence is, how often it is right, and what a model says about a picture that is no digit at all
    - which digits are mixed up with which: the confusion matrix
How to run it (after 03_train_mnist.py)
    python 04_load_model.py --quick     the model that 03 --quick made, about 4 s
    python 04_load_model.py             the model that 03 made on MNIST, about 5 s
Time and memory on 2 CPU cores: quick 4 s, full 5 s; 0.9 GB.
Writes: nothing but the report
Concepts: ML_CONCEPTS_EXPLAINED.md (generalization, normalization, forward and backward pass)
"""

import importlib

import torch
from dl_utils import (
    CLASSES,
    SIDE,
    Digits,
    count_parameters,
    evaluate_model,
    load_mnist_data,
    load_model,
    predict,
    prepare,
    read_saved_model,
)

from coursekit.cli import run_script, script_parser
from coursekit.errors import CourseError
from coursekit.expectations import Expected

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
HOW_TO_MAKE = "python 03_train_mnist.py"  # the script whose model is used here
SHOWN = 5  # wrong answers to look at

SimpleNN = importlib.import_module("03_train_mnist").SimpleNN  # the import statement takes no leading digit

# ----------------------------------------------------------------------------------------------------------------------
# loading


def rebuild(path, device) -> tuple[torch.nn.Module, dict]:
    """Return the trained SimpleNN and the facts saved with it.

    A .pth file written by save_model() holds numbers by name ("layer1.weight": [128, 784] ...), no class. So the class
    comes first, from the script that defines it.
    """
    facts = read_saved_model(path, HOW_TO_MAKE)
    model = SimpleNN(facts["hyperparameters"]["hidden"])
    untrained = model.layer1.weight[0, :3].tolist()
    load_model(model, path, HOW_TO_MAKE)  # copies the numbers into the layers; names and shapes must agree
    trained = model.layer1.weight[0, :3].tolist()
    print(f"{path.name}: {count_parameters(model):,} parameters, trained on {facts['data']}")
    print(f"   first three weights: {_rounded(untrained)} when built, {_rounded(trained)} when loaded")
    return model.to(device), facts


def _rounded(numbers: list[float]) -> list[float]:
    return [round(number, 4) for number in numbers]


def refuse_other_data(facts: dict, digits: Digits, quick_asked: bool) -> None:
    """A model is judged on the kind of data it was trained on; anything else would look like a bad model."""
    if facts["data"] == digits.name:
        return
    if quick_asked:
        hint = "leave --quick out, or train a small one first: python 03_train_mnist.py --quick"
    else:
        hint = f"{HOW_TO_MAKE} trains it on {digits.name}; python 04_load_model.py --quick uses the model as it is"
    raise CourseError(f"the model was trained on {facts['data']}, but the data here is {digits.name}.", hint=hint)


# ----------------------------------------------------------------------------------------------------------------------
# predictions


def show_confidence(confidence: torch.Tensor, right: torch.Tensor) -> None:
    """Is a model that says 90 % right in nine cases of ten? Both arguments are [N]."""
    print("\nHow sure, and how often right")
    print("   confidence       pictures   right")
    edges = [0.0, 0.5, 0.7, 0.9, 0.99, 1.0]
    for low, high in zip(edges, edges[1:], strict=False):
        inside = (confidence > low) & (confidence <= high)
        share = f"{right[inside].double().mean():.1%}" if inside.any() else "-"
        print(f"   {low:>4.0%} to {high:>4.0%}   {inside.sum():>9,}   {share:>6}")


def show_mistakes(guesses: torch.Tensor, confidence: torch.Tensor, labels: torch.Tensor) -> None:
    """List the mistakes the model was surest of: they show what it really learnt, or a wrong label."""
    wrong = (guesses != labels).nonzero().squeeze(1)
    surest = wrong[confidence[wrong].argsort(descending=True)][:SHOWN]
    print(f"\n{len(wrong)} of {len(labels):,} are wrong. The {len(surest)} it was surest of:")
    for place in surest.tolist():
        answer = f"a {labels[place]}, taken for {guesses[place]}"
        print(f"   test picture {place:>4}: {answer}, sure by {confidence[place]:.1%}")


def confusion_matrix(guesses: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return [10, 10] counts: row = what it is, column = what the model said."""
    return (labels * CLASSES + guesses).bincount(minlength=CLASSES * CLASSES).view(CLASSES, CLASSES)


def show_confusion(matrix: torch.Tensor) -> None:
    print("\nConfusion matrix (row: the label, column: the answer)")
    print("        " + "".join(f"{digit:>6}" for digit in range(CLASSES)) + "   right")
    for digit, row in enumerate(matrix):
        cells = "".join(f"{count if count else '.':>6}" for count in row.tolist())
        print(f"   {digit:>4} {cells}   {row[digit] / row.sum():>5.1%}")
    off = matrix.clone().fill_diagonal_(0)
    row, column = divmod(off.argmax().item(), CLASSES)
    print(f"   Most frequent mistake: {row} taken for {column}, {off.max()} times.")


def show_no_digit(model, facts: dict, device) -> float:
    """Ask about noise. Softmax divides 100 % among ten digits; "none of them" is not among the answers."""
    noise = torch.rand(100, 1, SIDE, SIDE, device=device)  # [100, 1, 28, 28], pixels 0 to 1
    guesses, confidence = predict(model, (noise - facts["mean"]) / facts["std"])  # concept: normalization
    digit = guesses.bincount(minlength=CLASSES).argmax()
    print(f"\n100 pictures of pure noise: most are called {digit}, with {confidence.mean():.0%} confidence on average.")
    print("   High confidence means 'more like this digit than like the others', not 'this is a digit'.")
    return confidence.mean().item()


def main(settings) -> dict:
    device = prepare(settings)
    model, facts = rebuild(settings.out / "mnist_model.pth", device)
    quick_asked = settings.quick
    _, test_loader, digits = load_mnist_data(quick=settings.quick, device=device)
    settings.quick = digits.is_stand_in  # without MNIST the quick expectations hold
    refuse_other_data(facts, digits, quick_asked)

    loss, accuracy = evaluate_model(model, test_loader)  # concept: generalization
    print(f"\ntest accuracy {accuracy:.4f}, loss {loss:.4f}; after training it was {facts['test_accuracy']:.4f}")

    guesses, confidence = predict(model, test_loader.images)  # forward only  # concept: forward and backward pass
    guesses, confidence, labels = guesses.cpu(), confidence.cpu(), digits.test_labels
    print("\nThe first five test pictures")
    for place in range(5):
        verdict = "right" if guesses[place] == labels[place] else "WRONG"
        print(f"   a {labels[place]}: the model says {guesses[place]}, sure by {confidence[place]:.1%}: {verdict}")
    right = guesses == labels
    show_confidence(confidence, right)
    show_mistakes(guesses, confidence, labels)
    show_confusion(confusion_matrix(guesses, labels))
    noise_confidence = show_no_digit(model, facts, device)
    print()
    return {
        "test_accuracy": accuracy,
        "difference_in_points": 100 * (accuracy - facts["test_accuracy"]),  # of percent
        "confidence_when_right": confidence[right].mean().item(),
        "confidence_when_wrong": confidence[~right].mean().item(),
        "noise_confidence": noise_confidence,
    }


EXPECTED = {
    "test_accuracy": Expected(quick=(0.85, 0.95), full=(0.97, 0.98)),
    # the same numbers give the same answers; another device may round a borderline picture the other way
    "difference_in_points": Expected(quick=(-0.3, 0.3), full=(-0.03, 0.03)),
    "confidence_when_right": Expected(quick=(0.85, 1.0), full=(0.95, 1.0)),
    "confidence_when_wrong": Expected(quick=(0.4, 0.9), full=(0.55, 0.85)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="05_experiment_architectures.py")
