"""What users waited, solved."""


def waited(due: list[float], service: float) -> list[float]:
    worker_is_free_at = 0.0
    found = []
    for moment in due:
        worker_is_free_at = max(worker_is_free_at, moment) + service
        found.append(worker_is_free_at - moment)
    return found
