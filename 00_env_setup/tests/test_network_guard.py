"""The guard that keeps tests on this machine can itself go red."""

import asyncio
import socket
import subprocess
import sys

import pytest

from coursekit.testing.network import NetworkBlocked, blocked, is_loopback

OUTSIDE = ("192.0.2.1", 80)
"""An address reserved for documentation: nobody answers there."""


def test_connections_and_lookups_outside_are_refused() -> None:
    with socket.socket() as sock, pytest.raises(NetworkBlocked, match="192.0.2.1"):
        sock.connect(OUTSIDE)
    with socket.socket(type=socket.SOCK_DGRAM) as sock, pytest.raises(NetworkBlocked):
        sock.sendto(b"x", OUTSIDE)
    with pytest.raises(NetworkBlocked, match="example.org"):
        socket.getaddrinfo("example.org", 443)
    with pytest.raises(NetworkBlocked):
        asyncio.run(open_connection())
    assert len(blocked) == 4
    blocked.clear()


async def open_connection() -> None:
    await asyncio.open_connection(*OUTSIDE)


def test_the_loopback_stays_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(("localhost", server.getsockname()[1])):
            pass


def test_a_swallowed_attempt_still_fails_the_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import socket
        def test_telemetry():
            try:
                socket.create_connection(("192.0.2.1", 80))
            except Exception:
                print("no telemetry then")
        """
    )
    result = pytester.runpytest_subprocess("-p", "coursekit.testing.plugin")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*tried to use the network*192.0.2.1*"])


@pytest.mark.parametrize("flags", [[], ["-S"]])
def test_child_processes_are_guarded(flags: list[str]) -> None:
    code = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=0.01)"
    child = subprocess.run([sys.executable, *flags, "-c", code], capture_output=True, text=True, check=False)
    assert child.returncode == 1
    assert ("NetworkBlocked" in child.stderr) is (not flags)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        (b"localhost", True),
        ("10.0.0.1", False),
        ("a.b", False),
    ],
)
def test_what_counts_as_this_machine(host: str | bytes, expected: bool) -> None:
    assert is_loopback(host) is expected
