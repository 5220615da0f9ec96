"""Beyond one process with Ray: clips prepared and a book spoken on two nodes, one worker killed, nothing lost.

What you will learn
    - tasks and actors: functions that need nothing, and workers that keep a voice in memory
    - to give the capstone's own functions to a cluster without changing a line of them
    - what happens when a worker is killed in the middle, and what must be true so that nothing is lost or doubled
    - that the result is the same, byte for byte, as that of one process
    - what a cluster costs before it does anything, and from which amount of work on it pays
    - to serve the API on the same cluster: one address, a replica on each node
    - what changes on a real cluster, and how many machines a million users would need
How to run it
    python 05_ray_batch.py --quick               12 clips and 16 sentences, about 86 s, no network
    python 05_ray_batch.py                       1,000 clips and 525 sentences of a book, about 4 min
    python 05_ray_batch.py --book MY_BOOK.txt    another text, in full
    Needs the extra: python3 00_env_setup/bootstrap.py extra ray
Time and memory on 2 CPU cores: quick 86 s, full 4 min; 1.4 GB, 3 GB in all processes. Without
    data the first run makes its speech first.
Writes outputs/: ray_batch.png, batch/ (prepared clips and spoken sentences), ray_serve.log (full run), stand_in/
    (first run without data)
Concepts: CLOUD_CONCEPTS_EXPLAINED.md (cluster, task and actor, fault tolerance, speed-up, capacity planning)
"""

import hashlib
import io
import os
import shutil
import signal
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import soundfile
from batch_work import Speaker, prepare_clip, speak_sentence, voice
from cloud_utils import (
    BLUE,
    CAPSTONE,
    GREEN,
    HERE,
    ORANGE,
    ROOT,
    free_port,
    launched,
    mlops_utils,
    needs_ray,
    prepare,
    save_figure,
    serving_voice,
)
from matplotlib.figure import Figure

from coursekit.cli import run_script, script_parser
from coursekit.errors import CourseError
from coursekit.expectations import Expected
from voice_pipeline.audio import write_wav
from voice_pipeline.text import split_sentences

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
PARSER.add_argument("--book", type=Path, metavar="FILE", help="a text to speak instead of the course's own lines")
CLIPS = {True: 12, False: 1000}  # quick, full
SENTENCES = {True: 16, False: 525}
NODES = 2  # on this machine, one processor core each
SERVED = 8  # sentences asked of the API, in a full run
KILL_AFTER = 5  # sentences that have come back when a worker is killed
LINES = ROOT / "06_hf_transformers" / "lines.csv"  # newgate: The Chronicles of Newgate (A. Griffiths, 1884)
# A million users, on paper
USERS, MINUTES_A_DAY, RECORDINGS, PEAK = 1_000_000, 10, 20, 3  # peak: the busiest hour against the mean

# ----------------------------------------------------------------------------------------------------------------------
# the work: what is to be prepared and spoken. How, stands in batch_work.py, which knows of no cluster


def recordings(settings) -> list[Path]:
    """Return real recordings, or stand-ins, as files."""
    folder = settings.out / "batch" / "raw"
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for clip in mlops_utils.audio_utils.load_speakers(settings, 3 if settings.quick else 50, sentences_each=1):
        path = folder / f"{clip.name}.wav"
        if not path.is_file():
            write_wav(path, clip.waveform, clip.sample_rate)
        paths.append(path)
    return paths


def clip_rows(paths: list[Path], number: int, folder: Path) -> list[dict]:
    """Return what is to be prepared: `number` clips, the recordings over and over."""
    folder.mkdir(parents=True, exist_ok=True)
    picked = [(n, paths[n % len(paths)]) for n in range(number)]
    return [{"id": n, "raw": str(path), "clip": str(folder / f"clip{n:04d}.wav")} for n, path in picked]


def sentence_rows(settings, number: int, folder: Path) -> list[dict]:
    """Return what is to be spoken: a book's sentences in order."""
    folder.mkdir(parents=True, exist_ok=True)
    if settings.book:
        if not settings.book.is_file():
            raise CourseError(f"there is no file {settings.book}.", hint="--book FILE, a plain text")
        texts = split_sentences(settings.book.read_text(encoding="utf-8"))
    else:
        lines = (line.split("|") for line in LINES.read_text(encoding="utf-8").splitlines())
        texts = [line[2] for line in lines if line[0] == "newgate"][:number]
    return [{"id": n, "text": text, "clip": str(folder / f"{n:05d}.wav")} for n, text in enumerate(texts)]


# ----------------------------------------------------------------------------------------------------------------------
# the cluster


@contextmanager
def cluster(nodes: int):
    """Run a Ray cluster of several nodes on this machine while the block lasts; nobody outside can reach it.

    On real machines `ray start --head` and `ray start --address=...` do this, and `ray.init(address="auto")` joins.
    """
    # concept: cluster
    needs_ray()
    os.environ.update(RAY_AUTH_MODE="disabled", RAY_DATA_DISABLE_PROGRESS_BARS="1")
    # The workers are processes of their own, which import batch_work.py by its name; on real machines the image has it.
    os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])])
    import logging

    import ray
    import ray.data
    from ray.cluster_utils import Cluster

    logging.getLogger("ray.data").setLevel(logging.ERROR)
    # Ray's sockets have long names, and the system allows 107 characters: a short folder, which goes afterwards.
    folder = tempfile.mkdtemp(prefix="ray", dir="/tmp" if os.name == "posix" else None)
    memory = {"num_cpus": 1, "object_store_memory": 100_000_000}
    made = Cluster(initialize_head=True, head_node_args={**memory, "temp_dir": folder, "include_dashboard": False})
    try:
        for _ in range(nodes - 1):
            made.add_node(**memory)
        ray.init(address=made.address, logging_level="error", log_to_driver=False)
        ray.data.DataContext.get_current().enable_progress_bars = False
        yield ray
    finally:
        ray.shutdown()
        made.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


def prepare_with(ray, rows: list[dict]) -> list[dict]:
    """Prepare clips as tasks: any process may do any of them."""
    data = ray.data.from_items(rows, override_num_blocks=max(4, len(rows) // 50))
    return sorted(data.map(prepare_clip, num_cpus=1).iter_rows(), key=lambda row: row["id"])


def speak_with(ray, rows: list[dict]) -> tuple[list[dict], int]:
    """Speak with one actor a node, kill one of them on the way; return the rows and who was killed."""
    # concept: fault tolerance
    data = ray.data.from_items(rows, override_num_blocks=len(rows) // 2)  # small blocks: little to do again
    done, killed = [], 0
    for row in data.map(Speaker, concurrency=NODES, num_cpus=1).iter_rows():
        done.append(row)
        if len(done) == KILL_AFTER:
            killed = row["pid"]
            os.kill(killed, signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    return sorted(done, key=lambda row: row["id"]), killed


def serve_with(ray, settings, rows: list[dict]) -> tuple[int, int]:
    """Serve the API on the same cluster with the capstone's Ray Serve deployment, one replica a node, and ask it from
    four sides at once; return how many answers were whole, and how many replicas stood behind the one address."""
    from ray import serve

    home = settings.out / "batch" / "voices"
    serving_voice(home)
    port, address = free_port(), ray.get_runtime_context().gcs_address
    command = [sys.executable, str(CAPSTONE / "deploy" / "ray_serve.py"), "--home", str(home), "--port", str(port)]
    command += ["--replicas", str(NODES), "--address", address]
    with launched(command, port, settings.out / "ray_serve.log") as server:
        server.wait("/health")

        def ask(row: dict) -> float:
            body = {"model": "tts-1", "voice": "demo", "input": row["text"], "response_format": "wav"}
            answer = httpx.post(f"{server.url}/v1/audio/speech", json=body, timeout=300, trust_env=False)
            return soundfile.info(io.BytesIO(answer.raise_for_status().content)).duration

        with ThreadPoolExecutor(4) as pool:
            lengths = list(pool.map(ask, rows))
        running = serve.status().applications["voice-api"].deployments["voice-api"].replica_states
    whole = sum(abs(length - row["seconds"]) < 0.5 for length, row in zip(lengths, rows, strict=True))
    replicas = {str(getattr(state, "value", state)): number for state, number in running.items()}
    print(f"Ray Serve: {whole} of {len(rows)} sentences as long as one process says them; replicas: {replicas}")
    return whole, replicas.get("RUNNING", 0)


# ----------------------------------------------------------------------------------------------------------------------
# on paper


def a_million_users(clip_cpu: float, speech_cpu: float) -> float:
    """Print what a million users would need, from this machine's processor seconds; return vCPUs at the peak.

    Args:
        clip_cpu: Processor seconds to prepare one recording.
        speech_cpu: Processor seconds for a second of speech.
    """
    # concept: capacity planning
    speech = USERS * MINUTES_A_DAY * 60  # seconds of speech a day
    mean = speech * speech_cpu / 86_400
    print(f"\nA million users who listen {MINUTES_A_DAY} minutes a day, on paper:")
    print(f"   {speech / 3600:,.0f} hours of speech a day: {mean:,.0f} vCPUs all day, {mean * PEAK:,.0f} at the peak")
    print(f"   preparing {RECORDINGS} recordings of each, once: {USERS * RECORDINGS * clip_cpu / 3600:,.0f} vCPU hours")
    print(
        f"   sound to send as Opus at 32 kbit/s: {speech * 4000 / 1e12:,.1f} TB a day; often dearer than computing it"
    )
    print("   What is said twice is spoken once: a cache in the object store, named by voice and text (script 03).")
    return mean * PEAK


def draw(alone: dict[str, float], together: dict[str, float], start: float, path) -> None:
    """Draw the time of one process beside the cluster's, with what the cluster took to be there."""
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    axes = figure.subplots()
    for place, name in enumerate(alone):
        axes.barh(2.5 * place, alone[name], color=BLUE, label="one process" if place == 0 else None)
        axes.barh(2.5 * place + 1, together[name], color=ORANGE, label="two nodes" if place == 0 else None)
    axes.barh(2.5 * len(alone), start, color=GREEN, label="starting the cluster")
    axes.set(xlabel="time (s)", yticks=[0.5, 3.0, 5.0])
    axes.set_yticklabels([*alone, "before anything"])
    axes.legend()
    save_figure(figure, path)


def timed(work):
    """Return what `work()` returns, and the seconds it took."""
    began = time.perf_counter()
    return work(), time.perf_counter() - began


def main(settings) -> dict:
    needs_ray()
    prepare(settings)
    batch = settings.out / "batch"
    paths = recordings(settings)
    one, many = batch / "one", batch / "many"
    clips = clip_rows(paths, CLIPS[settings.quick], one)
    sentences = sentence_rows(settings, SENTENCES[settings.quick], one)

    print(f"\none process: {len(clips)} clips, {len(sentences)} sentences")
    prepare_clip(clips[0]), voice()  # warm, as the cluster's workers will be after their first row
    prepared, first = timed(lambda: [prepare_clip(row) for row in clips])
    spoken, second = timed(lambda: [speak_sentence(row) for row in sentences])
    alone = {"prepare": first, "speak": second}

    began = time.perf_counter()
    with cluster(NODES) as ray:
        start = time.perf_counter() - began
        print(f"two nodes: up after {start:.1f} s")
        theirs, first = timed(lambda: prepare_with(ray, clip_rows(paths, len(clips), many)))
        (said, killed), second = timed(lambda: speak_with(ray, sentence_rows(settings, len(sentences), many)))
        served = serve_with(ray, settings, spoken[:SERVED]) if not settings.quick else None
    together = {"prepare": first, "speak": second}

    nodes = {row["node"] for row in said}
    workers = {row["pid"] for row in said}
    print(f"spoken by {len(workers)} workers on {len(nodes)} nodes; one was killed after {KILL_AFTER} sentences")
    same_clips = sum(a["sha256"] == b["sha256"] for a, b in zip(prepared, theirs, strict=True))
    same_speech = sum(a["sha256"] == b["sha256"] for a, b in zip(spoken, said, strict=True))
    files = sum(
        hashlib.sha256(Path(row["clip"]).read_bytes()).hexdigest() == row["sha256"]
        for row in [*theirs, *said]
        if row["sha256"]
    )
    print(f"byte for byte as one process: {same_clips} of {len(clips)} clips, {same_speech} of {len(said)} sentences")
    for name, seconds in alone.items():
        # concept: speed-up
        ratio = seconds / together[name]
        print(f"   {name:8} one process {seconds:7.1f} s, two nodes {together[name]:7.1f} s: {ratio:.2f} times as fast")
    print(
        "The first seconds of each stage start processes and load voices: a batch has to be long enough to pay for it."
    )
    clip_cpu = sum(row["cpu"] for row in prepared) / len(prepared)
    speech_cpu = sum(row["cpu"] for row in spoken) / sum(row["seconds"] for row in spoken)
    peak = a_million_users(clip_cpu, speech_cpu)
    print("On real machines: recordings and results in an object store (script 01), the same image on every node, the")
    print("cluster in a private network, and Ray Serve for the API: the capstone's deploy/ray_serve.py --address auto.")
    if served is None:
        print("The full run serves the API on this very cluster.")
    draw(alone, together, start, settings.out / "ray_batch.png")
    print("ray_batch.png: time of one process, of two nodes, and of starting them")
    return {
        "nodes": len(nodes),
        "workers": len(workers),
        "killed": int(killed in workers),
        "clips_same": same_clips / len(clips),
        "sentences_same": same_speech / len(sentences),
        "lost": len(clips) + len(sentences) - len(theirs) - len(said),
        "files_whole": files / (len(theirs) + len(said)),
        "speak_speedup": alone["speak"] / together["speak"],
        "peak_vcpus": peak,
        **({"served": served[0] / SERVED, "replicas": served[1]} if served else {}),
    }


EXPECTED = {
    "nodes": Expected(quick=(2, 2), full=(2, 2)),
    "workers": Expected(quick=(3, 3), full=(3, 4)),
    "killed": Expected(quick=(1, 1), full=(1, 1)),
    "clips_same": Expected(quick=(1, 1), full=(1, 1)),
    "sentences_same": Expected(quick=(1, 1), full=(1, 1)),
    "lost": Expected(quick=(0, 0), full=(0, 0)),
    "files_whole": Expected(quick=(1, 1), full=(1, 1)),
    "speak_speedup": Expected(quick=(0.005, 4), full=(0.2, 4)),
    "peak_vcpus": Expected(quick=(50, 20000), full=(50, 20000)),
    "served": Expected(quick=None, full=(1, 1)),
    "replicas": Expected(quick=None, full=(NODES, NODES)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="06_protect_voices.py")
