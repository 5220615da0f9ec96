"""Forbids every network address but the loopback, in this process and for good.

In a child process, COURSE_BLOCKED names a file that gets a line for each attempt, so that one which the child's code
swallowed is seen as well.
"""

import ipaddress
import os
import socket
import sys
from typing import Any

_ADDRESS_POSITION = {"socket.connect": 1, "socket.sendto": 1, "socket.sendmsg": 1}
_HOST_POSITION = {"socket.getaddrinfo": 0, "socket.gethostbyname": 0}

blocked: list[str] = []
"""What was tried and refused, so that a test fails even when the code under test swallowed the error."""

_installed = False


class NetworkBlocked(RuntimeError):
    """A test tried to leave this machine. Not an OSError, so that no fallback for a bad network hides it."""


def block_network() -> None:
    """Refuse, from now on, to look up or connect to anything that is not this machine."""
    global _installed
    if not _installed:
        _installed = True
        sys.addaudithook(_audit)


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if not event.startswith("socket."):
        return
    if event in _ADDRESS_POSITION:
        address = arguments[_ADDRESS_POSITION[event]]
        host = address[0] if isinstance(address, tuple) else None
    elif event in _HOST_POSITION:
        host = arguments[_HOST_POSITION[event]]
    else:
        return
    if host is not None and not is_loopback(host):
        blocked.append(f"{event} {host}")
        if log := os.environ.get("COURSE_BLOCKED"):
            with open(log, "a", encoding="utf-8") as file:
                file.write(f"{event} {host}\n")
        raise NetworkBlocked(f"tests may use the loopback only, and this one tried {event} to {host!r}")


def is_loopback(host: str | bytes) -> bool:
    """Return whether `host` (a name or a numeric address) is this machine."""
    name = host.decode() if isinstance(host, bytes) else host
    if name in ("", "localhost", socket.gethostname()):
        return True
    try:
        return ipaddress.ip_address(name.split("%")[0]).is_loopback
    except ValueError:
        return False
