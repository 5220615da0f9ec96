"""What speech costs: your own machine in a cloud against hosted services, from what is measured and dated prices.

What you will learn
    - from a real-time factor to dollars for an hour of speech, and from there to dollars for a million characters
    - why the share of time in which a machine is used decides more than the price of the machine
    - how much faster a GPU has to be before it is cheaper, and when it never is
    - below which amount of text a hosted service is cheaper than a machine of your own
    - to write a price down with its date and its source, and to see at once when it is old
How to run it
    python 04_what_it_costs.py --quick                       measures the starter voice here, about 17 s, no network
    python 04_what_it_costs.py                               measures longer
    python 04_what_it_costs.py --used 0.1 --factor 0.46      for a model of yours, busy a tenth of the time
Time and memory on 2 CPU cores: quick 17 s, full 17 s; 0.9 GB
Writes outputs/: costs.png, costs.csv
Concepts: CLOUD_CONCEPTS_EXPLAINED.md (cost model, utilisation, break-even)
"""

import csv
import statistics
import time
from datetime import date

import torch
from cloud_utils import BLUE, GREY, HERE, ORANGE, prepare, save_figure, starter_voice
from matplotlib.figure import Figure

from coursekit.cli import run_script, script_parser
from coursekit.errors import CourseError
from coursekit.expectations import Expected
from coursekit.files import write_csv_atomic
from voice_pipeline.synthesis import speak

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
PARSER.add_argument(
    "--factor", type=float, metavar="S", help="processor seconds for a second of speech, instead of measuring (starter)"
)
PARSER.add_argument("--used", type=float, default=0.3, metavar="SHARE", help="of the time it speaks, 0.01 to 1 (0.3)")
PARSER.add_argument(
    "--gpu-factor", type=float, metavar="S", help="seconds for a second of speech on a GPU, where you measured it"
)
ROUNDS = {True: 3, False: 10}  # quick, full
LARGE = 27.7  # times the starter: a VITS of 29 M parameters, measured by the capstone's benchmarks/speed.py
H100, BESIDE_IT = 0.0142, 0.0193  # s for a second of speech: starter on an NVIDIA H100, on one core of that machine;
# one sentence after the other, 52 sentences, 26 November 2026
MONTH = 730  # hours
OLD = 365  # days after which a price is called old
TEXT = (
    "The rabbit hole went straight on like a tunnel for some way, and then dipped suddenly down. "
    "Either the well was very deep, or she fell very slowly, for she had plenty of time as she went down. "
    "She had never before seen a rabbit with a waistcoat pocket, round number {number}."
)

# ----------------------------------------------------------------------------------------------------------------------
# what is measured


def measure(rounds: int) -> tuple[float, float]:
    """Return processor seconds for a second of speech (median), and characters for a second of speech.

    Processor seconds of all threads, not time on the clock: a busy machine changes the clock, and a cloud sells
    processors. One thread, so that a second of one vCPU is a second of computing.
    """
    # concept: cost model
    torch.set_num_threads(1)
    voice = starter_voice()
    factors, characters, seconds = [], 0, 0.0
    for number in range(rounds):
        text = TEXT.format(number=number)
        before = time.process_time()
        speech = speak(voice, text)
        factors.append((time.process_time() - before) / speech.seconds)
        characters, seconds = characters + len(text), seconds + speech.seconds
    return statistics.median(factors), characters / seconds


# ----------------------------------------------------------------------------------------------------------------------
# from a factor to dollars


def hour_of_speech(factor: float, machine: float, used: float) -> float:
    """Return dollars for an hour of speech.

    Args:
        factor: Hours of this machine for an hour of speech.
        machine: Dollars for an hour of it, spoken or silent.
        used: Share of the time in which it speaks; you pay for the rest too.
    """
    # concept: utilisation
    return factor * machine / used


def per_million(hour: float, characters_a_second: float) -> float:
    """Return dollars for a million characters, from dollars for an hour of speech."""
    return hour * 1e6 / characters_a_second / 3600


def faster_to_pay(gpu: float, cpu: float) -> float:
    """Return how many times faster a GPU machine has to be than a CPU machine to cost the same; both equally used."""
    return gpu / cpu


def characters_to_pay(monthly: float, price: float) -> float:
    """Return millions of characters a month above which a machine for `monthly` dollars beats a service."""
    # concept: break-even
    return monthly / price


def read_prices() -> list[dict]:
    """Return the rows of prices.csv, with their age in days, or None where the date is not known to the day."""
    with open(HERE / "prices.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["usd"] = float(row["usd"])
        try:
            row["age"] = (date.today() - date.fromisoformat(row["seen"])).days
        except ValueError:
            row["age"] = None
    return rows


# ----------------------------------------------------------------------------------------------------------------------
# table and picture


def draw(rows: list[tuple[str, float, str]], path) -> None:
    """Draw dollars for a million characters: a computed bar in blue, a price list's in grey."""
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.subplots()
    colours = {"measured": BLUE, "estimate": ORANGE, "price list": GREY}
    for place, (_, dollars, kind) in enumerate(rows):
        axes.barh(place, dollars, color=colours[kind])
        axes.text(dollars * 1.1, place, f"{dollars:.3g}", va="center", fontsize=8)
    for kind, colour in colours.items():
        axes.barh(0, 0, color=colour, label=kind)
    axes.set(xscale="log", xlabel="US dollars for a million characters (log scale)", yticks=range(len(rows)))
    axes.set_xlim(right=max(dollars for _, dollars, _ in rows) * 3)
    axes.set_yticklabels([name for name, _, _ in rows], fontsize=8)
    axes.legend(loc="lower right")
    save_figure(figure, path)


def main(settings) -> dict:
    if not 0.01 <= settings.used <= 1:
        raise CourseError(f"--used {settings.used} is no share of the time.", hint="from 0.01 to 1, for example 0.3")
    for name in ("factor", "gpu_factor"):
        if (value := getattr(settings, name)) is not None and value <= 0:
            raise CourseError(f"--{name.replace('_', '-')} {value} is no time.", hint="for example 0.05")
    prepare(settings)
    prices = read_prices()
    price = {row["name"]: row["usd"] for row in prices}
    measured, characters = measure(ROUNDS[settings.quick])
    factor = settings.factor or measured
    print(f"\nmeasured here: {measured:.3f} processor seconds and {characters:.1f} characters for a second of speech")
    print(
        f"one vCPU, used {settings.used:.0%} of the time, speaks {settings.used / factor:.1f} hours of speech an hour"
    )

    core = price["fargate_vcpu"] + 2 * price["fargate_gb"]  # one vCPU with 2 GB
    gpu = price["ec2_gpu"]
    table = []
    for name, this, kind in (
        ("starter voice, one vCPU of Fargate", factor, "measured"),
        ("the same, never idle", factor, "measured"),
        (f"a model {LARGE:g} times as large, one vCPU", factor * LARGE, "estimate"),
    ):
        used = 1.0 if "never" in name else settings.used
        table.append((name, per_million(hour_of_speech(this, core, used), characters), kind))
    if settings.gpu_factor:
        hour = hour_of_speech(settings.gpu_factor, gpu, settings.used)
        table.append(("your model on a GPU machine", per_million(hour, characters), "measured"))
    services = [row for row in prices if row["unit"] == "million characters"]
    table += [(row["what"], row["usd"], "price list") for row in services]
    print(f"\n{'US dollars for':44}{'a million characters':>22}{'an hour of speech':>20}")
    for name, dollars, _ in table:
        print(f"   {name:44}{dollars:19.3f}{dollars * characters * 3600 / 1e6:20.3f}")
    write_csv_atomic(settings.out / "costs.csv", [("what", "usd_per_million_characters", "kind"), *table])
    draw(table, settings.out / "costs.png")

    needed = faster_to_pay(gpu, core)
    print(f"\nA GPU machine costs {needed:.0f} times as much as one vCPU: it has to be {needed:.0f} times faster.")
    print(
        f"The starter voice would need {measured / needed:.5f} s there for a second of speech: too small to fill a GPU."
    )
    gain = BESIDE_IT / H100
    print(f"An H100 took {H100} s, one core beside it {BESIDE_IT} s, one sentence after the other: {gain:.1f} times")
    print("as fast. A GPU earns its price with large models, or with many sentences at once.")
    print(
        f"A model {LARGE:g} times as large would need {measured * LARGE / needed:.4f} s: measure it, then --gpu-factor."
    )
    always = 2 * MONTH * (2 * price["fargate_vcpu"] + 4 * price["fargate_gb"])  # script 02: two replicas
    cheapest = min(services, key=lambda row: row["usd"])
    even = characters_to_pay(always, cheapest["usd"])
    books = even * 1e6 / 500_000  # a novel has about half a million characters
    print(f"Script 02's two replicas cost {always:.0f} dollars a month. {cheapest['what']} sells {even:.0f} million")
    print(f"characters for that, about {books:.0f} novels a month. Below it the service is cheaper.")
    old = [row for row in prices if row["age"] is None or row["age"] > OLD]
    print(f"\n{len(prices)} prices, {len(old)} of them old or without an exact date; look again before you decide:")
    for row in old:
        print(f"   {row['what']:48} {row['seen']:14} {row['source']}")
    print(
        "Not counted: traffic, disks, the balancer, storage of voices, and the hours of the people who look after it."
    )
    return {
        "factor": measured,
        "characters_a_second": characters,
        "own_per_million": table[0][1],
        "idle_costs": table[0][1] / table[1][1] * settings.used,
        "service_per_own": cheapest["usd"] / table[0][1],
        "gpu_must_be_faster": needed,
        "break_even_millions": even,
        "prices_with_source": sum(row["source"].startswith("https://") for row in prices) / len(prices),
    }


EXPECTED = {
    "factor": Expected(quick=(0.005, 0.4), full=(0.005, 0.4)),
    "characters_a_second": Expected(quick=(8, 25), full=(8, 25)),
    "own_per_million": Expected(quick=(0.001, 3), full=(0.001, 3)),
    "idle_costs": Expected(quick=(0.999, 1.001), full=(0.999, 1.001)),
    "service_per_own": Expected(quick=(1.3, 4000), full=(1.3, 4000)),
    "gpu_must_be_faster": Expected(quick=(5, 60), full=(5, 60)),
    "break_even_millions": Expected(quick=(5, 200), full=(5, 200)),
    "prices_with_source": Expected(quick=(1, 1), full=(1, 1)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="05_ray_batch.py")
