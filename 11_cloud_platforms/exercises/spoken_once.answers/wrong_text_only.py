"""Misconception: The same text in another voice is another sound"""

import hashlib


def spoken_once(order, bucket, speak):
    key = f"speech/{hashlib.sha256(order['text'].encode()).hexdigest()}.wav"
    if key not in bucket:
        bucket[key] = speak(order["voice"], order["text"])
    return key
