"""Checks balance_books(): each kind of imbalance, alone and together."""

from coursekit.course import Wrong


def check(answer) -> None:
    def one(given, accepted, rejected, why, missing=(), unknown=(), twice=()) -> None:
        wanted = {"missing": list(missing), "unknown": list(unknown), "twice": list(twice)}
        found = answer.balance_books(list(given), list(accepted), list(rejected))
        if found != wanted:
            raise Wrong(f"balance_books({given}, {accepted}, {rejected}) is {found}, expected {wanted}: {why}.")

    one(["a", "b"], ["a"], ["b"], "that balances")
    one([], [], [], "nothing given, nothing missing")
    one(["a", "b", "c"], ["a"], ["c"], "b is in neither list", missing=["b"])
    one(["a"], ["a", "old"], ["older"], "they were never given", unknown=["old", "older"])
    one(["a", "b"], ["a", "b"], ["a"], "accepted and rejected is twice", twice=["a"])
    one(["a", "b"], ["a", "a"], ["b"], "two lines in one list are twice, too; a set forgets how often", twice=["a"])
    one(["Take_1.wav"], ["take_1.wav"], [], "capitals do not make another file")
    one(["Take_1.wav"], ["take_1.WAV", "TAKE_1.wav"], [], "names come back as they were given", twice=["Take_1.wav"])
    one(["z", "y"], [], [], "the lists are sorted", missing=["y", "z"])
    one(["a"], ["a", "x"], ["X"], "an unknown file may stand there twice, and is both", unknown=["x"], twice=["x"])
    # The same numbers on both sides prove nothing.
    one(["a", "b"], ["a"], ["c"], "2 = 1 + 1, and still b is lost", missing=["b"], unknown=["c"])
