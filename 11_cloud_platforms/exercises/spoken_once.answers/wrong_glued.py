"""Misconception: Where the voice ends must show in the key"""

import hashlib


def spoken_once(order, bucket, speak):
    asked = order["voice"] + order["text"]
    key = f"speech/{hashlib.sha256(asked.encode()).hexdigest()}.wav"
    if key not in bucket:
        bucket[key] = speak(order["voice"], order["text"])
    return key
