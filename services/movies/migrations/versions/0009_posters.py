"""Where a movie's poster lies in the service's bucket; none for most."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("movies", sa.Column("poster_key", sa.Text))


def downgrade() -> None:
    op.drop_column("movies", "poster_key")
