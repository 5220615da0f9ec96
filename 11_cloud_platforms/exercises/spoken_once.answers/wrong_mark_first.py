"""Misconception: A mark made before the work promises what a killed worker did not do"""

import hashlib
import json


def spoken_once(order, bucket, speak):
    asked = json.dumps([order["voice"], order["text"]])
    key = f"speech/{hashlib.sha256(asked.encode()).hexdigest()}.wav"
    if key not in bucket:
        bucket[key] = b""  # "mine", for other workers
        bucket[key] = speak(order["voice"], order["text"])
    return key
