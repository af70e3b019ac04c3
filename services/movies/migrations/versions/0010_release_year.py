"""Expand: `release_year` beside `year`, and a trigger that keeps them the same whichever is written."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

# Each release names one of the two columns, so the one that it leaves alone follows the one that it writes.
SAME_YEAR = """
CREATE OR REPLACE FUNCTION movies_same_year() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.year IS DISTINCT FROM OLD.year
        AND NEW.release_year IS NOT DISTINCT FROM OLD.release_year THEN
        NEW.release_year := NEW.year;
    END IF;
    NEW.release_year := coalesce(NEW.release_year, NEW.year);
    NEW.year := NEW.release_year;
    RETURN NEW;
END
$$
"""
TRIGGER = (
    "CREATE TRIGGER movies_same_year BEFORE INSERT OR UPDATE ON movies "
    "FOR EACH ROW EXECUTE FUNCTION movies_same_year()"
)
# NOT VALID: asked of what is written from now on; the rows that are there are looked at in 0012.
CHECKS = (
    "ALTER TABLE movies ADD CONSTRAINT ck_movies_release_year "
    "CHECK (release_year BETWEEN 1888 AND 2100) NOT VALID",
    "ALTER TABLE movies ADD CONSTRAINT ck_movies_release_year_known "
    "CHECK (release_year IS NOT NULL) NOT VALID",
)


def upgrade() -> None:
    op.add_column("movies", sa.Column("release_year", sa.Integer))
    op.execute(SAME_YEAR)
    op.execute(TRIGGER)
    for check in CHECKS:
        op.execute(check)


def downgrade() -> None:
    op.execute("DROP TRIGGER movies_same_year ON movies")
    op.execute("DROP FUNCTION movies_same_year()")
    op.drop_column("movies", "release_year")
