"""An index for the movies of a director, in order of id, and the foreign key checked for the rows that were there."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.execute("ALTER TABLE movies VALIDATE CONSTRAINT fk_movies_director_id_directors")
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_movies_director_id_id")
        op.execute("CREATE INDEX CONCURRENTLY ix_movies_director_id_id ON movies (director_id, id)")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_movies_director_id_id")
