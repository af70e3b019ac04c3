"""Give the movies that are older than the trigger their director's row, a few at a time."""

# allow not-rendered: its one statement is DIRECTORS in movies/backfills.py, run once for every 1000 movies

from alembic import op

from chassis import batches
from movies.backfills import DIRECTORS

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    batches.run_in_revision(op, DIRECTORS)


def downgrade() -> None:
    """Nothing is moved back: the name has always stood in the movie's own row too. Run again it begins at the first row."""
    batches.forget_in_revision(op, DIRECTORS)
