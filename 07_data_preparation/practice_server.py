"""A web server on this machine that can be told to hang up, and a small archive in LibriTTS's layout for it."""

from __future__ import annotations

import io
import os
import tarfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from unittest.mock import patch

import soxr
from data_utils import SAMPLE_RATE, Reading

from voice_pipeline.audio import encode

WOMAN_TO_MAN = 0.87  # played slower by this factor, a woman sounds like a man: the second reader of the small archive


@dataclass
class Server:
    """A web server on this machine that can be told to misbehave.

    Attributes:
        content: What it serves under any name.
        hang_up_at: Byte of the file at which it closes the connection; None never.
        asked: (Range header or "", bytes sent) of each request.
    """

    content: bytes
    address: str = ""
    hang_up_at: int | None = None
    asked: list[tuple[str, int]] = field(default_factory=list)


@contextmanager
def serving(content: bytes) -> Iterator[Server]:
    """Run a Server on a free port of this machine, for the time of a with block."""
    state = Server(content)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range", "")
            start = int(asked.removeprefix("bytes=").rstrip("-") or 0)
            end = len(state.content) if state.hang_up_at is None else min(len(state.content), state.hang_up_at)
            state.asked.append((asked, max(0, end - start)))
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(state.content) - start))  # what it promises
            self.end_headers()
            self.wfile.write(state.content[start:end])  # what it keeps of the promise
            self.close_connection = True

        def log_message(self, format: str, *args) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http, patch.dict(os.environ, no_proxy="127.0.0.1"):
        state.address = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield state
        finally:
            http.shutdown()
            thread.join()


def small_archive(readings: Sequence[Reading]) -> bytes:
    """Return a .tar.gz of LibriTTS's layout with two readers, made from the clips at hand."""
    buffer = io.BytesIO()

    def add(name: str, data: bytes) -> None:
        member = tarfile.TarInfo(f"LibriTTS/{name}")
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))

    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as tar:
        rows = "9001\tF\tdev-clean\tA Woman At Hand\n9002\tM\tdev-clean\tThe Same, Played Slower\n"
        add("speakers.tsv", f"READER\tGENDER\tSUBSET\tNAME\n{rows}".encode())
        for reader, factor in (("9001", 1.0), ("9002", WOMAN_TO_MAN)):
            half = -(-len(readings) // 2)
            for chapter, part in (("101", readings[:half]), ("102", readings[half:])):
                place, table = f"dev-clean/{reader}/{chapter}", ""
                for number, reading in enumerate(part):
                    name = f"{reader}_{chapter}_{number:06d}_000000"
                    slower = soxr.resample(reading.waveform, SAMPLE_RATE * factor, SAMPLE_RATE)
                    add(f"{place}/{name}.wav", encode(slower, SAMPLE_RATE, "wav"))
                    for kind in ("original", "normalized"):
                        add(f"{place}/{name}.{kind}.txt", reading.text.encode())
                    table += f"{name}\t{reading.text}\t{reading.text}\n"
                add(f"{place}/{reader}_{chapter}.trans.tsv", table.encode())
    return buffer.getvalue()
