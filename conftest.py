"""Settings of all tests: the course's pytest plugin (network guard, data mirror)."""

import os

# Before NumPy or PyTorch is imported: tests run side by side, and small work is quicker on one thread.
os.environ.setdefault("OMP_NUM_THREADS", "1")

pytest_plugins = ["coursekit.testing.plugin", "pytester"]
