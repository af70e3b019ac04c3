"""The words of `python -m chassis.migrate SERVICE`, and what it prints; one sentence on stderr and exit 1 for a failure."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from alembic.script.revision import RevisionError
from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError

from chassis import database, migrate, seeds
from chassis.migrate import MigrationError
from chassis.migration_lock import engine
from chassis.migration_sql import rendered, scripts, sql_text
from chassis.schema import folder
from chassis.settings import DatabaseSettings, SettingsError, read

DEMO_VARIABLE = "DEMO_DATA"  # "allowed" where the environment may hold demo data


def main(arguments: list[str], environ: Mapping[str, str]) -> int:
    """Do what the arguments ask; return the exit code."""
    asked = _parser().parse_args(arguments)
    try:
        folder(asked.service)  # a wrong name is told before anything else
        _do(asked, environ)
    except (MigrationError, SettingsError, LookupError, CommandError, RevisionError) as error:
        print(f"{error}", file=sys.stderr)
        return 1
    except DBAPIError as error:
        reason = str(error.orig).strip().splitlines()[0]
        print(f"{asked.service}: the database does not answer: {reason}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m chassis.migrate", description=migrate.__doc__)
    parser.add_argument("service")
    parser.add_argument("--to", default="head", metavar="REV", help="target revision (default: the newest)")
    parser.add_argument("--downgrade", action="store_true", help="go back to --to, which must be a revision")
    parser.add_argument("--sql", action="store_true", help="print the SQL of what is pending, change nothing")
    parser.add_argument(
        "--from", dest="since", metavar="REV", help="with --sql: pending after REV or base; asks no database"
    )
    parser.add_argument("--status", action="store_true", help="show the revision and what is pending")
    parser.add_argument("--json", action="store_true", help="with --status and --sql: as one line of JSON")
    parser.add_argument("--demo", action="store_true", help="add the demo data; migrates nothing")
    return parser


def _do(asked: argparse.Namespace, environ: Mapping[str, str]) -> None:
    service = asked.service
    _check_known(service, asked.to)
    if asked.sql and asked.since:
        _print_sql(asked, None if asked.since == "base" else asked.since)
        return
    address = database.url(read(DatabaseSettings, environ))
    if asked.status:
        found = migrate.status(address, service)
        print(json.dumps(found) if asked.json else _status_text(found), flush=True)
    elif asked.sql:
        _print_sql(asked, migrate.status(address, service)["revision"])
    elif asked.demo:
        if environ.get(DEMO_VARIABLE) != "allowed":
            raise MigrationError(f"{service}: demo data is not for this environment")
        seeds.plant_demo(engine(address, f"migration {service}"), service, _say)
    else:
        _check_direction(asked, migrate.goes_back(address, service, asked.to))
        migrate.migrate(address, service, to=asked.to, say=_say)


def _check_known(service: str, to: str) -> None:
    """Alembic's own words do not say which revisions there are; its relative ones and `base` it understands itself."""
    known = {script.revision for script in scripts(service).walk_revisions()}
    if to not in known and to not in ("base", "head", "heads") and not to.startswith(("-", "+")):
        newest = scripts(service).get_current_head()
        raise MigrationError(f"{service}: this release has no revision {to!r}; its newest is {newest}")


def _check_direction(asked: argparse.Namespace, back: bool) -> None:
    """Going back drops what later revisions made: it has to be asked for, with the revision's own name."""
    if back and not asked.downgrade:
        raise MigrationError(
            f"{asked.service}: {asked.to} is older than the schema; going back needs --downgrade as well"
        )
    if asked.downgrade and (asked.to.startswith(("-", "+")) or asked.to in ("base", "head", "heads")):
        raise MigrationError(f"{asked.service}: --downgrade: name the revision with --to (is {asked.to!r})")
    if asked.downgrade and not back:
        raise MigrationError(f"{asked.service}: --downgrade: {asked.to} is not older than the schema")


def _print_sql(asked: argparse.Namespace, current: str | None) -> None:
    found = rendered(asked.service, current, asked.to)
    if asked.json:
        print(json.dumps([asdict(one) for one in found]), flush=True)
    else:
        print(sql_text(asked.service, found), flush=True)


def _status_text(found: Mapping[str, Any]) -> str:
    newer = " (newer than this code)" if found["newer"] else ""
    head = f"{found['service']}: at {found['revision'] or 'nothing'}{newer}, head {found['head']}"
    return "\n".join([head, *(f"  pending {one['revision']} {one['what']}" for one in found["pending"])])


def _say(text: str) -> None:
    # At once: a task that is killed must leave its last words in the log.
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], dict(os.environ)))
