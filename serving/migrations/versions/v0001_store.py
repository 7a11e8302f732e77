"""The first tables: releases, what they hold, what is live, and what came back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "clusterings",
        sa.Column("clustering_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("users", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("clustering_id", name="pk_clusterings"),
        sa.UniqueConstraint("digest", name="uq_clusterings_digest"),
    )
    op.create_table(
        "releases",
        sa.Column("release", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("clustering_id", sa.Integer, nullable=False),
        sa.Column("titles_digest", sa.String(64), nullable=False),
        sa.Column("clusters_digest", sa.String(64), nullable=False),
        sa.Column("data_digest", sa.String(64), nullable=False),
        sa.Column("counts", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("release", name="pk_releases"),
        sa.UniqueConstraint("digest", name="uq_releases_digest"),
        sa.ForeignKeyConstraint(["clustering_id"], ["clusterings.clustering_id"], name="fk_releases_clustering_id"),
    )
    op.create_table(
        "switches",
        sa.Column("switch_id", sa.Integer, nullable=False),
        sa.Column("release", sa.Integer, nullable=False),
        sa.Column("switched_at", sa.Float, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.PrimaryKeyConstraint("switch_id", name="pk_switches"),
        sa.ForeignKeyConstraint(["release"], ["releases.release"], name="fk_switches_release"),
    )
    op.create_table(
        "ads",
        sa.Column("release", sa.Integer, nullable=False),
        sa.Column("ad_id", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("release", "ad_id", name="pk_ads"),
        sa.ForeignKeyConstraint(["release"], ["releases.release"], name="fk_ads_release"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "titles",
        sa.Column("release", sa.Integer, nullable=False),
        sa.Column("title_id", sa.Text, nullable=False),
        sa.Column("cluster_id", sa.Integer, nullable=False),
        sa.Column("ad_id", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("findings", sa.Text, nullable=False),
        sa.Column("provenance", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("release", "title_id", name="pk_titles"),
        sa.UniqueConstraint("release", "ad_id", "cluster_id", name="uq_titles_release"),
        sa.ForeignKeyConstraint(["release"], ["releases.release"], name="fk_titles_release"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "assignments",
        sa.Column("clustering_id", sa.Integer, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("cluster_id", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("clustering_id", "user_id", name="pk_assignments"),
        sa.ForeignKeyConstraint(["clustering_id"], ["clusterings.clustering_id"], name="fk_assignments_clustering_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "events",
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("ad_id", sa.Text, nullable=False),
        sa.Column("title_id", sa.Text),
        sa.Column("timestamp", sa.Float, nullable=False),
        sa.Column("release", sa.Integer),
        sa.Column("experiment", sa.Text),
        sa.Column("variation", sa.Text),
        sa.Column("received_at", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("event_id", name="pk_events"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_events_timestamp", "events", ["timestamp"])


def downgrade() -> None:
    """Drop every table."""
    for table in ("events", "assignments", "titles", "ads", "switches", "releases", "clusterings"):
        op.drop_table(table)
