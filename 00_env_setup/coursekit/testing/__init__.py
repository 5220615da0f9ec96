"""Helpers for the course's own tests; the pytest plugin is `coursekit.testing.plugin`."""
