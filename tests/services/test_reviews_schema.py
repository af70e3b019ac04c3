"""The reviews service's migrations and published description, held against its code."""

from agreement import (
    asked_scopes,
    differences,
    document,
    documented,
    limits_in_code,
    limits_in_document,
    routed,
    scopes,
    tables,
)
from openapi_spec_validator import validate

from chassis import migrate
from chassis.testing_postgres import fresh_database, postgres
from reviews.app import ROUTES
from reviews.models import Base
from reviews.shapes import ChartEntry, MovieRating, ReviewInput, ReviewOutput, TopChart


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
        for revision in ("0002", "0001"):
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


def test_the_description_has_the_limits_of_the_code():
    assert limits_in_document("reviews", "ReviewInput") == limits_in_code(ReviewInput)


def test_the_description_has_the_members_of_every_answer():
    answers = {"Review": ReviewOutput, "Rating": MovieRating, "Chart": TopChart, "ChartEntry": ChartEntry}

    assert {name: set(limits_in_document("reviews", name)) for name in answers} == {
        name: set(kind.__struct_fields__) for name, kind in answers.items()
    }
