"""Errors a user of the pipeline can act on."""

from __future__ import annotations

from coursekit.errors import CourseError


class PipelineError(CourseError):
    """Something the user can repair: the message says what happened, `hint` is the command that repairs it."""


class VoiceBusyError(PipelineError):
    """Another process is working on the same voice folder."""
