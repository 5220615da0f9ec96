"""Misconception: an MP3 without tags begins with a frame"""

BEGINNINGS = {b"fLaC": "flac", b"OggS": "ogg", b"\x1a\x45\xdf\xa3": "webm"}


def container_of(data: bytes) -> str:
    if data[:4] == b"RIFF":
        return "wav" if data[8:12] == b"WAVE" else "unknown"
    if data[4:8] == b"ftyp":
        return "mp4"
    if data[:3] == b"ID3":
        return "mp3"
    return BEGINNINGS.get(data[:4], "unknown")
