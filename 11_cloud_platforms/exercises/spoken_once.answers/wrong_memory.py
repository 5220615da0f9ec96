"""Misconception: What a worker remembers is not what the bucket holds"""

import hashlib
import json

DONE = set()


def spoken_once(order, bucket, speak):
    asked = json.dumps([order["voice"], order["text"]])
    key = f"speech/{hashlib.sha256(asked.encode()).hexdigest()}.wav"
    if key not in DONE:
        bucket[key] = speak(order["voice"], order["text"])
        DONE.add(key)
    return key
