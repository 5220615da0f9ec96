"""Checks fewest_rights by example, and by asking what its policies would allow besides."""

from coursekit.course import Wrong

LOG = [
    ("s3:GetObject", "demo/models/first/acoustic.safetensors"),
    ("s3:GetObject", "demo/models/first/vocoder.safetensors"),
    ("s3:PutObject", "demo/speech/one.wav"),
    ("s3:GetObject", "demo/models/first/acoustic.safetensors"),
]


def allows(rights, action, key) -> bool:
    return any(a == action and (key.startswith(p[:-1]) if p.endswith("*") else key == p) for a, p in rights)


def check(answer) -> None:
    rights = answer.fewest_rights(list(LOG))
    for action, key in LOG:
        if not allows(rights, action, key):
            raise Wrong(f"The role needs {action} on {key}, and {rights} does not allow it.")
    if any("*" in action for action, _ in rights):
        raise Wrong(f"{rights}: an action is never widened, a star there allows to delete.")
    if allows(rights, "s3:GetObject", "demo/raw/secret.wav"):
        raise Wrong(f"{rights} lets the role hear recordings: take the folder of the object, not a folder above.")
    if allows(rights, "s3:PutObject", "demo/models/first/acoustic.safetensors"):
        raise Wrong(f"{rights} lets the role replace a model: each action has folders of its own.")
    if len(rights) != len(set(rights)):
        raise Wrong(f"{rights}: each statement once.")
    wanted = [("s3:GetObject", "demo/models/first/*"), ("s3:PutObject", "demo/speech/*")]
    if rights != wanted:
        raise Wrong(f"fewest_rights gave {rights} where {wanted} is right, sorted.")
    top = answer.fewest_rights([("s3:GetObject", "README")])
    if top != [("s3:GetObject", "README")]:
        raise Wrong(f"An object outside every folder gets its own name: {top}. A star alone would be the whole bucket.")
