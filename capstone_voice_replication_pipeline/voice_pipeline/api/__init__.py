"""The REST service: OpenAI's speech contract over the voices of one folder."""

from voice_pipeline.api.app import create_app
from voice_pipeline.api.settings import ApiSettings

__all__ = ["ApiSettings", "create_app"]
