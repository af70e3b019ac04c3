"""Requests that the chart be computed now, and how far each is."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

NOW = sa.text("now()")


def upgrade() -> None:
    op.create_table(
        "computations",
        sa.Column("id", sa.BigInteger, sa.Identity(always=False), nullable=False),
        sa.Column("chart", sa.Text, nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("tries", sa.SmallInteger, server_default=sa.text("0"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.Column("failed", sa.Boolean, server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_computations")),
    )
    op.create_index(
        "uq_computations_queued",
        "computations",
        ["chart"],
        unique=True,
        postgresql_where=sa.text("started_at IS NULL AND finished_at IS NULL"),
    )
    op.create_index(op.f("ix_computations_finished_at"), "computations", ["finished_at"])


def downgrade() -> None:
    op.drop_table("computations")
