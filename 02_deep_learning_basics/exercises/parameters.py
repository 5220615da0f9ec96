"""Count the parameters of a network without building it

A fully connected layer from 3 inputs to 2 neurons has a weight for each pair, 3 * 2, and one bias a neuron: 8
numbers. A convolution from 1 to 16 channels with a 3x3 kernel has 16 kernels of 1 * 3 * 3 weights, and one
bias a kernel: 160. Write two functions that count them:

    dense_parameters([784, 128, 10])   returns 101770, the SimpleNN of 03_train_mnist.py
    conv_parameters(1, 16, 3)          returns 160, whatever the size of the picture

After: 05_experiment_architectures.py
Concepts: model capacity
Kind: exercise
Time: 5 min
"""


def dense_parameters(sizes: list[int]) -> int:
    """Parameters of fully connected layers.

    Args:
        sizes: Inputs, then the neurons of each layer: [784, 128, 10] are two layers.
    """
    raise NotImplementedError("TODO: add up the layers")


def conv_parameters(in_channels: int, out_channels: int, kernel: int) -> int:
    """Parameters of one convolution with a square kernel and biases."""
    raise NotImplementedError("TODO: weights and biases of one convolution")
