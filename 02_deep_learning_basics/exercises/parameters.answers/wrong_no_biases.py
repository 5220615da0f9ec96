"""Misconception: the biases are missing"""


def dense_parameters(sizes: list[int]) -> int:
    """Parameters of fully connected layers.

    Args:
        sizes: Inputs, then the neurons of each layer: [784, 128, 10] are two layers.
    """
    total = 0
    for inputs, neurons in zip(sizes, sizes[1:], strict=False):
        total += inputs * neurons
    return total


def conv_parameters(in_channels: int, out_channels: int, kernel: int) -> int:
    """Parameters of one convolution with a square kernel and biases."""
    return out_channels * (in_channels * kernel * kernel) + out_channels
