"""Keep a voice in three clouds: S3, Google Cloud and Azure, each through its own library, then all through one.

What you will learn
    - what an object store is, and why it is no file system: whole objects, by name, over HTTP
    - to send large files in parts, and to go on after the line broke instead of beginning again
    - checksums: who compares what with what, and what only you can compare
    - links that let anybody read one recording for a minute, and rules that delete old recordings by themselves
    - one layer over all three (fsspec), and what it cannot do
    - what an emulator does not prove: it takes things that the cloud would refuse
How to run it
    python 01_object_storage.py --quick                   against emulators on this machine, about 22 s, no network
    python 01_object_storage.py                           the same with 20 recordings
    python 01_object_storage.py --real s3://MY-BUCKET     in the cloud itself; credentials from the environment only
Time and memory on 2 CPU cores: quick 22 s, full 13 s; 0.9 GB. Without data it first makes its speech.
Writes outputs/: uploads.png, emulator_s3.log, emulator_gs.log, emulator_az.log (where Azurite is installed),
    voices/ (first run), stand_in/ (first run without data)
Concepts: CLOUD_CONCEPTS_EXPLAINED.md (object storage, resumable upload, presigned link, lifecycle rule, emulator)
"""

import hashlib
import os
import time
from dataclasses import dataclass

import httpx
from cloud_utils import BLUE, GREY, ORANGE, emulators, files_of, mib, needs, prepare, save_figure, voice_to_keep
from matplotlib.figure import Figure
from store_contract import Damaged, Store
from stores import FSSPEC, STORES, real_store

from coursekit.cli import run_script, script_parser
from coursekit.expectations import Expected
from coursekit.files import sha256_file

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
PARSER.add_argument("--real", metavar="ADDRESS", help="a bucket of yours: s3://NAME, gs://NAME or az://CONTAINER")
BUCKET = "course-voices"
CLIPS = {True: 3, False: 20}  # quick, full: recordings in the voice
LINK_SECONDS = 60  # how long a link holds; minutes for a player, never days
KEEP_DAYS = 30  # raw recordings are deleted after so many days: what was trained from them stays

# ----------------------------------------------------------------------------------------------------------------------
# sending a folder, with a line that breaks


class LineBroke(Exception):
    """What a train does in a tunnel."""


@dataclass
class Sending:
    """What went over the line, in bytes.

    Attributes:
        sent: Had to be sent, in all tries.
        skipped: Was there already when the second try began.
        broken: Had arrived of the large file when the line broke.
    """

    sent: int = 0
    skipped: int = 0
    broken: int = 0
    done: int = 0  # of the file that is on its way

    def on_bytes(self, done: int, had_to: bool) -> None:
        """Note a part: called by the store when it has it."""
        if had_to:
            self.sent += done - self.done
        else:
            self.skipped += done - self.done
        self.done = done

    def on_bytes_then_break(self, done: int, had_to: bool) -> None:
        self.on_bytes(done, had_to)
        self.broken = done
        raise LineBroke


def send(store: Store, files: dict, break_in: str) -> Sending:
    """Send every file; in `break_in` the line breaks after the first part, and the file is sent a second time."""
    # concept: object storage
    sending = Sending()
    for key, path in files.items():
        sending.done = 0
        if key == break_in:
            try:
                store.put(key, path, sending.on_bytes_then_break)
            except LineBroke:
                print(f"   {key}: the line broke after {mib(sending.broken)} of {mib(path.stat().st_size)}")
            sending.done = 0
        store.put(key, path, sending.on_bytes)
    return sending


# ----------------------------------------------------------------------------------------------------------------------
# what the store refuses


def refused(action) -> bool:
    """Return whether an action is refused by the store, in its library's own words."""
    try:
        action()
    except Exception as error:  # three libraries, three kinds of errors, and httpx's own
        known = ("ClientError", "BadRequest", "HttpResponseError", "HTTPStatusError")
        if type(error).__name__ not in known:
            raise
        return True
    return False


def status(url: str) -> int:
    """Return what an address answers to somebody who has nothing but the address."""
    return httpx.get(url, trust_env=False, timeout=60).status_code


def enforced(store: Store, key: str) -> dict[str, bool]:
    """Return what this store enforces; the clouds themselves enforce all of it."""
    # concept: emulator
    short = store.link(key, 1)  # made now, used at the end, when it is no longer good
    made = time.monotonic()
    found = {
        "a link opens one object": status(store.link(key, LINK_SECONDS)) == 200,
        "without the link: no": status(store.link(key, LINK_SECONDS).split("?")[0]) in (401, 403, 404),
        "damaged on the way: no": refused(lambda: store.put_with_wrong_checksum("damaged", b"a voice")),
    }
    time.sleep(max(0.0, 2.2 - (time.monotonic() - made)))
    return {**found, "an old link: no": status(short) in (400, 401, 403)}


def damage_found(store: Store) -> bool:
    """Return whether damage is found, at the latest by our own comparison after the download."""
    if "damaged" not in store.keys():
        return True  # the store refused it
    try:
        store.get_verified("damaged")
    except Damaged:
        store.delete("damaged")
        return True
    return False


# ----------------------------------------------------------------------------------------------------------------------
# the same through one layer


def through_fsspec(scheme: str, store: Store, files: dict) -> int:
    """Read the voice back through fsspec, the layer that pandas, datasets and Ray use; return how many files match.

    The lines are the same for every store; only the options that say where it is differ. Gone are parts, links, rules
    and checksums: a common layer is what all have in common.
    """
    # concept: common layer
    import fsspec

    system = fsspec.filesystem(FSSPEC[scheme], **store.options())
    matching = 0
    for name in system.find(f"{store.bucket}/demo"):
        key = name.split("/", 1)[1]
        with system.open(name, "rb") as content:
            matching += hashlib.sha256(content.read()).hexdigest() == sha256_file(files[key])
    return matching


# ----------------------------------------------------------------------------------------------------------------------
# one picture


def draw(sendings: dict[str, Sending], size: int, path) -> None:
    """Draw what the large file of `size` bytes cost; on top, what it would have cost without parts."""
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    axes = figure.subplots()
    for place, (scheme, sending) in enumerate(sendings.items()):
        first, rest = sending.broken / 2**20, (size - sending.skipped) / 2**20
        axes.barh(place, first, color=BLUE, label="sent before the line broke" if place == 0 else None)
        axes.barh(place, rest, left=first, color=ORANGE, label="sent after it" if place == 0 else None)
        axes.text(first + rest + 0.1, place, f"{scheme}:// found {mib(sending.skipped)} of it again", va="center")
    axes.barh(len(sendings), first, color=BLUE)
    axes.barh(len(sendings), size / 2**20, left=first, color=GREY, label="sent again, had it begun anew")
    axes.set(xlabel="sent of the model's larger file (MiB)", yticks=range(len(sendings) + 1), xlim=(0, 16))
    axes.set_yticklabels([*(f"{scheme}://" for scheme in sendings), "without parts"])
    axes.legend(loc="upper right")
    save_figure(figure, path)
    print("uploads.png: after the break each store goes on where it was; without parts nearly twice as much is sent")


def walk(scheme: str, store: Store, files: dict) -> dict:
    """Go through everything with one store."""
    large = max(files, key=lambda key: files[key].stat().st_size)
    size = sum(path.stat().st_size for path in files.values())
    print(f"\n{scheme}://{store.bucket}: {len(files)} files, {mib(size)}")
    sending = send(store, files, large)
    print(f"   sent {mib(sending.sent)}, {mib(sending.skipped)} were there already")
    whole = sum(store.get_verified(key) is not None for key in files)
    print(f"   {whole} of {len(files)} came back as they were sent (SHA-256)")
    rule = store.expire("demo/raw/", KEEP_DAYS)
    print(f"   rule: {str(rule)[:96]}...")
    holds = enforced(store, next(key for key in files if "/raw/" in key))
    found = damage_found(store)
    same = through_fsspec(scheme, store, files)
    print(f"   through fsspec: {same} of {len(files)} the same")
    return {
        "sending": sending,
        "again": sending.sent - size,
        "whole": whole / len(files),
        "enforced": holds,
        "found": found,
        "same": same / len(files),
        "rule": str(KEEP_DAYS) in str(rule),
    }


def main(settings) -> dict:
    needs("boto3", "google.cloud.storage", "azure.storage.blob", "s3fs", "gcsfs", "adlfs", "moto")
    prepare(settings)
    os.environ["GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"] = "false"  # else gcsfs asks each new bucket for 60 s, before import
    folder = voice_to_keep(settings, CLIPS[settings.quick])
    files = files_of(folder)
    results = {}
    if settings.real:
        scheme = settings.real.split(":")[0]
        results[scheme] = walk(scheme, real_store(settings.real), files)
        print(f"   The voice stays in {settings.real}; delete the bucket when you have looked at it.")
    else:
        with emulators(settings) as addresses:
            for scheme, address in addresses.items():
                results[scheme] = walk(scheme, STORES[scheme](BUCKET, address), files)

    questions = list(next(iter(results.values()))["enforced"])
    print(f"\n{'what is enforced':28}" + "".join(f"{scheme + '://':>8}" for scheme in results))
    for question in questions:
        answers = ("yes" if result["enforced"][question] else "NO" for result in results.values())
        print(f"   {question:25}" + "".join(f"{answer:>8}" for answer in answers))
    if not settings.real:
        print("The clouds themselves say yes to all. Where an emulator says NO, a green test proves nothing.")
    size = max(path.stat().st_size for path in files.values())
    draw({scheme: result["sending"] for scheme, result in results.items()}, size, settings.out / "uploads.png")
    print("\nNames: S3 bucket, key, part; Google bucket, object, session; Azure container, blob, block")
    return {
        "stores": len(results),
        "came_back_whole": min(result["whole"] for result in results.values()),
        "sent_twice_mib": max(result["again"] for result in results.values()) / 2**20,
        "not_sent_again_mib": min(result["sending"].skipped for result in results.values()) / 2**20,
        "damage_found": min(result["found"] for result in results.values()),
        "links_open": min(result["enforced"][questions[0]] for result in results.values()),
        "not_enforced": sum(not answer for result in results.values() for answer in result["enforced"].values()),
        "rules_kept": min(result["rule"] for result in results.values()),
        "same_through_fsspec": min(result["same"] for result in results.values()),
    }


EXPECTED = {
    "stores": Expected(quick=(2, 3), full=(1, 3)),
    "came_back_whole": Expected(quick=(1, 1), full=(1, 1)),
    "sent_twice_mib": Expected(quick=(0, 0), full=(0, 0)),
    "not_sent_again_mib": Expected(quick=(5, 5), full=(5, 5)),
    "damage_found": Expected(quick=(1, 1), full=(1, 1)),
    "links_open": Expected(quick=(1, 1), full=(1, 1)),
    "not_enforced": Expected(quick=(1, 5), full=(0, 5)),
    "rules_kept": Expected(quick=(1, 1), full=(1, 1)),
    "same_through_fsspec": Expected(quick=(1, 1), full=(1, 1)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="02_deploy_templates.py")
