"""Misconception: an action is never widened"""


def fewest_rights(used):
    rights = {(action, name.rpartition("/")[0] + "/*") for action, name in used}
    return sorted({("s3:*", pattern) for _, pattern in rights} | rights)
