"""Every table. Times are milliseconds since 1970; a workspace is a text id.

The migrations make the tables; a test checks that what they make equals what is written here.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

from recommend.workspace import HORIZON_DAYS

DAY_MS = 86_400_000
SUGGESTIONS_KEPT_MS = 30 * DAY_MS
ANSWERS_KEPT_MS = DAY_MS
FEEDBACK_KEPT_MS = (HORIZON_DAYS + 1) * DAY_MS
"""By then feedback counts nothing."""

METADATA = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)

# hash: SHA-256 of the whole key, which is not stored. scopes: names separated by spaces.
KEYS = Table(
    "keys",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("hash", LargeBinary, nullable=False),
    Column("workspace", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("per_minute", Integer, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger),
    Column("revoked_ms", BigInteger),
)

# A table of its own, since every request writes here.
BUCKETS = Table(
    "buckets",
    METADATA,
    Column("key_id", Text, ForeignKey(KEYS.c.id, ondelete="CASCADE"), primary_key=True),
    Column("tokens", Double, nullable=False),
    Column("refilled_ms", BigInteger, nullable=False),
)

# hashtags: [[hashtag], ...] in the order of the answer. Each is a list of its own because schemas before 0003 kept
# [hashtag, score, parts]: such rows, and replicas that still write them, are read alike. Kept 30 days.
SUGGESTIONS = Table(
    "suggestions",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("workspace", Text, nullable=False),
    Column("bundle", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("hashtags", JSON, nullable=False),
    Index(None, "created_ms"),
)

# Feedback that was taken back stays until it is too old to count: a replay of the same row must not bring it back.
FEEDBACK = Table(
    "feedback",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("workspace", Text, nullable=False),
    Column("suggestion_id", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("undone_ms", BigInteger),
    Index(None, "workspace", "created_ms"),
    Index(None, "created_ms"),
)

# verdict: accepted, rejected or added.
FEEDBACK_TAGS = Table(
    "feedback_tags",
    METADATA,
    Column("feedback_id", Text, ForeignKey(FEEDBACK.c.id, ondelete="CASCADE"), primary_key=True),
    Column("hashtag", Text, primary_key=True),
    Column("verdict", Text, nullable=False),
)

# feedback_version: how often the feedback of a workspace changed; a worker keeps what it computed at a version.
WORKSPACES = Table(
    "workspaces",
    METADATA,
    Column("workspace", Text, primary_key=True),
    Column("feedback_version", BigInteger, nullable=False),
)

# etag: a new random one with each write.
SETS = Table(
    "sets",
    METADATA,
    Column("workspace", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("hashtags", JSON, nullable=False),
    Column("etag", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
)

# Answers to repeated requests. key_hash: SHA-256 of the caller's Idempotency-Key; digest: of the request.
# status is null while the first request runs; the lock of a request that died ends at locked_until_ms.
IDEMPOTENCY = Table(
    "repeats",
    METADATA,
    Column("workspace", Text, primary_key=True),
    Column("key_hash", LargeBinary, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("locked_until_ms", BigInteger, nullable=False),
    Column("holder", Text, nullable=False),
    Column("status", Integer),
    Column("media_type", Text),
    Column("body", LargeBinary),
    Index(None, "created_ms"),
)
