"""What users waited

One worker serves requests one after the other, in the order they come, and each takes `service` seconds. `due` holds
the moments at which users sent theirs, sorted, in seconds. Write `waited(due, service)`: for each user the seconds from
the moment they sent it until their answer. A request begins when it is there AND the one before is done.

    waited([0.0, 10.0], 1.0)        returns [1.0, 1.0]
    waited([0.0, 0.0, 0.5], 1.0)    returns [1.0, 2.0, 2.5]

After: 04_load_and_profile.py
Concepts: load testing, latency percentiles
Kind: exercise
Time: 15 min
"""


def waited(due: list[float], service: float) -> list[float]:
    # TODO: keep the moment at which the worker is free again
    raise NotImplementedError("waited")
