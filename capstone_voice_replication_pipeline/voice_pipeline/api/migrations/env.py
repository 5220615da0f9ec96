"""Alembic's entry: runs the migrations on the connection that `database` gives."""

from __future__ import annotations

from alembic import context

from voice_pipeline.api.database import tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables,
    render_as_batch=True,  # SQLite changes a table by copying it
)
with context.begin_transaction():
    context.run_migrations()
