"""Alembic's entry: runs the steps on the connection, and in the transaction, that `Store.prepare` hands over."""

from __future__ import annotations

from alembic import context

from serving.schema import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
