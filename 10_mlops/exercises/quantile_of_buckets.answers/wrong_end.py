"""Misconception: That is the end of the bucket"""


def bucket_quantile(buckets: list[tuple[float, float]], share: float) -> float:
    needed = share * buckets[-1][1]
    low, counted = 0.0, 0.0
    for high, count in buckets:
        if count >= needed and count > counted:
            return low if high == float("inf") else high
        low, counted = high, count
    return low
