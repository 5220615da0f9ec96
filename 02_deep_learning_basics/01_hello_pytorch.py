"""Hello, PyTorch: tensors, what can be done with them, where they live, and why PyTorch is used for networks.

What you will learn
    - what a tensor is: numbers, a shape, a number format and a device
    - the five operations every network is made of, with their shapes
    - why one operation on a whole tensor beats a Python loop, measured here
    - what autograd does: PyTorch differentiates your code, and a line is fitted with that in 15 lines
How to run it
    python 01_hello_pytorch.py --quick     everything, with a smaller speed test, about 2 s
    python 01_hello_pytorch.py             everything, about 4 s
Time and memory on 2 CPU cores: quick 2 s, full 4 s; 0.7 GB.
Writes: nothing but the report
Concepts: ML_CONCEPTS_EXPLAINED.md (gradients, loss functions, learning rate, activation functions)
"""

import time

import torch
from dl_utils import prepare

from coursekit.cli import run_script, script_parser
from coursekit.expectations import Expected

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
LEARNING_RATE = 0.1  # step size when fitting the line; 0.01 is ten times slower, above about 0.5 the loss explodes
STEPS = 200  # steps of gradient descent; the line has settled after about 100


# ----------------------------------------------------------------------------------------------------------------------
# 1. a tensor is a box of numbers with a shape


def show_tensors() -> None:
    print("\n1. Tensors")
    examples = {
        "a number (0 axes)": torch.tensor(3.5),
        "a list (1 axis)": torch.tensor([1.0, 2.0, 3.0]),
        "a table (2 axes)": torch.zeros(2, 3),
        "64 grey pictures (4 axes)": torch.rand(64, 1, 28, 28),  # [B, channels, height, width]
        "64 labels (1 axis)": torch.randint(10, (64,)),  # class numbers are whole: int64
    }
    for name, tensor in examples.items():
        print(f"   {name:<26} shape {str(list(tensor.shape)):<16} {str(tensor.dtype):<14} {tensor.numel():>6,} numbers")


# ----------------------------------------------------------------------------------------------------------------------
# 2. the operations a network is made of


def show_operations(device: torch.device) -> torch.Tensor:
    """Send two tiny "pictures" of 3 pixels through a layer of 2 neurons, by hand. Returns the probabilities [2, 2]."""
    print("\n2. Operations: two pictures of 3 pixels, one layer with 2 neurons")
    pictures = torch.tensor([[0.0, 0.5, 1.0], [1.0, 0.5, 0.0]], device=device)  # [B=2, D=3]
    weights = torch.tensor([[1.0, -1.0], [0.0, 2.0], [3.0, 0.0]], device=device)  # [D=3, 2 neurons]
    bias = torch.tensor([0.5, -0.5], device=device)  # [2]; broadcast: added to each of the B rows

    scores = pictures @ weights + bias  # [2, 3] @ [3, 2] -> [2, 2]; the inner sizes must agree
    # concept: activation functions
    active = torch.relu(scores)  # negative numbers become 0; the shape stays
    probabilities = active.softmax(dim=1)  # each row (dim 1 runs along it) now sums to 1
    best = probabilities.argmax(dim=1)  # [2]; position of the largest number in each row
    flat = torch.rand(2, 28, 28, device=device).flatten(start_dim=1)  # [2, 28, 28] -> [2, 784]; a picture as a list

    for name, tensor in (("pictures @ weights + bias", scores), ("relu", active), ("softmax", probabilities)):
        print(f"   {name:<26} {[[round(number, 3) for number in row] for row in tensor.tolist()]}")
    print(f"   argmax                     {best.tolist()}")
    print(f"   flatten                    [2, 28, 28] -> {list(flat.shape)}")
    return probabilities


def show_a_mistake() -> None:
    """The error message seen most often, provoked on purpose."""
    print("\n3. The most frequent error, and how to read it")
    try:
        torch.rand(64, 784) @ torch.rand(128, 784)
    except RuntimeError as error:
        print(f"   {error}")
        print("   Read: 784 numbers come in, the weights expect 128. Here they lack a transpose: .T")


# ----------------------------------------------------------------------------------------------------------------------
# 4. why PyTorch: speed


def compare_speed(size: int) -> tuple[float, float]:
    """Multiply two [size, size] matrices in a Python loop and in PyTorch; return the ratio of times and the gap."""
    a, b = torch.rand(size, size), torch.rand(size, size)
    rows, columns = a.tolist(), b.T.tolist()

    started = time.perf_counter()
    by_hand = [[sum(x * y for x, y in zip(row, column, strict=True)) for column in columns] for row in rows]
    loop_seconds = time.perf_counter() - started

    a @ b  # the first call of an operation sets things up; do not count it
    started = time.perf_counter()
    for _ in range(100):
        product = a @ b
    torch_seconds = (time.perf_counter() - started) / 100

    gap = (product - torch.tensor(by_hand)).abs().max().item()
    print("\n4. Why not plain Python? Speed")
    print(f"   {size}x{size} matrices: loop {loop_seconds * 1e3:.1f} ms, PyTorch {torch_seconds * 1e3:.4f} ms")
    print(f"   ratio {loop_seconds / torch_seconds:,.0f}; both give the same numbers (largest gap {gap:.1e})")
    return loop_seconds / torch_seconds, gap


# ----------------------------------------------------------------------------------------------------------------------
# 5. why PyTorch: gradients


def show_autograd() -> float:
    """Let PyTorch differentiate y = x^2 + 3x at x = 2; by hand it is 2x + 3 = 7."""
    x = torch.tensor(2.0, requires_grad=True)  # "keep a record of what is done with this number"
    y = x**2 + 3 * x
    y.backward()  # walks the record backwards and fills x.grad  # concept: gradients
    print("\n5. Why not NumPy? Gradients")
    print(f"   y = x^2 + 3x at x = 2: dy/dx by PyTorch {x.grad.item():.1f}, by hand 2x + 3 = 7")
    return x.grad.item()


def fit_a_line(device: torch.device) -> tuple[float, float]:
    """Find slope and offset of noisy points on y = 3x + 2: the smallest form of every training loop to come."""
    x = torch.linspace(-1, 1, 100, device=device)  # [100]
    y = 3 * x + 2 + 0.1 * torch.randn(100, device=device)  # the noise has a standard deviation of 0.1
    slope = torch.zeros((), device=device, requires_grad=True)
    offset = torch.zeros((), device=device, requires_grad=True)
    print("\n6. Learning: fit a line to 100 noisy points of y = 3x + 2")
    for step in range(STEPS + 1):
        loss = ((slope * x + offset - y) ** 2).mean()  # how wrong are we?  # concept: loss functions
        loss.backward()  # which way is worse?
        if step in (0, 1, 10, STEPS):
            print(f"   step {step:3}: slope {slope:6.3f}  offset {offset:6.3f}  loss {loss:8.4f}")
        with torch.no_grad():
            for parameter in (slope, offset):
                parameter -= LEARNING_RATE * parameter.grad  # a step the other way  # concept: learning rate
                parameter.grad = None  # or the next backward() would add to this one
    return slope.item(), offset.item()


def main(settings) -> dict:
    device = prepare(settings)
    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} CPU threads")
    show_tensors()
    probabilities = show_operations(device)
    show_a_mistake()
    speed_ratio, gap = compare_speed(100 if settings.quick else 200)
    gradient = show_autograd()
    slope, offset = fit_a_line(device)
    return {
        "probability_sum": probabilities.sum(dim=1).mean().item(),
        "speed_ratio": speed_ratio,
        "largest_gap": gap,
        "gradient": gradient,
        "slope": slope,
        "offset": offset,
    }


# The speed ratio is not checked: it is a fact about your machine.
EXPECTED = {
    "probability_sum": Expected(quick=(0.999, 1.001), full=(0.999, 1.001)),
    "largest_gap": Expected(quick=(0, 1e-3), full=(0, 1e-3)),
    "gradient": Expected(quick=(6.999, 7.001), full=(6.999, 7.001)),
    "slope": Expected(quick=(2.9, 3.1), full=(2.9, 3.1)),
    "offset": Expected(quick=(1.9, 2.1), full=(1.9, 2.1)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="02_load_mnist.py")
