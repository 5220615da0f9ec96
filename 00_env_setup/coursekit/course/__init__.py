"""The learner's tool: the `course` command, and what lessons, exercises and quizzes are made of."""

from coursekit.course.errors import Wrong

__all__ = ["Wrong"]
