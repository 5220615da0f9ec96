"""Clone a voice: recordings in, a speaking REST endpoint and a proof card out."""

__version__ = "0.1.0"
