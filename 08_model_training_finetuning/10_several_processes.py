"""Train with several processes at once: torchrun, equal gradients proved, and what Coqui's own launcher really does.

What you will learn
    - data parallel training: every process has the whole network and a part of each batch, and gradients are averaged
    - the proof: two processes get the gradients, and after ten steps the weights, that one process gets alone
    - the three usual mistakes: everybody reads the same clips, one order for all epochs, parts that are not equal
    - Coqui's `python -m trainer.distribute`, run for real: on CPUs, and as it would be on two GPUs
How to run it
    python 10_several_processes.py --quick     two processes on this machine, about 34 s
    python 10_several_processes.py             the same with more steps and a timing, about 40 s
    python 10_several_processes.py --processes 4     four processes (on GPUs: one for each)
Time and memory on 2 CPU cores: quick 34 s, full 40 s; 1.0 GB for each process.
The first run speaks its words first.
Writes outputs/: several_processes.png, processes/, spoken/ (first run)
Concepts: TRAINING_CONCEPTS_EXPLAINED.md (data parallel training)
"""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DistributedSampler
from train_utils import BLUE, GREY, ORANGE, WordNet, load_digits, prepare, save_figure

from coursekit.cli import run_script, script_parser
from coursekit.errors import CourseError
from coursekit.expectations import Expected
from coursekit.files import atomic_path
from coursekit.seeding import seed_everything

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
PARSER.add_argument("--processes", type=int, default=2, metavar="N", help="how many (2)")
PARSER.add_argument("--worker", action="store_true", help="be one of the processes (torchrun starts them with this)")
BATCH = 32  # of all processes together
STEPS = 10
TIME_LIMIT = 200.0  # seconds until a launcher counts as hanging
MEETING = 120.0  # seconds that processes wait for each other, on a slow machine

# ----------------------------------------------------------------------------------------------------------------------
# what every process does


def make_model(seed: int) -> nn.Module:
    """The same network everywhere: the same seed, and no dropout, which would be another one in each process."""
    seed_everything(seed)
    return WordNet(10, dropout=0.0)


def flat_gradients(model: nn.Module) -> Tensor:
    return torch.cat([parameter.grad.reshape(-1) for parameter in model.parameters()])


def flat_weights(model: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().reshape(-1) for parameter in model.parameters()])


def train(model: nn.Module, mels: Tensor, labels: Tensor, batch: int, rows_of: list[Tensor]) -> dict[str, Tensor]:
    """Train for len(rows_of) steps; return the first step's gradients and loss, and the weights at the end.

    Args:
        model: Plain, or wrapped in DistributedDataParallel: the loop is the same.
        rows_of: Which clips this process takes at each step.
    """
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    found: dict[str, Tensor] = {}
    for step, rows in enumerate(rows_of):
        loss = F.cross_entropy(model(mels[rows]), labels[rows])
        optimizer.zero_grad()
        loss.backward()  # concept: data parallel training
        if step == 0:  # a wrapped model has averaged its gradients over all processes by the end of backward()
            found = {"gradients": flat_gradients(model), "loss": loss.detach()}
        optimizer.step()
    return found | {"weights": flat_weights(model)}


def shares(count: int, world: int, rank: int, steps: int, batch: int) -> list[Tensor]:
    """Rows of this process: batch s of everybody is rows s * batch ..., and each takes every world-th."""
    return [torch.arange(step * batch, (step + 1) * batch)[rank::world] % count for step in range(steps)]


def work(settings) -> None:
    """One process of several. torchrun says in environment variables who we are and where the others are."""
    device = torch.device(f"cuda:{os.environ['LOCAL_RANK']}" if torch.cuda.is_available() else "cpu")
    # nccl between GPUs, gloo between CPUs; the rest of this function does not know which
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=timedelta(seconds=MEETING))
    rank, world = dist.get_rank(), dist.get_world_size()
    folder = settings.out / "processes"
    data = torch.load(folder / "clips.pt", weights_only=True)
    mels, labels = data["mels"].to(device), data["labels"].to(device)
    torch.set_num_threads(1)

    ids = [device.index] if device.type == "cuda" else None
    model = DistributedDataParallel(make_model(settings.seed).to(device), device_ids=ids)
    result = train(model, mels, labels, BATCH, shares(len(mels), world, rank, STEPS, BATCH))

    # Mistake 1: without a share of its own, every process computes the same, and n processes do the work of one
    same = DistributedDataParallel(make_model(settings.seed).to(device), device_ids=ids)
    result["gradients_same_clips"] = train(same, mels, labels, BATCH, [torch.arange(BATCH // world)])["gradients"]
    # Mistake 2: parts of another length. Each process's mean counts alike, so clips in the shorter part count more
    uneven = DistributedDataParallel(make_model(settings.seed).to(device), device_ids=ids)
    cut = BATCH // (2 * world)  # the first process takes few, the last all that is left
    edges = [0, *(cut * (number + 1) for number in range(world - 1)), BATCH]
    result["gradients_uneven"] = train(uneven, mels, labels, BATCH, [torch.arange(edges[rank], edges[rank + 1])])[
        "gradients"
    ]
    # Mistake 3: PyTorch's sampler shuffles by the epoch's number, and nobody told it
    sampler = DistributedSampler(range(len(mels)), shuffle=True, seed=settings.seed)
    orders = [list(sampler), list(sampler)]
    sampler.set_epoch(1)
    result["order_repeats"] = torch.tensor([float(orders[0] == orders[1]), float(orders[0] == list(sampler))])

    dist.barrier()
    started = time.perf_counter()
    steps = 10 if settings.quick else 50
    timed = DistributedDataParallel(make_model(settings.seed).to(device), device_ids=ids)
    train(timed, mels, labels, 8 * BATCH, shares(len(mels), world, rank, steps, 8 * BATCH))
    result["seconds_a_step"] = torch.tensor((time.perf_counter() - started) / steps)
    with atomic_path(folder / f"rank_{rank}.pt") as temporary:
        torch.save({name: value.cpu() for name, value in result.items()}, temporary)
    dist.destroy_process_group()


# ----------------------------------------------------------------------------------------------------------------------
# the launchers


def launch(command: list[str], folder: Path, **variables: str) -> float:
    """Run a launcher to its end; return the seconds it took.

    Raises:
        CourseError: It failed or hung; the message has the last lines it printed.
    """
    loopback = {"Linux": "lo", "Darwin": "lo0"}.get(platform.system())
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **variables}
    if platform.system() == "Windows":
        environment["USE_LIBUV"] = "0"  # PyTorch for Windows is built without it
    if loopback and not torch.cuda.is_available():
        environment["GLOO_SOCKET_IFNAME"] = loopback  # all on this machine; else gloo asks the name server who we are
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=folder) as temporary:  # torchrun keeps its notes in the temporary folder
        environment |= dict.fromkeys(("TMPDIR", "TEMP", "TMP"), temporary)
        with open(folder / "log.txt", "w", encoding="utf-8") as log:
            try:
                done = subprocess.run(
                    command, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL, timeout=TIME_LIMIT
                )
            except subprocess.TimeoutExpired as error:
                raise CourseError(
                    f"the processes did not end within {TIME_LIMIT:.0f} s.", hint=f"see {folder / 'log.txt'}"
                ) from error
    if done.returncode:
        tail = (folder / "log.txt").read_text("utf-8", "replace").strip().splitlines()[-5:]
        raise CourseError("the processes failed: " + " | ".join(tail), hint=f"the whole log is in {folder / 'log.txt'}")
    return time.perf_counter() - started


def torchrun(settings, folder: Path) -> float:
    """`torchrun --standalone --nproc-per-node N script --worker`, through this very Python."""
    flags = ["--quick"] if settings.quick else []
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--local-addr", "127.0.0.1"]
    command += ["--nproc-per-node", str(settings.processes), str(Path(__file__).resolve())]
    return launch([*command, "--worker", *flags, "--seed", str(settings.seed), "--out", str(settings.out)], folder)


def coqui_launcher(folder: Path) -> dict[str, list[dict]] | None:
    """Coqui's launcher on our worker; None where it cannot run: it starts `python3`, which Windows does not have."""
    if platform.system() == "Windows":
        return None
    worker = Path(__file__).resolve().with_name("coqui_worker.py")
    command = [
        sys.executable,
        "-m",
        "trainer.distribute",
        "--script",
        str(worker),
        "--gpus",
        "0,1",
        f"--folder={folder}",
    ]
    # It looks for python3: let it find the one that runs this script. CUDA_VISIBLE_DEVICES would overrule --gpus
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    launch(command, folder, PATH=path, CUDA_VISIBLE_DEVICES="")
    ways = ("launcher", "wrapped", "averaged")
    try:
        return {way: [torch.load(folder / f"{way}_{rank}.pt", weights_only=True) for rank in (0, 1)] for way in ways}
    except FileNotFoundError as error:  # the launcher ends with 0 whatever its processes do
        raise CourseError(
            f"Coqui's launcher left no {Path(error.filename).name}.", hint=f"see {folder / 'log.txt'}"
        ) from error


def coqui_alone(folder: Path) -> Tensor:
    """The same training in one process with twice the batch: what two processes should amount to."""
    import coqui_worker

    return coqui_worker.train(coqui_worker.QuietTrainer, coqui_worker.SAMPLES, 8, folder, average=False)["weights"]


# ----------------------------------------------------------------------------------------------------------------------
# the proof


def apart(a: Tensor, b: Tensor) -> float:
    """Largest difference, relative to the largest number."""
    return ((a - b).abs().max() / b.abs().max()).item()


def plot(whole: Tensor, ranks: list[dict], coqui: dict[str, float], path: Path) -> None:
    figure = Figure(figsize=(10.5, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    chosen = torch.linspace(0, len(whole) - 1, 400).long()
    for colour, name, key in ((ORANGE, "uneven parts", "gradients_uneven"), (BLUE, "equal parts", "gradients")):
        left.plot(whole[chosen], ranks[0][key][chosen], ".", color=colour, label=name, markersize=4)
    ends = [whole[chosen].min().item(), whole[chosen].max().item()]
    left.plot(ends, ends, color=GREY, linewidth=1)
    left.set(xlabel="gradient, one process", ylabel="gradient, several processes", title="400 of the gradients")
    left.legend()
    bars = right.bar(list(coqui), [max(value, 2e-9) for value in coqui.values()], color=BLUE)
    right.bar_label(bars, [f"{value:.0e}" for value in coqui.values()])
    right.set(
        yscale="log", ylabel="weights of the two processes apart (relative)", title="Coqui's launcher", ylim=(1e-9, 10)
    )
    for axes in (left, right):
        axes.grid(alpha=0.3)
    save_figure(figure, path)


def main(settings) -> dict:
    if settings.worker:
        work(settings)
        sys.exit(0)
    prepare(settings)
    if not 2 <= settings.processes <= BATCH // 2:
        raise CourseError(f"--processes {settings.processes} is not possible.", hint=f"use 2 to {BATCH // 2}")
    digits = load_digits(settings)
    folder = settings.out / "processes"
    shutil.rmtree(folder, ignore_errors=True)  # a meeting place of an earlier run would confuse everybody
    folder.mkdir(parents=True)
    order = torch.randperm(len(digits), generator=torch.Generator().manual_seed(settings.seed))
    with atomic_path(folder / "clips.pt") as temporary:
        torch.save({"mels": digits.mels[order], "labels": digits.labels[order]}, temporary)

    mels, labels = digits.mels[order], digits.labels[order]
    alone = train(make_model(settings.seed), mels, labels, BATCH, shares(len(mels), 1, 0, STEPS, BATCH))
    print(f"\ntorchrun --standalone --nproc-per-node {settings.processes} 10_several_processes.py --worker")
    seconds = torchrun(settings, folder)
    ranks = [torch.load(folder / f"rank_{rank}.pt", weights_only=True) for rank in range(settings.processes)]
    between = max(apart(other["gradients"], ranks[0]["gradients"]) for other in ranks[1:])
    to_one = apart(ranks[0]["gradients"], alone["gradients"])
    after = max(apart(rank["weights"], alone["weights"]) for rank in ranks)
    losses = [rank["loss"].item() for rank in ranks]
    print(f"{settings.processes} processes ended after {seconds:.0f} s, most of it spent importing PyTorch")
    print(
        f"   their losses: {', '.join(f'{loss:.4f}' for loss in losses)}; mean {sum(losses) / len(losses):.4f}; one "
        f"process has {alone['loss'].item():.4f}"
    )
    print(f"   gradients: {between:.0e} apart from each other, {to_one:.0e} from one process with the whole batch")
    print(f"   weights after {STEPS} steps: {after:.0e} apart from one process")
    same, uneven = (apart(ranks[0][key], alone["gradients"]) for key in ("gradients_same_clips", "gradients_uneven"))
    repeats, differs = ranks[0]["order_repeats"].tolist()
    print("Three mistakes")
    print(f"   everybody the same clips: {same:.2f} from the gradients of the whole batch (1 is as wrong as can be)")
    print(f"   parts of unequal length: {uneven:.2f}")
    print(
        f"   no set_epoch(): the second epoch has the order of the first: {'yes' if repeats else 'no'}; with it: "
        f"{'yes' if differs else 'no'}"
    )

    torch.set_num_threads(1)
    started = time.perf_counter()
    steps = 10 if settings.quick else 50
    train(make_model(settings.seed), mels, labels, 8 * BATCH, shares(len(mels), 1, 0, steps, 8 * BATCH))
    one = (time.perf_counter() - started) / steps
    several = max(rank["seconds_a_step"].item() for rank in ranks)
    print(
        f"A step of {8 * BATCH} clips: one process (one thread) {1000 * one:.0f} ms, {settings.processes} processes "
        f"{1000 * several:.0f} ms, {one / several:.2f} times as fast on {os.cpu_count()} cores"
    )

    values = {}
    coqui: dict[str, float] = {}
    found = coqui_launcher(folder)
    if found is None:
        print("\nCoqui's launcher starts `python3`, which Windows does not have: left out here.")
    else:
        truth = coqui_alone(folder / "alone")
        print("\npython -m trainer.distribute --script coqui_worker.py --gpus 0,1")
        print("way         wrapped   the two processes apart   from one process")
        for way, pair in found.items():
            coqui[way] = apart(pair[0]["weights"], pair[1]["weights"])
            print(
                f"{way:<11} {'yes' if pair[0]['wrapped'] else 'no':>7} {coqui[way]:>25.0e} "
                f"{apart(pair[0]['weights'], truth):>18.0e}"
            )
            values[f"coqui_{way}_apart"] = coqui[way]
        values["coqui_averaged_from_one"] = apart(found["averaged"][0]["weights"], truth)
        print("   launcher: without GPUs it starts two trainings that know nothing of each other.")
        print("   wrapped: as on two GPUs. The Trainer (0.4.0) wraps the model, then calls past the wrapper, so its")
        print("   gradients are not averaged: two models, of which the first is saved. averaged: five lines repair it.")
    plot(alone["gradients"], ranks, coqui, settings.out / "several_processes.png")
    print(f"several_processes.png: equal parts on the line ({to_one:.0e} off), uneven ones beside it ({uneven:.2f})")
    print("On a machine with GPUs the same command uses one for each process; nothing else changes.\n")
    return {
        "gradients_between_processes": between,
        "gradients_to_one_process": to_one,
        "weights_after_ten_steps": after,
        "same_clips": same,
        "uneven_parts": uneven,
        "order_repeats_without_set_epoch": repeats,
        "order_repeats_with_set_epoch": differs,
        "times_as_fast": one / several,
        **values,
    }


EXPECTED = {
    "gradients_between_processes": Expected(quick=(0, 1e-6), full=(0, 1e-6)),
    "gradients_to_one_process": Expected(quick=(0, 1e-4), full=(0, 1e-4)),
    "weights_after_ten_steps": Expected(quick=(0, 1e-4), full=(0, 1e-4)),
    "same_clips": Expected(quick=(0.05, 10), full=(0.05, 10)),
    "uneven_parts": Expected(quick=(0.01, 10), full=(0.01, 10)),
    "order_repeats_without_set_epoch": Expected(quick=(1, 1), full=(1, 1)),
    "order_repeats_with_set_epoch": Expected(quick=(0, 0), full=(0, 0)),
}
if platform.system() != "Windows":  # what Trainer 0.4.0 does; where a later one averages, this lesson has to say so
    EXPECTED |= {
        "coqui_launcher_apart": Expected(quick=(0.01, 10), full=(0.01, 10)),
        "coqui_wrapped_apart": Expected(quick=(0.01, 10), full=(0.01, 10)),
        "coqui_averaged_apart": Expected(quick=(0, 1e-6), full=(0, 1e-6)),
        "coqui_averaged_from_one": Expected(quick=(0, 1e-5), full=(0, 1e-5)),
    }

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="course exercise 08")
