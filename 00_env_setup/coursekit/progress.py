"""Progress on stderr: a bar in a terminal, a line every few seconds in a log."""

import io
import sys
from collections.abc import Callable, Iterable
from typing import Any

from tqdm import tqdm

SECONDS_BETWEEN_LINES = 5.0


class _LineProgress(tqdm):
    """tqdm for logs: each report is a line of its own instead of overwriting the last with a carriage return."""

    @staticmethod
    def status_printer(file: Any) -> Callable[[str], None]:
        def print_line(text: str) -> None:
            if text.strip():
                file.write(text.strip() + "\n")
                file.flush()

        return print_line

    def close(self) -> None:
        if not self.disable:
            self.refresh()
            self.fp, self.sp = io.StringIO(), lambda _: None  # tqdm's own ending is meant for a terminal
        super().close()


def progress(
    iterable: Iterable[Any] | None = None, total: float | None = None, desc: str = "", unit: str = "it"
) -> "tqdm[Any]":
    """Return a tqdm bar on stderr in plain ASCII.

    Args:
        iterable: What to walk through; without one, call `.update(n)` on the result.
        total: How many units there are, when `iterable` has no length.
        desc: A word or two in front of the bar.
        unit: Name of one unit. "B" is counted in kB and MB.
    """
    terminal = sys.stderr.isatty()
    kind = tqdm if terminal else _LineProgress
    return kind(
        iterable,
        total=total,
        desc=desc,
        unit=unit,
        unit_scale=unit == "B",
        ascii=True,
        file=sys.stderr,
        mininterval=0.1 if terminal else SECONDS_BETWEEN_LINES,
        dynamic_ncols=terminal,
        ncols=None if terminal else 80,
    )
