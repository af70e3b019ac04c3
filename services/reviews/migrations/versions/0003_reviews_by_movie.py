"""The reviews of one movie, newest first, without reading those of others."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        # An index left invalid by an interrupted run would otherwise be taken for the finished one.
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_reviews_movie_id_id")
        op.execute("CREATE INDEX CONCURRENTLY ix_reviews_movie_id_id ON reviews (movie_id, id)")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_reviews_movie_id_id")
