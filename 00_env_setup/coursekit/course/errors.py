"""What an exercise's check raises."""


class Wrong(Exception):
    """The learner's answer is wrong; the message says what was called, the value seen and the value expected."""
