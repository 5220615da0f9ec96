"""The doctor: looks at everything the course needs on this machine, and prints the command that repairs what is wrong.

Standard library only, and whatever may be broken is tried in a child process with a time limit: the doctor has to work
exactly when nothing else does.
"""

from coursekit.doctor.checks import CHECKS, examine
from coursekit.doctor.facts import Facts, gather
from coursekit.doctor.findings import Finding
from coursekit.doctor.report import main

__all__ = ["CHECKS", "Facts", "Finding", "examine", "gather", "main"]
