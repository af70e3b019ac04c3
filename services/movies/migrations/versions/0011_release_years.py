"""Migrate: give the movies that are older than the trigger their release year, a few at a time."""

# allow not-rendered: its one statement is RELEASE_YEARS in movies/backfills.py, run once for every 1000 movies

from alembic import op

from chassis import batches
from movies.backfills import RELEASE_YEARS

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    batches.run_in_revision(op, RELEASE_YEARS)


def downgrade() -> None:
    """Nothing is moved back: `year` still has its values. Run again it begins at the first row."""
    batches.forget_in_revision(op, RELEASE_YEARS)
