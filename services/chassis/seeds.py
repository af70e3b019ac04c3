"""Data that comes with the code, planted again and again to the same effect.

A service that has some keeps it in its module `seeds`: `REFERENCE` holds what the code relies on, brought to the
code's values by every migration; `DEMO` holds examples, added only when asked for and never over what is there.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Table, literal, or_
from sqlalchemy.dialects.postgresql import Insert, insert

Say = Callable[[str], None]


@dataclass(frozen=True)
class Seed:
    """Rows of one table, each known by the columns of `key`, which a unique constraint covers."""

    table: Table
    key: tuple[str, ...]
    rows: Sequence[Mapping[str, Any]]


def plant_reference(engine: Engine, service: str, say: Say) -> None:
    """Bring the service's reference data to the code's values; rows that the code does not name stay."""
    _plant(engine, service, "REFERENCE", _correct, say)


def plant_demo(engine: Engine, service: str, say: Say) -> None:
    """Add the service's demo data where it is missing."""
    _plant(engine, service, "DEMO", _add, say)


def _plant(engine: Engine, service: str, name: str, put: Callable[[Connection, Seed], int], say: Say) -> None:
    if importlib.util.find_spec(f"{service}.seeds") is None:
        return
    found: Sequence[Seed] = getattr(importlib.import_module(f"{service}.seeds"), name, ())
    for seed in found:
        with engine.begin() as connection:
            written = put(connection, seed)
        if written:
            say(
                f"{service}: {name.lower()} data: {written} of {len(seed.rows)} rows of {seed.table.name} written"
            )


def _correct(connection: Connection, seed: Seed) -> int:
    statement = insert(seed.table).values([dict(row) for row in seed.rows])
    values = {column: statement.excluded[column] for column in seed.rows[0] if column not in seed.key}
    if not values:
        return _add(connection, seed)
    differs = or_(*(seed.table.c[column].is_distinct_from(value) for column, value in values.items()))
    statement = statement.on_conflict_do_update(index_elements=seed.key, set_=values, where=differs)
    return _rows(connection, statement)


def _add(connection: Connection, seed: Seed) -> int:
    statement = insert(seed.table).values([dict(row) for row in seed.rows])
    return _rows(connection, statement.on_conflict_do_nothing(index_elements=seed.key))


def _rows(connection: Connection, statement: Insert) -> int:
    """How many rows were written; the driver gives no row count for many values at once."""
    return len(connection.execute(statement.returning(literal(1))).all())
