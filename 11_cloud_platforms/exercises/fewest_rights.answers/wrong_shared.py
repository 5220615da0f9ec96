"""Misconception: each action has folders of its own"""


def fewest_rights(used):
    actions = {action for action, _ in used}
    folders = {name.rpartition("/")[0] + "/*" for _, name in used}
    return sorted((action, folder) for action in actions for folder in folders)
