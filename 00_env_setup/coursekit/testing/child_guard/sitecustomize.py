"""Python runs this at the start of every child process of a test: the guard holds there too.

Loaded by path, since the child may be a Python in which coursekit is not installed.
"""

import importlib.util
import sys
from pathlib import Path

_NAME = "coursekit.testing.network"
_spec = importlib.util.spec_from_file_location(_NAME, Path(__file__).resolve().parents[1] / "network.py")
assert _spec is not None and _spec.loader is not None
_guard = sys.modules[_NAME] = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_guard)
_guard.block_network()
