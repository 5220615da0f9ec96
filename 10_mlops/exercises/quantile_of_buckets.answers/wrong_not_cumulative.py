"""Misconception: Counts are cumulative"""


def bucket_quantile(buckets, share):
    needed = share * sum(count for _, count in buckets)
    low = counted = 0.0
    for high, count in buckets:
        if counted + count >= needed and count:
            return low if high == float("inf") else low + (high - low) * (needed - counted) / count
        low, counted = high, counted + count
    return low
