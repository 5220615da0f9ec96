"""Checks made_again on three Dockerfiles."""

from coursekit.course import Wrong

GOOD = [("FROM", []), ("COPY", ["requirements.txt"]), ("RUN pip install", []), ("COPY", ["app"]), ("CMD", [])]
CARELESS = [("FROM", []), ("COPY", ["."]), ("RUN pip install", []), ("CMD", [])]
NEAR = [("FROM", []), ("COPY", ["app", "apples.txt"]), ("RUN make", [])]


def check(answer) -> None:
    cases = [
        (GOOD, "app/main.py", [3, 4]),
        (GOOD, "requirements.txt", [1, 2, 3, 4]),
        (GOOD, "README.md", []),
        (GOOD, "app/deep/er.py", [3, 4]),
        (NEAR, "apples.txt", [1, 2]),
        (NEAR, "application.py", []),
        (CARELESS, "README.md", [1, 2, 3]),
    ]
    for steps, changed, wanted in cases:
        seen = answer.made_again([(name, list(files)) for name, files in steps], changed)
        if seen == wanted:
            continue
        shown = [f"{name} {' '.join(files)}".strip() for name, files in steps]
        told = f"{changed} changed in {shown}: made again are {wanted}, not {seen}."
        if changed == "application.py":
            raise Wrong(f"{told} application.py is not in the folder app: compare whole names of folders.")
        if wanted and seen == wanted[:1]:
            raise Wrong(f"{told} Every step stands on the one before, so all below it are made again, too.")
        if steps is CARELESS:
            raise Wrong(f"{told} COPY . copies everything, whatever its name.")
        raise Wrong(told)
