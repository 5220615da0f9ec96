"""The next version number

Write `next_version(version, changes)`: the number of the next release by semantic versioning. `version` is
"major.minor.patch". Each change is a pair (kind, breaks): the kind is a heading of the changelog, `breaks` says whether
a program that worked before may fail now.

- Something breaks: major + 1. While major is 0 nothing is promised yet: then minor + 1.
- Otherwise, something is Added, Changed or Deprecated: minor + 1.
- Otherwise, something is Fixed or Security: patch + 1.
- Whatever is Removed breaks, whether or not the pair says so.
- The parts behind the one that rises begin at 0 again. No change at all raises ValueError: there is nothing to release.

    next_version("1.9.3", [("Added", False), ("Fixed", False)])   is "1.10.0"
    next_version("1.9.3", [("Fixed", True)])                      is "2.0.0"

After: 06_documentation_and_licences.py
Concepts: semantic versioning, changelog
Kind: exercise
Time: 10 min
"""


def next_version(version: str, changes: list[tuple[str, bool]]) -> str:
    # TODO: which part rises, and what becomes of those behind it?
    raise NotImplementedError("next_version")
