"""The reviews service's migrations as SQL."""

from chassis import migrate


def test_the_migrations_can_be_printed_as_sql(capsys):
    migrate.sql("reviews")

    printed = capsys.readouterr().out
    assert printed.count("BEGIN;") == printed.count("COMMIT;")
    assert printed.rstrip().endswith("COMMIT;")
    assert "CREATE INDEX CONCURRENTLY ix_reviews_movie_id_id ON reviews (movie_id, id);" in printed
