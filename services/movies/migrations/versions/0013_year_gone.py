"""Contract: `year` and the trigger that kept it the same as `release_year`."""

import importlib

from alembic import op

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
    """Make the column again from its successor, with the trigger: the code of the releases before can serve again."""
    op.execute("ALTER TABLE movies ADD COLUMN year integer")
    op.execute("UPDATE movies SET year = release_year")
    op.execute("ALTER TABLE movies ADD CONSTRAINT ck_movies_year CHECK (year BETWEEN 1888 AND 2100)")
    op.execute("ALTER TABLE movies ALTER COLUMN year SET NOT NULL")
    op.execute(expand.SAME_YEAR)
    op.execute(expand.TRIGGER)
