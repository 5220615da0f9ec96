"""Steps made again

A Dockerfile of one stage is a list of steps. Each is (what it does, the files and folders it copies). Write
`made_again(steps, changed)`: the places of the steps that a build has to make again when the file `changed` has
changed. A step is made again when it copies that file (by name, or as part of a folder), or when any step before it
was made again.

    steps = [("FROM", []), ("COPY", ["requirements.txt"]), ("RUN pip install", []), ("COPY", ["app"]), ("CMD", [])]
    made_again(steps, "app/main.py")        returns [3, 4]
    made_again(steps, "requirements.txt")   returns [1, 2, 3, 4]
    made_again(steps, "README.md")          returns []

After: 06_package_with_docker.py
Concepts: layer cache
Kind: exercise
Time: 10 min
"""


def made_again(steps: list[tuple[str, list[str]]], changed: str) -> list[int]:
    # TODO: find the first step that sees the change; the rest follows
    raise NotImplementedError("made_again")
