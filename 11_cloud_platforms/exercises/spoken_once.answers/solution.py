"""Spoken once, solved."""

import hashlib
import json
from collections.abc import Callable


def spoken_once(order: dict[str, str], bucket: dict[str, bytes], speak: Callable[[str, str], bytes]) -> str:
    asked_for = json.dumps([order["voice"], order["text"]])
    key = f"speech/{hashlib.sha256(asked_for.encode()).hexdigest()}.wav"
    if key not in bucket:
        bucket[key] = speak(order["voice"], order["text"])
    return key
