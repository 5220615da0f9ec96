"""Checks both decisions alone, and then a whole download over a line that breaks, from servers of three kinds."""

from coursekit.course import Wrong

FILE = bytes(range(250)) * 4


def check(answer) -> None:
    steps = (
        (0, {}, "nothing is there: ask for all of it"),
        (400, {"Range": "bytes=400-"}, "bytes 0 to 399 are there, so the next one is number 400"),
        (999, {"Range": "bytes=999-"}, "one byte is missing"),
        (1000, None, "all is there: ask for nothing"),
        (1001, {}, "more than all cannot be right: begin again"),
    )
    for have, wanted, why in steps:
        found = answer.next_step(have, 1000)
        if found != wanted:
            raise Wrong(f"next_step({have}, 1000) is {found}, expected {wanted}: {why}.")
    answers = (
        (400, 206, 600, ("append", 1000), "206 is the rest"),
        (400, 206, 100, ("append", 500), "the line broke again: 100 bytes came, and they are good"),
        (
            400,
            200,
            1000,
            ("replace", 1000),
            "200 is the whole file, whatever was asked: append it and the file is spoilt",
        ),
        (0, 200, 300, ("replace", 300), "the first 300 bytes came"),
        (400, 503, 0, ("keep", 400), "an error brings no bytes of the file, and takes none away"),
        (400, 404, 19, ("keep", 400), "the 19 bytes are an error page"),
    )
    for have, status, came, wanted, why in answers:
        found = tuple(answer.after_answer(have, 1000, status, came))
        if found != wanted:
            raise Wrong(f"after_answer({have}, 1000, {status}, {came}) is {found}, expected {wanted}: {why}.")
    for knows_ranges in (True, False):
        whole_download(answer, knows_ranges)


def whole_download(answer, knows_ranges: bool) -> None:
    part = b""
    for attempt in range(20):
        headers = answer.next_step(len(part), len(FILE))
        if headers is None:
            break
        start = int(headers["Range"][6:-1]) if headers and knows_ranges else 0
        line = 170 if attempt < 3 else len(FILE)  # the line breaks three times
        status, body = (206 if start else 200), FILE[start : start + line]
        if attempt == 1:
            status, body = 503, b"try later"
        what, length = answer.after_answer(len(part), len(FILE), status, len(body))
        part = {"append": part + body, "replace": body, "keep": part}[what]
        if len(part) != length:
            raise Wrong(f"After {what!r} the file has {len(part)} bytes, and after_answer says {length}.")
    if part != FILE:
        kind = "that knows Range" if knows_ranges else "that ignores Range"
        raise Wrong(f"Over a line that breaks, from a server {kind}, the file came out wrong: {len(part)} bytes.")
