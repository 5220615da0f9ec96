"""The fewest rights

A role did its work for a month, and the access log says what it used: pairs (action, object), such as
("s3:GetObject", "demo/models/first/acoustic.safetensors"). Write `fewest_rights(used)`: the statements of a policy that
allows all of it and as little else as possible, when a right holds for a folder: a list of (action, pattern), sorted,
without doubles. The pattern is the object's folder, everything up to the last slash, and a star: "demo/models/first/*".
An object outside every folder gets its own name as pattern, without a star. An action is never widened.

    fewest_rights([("s3:GetObject", "a/b/x"), ("s3:GetObject", "a/b/y"), ("s3:PutObject", "top")])
    returns [("s3:GetObject", "a/b/*"), ("s3:PutObject", "top")]

After: 06_protect_voices.py
Concepts: least privilege
Kind: exercise
Time: 10 min
"""


def fewest_rights(used: list[tuple[str, str]]) -> list[tuple[str, str]]:
    # TODO: turn each object into the pattern of its folder, and keep each pair once
    raise NotImplementedError("fewest_rights")
