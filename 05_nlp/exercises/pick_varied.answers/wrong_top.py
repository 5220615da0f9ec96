"""Misconception: sentence 1 says what sentence 0 has said"""


def pick_varied(importance, likeness, count, weight):
    order = sorted(range(len(importance)), key=lambda place: -importance[place])
    return sorted(order[:count])
