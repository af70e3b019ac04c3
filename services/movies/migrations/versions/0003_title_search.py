"""An index for "the title contains": the three-letter pieces of each title, as pg_trgm has them.

The function is our own because creating an extension needs a right that the owner's login may lack.
"""

from alembic import op

revision = "0003"
down_revision = "0002"

TRIGRAMS = """
CREATE OR REPLACE FUNCTION trigrams(value text) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT coalesce(array_agg(DISTINCT substr(lower(value), piece, 3)), '{}')
    FROM generate_series(1, length(lower(value)) - 2) AS piece
$$
"""


def upgrade() -> None:
    op.execute(TRIGRAMS)
    with op.get_context().autocommit_block():
        # An index left invalid by an interrupted run would otherwise be taken for the finished one.
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_movies_title_trigrams")
        op.execute("CREATE INDEX CONCURRENTLY ix_movies_title_trigrams ON movies USING gin (trigrams(title))")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_movies_title_trigrams")
    op.execute("DROP FUNCTION IF EXISTS trigrams(text)")
