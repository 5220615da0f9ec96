"""Compares with autograd, and recognises the usual slips by computing them too."""

import torch
import torch.nn.functional as F

from coursekit.course import Wrong

NAMES = ("w1", "b1", "w2", "b2")


def network(batch: int, seed: int):
    g = torch.Generator().manual_seed(seed)
    sizes = {"pixels": (batch, 7), "w1": (5, 7), "b1": (5,), "w2": (4, 5), "b2": (4,)}
    values = {name: torch.randn(size, generator=g) for name, size in sizes.items()}
    return values, torch.randint(4, (batch,), generator=g)


def autograd(values, labels, slip: str = "") -> dict[str, torch.Tensor]:
    """The gradients by PyTorch; with `slip`, what comes out after that mistake."""
    leaves = {name: values[name].clone().requires_grad_() for name in NAMES}
    before = values["pixels"] @ leaves["w1"].T + leaves["b1"]
    hidden = before.relu()
    if slip == "mask":
        hidden = before + (hidden - before).detach()  # the value of ReLU, the gradient of no ReLU
    logits = hidden @ leaves["w2"].T + leaves["b2"]
    loss = F.cross_entropy(logits, labels, reduction="sum" if slip == "mean" else "mean")
    if slip == "one_hot":
        loss = logits.logsumexp(dim=1).mean()  # its gradient is softmax alone
    if slip == "sign":
        loss = -loss
    return dict(zip(NAMES, torch.autograd.grad(loss, list(leaves.values())), strict=True))


SLIPS = {
    "mask": "ReLU let gradients through where its input was negative",
    "mean": "the loss is a mean over the batch, so its gradient is divided by the batch size",
    "one_hot": "the right class is missing: one_hot(labels) has to be subtracted from the probabilities",
    "sign": "the sign is the wrong way round",
}


def agree(a, b) -> bool:
    return all(torch.allclose(a[name], b[name], atol=1e-5) for name in NAMES)


def check(answer) -> None:
    for batch, seed in ((8, 1), (1, 2), (5, 3)):
        values, labels = network(batch, seed)
        right = autograd(values, labels)
        with torch.inference_mode():  # no records are kept here, so autograd cannot do the work
            stages = answer.forward(*(values[name].clone() for name in ("pixels", *NAMES)))
            seen = answer.backward(values["pixels"].clone(), labels.clone(), values["w2"].clone(), *stages)
        if not isinstance(seen, dict) or set(seen) != set(NAMES):
            raise Wrong(
                f"backward() must return a dictionary with {', '.join(NAMES)}; it returned {type(seen).__name__}."
            )
        for name in NAMES:
            if tuple(seen[name].shape) != tuple(right[name].shape):
                expected = list(right[name].shape)
                raise Wrong(
                    f"The gradient of {name} has shape {list(seen[name].shape)}, expected {expected}: "
                    "a gradient has the shape of what it belongs to."
                )
        if agree(seen, right):
            continue
        for slip, because in SLIPS.items():
            if agree(seen, autograd(values, labels, slip)):
                raise Wrong(f"Not the gradients that autograd finds (batch of {batch}): {because}.")
        name = next(name for name in NAMES if not torch.allclose(seen[name], right[name], atol=1e-5))
        off = (seen[name] - right[name]).abs().max()
        good = ", ".join(other for other in NAMES if torch.allclose(seen[other], right[other], atol=1e-5)) or "none"
        raise Wrong(f"The gradient of {name} is off by up to {off:.4f} (batch of {batch}). Right so far: {good}.")
