"""Migrate: every movie has a release year, looked at without keeping anybody out and then said by the column itself."""

from alembic import op

revision = "0012"
down_revision = "0011"

# allow ban-drop-constraint: NOT NULL says the same as the check from here on


def upgrade() -> None:
    op.execute("ALTER TABLE movies VALIDATE CONSTRAINT ck_movies_release_year")
    op.execute("ALTER TABLE movies VALIDATE CONSTRAINT ck_movies_release_year_known")
    # With the validated check there, SET NOT NULL need not read the table (PostgreSQL 12 and later).
    op.execute("ALTER TABLE movies ALTER COLUMN release_year SET NOT NULL")
    op.execute("ALTER TABLE movies DROP CONSTRAINT ck_movies_release_year_known")


def downgrade() -> None:
    op.execute(
        "ALTER TABLE movies ADD CONSTRAINT ck_movies_release_year_known "
        "CHECK (release_year IS NOT NULL) NOT VALID"
    )
    op.execute("ALTER TABLE movies ALTER COLUMN release_year DROP NOT NULL")
