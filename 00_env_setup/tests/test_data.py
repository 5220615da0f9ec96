"""The data registry against a loopback server: resume, checksums, offline, mirror, full disk."""

import errno
import hashlib
import io
import os
import shutil
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import coursekit.data as data
from coursekit.data import DATASETS, Archive, DataFile, Dataset, DataUnavailable, fetch, transcripts, transfer
from coursekit.errors import CourseError

CONTENT = bytes(range(256)) * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Server:
    """A web server on the loopback that can be told to misbehave."""

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    ranges: list[str | None] = field(default_factory=list)
    cut_first_answers: int = 0
    knows_ranges: bool = True

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        asked = handler.headers.get("Range")
        self.ranges.append(asked)
        content = self.files.get(handler.path)
        if content is None:
            handler.send_error(404)
            return
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.knows_ranges else 0
        handler.send_response(206 if start else 200)
        handler.send_header("Content-Length", str(len(content) - start))
        handler.end_headers()
        if self.cut_first_answers:
            self.cut_first_answers -= 1
            handler.wfile.write(content[start : start + 100_000])
            handler.close_connection = True
        else:
            handler.wfile.write(content[start:])


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server(files={"/numbers.bin": CONTENT})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.answer(self)

        def log_message(self, format: str, *args: Any) -> None:
            del format, args

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        state.address = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield state
        http.shutdown()
        thread.join()


@pytest.fixture
def numbers(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """A registered data set of one file, with an empty cache and the network (the loopback) allowed."""
    monkeypatch.setenv("COURSE_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("COURSE_OFFLINE")
    monkeypatch.delenv("COURSE_DATA_MIRROR", raising=False)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    entry = Dataset(
        name="numbers",
        title="Numbers",
        licence="CC0 1.0",
        description="all bytes",
        files=(DataFile("raw/numbers.bin", SHA256, len(CONTENT), (server.address + "/numbers.bin",)),),
        mirror="public/numbers",
        stand_in="dice",
    )
    return register(monkeypatch, entry)


def register(monkeypatch: pytest.MonkeyPatch, entry: Dataset) -> Dataset:
    monkeypatch.setitem(DATASETS, entry.name, entry)
    return entry


@pytest.fixture
def part(numbers: Dataset, tmp_path: Path) -> Path:
    del numbers
    path = tmp_path / "home" / "numbers" / "raw" / "numbers.bin.part"
    path.parent.mkdir(parents=True)
    return path


def test_download_then_cache(numbers: Dataset, server: Server, tmp_path: Path) -> None:
    del numbers
    found = fetch("numbers")
    assert found.source == "download"
    assert found.files == (tmp_path / "home" / "numbers" / "raw" / "numbers.bin",)
    assert found.files[0].read_bytes() == CONTENT
    assert "0.3 MB" in found.message and "CC0 1.0" in found.message
    assert fetch("numbers").source == "cache"
    assert len(server.ranges) == 1
    assert not list(tmp_path.rglob("*.part"))


def test_a_download_goes_on_where_an_earlier_run_was_killed(part: Path, server: Server) -> None:
    part.write_bytes(CONTENT[:1234])
    assert fetch("numbers").files[0].read_bytes() == CONTENT
    assert server.ranges == ["bytes=1234-"]


def test_a_cut_connection_is_resumed_in_the_same_run(numbers: Dataset, server: Server) -> None:
    del numbers
    server.cut_first_answers = 2
    assert fetch("numbers").files[0].read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=100000-", "bytes=200000-"]


def test_what_came_before_the_line_broke_is_kept(part: Path, server: Server) -> None:
    server.cut_first_answers = 99
    server.files["/numbers.bin"] = CONTENT[:150_000]
    with pytest.raises(DataUnavailable, match="150000 bytes came instead of 256000"):
        fetch("numbers")
    assert part.read_bytes() == CONTENT[:150_000]


def test_a_server_without_ranges_is_started_over(part: Path, server: Server) -> None:
    server.knows_ranges = False
    part.write_bytes(CONTENT[:1234])
    assert fetch("numbers").files[0].read_bytes() == CONTENT


@pytest.mark.parametrize("rest", [b"x" * 1234, b"x" * len(CONTENT), b"x" * (len(CONTENT) + 1)])
def test_a_spoilt_part_file_is_thrown_away(part: Path, rest: bytes) -> None:
    part.write_bytes(rest)
    assert fetch("numbers").files[0].read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("served", "message"),
    [(CONTENT[::-1], "wrong SHA-256"), (CONTENT + b"!", "256001 bytes came instead"), (None, "HTTP status 404")],
)
def test_a_wrong_file_is_refused_and_not_kept(part: Path, server: Server, served: bytes | None, message: str) -> None:
    server.files = {} if served is None else {"/numbers.bin": served}
    with pytest.raises(DataUnavailable, match=message) as caught:
        fetch("numbers")
    assert "Offline stand-in: dice." in str(caught.value)
    assert list(part.parent.iterdir()) == []


def test_the_second_address_is_tried(numbers: Dataset, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    urls = (server.address + "/gone.bin", *numbers.files[0].urls)
    register(monkeypatch, replace(numbers, files=(replace(numbers.files[0], urls=urls),)))
    assert fetch("numbers").files[0].read_bytes() == CONTENT


def test_without_download_nothing_is_fetched_or_made(numbers: Dataset, tmp_path: Path) -> None:
    with pytest.raises(DataUnavailable, match="Offline stand-in: dice"):
        fetch("numbers", download=False)
    assert not (tmp_path / "numbers").exists()


def test_no_network_names_cause_repair_and_stand_in(numbers: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    unused = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    unused.server_close()
    url = f"http://127.0.0.1:{unused.server_port}/numbers.bin"
    register(monkeypatch, replace(numbers, files=(replace(numbers.files[0], urls=(url,)),)))
    with pytest.raises(DataUnavailable, match="refused.*Offline stand-in: dice") as caught:
        fetch("numbers")
    assert "network" in caught.value.hint


def test_offline_asks_nobody(numbers: Dataset, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    del numbers
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    with pytest.raises(DataUnavailable, match="COURSE_OFFLINE.*dice"):
        fetch("numbers")
    assert server.ranges == []


def test_a_full_disk_is_noticed_before_the_download(
    numbers: Dataset, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    del numbers
    monkeypatch.setattr(transfer.shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(CourseError, match="0.3 MB are needed, 0.0 MB are free") as caught:
        fetch("numbers")
    assert not isinstance(caught.value, DataUnavailable)
    assert "COURSE_DATA_HOME" in caught.value.hint
    assert server.ranges == []


def test_a_disk_that_fills_up_on_the_way(numbers: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    del numbers

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(transfer, "_receive", full)
    with pytest.raises(CourseError, match="the disk is full"):
        fetch("numbers")


def test_the_mirror_is_used_in_place_and_read_once(
    numbers: Dataset, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirrored = tmp_path / "mirror" / numbers.mirror / "raw" / "numbers.bin"
    mirrored.parent.mkdir(parents=True)
    mirrored.write_bytes(CONTENT)
    monkeypatch.setenv("COURSE_DATA_MIRROR", str(tmp_path / "mirror"))
    read: list[Path] = []
    monkeypatch.setattr(data, "sha256_file", lambda path: read.append(path) or SHA256)
    for _ in range(2):
        found = fetch("numbers")
        assert (found.source, found.files) == ("mirror", (mirrored,))
    assert read == [mirrored]
    assert server.ranges == []
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["checked.json"]


def test_a_damaged_mirror_is_named(numbers: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mirrored = tmp_path / "mirror" / numbers.mirror / "raw" / "numbers.bin"
    mirrored.parent.mkdir(parents=True)
    mirrored.write_bytes(CONTENT[::-1])
    monkeypatch.setenv("COURSE_DATA_MIRROR", str(tmp_path / "mirror"))
    with pytest.raises(CourseError, match="SHA-256 differs"):
        fetch("numbers")
    assert mirrored.read_bytes() == CONTENT[::-1]


def test_a_mirror_without_the_data_set_is_passed_over(
    numbers: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del numbers
    monkeypatch.setenv("COURSE_DATA_MIRROR", str(tmp_path))
    assert fetch("numbers").source == "download"
    monkeypatch.setenv("COURSE_DATA_MIRROR", str(tmp_path / "nowhere"))
    with pytest.raises(CourseError, match="COURSE_DATA_MIRROR.*nowhere"):
        fetch("numbers")


def test_a_cached_file_that_changed_is_fetched_again(numbers: Dataset, server: Server) -> None:
    del numbers
    cached = fetch("numbers").files[0]
    cached.write_bytes(CONTENT[::-1])
    os.utime(cached, ns=(1, 1))
    assert fetch("numbers").source == "download"
    assert cached.read_bytes() == CONTENT
    assert len(server.ranges) == 2


def tar_of(name: str, content: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for member, text in ((name, content), ("set/unwanted.txt", b"no"), ("../outside.txt", b"no")):
            entry = tarfile.TarInfo(member)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text))
    return packed.getvalue()


def zip_of(name: str, content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as zipped:
        zipped.writestr(name, content)
        zipped.writestr("set/unwanted.txt", b"no")
    return packed.getvalue()


@pytest.mark.parametrize("pack", [tar_of, zip_of])
def test_only_the_wanted_members_leave_an_archive(
    pack: Any, numbers: Dataset, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = pack("set/raw/numbers.bin", CONTENT)
    server.files = {"/set.archive": packed}
    archive = Archive(server.address + "/set.archive", hashlib.sha256(packed).hexdigest(), len(packed), prefix="set/")
    register(monkeypatch, replace(numbers, archive=archive))
    assert fetch("numbers").files[0].read_bytes() == CONTENT
    left = {path.name for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".lock"}
    assert left == {"numbers.bin", "checked.json"}


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(CourseError, match="'ljspeach'") as caught:
        fetch("ljspeach")
    assert "ljspeech_sample" in caught.value.hint


@pytest.mark.parametrize("name", sorted(DATASETS))
def test_every_entry_is_complete(name: str) -> None:
    entry = DATASETS[name]
    assert all((entry.title, entry.licence, entry.description, entry.mirror, entry.stand_in, entry.files))
    for file in entry.files:
        assert len(file.sha256) == 64 and file.size > 0
        assert entry.archive or file.urls
        assert not file.path.startswith(("/", "..")) and "\\" not in file.path
    assert len({file.path for file in entry.files}) == len(entry.files)


def test_every_sample_clip_has_its_text() -> None:
    spoken = transcripts("ljspeech_sample")
    assert list(spoken) == [Path(file.path).stem for file in DATASETS["ljspeech_sample"].files]
    assert spoken["LJ001-0031"].startswith("In fourteen sixty-five")
    with pytest.raises(CourseError, match="no transcripts"):
        transcripts("mnist")


@pytest.mark.parametrize("name", sorted(DATASETS))
def test_the_mirror_holds_the_published_files(
    name: str, mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not (mirror / DATASETS[name].mirror).is_dir():
        pytest.skip(f"COURSE_DATA_MIRROR has no {DATASETS[name].mirror}")
    monkeypatch.setenv("COURSE_DATA_HOME", str(tmp_path))
    assert fetch(name).source == "mirror"


def test_the_free_disk_is_asked_of_the_right_folder(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    with pytest.raises(CourseError):
        transfer.check_free_disk(tmp_path, free + 1)
    transfer.check_free_disk(tmp_path, 0)
