"""gruut with an index pronounces as gruut without one, searches no table, and does so in every thread."""

from __future__ import annotations

import json
import subprocess
import sys
import threading

from voice_pipeline import lexicon

TEXTS = [
    "The old record player will record what they read, and we have read it.",
    "Zyxwvut and o'clock: the sixth sheikh's sheep are well-known.",
]
SAY = """
import json, sys
from TTS.tts.utils.text.phonemizers.gruut_wrapper import Gruut
if sys.argv[1] == "indexed":
    from voice_pipeline.lexicon import index_gruut
    index_gruut()
print(json.dumps([Gruut("en-us", keep_stress=True).phonemize(text, separator="") for text in json.loads(sys.argv[2])]))
"""


def say(way: str) -> list[str]:
    """In a process of its own: gruut keeps what it has loaded."""
    done = subprocess.run(
        [sys.executable, "-c", SAY, way, json.dumps(TEXTS)], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_the_pronunciations_are_the_same():
    plain, indexed = say("plain"), say("indexed")
    assert plain == indexed and all(len(text) > 30 for text in plain)


def test_a_word_is_found_by_the_index_in_any_thread():
    from gruut import lang

    lexicon.index_gruut()
    lookups = [lang.get_settings("en-us").lookup_phonemes for _ in range(2)]
    found: list[object] = []
    threads = [threading.Thread(target=lambda one=one: found.append(one("Receipt"))) for one in lookups]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [found[0]] * 2 and found[0]
    copy, heard = lexicon._in_memory(lookups[0].db_path)
    assert lookups[0].phonemizer.db_conn is lookups[1].phonemizer.db_conn is copy and "receipt" in heard
    [*_, plan] = copy.execute("EXPLAIN QUERY PLAN SELECT role, phonemes FROM word_phonemes WHERE word = 'x'").fetchone()
    assert "USING INDEX by_word" in plan
