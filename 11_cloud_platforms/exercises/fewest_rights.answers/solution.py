"""The fewest rights, solved."""


def fewest_rights(used: list[tuple[str, str]]) -> list[tuple[str, str]]:
    statements = set()
    for action, name in used:
        folder, slash, _ = name.rpartition("/")
        statements.add((action, f"{folder}/*" if slash else name))
    return sorted(statements)
