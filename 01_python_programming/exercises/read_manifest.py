"""A manifest in which some lines are broken

A manifest came by mail, one JSON object per line, and some lines are damaged. Write `read_manifest(lines)`: it returns
two lists, the good rows (as dictionaries, in order) and the problems (as text, in order). One bad line must not stop
the others, and none may vanish without a word. A line of white space only is no row and no problem. A good row has

    "file"      text that is not empty
    "seconds"   a number greater than 0 (an int or a float; True is none)
    "text"      text that is not empty

A problem names the line, counted from 1 as editors do, and begins like this; what follows is up to you:

    read_manifest(['{"file": "a.wav", "seconds": 1.5, "text": "Oh dear!"}', "{oops"])
    returns ([{"file": "a.wav", "seconds": 1.5, "text": "Oh dear!"}], ["line 2: ..."])

Catch only what damaged lines cause: a mistake of your own (a misspelt name, say) must still stop the program.

After: 06_errors_logging_testing.py
Concepts: exceptions, manifests
Kind: exercise
Time: 25 min
"""


def read_manifest(lines: list[str]) -> tuple[list[dict], list[str]]:
    # TODO: json.loads(line) raises json.JSONDecodeError (a kind of ValueError) for a damaged line
    raise NotImplementedError("read_manifest")
