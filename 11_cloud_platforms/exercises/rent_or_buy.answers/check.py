"""Checks rent_or_buy at quiet months, full machines, one character more, and equal bills."""

from coursekit.course import Wrong


def check(answer) -> None:
    compare(answer, (20, 70, 100, 4), ("service", 80), "Two machines run at least, and cost 140 in a quiet month, too.")
    compare(answer, (0, 70, 100, 4), ("service", 0), "A service costs nothing while nobody speaks; machines do.")
    compare(answer, (200, 70, 100, 4), ("machines", 140), "Machines that are exactly full are enough.")
    compare(answer, (300, 70, 100, 0.6), ("service", 180), "Three machines cost 210.")
    compare(answer, (250, 70, 100, 4), ("machines", 210), "Machines are rented whole: half a machine is one more.")
    compare(answer, (201, 70, 100, 4), ("machines", 210), "What is left over needs a machine of its own.")
    compare(answer, (100, 70, 100, 4), ("machines", 140), "The machines are cheaper here.")
    compare(answer, (35, 70, 100, 4), ("service", 140), "At the same price take the service.")


def compare(answer, given, wanted, why) -> None:
    seen = answer.rent_or_buy(*given)
    if not isinstance(seen, tuple) or len(seen) != 2:
        raise Wrong(f"rent_or_buy{given} gave {seen!r}; a pair is right, such as {wanted}.")
    if seen[0] != wanted[0] or abs(seen[1] - wanted[1]) > 1e-6:
        raise Wrong(f"{why} rent_or_buy{given} gave {seen} where {wanted} is right.")
