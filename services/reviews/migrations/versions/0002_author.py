"""Who wrote a review: the subject of the token; unknown for those already there."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("reviews", sa.Column("author", sa.Text))


def downgrade() -> None:
    op.drop_column("reviews", "author")
