"""Misconception: Two clicks are two messages: their numbers differ, what they ask for does not"""


def spoken_once(order, bucket, speak):
    key = f"speech/{order['id']}.wav"
    if key not in bucket:
        bucket[key] = speak(order["voice"], order["text"])
    return key
