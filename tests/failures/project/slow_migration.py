"""A migration that takes longer than its host lives."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    print("stock: counting every crate", flush=True)
    op.execute("SELECT pg_sleep(60)")


def downgrade() -> None:
    pass
