"""Checks run_command() on every kind of end."""

from coursekit.course import Wrong


def check(answer) -> None:
    seen = []

    def ends(result):
        def work(arguments):
            seen.append(list(arguments))
            if isinstance(result, BaseException):
                raise result
            return result

        return work

    def call(result):
        return answer.run_command(ends(result), ["a", "b"])

    if call(None) != (0, ""):
        raise Wrong(
            f"work returned None, run_command returned {call(None)!r}, expected (0, ''): None means all went well."
        )
    if call(1) != (1, ""):
        raise Wrong(f"work returned 1, run_command returned {call(1)!r}: the number is the exit code, pass it on.")
    if seen[-1] != ["a", "b"]:
        raise Wrong(f"work was called with {seen[-1]}, expected the arguments ['a', 'b'].")
    got = call(answer.UserError("no such file", hint="look at the name"))
    if not isinstance(got, tuple) or got[0] == 0:
        raise Wrong(f"A UserError gave {got!r}: exit code 0 tells every other program that it went well.")
    if got != (2, "ERROR: no such file\nHINT: look at the name\n"):
        raise Wrong(f"A UserError gave {got!r}, expected (2, 'ERROR: no such file\\nHINT: look at the name\\n').")
    got = call(answer.UserError("no such file"))
    if got != (2, "ERROR: no such file\n"):
        raise Wrong(f"A UserError without a hint gave {got!r}: an empty HINT helps nobody, leave the line out.")
    try:
        got = call(KeyboardInterrupt())
    except KeyboardInterrupt:
        raise Wrong("Ctrl-C went through: KeyboardInterrupt is no Exception, it needs a line of its own.") from None
    if got[0] != 130 or "Stopped" not in got[1]:
        raise Wrong(f"Ctrl-C gave {got!r}, expected 130 and a text with 'Stopped' in it.")
    got = call(PermissionError(13, "Permission denied", "clips/a.wav"))
    if got[0] != 2 or not got[1].startswith("ERROR: ") or "clips/a.wav" not in got[1]:
        raise Wrong(f"A file that may not be read gave {got!r}, expected 2 and an ERROR line with the file's name.")
    for mistake in (NameError("name 'waveforn' is not defined"), ValueError("x")):
        try:
            got = call(mistake)
        except type(mistake):
            continue
        raise Wrong(
            f"A {type(mistake).__name__} gave {got!r}: catching everything hides the program's own mistakes. "
            "Only what a user can put right becomes a sentence."
        )
