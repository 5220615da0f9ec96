"""Checks container_of with the beginnings of real files, and with what looks like them."""

from coursekit.course import Wrong

CASES = (
    (b"RIFF\x24\xee\x02\x00WAVEfmt ", "wav", ""),
    (b"RIFF\x24\xee\x02\x00AVI LIST", "unknown", "RIFF alone is not enough: this is a film (AVI)"),
    (b"fLaC\x00\x00\x00\x22\x10\x00\x10\x00\x00\x06\x0c\x00", "flac", ""),
    (b"OggS\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x11\x22", "ogg", ""),
    (b"\x00\x00\x00\x1cftypM4A \x00\x00\x02\x00", "mp4", "ftyp stands at byte 4, behind a length"),
    (b"\x00\x00\x00\x18ftypisom\x00\x00\x00\x00", "mp4", "ftyp stands at byte 4, behind a length"),
    (b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81", "webm", ""),
    (b"ID3\x04\x00\x00\x00\x00\x00\x23TSSE\x00\x00", "mp3", ""),
    (
        b"\xff\xfb\x90\x64\x00\x0f\xf0\x00\x00\x69\x00\x00\x00\x08\x00\x00",
        "mp3",
        "an MP3 without tags begins with a frame",
    ),
    (
        b"\xff\xf3\x84\xc4\x00\x0f\xf0\x00\x00\x69\x00\x00\x00\x08\x00\x00",
        "mp3",
        "an MP3 without tags begins with a frame",
    ),
    (
        b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01",
        "unknown",
        "FF alone is not enough: this is a photograph",
    ),
    (b"<html><body>404 ", "unknown", ""),
    (b"", "unknown", ""),
    (b"\xff", "unknown", "one byte is not 11 bits"),
)


def check(answer) -> None:
    for data, wanted, why in CASES:
        try:
            seen = answer.container_of(data)
        except IndexError:
            raise Wrong(f"container_of({data!r}) reads past the end of the data.") from None
        if seen != wanted:
            reason = f": {why}" if why else ""
            raise Wrong(f"container_of({data!r}) is {seen!r}, expected {wanted!r}{reason}.")
