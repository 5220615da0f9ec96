"""Misconception: ftyp stands at byte 4"""

BEGINNINGS = {b"fLaC": "flac", b"OggS": "ogg", b"\x1a\x45\xdf\xa3": "webm"}


def container_of(data: bytes) -> str:
    if data[:4] == b"RIFF":
        return "wav" if data[8:12] == b"WAVE" else "unknown"
    if data[:4] == b"ftyp":
        return "mp4"
    if data[:3] == b"ID3":
        return "mp3"
    if len(data) >= 2 and data[0] == 0xFF and data[1] >= 0xE0:
        return "mp3"
    return BEGINNINGS.get(data[:4], "unknown")
