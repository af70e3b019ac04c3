"""Step 3."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("CREATE TABLE step_3 (id bigint)")
    op.execute("ALTER TABLE pace ADD COLUMN unit text")


def downgrade() -> None:
    op.execute("ALTER TABLE pace DROP COLUMN unit")
    op.execute("DROP TABLE step_3")
