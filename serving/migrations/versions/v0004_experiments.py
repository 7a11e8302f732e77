"""Experiments that `serve` assigns: their definitions, who was assigned, bandit policies; more of each event."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables, and widen `events`."""
    op.add_column("events", sa.Column("cluster_id", sa.Integer))
    op.add_column("events", sa.Column("propensity", sa.Float))
    op.create_index("ix_events_experiment", "events", ["experiment"])
    op.create_table(
        "experiments",
        sa.Column("experiment", sa.Text, nullable=False),
        sa.Column("definition", sa.Text, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("stage", sa.Integer, nullable=False),
        sa.Column("stage_at", sa.Float, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("remembered", sa.Integer, nullable=False),
        sa.Column("decision", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("experiment", name="pk_experiments"),
    )
    op.create_table(
        "sticky",
        sa.Column("experiment", sa.Text, nullable=False),
        sa.Column("bucket_version", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("variation", sa.Text, nullable=False),
        sa.Column("kept_at", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("experiment", "bucket_version", "user_id", name="pk_sticky"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_sticky_kept_at", "sticky", ["experiment", "kept_at"])
    op.create_table(
        "policies",
        sa.Column("experiment", sa.Text, nullable=False),
        sa.Column("epoch", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("made_at", sa.Float, nullable=False),
        sa.Column("shares", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("experiment", "epoch", name="pk_policies"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Drop them."""
    for table in ("policies", "sticky", "experiments"):
        op.drop_table(table)
    op.drop_index("ix_events_experiment", "events")
    for name in ("propensity", "cluster_id"):
        op.drop_column("events", name)
