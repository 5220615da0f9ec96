"""Settings from four places

Write `merge_settings(defaults, file, environment, arguments)`. It returns one dictionary with a value for every name in
`defaults`. The strongest place that knows a name wins: arguments, then environment, then file, then defaults.

- In `environment` a name stands in capitals behind MYVOICE_, and every value is text: make it the type that the default
  has (int, float, str; for bool, "1" and "true" are True, "0" and "false" are False, in any case of letters).
  Variables without MYVOICE_ are not ours.
- A name that is not in `defaults` raises ValueError with the name in its text, wherever it stands.
- A name that ends in "_key" is a secret. In the file it raises ValueError, which names the setting and never the value.

    merge_settings({"workers": 1, "api_key": ""}, {"workers": 2}, {"MYVOICE_WORKERS": "4", "HOME": "x"}, {})
    returns {"workers": 4, "api_key": ""}

After: 02_configuration.py
Concepts: configuration, secrets
Kind: exercise
Time: 25 min
"""

from typing import Any

PREFIX = "MYVOICE_"


def merge_settings(
    defaults: dict[str, Any], file: dict[str, Any], environment: dict[str, str], arguments: dict[str, Any]
) -> dict[str, Any]:
    # TODO: begin with the weakest place, and let each stronger one write over it
    raise NotImplementedError("merge_settings")
