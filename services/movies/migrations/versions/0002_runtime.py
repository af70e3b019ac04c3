"""How long a movie runs; unknown for those already there."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("movies", sa.Column("runtime_minutes", sa.Integer))


def downgrade() -> None:
    op.drop_column("movies", "runtime_minutes")
