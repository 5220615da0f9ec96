"""Lets `python -m coursekit.doctor` start the doctor."""

import sys

from coursekit.doctor.report import main

sys.exit(main(sys.argv[1:]))
