"""The counts of posts a day go: trends come from a file beside the bundle, and nothing ever wrote a row."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Drop the table."""
    op.drop_table("trend_counts")


def downgrade() -> None:
    """Make the table again, empty, as ``r0002`` made it."""
    op.create_table(
        "trend_counts",
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("day", sa.Integer, primary_key=True),
        sa.Column("topic", sa.Text, primary_key=True),
        sa.Column("hashtag", sa.Text, primary_key=True),
        sa.Column("posts", sa.Integer, nullable=False),
    )
    op.create_index("ix_trend_counts_topic_day", "trend_counts", ["topic", "day"])
