"""What holds for every service with a database and an openapi.json, as functions that its tests call."""

import json
import re
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import URL, MetaData, create_engine, inspect
from sqlalchemy.exc import SAWarning

SERVICES = Path(__file__).parents[2] / "services"


def document(service: str) -> dict[str, Any]:
    return json.loads((SERVICES / service / "openapi.json").read_text())


def documented(service: str) -> dict[str, set[str]]:
    """Path, with {} for each parameter -> methods."""
    return {
        re.sub(r"{\w+}", "{}", path): {name.upper() for name in item if name != "parameters"}
        for path, item in document(service)["paths"].items()
    }


def routed(routes: Iterable[tuple[str, type]]) -> dict[str, set[str]]:
    """The same from a route table: what each handler's class itself implements."""
    methods = ("get", "post", "put", "patch", "delete")
    return {
        re.sub(r"\(.*?\)", "{}", pattern).replace("\\", ""): {
            name.upper() for name in methods if name in vars(handler)
        }
        for pattern, handler in routes
    }


def scopes(service: str) -> dict[tuple[str, str], str | None]:
    """(path, method) -> the scope that openapi.json asks for."""
    found: dict[tuple[str, str], str | None] = {}
    for path, item in document(service)["paths"].items():
        for name, operation in item.items():
            if name != "parameters":
                asked = operation["security"][0].get("oauth2", [None])
                found[re.sub(r"{\w+}", "{}", path), name.upper()] = asked[0]
    return found


def asked_scopes(routes: Iterable[tuple[str, type]]) -> dict[tuple[str, str], str | None]:
    """The same from the handlers' decorators."""
    return {
        (path, method): getattr(vars(handler)[method.lower()], "required_scope", None)
        for pattern, handler in routes
        for path, methods in routed([(pattern, handler)]).items()
        for method in methods
    }


def differences(address: URL, metadata: MetaData) -> list[Any]:
    """What Alembic would still change to bring the database to the models."""
    engine = create_engine(address)
    with engine.connect() as connection, warnings.catch_warnings():
        # SQLAlchemy 2.1 hands what PostgreSQL's dialect reflects of a CHECK constraint to a validation that does not
        # know it: its own words about itself, nothing that a model or a migration could mend.
        warnings.filterwarnings("ignore", "Can't validate argument 'dialect_options'", SAWarning)
        options = {"compare_type": True, "compare_server_default": True}
        found = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
    engine.dispose()
    return found


def tables(address: URL) -> set[str]:
    engine = create_engine(address)
    names = set(inspect(engine).get_table_names())
    engine.dispose()
    return names
