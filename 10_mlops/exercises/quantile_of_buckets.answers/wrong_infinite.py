"""Misconception: The last bucket has no end"""


def bucket_quantile(buckets: list[tuple[float, float]], share: float) -> float:
    needed = share * buckets[-1][1]
    low, counted = 0.0, 0.0
    for high, count in buckets:
        if count >= needed and count > counted:
            return low + (high - low) * (needed - counted) / (count - counted)
        low, counted = high, count
    return low
