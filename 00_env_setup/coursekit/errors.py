"""The one error a learner should ever see."""


class CourseError(Exception):
    """Something the reader can put right.

    Args:
        message: What happened, the value seen and the likely cause, in one or two plain sentences.
        hint: The command or the action that repairs it; empty when there is none.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return type(self), (str(self), self.hint)
