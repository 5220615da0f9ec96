"""Misconception: walk in order instead"""


def critical_path(days, needs):
    def end(name):
        return days[name] + max((end(before) for before in needs.get(name, [])), default=0)

    memo = {}

    def quick(name):
        if name not in memo:
            chains = [quick(before) for before in needs.get(name, [])]
            length, path = max(chains, default=(0, []))
            memo[name] = (length + days[name], [*path, name])
        return memo[name]

    return max(quick(name) for name in days)
