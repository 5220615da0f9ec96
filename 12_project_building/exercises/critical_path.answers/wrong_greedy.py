"""Misconception: every chain counts, not the first"""


def critical_path(days, needs):
    path = [max((name for name in days if not needs.get(name)), key=days.get)]
    while True:
        after = [name for name in days if path[-1] in needs.get(name, [])]
        if not after:
            return sum(days[name] for name in path), path
        path.append(max(after, key=days.get))
