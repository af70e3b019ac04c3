"""What holds for every service with a database: its migrations, its models and its published description agree."""

import importlib

import pytest
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
from chassis.migration_sql import revisions_after
from chassis.testing_postgres import fresh_database, postgres

WITH_DATABASE = sorted(folder.parent.name for folder in SERVICES.glob("*/migrations"))

pytestmark = pytest.mark.parametrize("service", WITH_DATABASE)


def metadata(service):
    return importlib.import_module(f"{service}.models").Base.metadata


def routes(service):
    return importlib.import_module(f"{service}.app").ROUTES


def quiet(line: str) -> None:
    pass


def test_the_migrations_lead_to_the_models(service):
    assert differences(fresh_database(service), metadata(service)) == []


def test_the_migrations_go_down_and_up_again(service):
    address = postgres().url(postgres().create_database())
    migrate.migrate(address, service, say=quiet)

    migrate.migrate(address, service, to="base", say=quiet)
    assert tables(address) == {"alembic_version"}
    migrate.migrate(address, service, say=quiet)

    assert differences(address, metadata(service)) == []


def test_every_revision_can_be_taken_back_and_applied_again(service):
    address = fresh_database(service)
    *before_the_last, _ = revisions_after(service, None)

    for _ in range(2):
        for script in reversed(before_the_last):
            migrate.migrate(address, service, to=script.revision, say=quiet)
        migrate.migrate(address, service, say=quiet)

    assert differences(address, metadata(service)) == []


def test_the_description_is_valid_openapi(service):
    validate(document(service))


def test_the_description_has_the_routes_and_their_scopes(service):
    assert documented(service) == routed(routes(service))
    assert scopes(service) == asked_scopes(routes(service))


def test_the_description_is_the_one_that_the_code_makes(service):
    assert (SERVICES / service / "openapi.json").read_text() == openapi.text(service)
