"""Measure this machine: where the course computes, in which number format, why, and how fast that is.

What you will learn
    - which device (CPU, NVIDIA GPU, Apple GPU) PyTorch takes here, and the reason
    - what float32, bfloat16 and float16 are: bytes, digits, and the error each makes
    - how to measure speed so that the numbers mean something: warm up, repeat, take the median
    - what limits a computation: arithmetic (GFLOP/s), memory (GB/s), or the number of threads
How to run it
    python 02_check_device.py --quick          each measurement for 0.05 s, about 3 s after PyTorch has started
    python 02_check_device.py                  each for 0.2 s, larger matrices, about 8 s more
    python 02_check_device.py --device cpu     insists on the CPU, to compare
Time and memory on 2 CPU cores: quick 10 s, full 15 s; 0.9 GB.
Writes: nothing but the report
Concepts: ENVIRONMENT_CONCEPTS_EXPLAINED.md (device, number formats, measuring speed, reproducibility and seeds)
"""

import statistics
import time

import torch

from coursekit.cli import run_script, script_parser
from coursekit.device import choose_device
from coursekit.expectations import Expected
from coursekit.seeding import seed_everything

# ----------------------------------------------------------------------------------------------------------------------
# settings

MATRIX = {"quick": 256, "full": 512}  # rows and columns; small ones fit the processor's cache and look faster
CLIP = {"quick": 1, "full": 4}  # seconds of sound at 24,000 Hz for the convolution, the layer that vocoders are made of
COPY_MB = {"quick": 32, "full": 128}  # MB copied from memory to memory; more than any cache holds
SECONDS = {"quick": 0.05, "full": 0.2}  # how long each measurement is repeated; longer gives steadier numbers
FORMATS = (torch.float32, torch.bfloat16, torch.float16)

PARSER = script_parser(__doc__)

# How fast a machine is differs a hundredfold, so no speed is expected. How exact a number format is never differs.
EXPECTED = {
    "float32_digits": Expected(quick=(6.0, 9.0), full=(6.0, 9.0)),
    "bfloat16_digits": Expected(quick=(2.0, 3.5), full=(2.0, 3.5)),
    "float16_digits": Expected(quick=(2.9, 4.5), full=(2.9, 4.5)),
    "float32_bytes": Expected(quick=(4, 4), full=(4, 4)),
    "bfloat16_bytes": Expected(quick=(2, 2), full=(2, 2)),
}

# ----------------------------------------------------------------------------------------------------------------------
# measuring


def seconds_of(work, device, at_least):
    """Return the median time of one call in seconds.

    Args:
        work: The function to measure, called without arguments.
        device: Where it computes. A GPU works on its own while Python goes on, so we wait for it before we stop.
        at_least: Seconds to go on for.
    """
    work()  # warm-up: the first call allocates memory and chooses an algorithm
    wait_for(device)
    times = []
    started = time.perf_counter()
    while not times or time.perf_counter() - started < at_least:
        before = time.perf_counter()
        work()
        wait_for(device)
        times.append(time.perf_counter() - before)
    return statistics.median(
        times
    )  # concept: measuring speed  (another program may disturb one run, hardly the median)


def wait_for(device):
    """Wait until everything that was asked of the device is done; a CPU is done when the call returns."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    elif device.type == "mps":
        torch.mps.synchronize()


def matrix_product(size, dtype, device):
    """Return a function that multiplies two matrices, and how many floating-point operations (FLOP) that is."""
    a = torch.randn(size, size, device=device).to(dtype)
    b = torch.randn(size, size, device=device).to(dtype)
    return lambda: a @ b, 2 * size**3  # each of size * size results is a sum of `size` products


def convolution(seconds, dtype, device):
    """Return a function that runs one convolution over a clip, and its operations: a vocoder's daily work.

    The shapes are [batch, channels, samples]; 32 channels and a window of 7 samples are usual there.
    """
    channels, window, samples = 32, 7, int(24_000 * seconds)
    clip = torch.randn(1, channels, samples, device=device).to(dtype)  # [1, 32, samples]
    weight = torch.randn(channels, channels, window, device=device).to(dtype)  # [out, in, window]
    operations = 2 * channels * channels * window * (samples - window + 1)
    return lambda: torch.nn.functional.conv1d(clip, weight), operations


def speed(build, size, dtype, device, at_least):
    """Return GFLOP/s (10**9 operations a second), or None where PyTorch cannot do this in this number format."""
    try:
        work, operations = build(size, dtype, device)
        return operations / seconds_of(work, device, at_least) / 1e9
    except RuntimeError:  # "not implemented for 'Half'": some devices lack some formats
        return None


def digits(dtype, seed):
    """Return how many decimal digits of a sum of 256 products are right in this number format, on average.

    float64, with 16 digits, stands for the truth. It is computed on the CPU, so that it is the same on every machine.
    """
    seed_everything(seed)  # concept: reproducibility and seeds
    exact = torch.rand(64, 256, dtype=torch.float64)
    product = exact.to(dtype) @ exact.T.to(dtype)  # concept: number formats
    truth = exact @ exact.T
    relative_error = ((product.double() - truth).abs() / truth).mean()
    return -torch.log10(relative_error).item()


def copy_speed(megabytes, device, at_least):
    """Return the memory's speed in GB/s: a copy reads every byte and writes it."""
    source = torch.ones(megabytes * 2**20 // 4, device=device)  # float32: 4 bytes each
    target = torch.empty_like(source)
    return 2 * source.nbytes / seconds_of(lambda: target.copy_(source), device, at_least) / 1e9


# ----------------------------------------------------------------------------------------------------------------------
# telling what was measured


def name_of(dtype):
    return str(dtype).removeprefix("torch.")


def show_formats(values):
    """Print the table of number formats."""
    print("\nNumber formats: how a number is stored decides memory, speed and error.")
    print(f"  {'format':10} {'bytes':>5} {'digits':>7} {'largest':>9}   matrices    convolution")
    for dtype in FORMATS:
        name = name_of(dtype)
        largest = torch.finfo(dtype).max
        speeds = [values[f"{name}_matrix_gflops"], values[f"{name}_convolution_gflops"]]
        shown = ["cannot do it" if one is None else f"{one:6.1f} GFLOP/s" for one in speeds]
        print(f"  {name:10} {dtype.itemsize:5} {values[name + '_digits']:7.1f} {largest:9.1e}   {'  '.join(shown)}")


def explain(values, device):
    """Say what the numbers mean, from the numbers themselves."""
    print("\nWhat they mean here:")
    full, half = values["float32_matrix_gflops"], values["bfloat16_matrix_gflops"]
    if half and half > 1.2 * full:
        print(
            f"  bfloat16 multiplies {half / full:.1f} times as fast as float32: mixed precision will pay on {device}."
        )
    else:
        print(f"  bfloat16 is no faster than float32 on this {device}: mixed precision would save memory, not time.")
    print("  float16 ends at 65,504, where losses overflow to infinity; bfloat16 reaches as far as float32.")
    single, several = values["one_thread_gflops"], values["all_threads_gflops"]
    if values["threads"] > 1:
        more = "" if several > 1.1 * single else " (another program is at work, or the matrices are small)"
        print(f"  {values['threads']} CPU threads multiply {several / single:.1f} times as fast as one{more}.")
    # A matrix product uses each number often, an addition once. So the one waits for arithmetic, the other for memory.
    adding = values["memory_gb_per_second"] / 12  # reads 2 numbers of 4 bytes and writes 1 for one operation
    print(
        f"  Memory gives {values['memory_gb_per_second']:.1f} GB/s: enough for {adding:.1f} GFLOP/s of plain additions,"
    )
    print(f"  while matrices reach {full:.1f}. Many small steps wait for memory, and for Python; large batches do not.")


# ----------------------------------------------------------------------------------------------------------------------


def main(settings):
    """Choose the device, measure each format on it, then memory and threads, and explain."""
    size = "quick" if settings.quick else "full"
    choice = choose_device(settings.device)  # concept: device
    print(choice.describe())
    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} CPU threads")

    values = {"device": str(choice.device), "threads": torch.get_num_threads()}
    for dtype in FORMATS:
        name = name_of(dtype)
        values[f"{name}_bytes"] = dtype.itemsize
        values[f"{name}_digits"] = digits(dtype, settings.seed)
        for kind, build, amount in (("matrix", matrix_product, MATRIX), ("convolution", convolution, CLIP)):
            values[f"{name}_{kind}_gflops"] = speed(build, amount[size], dtype, choice.device, SECONDS[size])
    values["memory_gb_per_second"] = copy_speed(COPY_MB[size], choice.device, SECONDS[size])
    values |= thread_speeds(MATRIX[size], SECONDS[size])

    show_formats(values)
    explain(values, choice.device)
    return values


def thread_speeds(size, at_least):
    """Multiply matrices on the CPU with one thread, then with all."""
    threads, cpu = torch.get_num_threads(), torch.device("cpu")
    torch.set_num_threads(1)
    single = speed(matrix_product, size, torch.float32, cpu, at_least)
    torch.set_num_threads(threads)
    return {
        "one_thread_gflops": single,
        "all_threads_gflops": speed(matrix_product, size, torch.float32, cpu, at_least),
    }


if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="03_check_audio.py")
