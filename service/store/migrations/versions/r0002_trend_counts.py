"""Counts of posts a day, for what rises and what is used most."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "trend_counts",
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("day", sa.Integer, primary_key=True),
        sa.Column("topic", sa.Text, primary_key=True),
        sa.Column("hashtag", sa.Text, primary_key=True),
        sa.Column("posts", sa.Integer, nullable=False),
    )
    op.create_index("ix_trend_counts_topic_day", "trend_counts", ["topic", "day"])


def downgrade() -> None:
    """Drop the table: counts can be made again from what was collected."""
    op.drop_table("trend_counts")
