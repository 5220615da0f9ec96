"""LibriTTS: download a big public data set so that a broken line, a bad copy or a full disk do no harm, and read it.

What you will learn
    - to go on with a broken download: one header, `Range`, and a server that knows it
    - to trust no file whose checksum you have not computed, and to ask for the disk space before, not after
    - to unpack an archive from the internet without letting it write where it wants
    - the layout of LibriTTS: readers, chapters, segments, two texts a clip; and its readers in a table
How to run it
    python 06_libritts.py --quick       a local server with a small archive of the same layout, about 5 s
    python 06_libritts.py               the same with more clips, or the real dev-clean where it was downloaded
    python 06_libritts.py --download    get dev-clean from openslr.org: 1.3 GB, 40 readers, 9 hours of speech
    python 06_libritts.py --download --readers 4    keep four readers of it only
Time and memory on 2 CPU cores: quick 5 s, full 5 s; 0.6 GB. Without data the first run makes its speech first.
Writes outputs/: server/, download/, readers.png, readers.csv, stand_in/ (first run without data). With --download:
    data/libritts_sample/LibriTTS/dev-clean/ (full run)
Concepts: DATA_CONCEPTS_EXPLAINED.md (downloads, libritts)
"""

import hashlib
import http.client
import io
import os
import shutil
import tarfile
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import soundfile
from data_utils import BLUE, ORANGE, load_readings, prepare, save_figure
from matplotlib.figure import Figure
from practice_server import Server, serving, small_archive

from coursekit.cli import run_script, script_parser
from coursekit.data.model import DataFile
from coursekit.data.transfer import DataUnavailable, check_free_disk, download
from coursekit.errors import CourseError
from coursekit.expectations import Expected
from coursekit.files import sha256_file, write_bytes_atomic, write_text_atomic

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
PARSER.add_argument("--download", action="store_true", help="download LibriTTS dev-clean (1.3 GB) and unpack it")
PARSER.add_argument("--readers", type=int, metavar="N", help="with --download: unpack only the first N readers")
SAMPLE = Path(__file__).resolve().parent / "data" / "libritts_sample"  # ignored by git
# H. Zen and others, LibriTTS (2019), CC BY 4.0. Size and SHA-256 are those that torchaudio and others check, too.
DEV_CLEAN = DataFile(
    "dev-clean.tar.gz",
    "da0864e1bd26debed35da8a869dd5c04dfc27682921936de7cff9c8a254dbe1a",
    1_291_469_655,
    ("https://www.openslr.org/resources/60/dev-clean.tar.gz", "https://us.openslr.org/resources/60/dev-clean.tar.gz"),
)
UNPACKED_OVER_PACKED = 1.3  # WAV files hardly shrink in a .tar.gz
CUT_AT = 0.4  # the local server hangs up after this share of the archive

# ----------------------------------------------------------------------------------------------------------------------
# a download that goes on where it stopped


def fetch_rest(url: str, part: Path, size: int) -> int:
    """Append the missing bytes of `url` to `part`; return how many came. The idea of every download manager.

    Raises:
        http.client.IncompleteRead: The line broke. What came before stays in `part`, for the next call.
    """
    # concept: downloads
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url)
    if have:
        request.add_header("Range", f"bytes={have}-")  # "from byte `have` to the end, please"
    with urllib.request.urlopen(request, timeout=30) as answer:
        if answer.status != 206:  # 206 Partial Content; 200 means: all of it, from the beginning
            have = 0
        with open(part, "ab" if have else "wb") as file:
            while block := answer.read1(1 << 16):  # write at once what has come: memory would be lost with the line
                file.write(block)
    came = part.stat().st_size - have
    if have + came < size:
        raise http.client.IncompleteRead(b"", size - have - came)
    return came


# ----------------------------------------------------------------------------------------------------------------------
# unpacking


def unpack(archive: Path, target: Path, readers: int | None = None) -> int:
    """Unpack a LibriTTS archive so that it is there whole or not at all; return how many files.

    Args:
        archive: A .tar.gz whose members lie in LibriTTS/.
        target: Folder that gets LibriTTS/.
        readers: Only so many readers of each subset.

    Raises:
        CourseError: A member would be written outside of the target.
    """
    beside = target / ".unpacking"
    shutil.rmtree(beside, ignore_errors=True)
    kept: set[tuple[str, ...]] = set()
    files = 0
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                parts = Path(member.name).parts
                reader = parts[:3] if len(parts) > 3 or member.isdir() else ()  # LibriTTS, subset, reader
                if len(reader) == 3 and readers is not None and reader not in kept and len(kept) >= readers:
                    continue
                kept |= {reader} if len(reader) == 3 else set()
                tar.extract(member, beside, filter="data")  # refuses "..", absolute paths, links outside, devices
                files += member.isfile()
    except tarfile.FilterError as error:
        shutil.rmtree(beside, ignore_errors=True)
        raise CourseError(
            f"{archive.name} would write outside of its folder: {error}.", hint="delete it; this is not LibriTTS"
        ) from error
    shutil.rmtree(target / "LibriTTS", ignore_errors=True)
    os.replace(beside / "LibriTTS", target / "LibriTTS")
    shutil.rmtree(beside)
    return files


# ----------------------------------------------------------------------------------------------------------------------
# the layout


@dataclass(frozen=True)
class Utterance:
    """One clip of LibriTTS: READER_CHAPTER_PARAGRAPH_SENTENCE.wav with two texts beside it."""

    path: Path
    reader: str
    chapter: str
    original: str
    normalised: str
    seconds: float


def read_libritts(subset: Path) -> list[Utterance]:
    """Read a subset (`.../LibriTTS/dev-clean`): readers, in them chapters, in them clips with their texts."""
    # concept: libritts
    found = []
    for wav in sorted(subset.glob("*/*/*.wav")):
        reader, chapter, *_ = wav.stem.split("_")
        texts = []
        for kind in ("original", "normalized"):
            beside = wav.with_suffix(f".{kind}.txt")
            texts.append(beside.read_text(encoding="utf-8").strip() if beside.is_file() else "")
        found.append(Utterance(wav, reader, chapter, texts[0], texts[1], soundfile.info(wav).duration))
    if not found:
        raise CourseError(f"{subset} holds no clips.", hint="python 06_libritts.py --download")
    return found


def read_readers(root: Path) -> dict[str, tuple[str, str]]:
    """Read `speakers.tsv`: reader -> (F or M, name)."""
    path = root / "speakers.tsv"
    if not path.is_file():
        return {}
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()[1:]]
    return {row[0].strip(): (row[1].strip(), row[3].strip()) for row in rows if len(row) > 3}


# ----------------------------------------------------------------------------------------------------------------------
# the lesson


def broken_line(server: Server, folder: Path) -> tuple[float, int]:
    """Download by hand over a line that breaks; return (share that came first, requests in all)."""
    url, size = f"{server.address}/dev-clean.tar.gz", len(server.content)
    part = folder / "by_hand.part"
    part.unlink(missing_ok=True)
    server.hang_up_at = int(CUT_AT * size)
    try:
        fetch_rest(url, part, size)
    except http.client.IncompleteRead as error:
        print(f"   the line broke: {error.expected:,} bytes are missing; {part.stat().st_size:,} of {size:,} are kept")
    first = part.stat().st_size / size
    server.hang_up_at = None
    rest = fetch_rest(url, part, size)
    right = hashlib.sha256(part.read_bytes()).digest() == hashlib.sha256(server.content).digest()
    print(
        f"   asked again with Range: {rest:,} bytes came, the whole has {'the right' if right else 'a WRONG'} SHA-256"
    )
    part.unlink()
    return first, len(server.asked)


def with_coursekit(server: Server, file: DataFile, target: Path) -> dict[str, int]:
    """The course's own downloader on the same server: cut off, damaged, too big, and at last right."""
    print("\nThe course's downloader (coursekit.data.transfer), which the data registry uses, too")
    target.unlink(missing_ok=True)
    server.hang_up_at, server.asked = int(CUT_AT * file.size), []
    try:
        download(file, target)
    except DataUnavailable as error:
        print(f"   1 cut off at {CUT_AT:.0%} each time: {str(error).replace(server.address, 'http://...')}")
    part = target.with_name(target.name + ".part")
    kept = part.stat().st_size
    server.hang_up_at, server.asked = None, []
    download(file, target)
    resumed = server.asked[0][0] == f"bytes={kept}-"
    print(f"   2 the same command again: it asked for {server.asked[0][0]} and got {server.asked[0][1]:,} bytes")
    server.content, whole = bytes(255 - byte for byte in server.content[:10]) + server.content[10:], server.content
    other, refused = target.with_name("damaged.tar.gz"), False
    try:
        download(file, other)
    except DataUnavailable as error:
        refused = not other.exists()
        print(f"   3 ten bytes damaged on the way: {str(error).replace(server.address, 'http://...')}")
    server.content = whole
    full = False
    try:
        check_free_disk(target.parent, 10**15)
    except CourseError as error:
        full = True
        print(f"   4 a petabyte is wanted: {str(error).split(' in ')[0]}, {str(error).split(': ')[-1]}")
    return {"resumed": int(resumed), "damaged_refused": int(refused), "full_disk_seen": int(full)}


def refuses_a_hostile_archive(folder: Path) -> int:
    """Try an archive with a member called ../../evil.txt."""
    path = folder / "hostile.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        member = tarfile.TarInfo("LibriTTS/../../evil.txt")
        member.size = 4
        tar.addfile(member, io.BytesIO(b"evil"))
    try:
        unpack(path, folder)
    except CourseError as error:
        print(f"   5 an archive that reaches out of its folder: {str(error)[:70]}...")
        return int(not (folder.parent / "evil.txt").exists())
    finally:
        path.unlink()
    return 0


def get_dev_clean(readers: int | None) -> None:
    """Download and unpack the real thing; what is there already is not downloaded again."""
    if os.environ.get("COURSE_OFFLINE") == "1":
        raise CourseError("COURSE_OFFLINE=1 forbids downloads.", hint="unset COURSE_OFFLINE to download LibriTTS")
    SAMPLE.mkdir(parents=True, exist_ok=True)
    archive = SAMPLE / DEV_CLEAN.path
    if not archive.is_file() or sha256_file(archive) != DEV_CLEAN.sha256:
        check_free_disk(SAMPLE, round(DEV_CLEAN.size * (1 + UNPACKED_OVER_PACKED)))
        download(DEV_CLEAN, archive)
    print(f"{archive.name} is here and right; unpacking")
    print(f"{unpack(archive, SAMPLE, readers):,} files in {SAMPLE / 'LibriTTS'}. The archive may be deleted.")


def table_of_readers(
    utterances: list[Utterance], readers: dict[str, tuple[str, str]], folder: Path
) -> dict[str, float]:
    minutes: dict[str, float] = {}
    for one in utterances:
        minutes[one.reader] = minutes.get(one.reader, 0.0) + one.seconds / 60
    chapters = {reader: len({one.chapter for one in utterances if one.reader == reader}) for reader in minutes}
    print(f"\n{len(utterances)} clips, {len(minutes)} readers, {sum(minutes.values()):.1f} minutes")
    print("   reader  sex  chapters  clips  minutes  name")
    lines = ["reader,sex,chapters,clips,minutes,name"]
    for reader in sorted(minutes, key=lambda reader: -minutes[reader]):
        sex, name = readers.get(reader, ("?", "?"))
        clips = sum(one.reader == reader for one in utterances)
        if len(lines) <= 10:
            print(f"   {reader:>6}  {sex:<3}  {chapters[reader]:>8}  {clips:>5}  {minutes[reader]:>7.2f}  {name}")
        lines.append(f"{reader},{sex},{chapters[reader]},{clips},{minutes[reader]:.3f},{name.replace(',', ' ')}")
    write_text_atomic(folder / "readers.csv", "\n".join(lines) + "\n")
    figure = Figure(figsize=(9, 4), layout="constrained")
    axes = figure.subplots()
    order = sorted(minutes, key=lambda reader: minutes[reader])
    colours = [ORANGE if readers.get(reader, ("?",))[0] == "M" else BLUE for reader in order]
    axes.barh(order, [minutes[reader] for reader in order], color=colours)
    axes.set(xlabel="minutes", ylabel="reader", title="how much each reader says: women blue, men orange")
    save_figure(figure, folder / "readers.png")
    print(
        f"readers.png: {len(minutes)} readers, {min(minutes.values()):.1f} to {max(minutes.values()):.1f} minutes each"
    )
    return minutes


def as_coqui_reads(subset: Path, utterances: list[Utterance]) -> float:
    """Read the same folder with Coqui's own reader, which a training uses; return the share that agrees."""
    from voice_pipeline.engines.coqui import setup_coqui

    setup_coqui()
    from TTS.tts.datasets.formatters import libri_tts

    items = libri_tts(str(subset))
    theirs = {(Path(item["audio_file"]).name, item["text"].strip(), item["speaker_name"]) for item in items}
    mine = {(one.path.name, one.normalised, f"LTTS_{one.reader}") for one in utterances}
    share = len(mine & theirs) / max(1, len(mine | theirs))
    print(f"\nCoqui's reader of LibriTTS finds {len(theirs)} clips; {share:.0%} agree in file, text and speaker")
    return share


def main(settings) -> dict:
    prepare(settings)
    if settings.readers is not None and settings.readers < 1:
        raise CourseError(f"--readers {settings.readers} keeps nobody.", hint="use --readers 4")
    if settings.download and settings.quick:
        raise CourseError("--quick downloads nothing, and --download does.", hint="leave one of them out")
    readings = load_readings(settings, 16)[: 4 if settings.quick else 16]  # quick also where there are no recordings
    content = small_archive(readings)
    file = DataFile("dev-clean.tar.gz", hashlib.sha256(content).hexdigest(), len(content))
    folder = settings.out / "download"
    folder.mkdir(exist_ok=True)
    write_bytes_atomic(settings.out / "server" / file.path, content)
    print(f"A server on this machine offers {file.path}, {file.size / 1e6:.1f} MB. By hand:")
    with serving(content) as server:
        first, requests = broken_line(server, folder)
        file = DataFile(file.path, file.sha256, file.size, (f"{server.address}/{file.path}",))
        values = with_coursekit(server, file, folder / file.path)
    hostile = refuses_a_hostile_archive(folder)
    print(f"   6 unpacked: {unpack(folder / file.path, folder)} files in download/LibriTTS")
    if settings.download:
        get_dev_clean(settings.readers)
    real = SAMPLE / "LibriTTS" / "dev-clean"
    subset = real if not settings.quick and real.is_dir() else folder / "LibriTTS" / "dev-clean"
    utterances = read_libritts(subset)
    minutes = table_of_readers(utterances, read_readers(subset.parent), settings.out)
    agree = as_coqui_reads(subset, utterances)
    if subset != real:
        print("This was the small archive. The real one: python 06_libritts.py --download")
    return {
        "share_that_came_before_the_line_broke": first,
        "requests_by_hand": requests,
        **values,
        "hostile_archive_refused": hostile,
        "readers": len(minutes),
        "clips_a_reader": len(utterances) / len(minutes),
        "agree_with_coquis_reader": agree,
    }


EXPECTED = {
    "share_that_came_before_the_line_broke": Expected(quick=(0.3, 0.5), full=(0.3, 0.5)),
    "requests_by_hand": Expected(quick=(2, 2), full=(2, 2)),
    "resumed": Expected(quick=(1, 1), full=(1, 1)),
    "damaged_refused": Expected(quick=(1, 1), full=(1, 1)),
    "full_disk_seen": Expected(quick=(1, 1), full=(1, 1)),
    "hostile_archive_refused": Expected(quick=(1, 1), full=(1, 1)),
    "readers": Expected(quick=(2, 2), full=(2, 40)),
    "clips_a_reader": Expected(quick=(4, 4), full=(8, 1000)),
    "agree_with_coquis_reader": Expected(quick=(1, 1), full=(0.99, 1)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="07_statistics.py")
