"""The reviews service's migrations and published description, held against its code."""

from agreement import (
    SERVICES,
    asked_scopes,
    differences,
    document,
    documented,
    routed,
    scopes,
    tables,
)
from openapi_spec_validator import validate

from chassis import migrate, openapi
from chassis.testing_postgres import fresh_database, postgres
from reviews.app import ROUTES
from reviews.models import Base


def quiet(line: str) -> None:
    pass


def test_the_migrations_lead_to_the_models():
    assert differences(fresh_database("reviews"), Base.metadata) == []


def test_the_migrations_go_down_and_up_again():
    address = postgres().url(postgres().create_database())
    migrate.migrate(address, "reviews", say=quiet)

    migrate.migrate(address, "reviews", to="base", say=quiet)
    assert tables(address) == {"alembic_version"}
    migrate.migrate(address, "reviews", say=quiet)

    assert differences(address, Base.metadata) == []


def test_one_revision_can_be_taken_back_and_applied_again():
    address = fresh_database("reviews")
    for _ in range(2):
        for revision in ("0003", "0002", "0001"):
            migrate.migrate(address, "reviews", to=revision, say=quiet)
        migrate.migrate(address, "reviews", say=quiet)

    assert differences(address, Base.metadata) == []


def test_the_migrations_can_be_printed_as_sql(capsys):
    migrate.sql("reviews")

    printed = capsys.readouterr().out
    assert printed.count("BEGIN;") == printed.count("COMMIT;")
    assert printed.rstrip().endswith("COMMIT;")
    assert "CREATE INDEX CONCURRENTLY ix_reviews_movie_id_id ON reviews (movie_id, id);" in printed


def test_the_description_is_valid_openapi():
    validate(document("reviews"))


def test_the_description_has_the_routes_and_their_scopes():
    assert documented("reviews") == routed(ROUTES)
    assert scopes("reviews") == asked_scopes(ROUTES)


def test_the_description_is_the_one_that_the_code_makes():
    assert (SERVICES / "reviews/openapi.json").read_text() == openapi.text("reviews")
