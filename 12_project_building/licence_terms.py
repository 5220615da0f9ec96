"""Licences by their SPDX names: what they allow and ask, what mixing does, and what installed packages say.

A summary for choosing, written for this course, and no legal advice. `06_documentation_and_licences.py` uses it.
"""

from __future__ import annotations

import importlib.metadata
import re
from typing import NamedTuple

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression


class Terms(NamedTuple):
    """What a licence allows (sell, change) and asks (name the author, the same licence for what is made of it)."""

    sell: bool
    change: bool
    name_author: bool
    share_alike: bool


LIBERAL = Terms(sell=True, change=True, name_author=True, share_alike=False)
ALIKE = Terms(sell=True, change=True, name_author=True, share_alike=True)
TERMS = {
    **dict.fromkeys(("MIT", "ISC", "Apache-2.0", "BSD-3-Clause", "CC-BY-4.0"), LIBERAL),
    **dict.fromkeys(("GPL-3.0-only", "CC-BY-SA-3.0", "CC-BY-SA-4.0"), ALIKE),
    "CC0-1.0": LIBERAL._replace(name_author=False),
    "CC-BY-NC-4.0": LIBERAL._replace(sell=False),
    "CC-BY-NC-SA-4.0": ALIKE._replace(sell=False),
    "CC-BY-ND-4.0": LIBERAL._replace(change=False),
}
# What is made of a share-alike work may also come under these: a later version, and the one licence declared to fit
MAY_BECOME = {"CC-BY-SA-3.0": ("CC-BY-SA-4.0",), "CC-BY-SA-4.0": ("GPL-3.0-only",)}
FREE_TEXTS = {"public domain": "CC0-1.0"}  # not the same in law, and treated the same: nothing is asked


def spdx(text: str) -> str:
    """Return the SPDX name in a sentence such as "CC BY 4.0 (V. Panayotov and others)"; "" when there is none."""
    match = re.search(r"\bCC[ -]?(BY(?:[ -](?:SA|NC|ND))*|0)[ -](\d\.\d)", text)
    if match:
        name = f"CC-{match.group(1).replace(' ', '-')}-{match.group(2)}".replace("CC-0", "CC0")
    else:
        name = next((known for words, known in FREE_TEXTS.items() if words in text), "")
    return canonicalize_license_expression(name) if name else ""


def common_licence(names: list[str]) -> str | None:
    """Return the licence that all share-alike parts allow for the whole; "" when none asks, None when none fits."""
    alike = {name for name in names if TERMS[name].share_alike}
    fitting = [one for one in sorted(alike) if all(other == one or one in MAY_BECOME.get(other, ()) for other in alike)]
    return (fitting[0] if fitting else None) if alike else ""


def verdict(names: list[str]) -> str:
    """Return what may be done with a thing made of parts under these licences: the strictest part decides."""
    whole = common_licence(names)  # concept: licences
    if not all(TERMS[name].change for name in names):
        return "cannot be: one must not be changed"
    if whole is None:
        return "cannot be: each asks for itself"
    sell = "may be sold" if all(TERMS[name].sell for name in names) else "must not be sold"
    named = ", the authors are named" if any(TERMS[name].name_author for name in names) else ""
    return f"{sell}{named}" + (f", must itself be {whole}" if whole else "")


def installed_licences() -> list[tuple[str, str, str]]:
    """Return (package, what it says, kind) of every package installed here.

    Kinds: "SPDX" (a valid expression), "classifier" (a word from PyPI's list), "free text", "nothing".
    """
    rows = {}
    for distribution in importlib.metadata.distributions():
        said = distribution.metadata
        expression = said.get("License-Expression") or ""
        classifiers = [
            line.split(" :: ")[-1] for line in said.get_all("Classifier") or [] if line.startswith("License ::")
        ]
        text = " ".join((said.get("License") or "").split())[:60]
        for value, kind in ((expression, "SPDX"), ("; ".join(classifiers), "classifier"), (text, "free text")):
            if value and (kind != "SPDX" or is_spdx(value)):
                rows[said["Name"]] = (said["Name"], value, kind)
                break
        else:
            rows[said["Name"]] = (said["Name"], "", "nothing")
    return sorted(rows.values())


def is_spdx(text: str) -> bool:
    """Return whether a text is a valid SPDX expression, such as "MIT OR Apache-2.0"."""
    try:
        canonicalize_license_expression(text)
    except InvalidLicenseExpression:
        return False
    return True
