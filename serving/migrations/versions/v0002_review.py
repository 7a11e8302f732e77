"""Review: drafts, the decisions on their titles, brand guides, and what the console shows beside a release."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables of review and console."""
    op.create_table(
        "cards",
        sa.Column("clustering_id", sa.Integer, nullable=False),
        sa.Column("cluster_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("card", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("clustering_id", "cluster_id", name="pk_cards"),
        sa.ForeignKeyConstraint(["clustering_id"], ["clusterings.clustering_id"], name="fk_cards_clustering_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ad_facts",
        sa.Column("data_digest", sa.String(64), nullable=False),
        sa.Column("ad_id", sa.Text, nullable=False),
        sa.Column("facts", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("data_digest", "ad_id", name="pk_ad_facts"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "drafts",
        sa.Column("draft_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("clustering_id", sa.Integer, nullable=False),
        sa.Column("titles_digest", sa.String(64), nullable=False),
        sa.Column("clusters_digest", sa.String(64), nullable=False),
        sa.Column("data_digest", sa.String(64), nullable=False),
        sa.Column("clusters", sa.Integer, nullable=False),
        sa.Column("counts", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("draft_id", name="pk_drafts"),
        sa.UniqueConstraint("digest", name="uq_drafts_digest"),
        sa.ForeignKeyConstraint(["clustering_id"], ["clusterings.clustering_id"], name="fk_drafts_clustering_id"),
    )
    op.create_table(
        "candidates",
        sa.Column("draft_id", sa.Integer, nullable=False),
        sa.Column("title_id", sa.Text, nullable=False),
        sa.Column("cluster_id", sa.Integer, nullable=False),
        sa.Column("ad_id", sa.Text, nullable=False),
        sa.Column("generated", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("publishable", sa.Integer, nullable=False),
        sa.Column("doubted", sa.Integer, nullable=False),
        sa.Column("findings", sa.Text, nullable=False),
        sa.Column("kinds", sa.Text, nullable=False),
        sa.Column("provenance", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("again", sa.Integer, nullable=False),
        sa.Column("reviewer", sa.Text),
        sa.Column("decided_at", sa.Float),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("draft_id", "title_id", name="pk_candidates"),
        sa.ForeignKeyConstraint(["draft_id"], ["drafts.draft_id"], name="fk_candidates_draft_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_candidates_state", "candidates", ["draft_id", "state"])
    op.create_table(
        "history",
        sa.Column("entry_id", sa.Integer, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("draft_id", sa.Integer),
        sa.Column("title_id", sa.Text),
        sa.Column("release", sa.Integer),
        sa.Column("step", sa.Integer),
        sa.Column("undoes", sa.Integer),
        sa.Column("before", sa.Text),
        sa.Column("after", sa.Text),
        sa.PrimaryKeyConstraint("entry_id", name="pk_history"),
    )
    op.create_index("ix_history_title", "history", ["draft_id", "title_id"])
    op.create_index("ix_history_step", "history", ["step"])
    op.create_table(
        "guides",
        sa.Column("advertiser", sa.Text, nullable=False),
        sa.Column("guide", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("advertiser", name="pk_guides"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "preferences",
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_preferences"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Drop them."""
    for table in ("preferences", "guides", "history", "candidates", "drafts", "ad_facts", "cards"):
        op.drop_table(table)
