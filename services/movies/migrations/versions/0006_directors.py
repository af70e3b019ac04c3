"""Directors as rows of their own. A trigger keeps `director_id` with the name, whichever release writes the movie."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

DIRECTOR_OF = r"""
CREATE OR REPLACE FUNCTION movies_director() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    known text := btrim(NEW.director, E' \t\r\n');
BEGIN
    SELECT id INTO NEW.director_id FROM directors WHERE name = known;
    IF NOT FOUND THEN
        -- Somebody else may add the same one at this moment: then his row is taken.
        INSERT INTO directors (name) VALUES (known) ON CONFLICT (name) DO NOTHING;
        SELECT id INTO STRICT NEW.director_id FROM directors WHERE name = known;
    END IF;
    RETURN NEW;
END
$$
"""


def upgrade() -> None:
    op.create_table(
        "directors",
        sa.Column("id", sa.BigInteger, sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_directors")),
        sa.UniqueConstraint("name", name=op.f("uq_directors_name")),
    )
    op.execute("CREATE INDEX ix_directors_name_trigrams ON directors USING gin (trigrams(name))")
    op.add_column("movies", sa.Column("director_id", sa.BigInteger))
    op.execute(
        "ALTER TABLE movies ADD CONSTRAINT fk_movies_director_id_directors "
        "FOREIGN KEY (director_id) REFERENCES directors (id) NOT VALID"
    )
    op.execute(DIRECTOR_OF)
    op.execute(
        "CREATE TRIGGER movies_director BEFORE INSERT OR UPDATE OF director ON movies "
        "FOR EACH ROW EXECUTE FUNCTION movies_director()"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER movies_director ON movies")
    op.execute("DROP FUNCTION movies_director()")
    op.drop_column("movies", "director_id")
    op.drop_table("directors")
