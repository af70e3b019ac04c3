"""`python -m tokens` serves; `clients`, `keys`, `revoke` and `audit` administer. The only reader of the environment."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.exc import DBAPIError

from chassis import database, logs
from chassis.aws import AwsError, Client
from chassis.database import Database
from chassis.schema import schema
from chassis.serve import serve
from chassis.settings import (
    DatabaseSettings,
    ProcessSettings,
    Secret,
    SettingsError,
    WebSettings,
    read,
    secrets_of,
)
from chassis.web import Application, about
from tokens import commands
from tokens.app import Dependencies, make_app
from tokens.clients import ClientsError
from tokens.data_keys import KmsDataKeys
from tokens.hashing import SecretChecker
from tokens.keys import KeyChangeError
from tokens.revocations import UnknownClient
from tokens.ring import KeyRing
from tokens.rotation import Rotation
from tokens.sealing import Sealer, UnsealError


@dataclass(frozen=True, kw_only=True)
class Settings(WebSettings, DatabaseSettings):
    """What the web process needs; a key signs for `key_rotation_days`."""

    kms_key_id: str
    key_encryption_secret: Secret | None = None  # opens what releases from before KMS sealed
    key_rotation_days: float = 30.0


@dataclass(frozen=True, kw_only=True)
class CommandSettings(ProcessSettings, DatabaseSettings):
    """What a command needs; only making a key needs KMS."""

    kms_key_id: str | None = None
    key_encryption_secret: Secret | None = None


def build(settings: Settings) -> Application:
    """Make the application and what it depends on, inside the loop."""
    pool = Database(database.url(settings))
    age = timedelta(days=settings.key_rotation_days)
    data_keys = KmsDataKeys(settings.kms_key_id, kms(settings))
    sealer = Sealer(data_keys, service=settings.service, old_secret=settings.key_encryption_secret)
    rotation = Rotation(pool, sealer, age=age)
    rotation.start()
    return make_app(
        Dependencies(
            service=settings.service,
            about=about(settings),
            database=pool,
            schema=schema("tokens"),
            issuer=settings.token_issuer,
            ring=KeyRing(pool, sealer),
            data_keys=data_keys,
            secrets=SecretChecker(),
            rotation=rotation,
        )
    )


async def administer(asked: argparse.Namespace, environ: Mapping[str, str]) -> None:
    """Run a command. Raises what `main` catches."""
    settings = read(CommandSettings, environ)
    pool = Database(database.url(settings), pool_size=1)
    try:
        if asked.command == "clients":
            await commands.synchronise(pool, environ, print)
            return
        if asked.command == "revoke":
            await commands.revoke(pool, asked.client_id, print)
            return
        if asked.command == "audit":
            await commands.audit(pool, asked.last, print)
            return
        await _change_keys(pool, settings, asked)
    finally:
        await pool.dispose()


async def _change_keys(pool: Database, settings: CommandSettings, asked: argparse.Namespace) -> None:
    if asked.action in ("introduce", "revoke", "reseal") and settings.kms_key_id is None:
        raise SettingsError("settings: KMS_KEY_ID is missing")
    data_keys = KmsDataKeys(settings.kms_key_id or "", kms(settings))
    sealer = Sealer(data_keys, service=settings.service, old_secret=settings.key_encryption_secret)
    try:
        await commands.change_keys(pool, asked, sealer, print)
    finally:
        await data_keys.close()


def kms(settings: ProcessSettings) -> Client:
    """Return the client of KMS."""
    return Client("kms", region=settings.aws_region, endpoint=settings.aws_endpoint_url)


def main(arguments: list[str], environ: Mapping[str, str]) -> int:
    """Serve or administer; return the exit code."""
    asked = commands.parser().parse_args(arguments)
    try:
        if asked.command:
            asyncio.run(administer(asked, environ))
            return 0
        settings = read(Settings, environ)
    except (SettingsError, ClientsError, KeyChangeError, UnknownClient, UnsealError) as error:
        print(error, file=sys.stderr)
        return 1
    except AwsError as error:
        print(f"tokens: nothing was changed: {error}", file=sys.stderr)
        return 1
    except DBAPIError as error:
        print(f"tokens: the database refused: {str(error.orig).splitlines()[0]}", file=sys.stderr)
        return 1
    constant = {"service": settings.service, "process": settings.process, "release": settings.release}
    logs.configure(constant, level=settings.log_level, secrets=secrets_of(settings))
    serve(lambda: build(settings), settings)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
