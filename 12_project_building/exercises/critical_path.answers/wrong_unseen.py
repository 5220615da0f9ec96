"""Misconception: in a circle nobody can begin, so look for one and say so"""


def critical_path(days, needs):
    end = {name: (length, [name]) for name, length in days.items()}
    for _ in days:  # as many rounds as the longest chain can have
        changed = False
        for name in days:
            chains = [end[before] for before in needs.get(name, [])]
            length, path = max(chains, default=(0, []))
            if length + days[name] > end[name][0]:
                end[name] = (length + days[name], [*path, name])
                changed = True
        if not changed:
            break
    return max(end.values())
