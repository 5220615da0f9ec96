"""Set up the course in one command:

    python3 00_env_setup/bootstrap.py setup         make .venv and install everything in it
    python3 00_env_setup/bootstrap.py setup GROUP   the same, and what a module needs: operations (10) or cloud (11)
    python3 00_env_setup/bootstrap.py demo          set up, then clone a voice and speak through its REST API
    python3 00_env_setup/bootstrap.py test          set up, then run the whole test suite
    python3 00_env_setup/bootstrap.py extra NAME    set up, then add what one script needs besides (tensorflow, pocket)
    python3 00_env_setup/bootstrap.py repair        put right what is not as locked in .venv

This file only looks for a suitable Python, so it is written to be understood by any Python since 2.7; the work is in
bootstrap_steps.py.
"""

from __future__ import print_function

import os
import subprocess
import sys

SUPPORTED = ((3, 11), (3, 12), (3, 10))  # best first
VERSION_CODE = "import sys, ensurepip; print('%d.%d' % sys.version_info[:2])"


def candidates():
    """Return the commands that may start a suitable Python, best first."""
    if os.name == "nt":
        return [["py", "-%d.%d" % version] for version in SUPPORTED]
    return [["python%d.%d" % version] for version in SUPPORTED] + [["/usr/bin/python3"]]


def is_suitable(command):
    """Return whether `command` really starts a Python of a supported version that can make environments."""
    try:
        process = subprocess.Popen(command + ["-c", VERSION_CODE], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        answer = process.communicate()[0].decode("ascii", "replace").strip()
    except OSError:
        return False
    return process.returncode == 0 and answer in ["%d.%d" % version for version in SUPPORTED]


def refuse_this_python():
    """Say which Python is needed, and the exact command where one is installed."""
    running = "%d.%d.%d" % sys.version_info[:3]
    print("ERROR: this is Python %s; the course needs Python 3.10, 3.11 or 3.12." % running, file=sys.stderr)
    script = os.path.relpath(os.path.abspath(__file__))
    for command in candidates():
        if is_suitable(command):
            print("HINT: %s" % " ".join(command + [script] + sys.argv[1:]), file=sys.stderr)
            return
    print("HINT: install Python 3.11 (from https://www.python.org), then run this again with it.", file=sys.stderr)


if __name__ == "__main__":
    if sys.version_info[:2] not in SUPPORTED:
        refuse_this_python()
        sys.exit(2)
    import bootstrap_steps

    sys.exit(bootstrap_steps.main(sys.argv[1:], __doc__))
