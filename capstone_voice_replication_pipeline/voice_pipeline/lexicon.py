"""Pronunciations at the speed of memory.

gruut's lexicon is an SQLite file without an index, so each word that comes for the first time is searched in 129,000
rows: 7 ms a word, a tenth of a second a sentence. Every thread has a lexicon of its own and starts anew.
"""

from __future__ import annotations

import functools
import sqlite3
import threading
from pathlib import Path
from typing import Any

_LOCK = threading.Lock()


@functools.cache
def index_gruut() -> None:
    """Let gruut look words up in one indexed copy of its lexicon in memory, shared by all threads.

    To be called before gruut's first text; what it pronounces stays the same.
    """
    from gruut import lang
    from gruut.phonemize import SqlitePhonemizer

    class IndexedPhonemizer(lang.DelayedSqlitePhonemizer):
        def __call__(self, word: str, role: str | None = None, do_transforms: bool = True) -> Any:
            with _LOCK:
                if self.phonemizer is None:
                    lexicon, heard = _in_memory(self.db_path)
                    self.phonemizer = SqlitePhonemizer(db_conn=lexicon, lexicon=heard, **self.phonemizer_args)
                return super().__call__(word, role=role, do_transforms=do_transforms)

    lang.DelayedSqlitePhonemizer = IndexedPhonemizer  # type: ignore[misc]


@functools.cache
def _in_memory(path: Path) -> tuple[sqlite3.Connection, dict[str, Any]]:
    """An indexed copy of a lexicon, and an empty store for the words that were looked up."""
    copy = sqlite3.connect(":memory:", check_same_thread=False)  # one thread at a time: _LOCK
    with sqlite3.connect(path) as file:
        file.backup(copy)
    file.close()
    copy.execute("CREATE INDEX by_word ON word_phonemes (word, pron_order)")
    return copy, {}
