"""The store's tables. Rows of a release never change once its transaction has committed.

A clustering's assignment is kept once and shared by every release made from it: a new release with the same
clusters costs its titles only, not another two million rows. What is live is the newest row of `switches`.
"""

from __future__ import annotations

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, MetaData, String, Table, Text, UniqueConstraint

SCHEMA_REVISION = "0004"
"""The newest migration: what a store must be at before it is read or written."""

METADATA = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)

CLUSTERINGS = Table(
    "clusterings",
    METADATA,
    Column("clustering_id", Integer, primary_key=True, autoincrement=False),
    Column("digest", String(64), nullable=False, unique=True),
    Column("users", Integer, nullable=False),
)

RELEASES = Table(
    "releases",
    METADATA,
    Column("release", Integer, primary_key=True, autoincrement=False),
    Column("digest", String(64), nullable=False, unique=True),  # identity of the three inputs together
    Column("created_at", Float, nullable=False),  # epoch seconds
    Column("status", String(16), nullable=False),  # "published", or "withdrawn" once rolled back
    Column("clustering_id", ForeignKey(CLUSTERINGS.c.clustering_id), nullable=False),
    Column("titles_digest", String(64), nullable=False),
    Column("clusters_digest", String(64), nullable=False),
    Column("data_digest", String(64), nullable=False),
    Column("counts", Text, nullable=False),  # JSON object, name -> count
)

SWITCHES = Table(
    "switches",
    METADATA,
    Column("switch_id", Integer, primary_key=True),
    Column("release", ForeignKey(RELEASES.c.release), nullable=False),
    Column("switched_at", Float, nullable=False),  # epoch seconds
    Column("kind", String(16), nullable=False),  # "publish" or "rollback"
)

ADS = Table(
    "ads",
    METADATA,
    Column("release", ForeignKey(RELEASES.c.release), primary_key=True),
    Column("ad_id", Text, primary_key=True),
    Column("title", Text, nullable=False),  # the original
    sqlite_with_rowid=False,
)

TITLES = Table(
    "titles",
    METADATA,
    Column("release", ForeignKey(RELEASES.c.release), primary_key=True),
    Column("title_id", Text, primary_key=True),
    Column("cluster_id", Integer, nullable=False),
    Column("ad_id", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("verdict", String(16), nullable=False),
    Column("findings", Text, nullable=False),  # JSON list, from the check made at publication
    Column("provenance", Text, nullable=False),  # JSON object, as the generation wrote it
    UniqueConstraint("release", "ad_id", "cluster_id"),
    sqlite_with_rowid=False,
)

ASSIGNMENTS = Table(
    "assignments",
    METADATA,
    Column("clustering_id", ForeignKey(CLUSTERINGS.c.clustering_id), primary_key=True),
    Column("user_id", Text, primary_key=True),
    Column("cluster_id", Integer, nullable=False),  # negative: in no cluster, sees the originals
    sqlite_with_rowid=False,
)

EVENTS = Table(
    "events",
    METADATA,
    Column("event_id", Text, primary_key=True),
    Column("kind", String(16), nullable=False),  # "exposure" or "click"
    Column("user_id", Text, nullable=False),
    Column("ad_id", Text, nullable=False),
    Column("title_id", Text),  # null: the original was shown
    Column("timestamp", Float, nullable=False),  # epoch seconds, by the sender's clock
    Column("release", Integer),
    Column("experiment", Text),
    Column("variation", Text),
    Column("received_at", Float, nullable=False),  # epoch seconds, by the service's clock
    Column("cluster_id", Integer),  # the user's cluster when the look-up was answered
    Column("propensity", Float),  # with what probability that variation was drawn
    Index("ix_events_timestamp", "timestamp"),
    Index("ix_events_experiment", "experiment"),
    sqlite_with_rowid=False,
)

CARDS = Table(
    "cards",
    METADATA,
    Column("clustering_id", ForeignKey(CLUSTERINGS.c.clustering_id), primary_key=True),
    Column("cluster_id", Integer, primary_key=True, autoincrement=False),
    Column("card", Text, nullable=False),  # JSON object, as the clustering wrote it
    sqlite_with_rowid=False,
)

AD_FACTS = Table(
    "ad_facts",
    METADATA,
    Column("data_digest", String(64), primary_key=True),  # kept once for all drafts and releases from the same DATA
    Column("ad_id", Text, primary_key=True),
    Column("facts", Text, nullable=False),  # JSON object: the ad as `serving.review.drafts` writes it
    sqlite_with_rowid=False,
)

DRAFTS = Table(
    "drafts",
    METADATA,
    Column("draft_id", Integer, primary_key=True, autoincrement=False),
    Column("digest", String(64), nullable=False, unique=True),  # identity of its inputs together
    Column("created_at", Float, nullable=False),  # epoch seconds
    Column("clustering_id", ForeignKey(CLUSTERINGS.c.clustering_id), nullable=False),
    Column("titles_digest", String(64), nullable=False),
    Column("clusters_digest", String(64), nullable=False),
    Column("data_digest", String(64), nullable=False),
    Column("clusters", Integer, nullable=False),  # how many there are; ids run from 0
    Column("counts", Text, nullable=False),  # JSON object, name -> count
)

CANDIDATES = Table(
    "candidates",
    METADATA,
    Column("draft_id", ForeignKey(DRAFTS.c.draft_id), primary_key=True),
    Column("title_id", Text, primary_key=True),
    Column("cluster_id", Integer, nullable=False),
    Column("ad_id", Text, nullable=False),
    Column("generated", Text, nullable=False),  # the title as it was generated
    Column("title", Text, nullable=False),  # the same, or as a reviewer edited it
    Column("verdict", String(16), nullable=False),
    Column("publishable", Integer, nullable=False),  # 1 when the last check let it through
    Column("doubted", Integer, nullable=False),  # 1 when it had failed the audit when it was generated
    Column("findings", Text, nullable=False),  # JSON list, from the last check
    Column("kinds", Text, nullable=False),  # the kinds of those findings as " number scope "
    Column("provenance", Text, nullable=False),  # JSON object, as the generation wrote it
    Column("state", String(16), nullable=False),  # "open", "approved" or "rejected"
    Column("again", Integer, nullable=False),  # 1 when its pair is to be generated again
    Column("reviewer", Text),  # who decided last
    Column("decided_at", Float),  # epoch seconds
    Column("version", Integer, nullable=False),  # grows with each decision
    Index("ix_candidates_state", "draft_id", "state"),
    sqlite_with_rowid=False,
)

HISTORY = Table(
    "history",
    METADATA,
    Column("entry_id", Integer, primary_key=True),
    Column("at", Float, nullable=False),  # epoch seconds
    Column("who", Text, nullable=False),
    Column("action", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("draft_id", Integer),
    Column("title_id", Text),
    Column("release", Integer),
    Column("step", Integer),  # the first entry of the step this one is part of: a bulk is one step
    Column("undoes", Integer),  # the step that this entry takes back
    Column("before", Text),  # JSON object: what the decision replaced
    Column("after", Text),
    Index("ix_history_title", "draft_id", "title_id"),
    Index("ix_history_step", "step"),
)

GUIDES = Table(
    "guides",
    METADATA,
    Column("advertiser", Text, primary_key=True),  # "": whoever has no guide
    Column("guide", Text, nullable=False),  # JSON object, `creator.facts.guide.as_json`
    sqlite_with_rowid=False,
)

PREFERENCES = Table(
    "preferences",
    METADATA,
    Column("name", String(32), primary_key=True),
    Column("value", Text, nullable=False),
    sqlite_with_rowid=False,
)

API_KEYS = Table(
    "api_keys",
    METADATA,
    Column("key_id", String(16), primary_key=True),
    Column("digest", String(64), nullable=False, unique=True),  # SHA-256 of the key, which is kept nowhere
    Column("name", Text, nullable=False),  # whose it is, for people
    Column("scopes", String(64), nullable=False),  # "read", "write", "admin", with spaces between
    Column("created_at", Float, nullable=False),  # epoch seconds
    Column("revoked_at", Float),  # epoch seconds; null while it is good
)

EXPERIMENTS = Table(
    "experiments",
    METADATA,
    Column("experiment", Text, primary_key=True),  # its key, as events name it
    Column("definition", Text, nullable=False),  # JSON object, `serving.experiments.trial.as_json`
    Column("status", String(16), nullable=False),  # "running", "halted" (everybody sees the control) or "ended"
    Column("stage", Integer, nullable=False),  # of its ramp, from 0
    Column("stage_at", Float, nullable=False),  # since when, epoch seconds
    Column("created_at", Float, nullable=False),  # epoch seconds
    Column("remembered", Integer, nullable=False),  # 1 when look-ups must read `sticky`: the draw itself has changed
    Column("decision", Text, nullable=False),  # JSON object: the last decision about it, or {}
)

STICKY = Table(
    "sticky",
    METADATA,
    Column("experiment", Text, primary_key=True),
    Column("bucket_version", Integer, primary_key=True, autoincrement=False),
    Column("user_id", Text, primary_key=True),
    Column("variation", Text, nullable=False),  # of the first exposure that came back
    Column("kept_at", Float, nullable=False),  # epoch seconds
    Index("ix_sticky_kept_at", "experiment", "kept_at"),
    sqlite_with_rowid=False,
)

POLICIES = Table(
    "policies",
    METADATA,
    Column("experiment", Text, primary_key=True),
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("made_at", Float, nullable=False),  # epoch seconds
    Column("shares", Text, nullable=False),  # JSON list of [ad_id, cluster_id, [share of each variation]]
    sqlite_with_rowid=False,
)
