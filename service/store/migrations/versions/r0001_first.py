"""Keys, buckets, suggestions, feedback, saved sets and answers to be repeated."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision: str | None = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "keys",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("per_minute", sa.Integer, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("expires_ms", sa.BigInteger),
        sa.Column("revoked_ms", sa.BigInteger),
    )
    op.create_table(
        "buckets",
        sa.Column("key_id", sa.Text, primary_key=True),
        sa.Column("tokens", sa.Double, nullable=False),
        sa.Column("refilled_ms", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["keys.id"], name="fk_buckets_key_id", ondelete="CASCADE"),
    )
    op.create_table(
        "suggestions",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("bundle", sa.Text, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("hashtags", sa.JSON, nullable=False),
    )
    op.create_index("ix_suggestions_created_ms", "suggestions", ["created_ms"])
    op.create_table(
        "feedback",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("suggestion_id", sa.Text, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("undone_ms", sa.BigInteger),
    )
    op.create_index("ix_feedback_workspace_created_ms", "feedback", ["workspace", "created_ms"])
    op.create_index("ix_feedback_created_ms", "feedback", ["created_ms"])
    op.create_table(
        "feedback_tags",
        sa.Column("feedback_id", sa.Text, primary_key=True),
        sa.Column("hashtag", sa.Text, primary_key=True),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(
            ["feedback_id"], ["feedback.id"], name="fk_feedback_tags_feedback_id", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "workspaces",
        sa.Column("workspace", sa.Text, primary_key=True),
        sa.Column("feedback_version", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "sets",
        sa.Column("workspace", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("hashtags", sa.JSON, nullable=False),
        sa.Column("etag", sa.Text, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("updated_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "repeats",
        sa.Column("workspace", sa.Text, primary_key=True),
        sa.Column("key_hash", sa.LargeBinary, primary_key=True),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("locked_until_ms", sa.BigInteger, nullable=False),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("media_type", sa.Text),
        sa.Column("body", sa.LargeBinary),
    )
    op.create_index("ix_repeats_created_ms", "repeats", ["created_ms"])


def downgrade() -> None:
    """Drop the tables and all that is in them."""
    for name in ("repeats", "sets", "workspaces", "feedback_tags", "feedback", "suggestions", "buckets", "keys"):
        op.drop_table(name)
