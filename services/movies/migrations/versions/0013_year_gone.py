"""Contract: `year` and the trigger that kept it the same as `release_year`."""

import importlib

from alembic import op

from chassis import batches
from movies.backfills import YEARS

revision = "0013"
down_revision = "0012"

# only after 0012: the code that came with it reads and writes release_year alone
# allow ban-drop-column: nothing reads it since the release of 0012, and the trigger has kept the two the same
# allow ban-drop-function: only the trigger called it

expand = importlib.import_module("movies.migrations.versions.0010_release_year")


def upgrade() -> None:
    op.execute("DROP TRIGGER movies_same_year ON movies")
    op.execute("DROP FUNCTION movies_same_year()")
    op.execute("ALTER TABLE movies DROP COLUMN year")


def downgrade() -> None:
    """Make the column again from its successor, with the trigger: the code of the releases before can serve again.

    What is committed on the way keeps nobody from the table, and can be run again.
    """
    with op.get_context().autocommit_block():
        op.execute("ALTER TABLE movies ADD COLUMN IF NOT EXISTS year integer")
        op.execute(expand.SAME_YEAR)
        op.execute("DROP TRIGGER IF EXISTS movies_same_year ON movies")
        op.execute(expand.TRIGGER)
    batches.run_in_revision(op, YEARS)
    batches.forget_in_revision(op, YEARS)
    op.execute(
        "ALTER TABLE movies ADD CONSTRAINT ck_movies_year CHECK (year BETWEEN 1888 AND 2100) NOT VALID"
    )
    op.execute("ALTER TABLE movies ALTER COLUMN year SET NOT NULL")
    op.execute("ALTER TABLE movies VALIDATE CONSTRAINT ck_movies_year")
