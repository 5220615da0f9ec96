"""Checks bucket_quantile against values worked out by hand, and against the times behind a histogram."""

import math
import random

from coursekit.course import Wrong

INF = math.inf
SMALL = [(0.1, 50.0), (0.2, 90.0), (INF, 100.0)]


def check(answer) -> None:
    for share, wanted in ((0.25, 0.05), (0.7, 0.15), (0.9, 0.2), (0.95, 0.2), (0.5, 0.1)):
        compare(answer, SMALL, share, wanted)
    compare(answer, [(0.1, 0.0), (0.2, 0.0), (0.5, 40.0), (INF, 40.0)], 0.5, 0.35)  # empty buckets before
    source = random.Random(3)
    times = sorted(source.expovariate(10) for _ in range(5000))
    ends = [0.01 * k for k in range(1, 60)]
    buckets = [(end, float(sum(t <= end for t in times))) for end in ends] + [(INF, 5000.0)]
    for share in (0.5, 0.9, 0.95):
        true = times[int(share * 5000)]
        seen = answer.bucket_quantile(list(buckets), share)
        if abs(seen - true) > 0.01:
            raise Wrong(f"Of 5,000 times, {share:.0%} took at most {true:.4f} s; bucket_quantile gave {seen}.")


def compare(answer, buckets, share, wanted) -> None:
    seen = answer.bucket_quantile(list(buckets), share)
    if isinstance(seen, (int, float)) and math.isclose(seen, wanted, abs_tol=1e-9):
        return
    told = f"bucket_quantile({buckets}, {share}) is {wanted}, and gave {seen}."
    if seen == INF:
        raise Wrong(f"{told} The last bucket has no end: all one can say is the highest finite one.")
    if seen in [end for end, _ in buckets]:
        raise Wrong(f"{told} That is the end of the bucket; go only part of the way into it.")
    raise Wrong(f"{told} Counts are cumulative: a bucket holds its count minus the count before.")
