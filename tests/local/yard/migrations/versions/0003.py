"""Step 3."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("CREATE TABLE step_3 (id bigint)")


def downgrade() -> None:
    op.execute("DROP TABLE step_3")
