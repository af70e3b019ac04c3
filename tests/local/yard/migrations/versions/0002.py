"""Step 2."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("CREATE TABLE step_2 (id bigint)")
    op.execute("SELECT pg_sleep(seconds) FROM pace")


def downgrade() -> None:
    op.execute("DROP TABLE step_2")
