"""The table of movies. Ids up to 1000 are kept for seeds."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "movies",
        sa.Column("id", sa.BigInteger, sa.Identity(always=False, start=1001), nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("year", sa.Integer, nullable=False),
        sa.Column("director", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, server_default=sa.text("1"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_movies")),
        sa.CheckConstraint("year BETWEEN 1888 AND 2100", name=op.f("ck_movies_year")),
    )


def downgrade() -> None:
    op.drop_table("movies")
