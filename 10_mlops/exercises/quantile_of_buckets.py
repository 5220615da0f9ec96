"""A quantile from buckets

Prometheus keeps no single times, only buckets: how many requests took AT MOST so long. Write
`bucket_quantile(buckets, share)` as Prometheus' histogram_quantile does it. `buckets` is a sorted list of (end, count),
the last end is infinite; counts are cumulative. Find the first bucket whose count reaches `share` times the whole
count. Inside it, values are taken to lie evenly: go from its lower end (the end before; 0 for the first) towards its
upper end as far as needed. In the last, infinite bucket nothing can be said: return the highest finite end.

    bucket_quantile([(0.1, 50), (0.2, 90), (float("inf"), 100)], 0.7)    returns 0.15
    bucket_quantile([(0.1, 50), (0.2, 90), (float("inf"), 100)], 0.95)   returns 0.2

After: 05_monitor_and_drift.py
Concepts: prometheus metrics, latency percentiles
Kind: exercise
Time: 20 min
"""


def bucket_quantile(buckets: list[tuple[float, float]], share: float) -> float:
    # TODO: walk through the buckets until the count is reached, then go part of the way
    raise NotImplementedError("bucket_quantile")
