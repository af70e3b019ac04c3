"""Settings as frozen dataclasses, read once from a mapping by a service's `main()` and by nobody else.

A service's settings inherit the parts that it needs:

    @dataclass(frozen=True, kw_only=True)
    class Settings(WebSettings, DatabaseSettings, ClientSettings):
        smtp_password: Secret

    settings = read(Settings, os.environ)
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


class Secret(str):
    """A text that does not show itself in representations; `logs.configure` takes it out of log lines too."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret(***)"


class SettingsError(Exception):
    """The environment lacks variables or holds invalid ones; the message names every one of them."""


@dataclass(frozen=True, kw_only=True)
class ProcessSettings:
    """What every process of every service is given."""

    service: str
    process: str
    environment: str
    release: str
    aws_region: str = "eu-west-1"
    aws_endpoint_url: str | None = None
    log_level: str = "INFO"


@dataclass(frozen=True, kw_only=True)
class WebSettings(ProcessSettings):
    """What a process that answers HTTP needs; times in seconds.

    `drain_seconds` is how long a stopping process goes on serving, at most, while the balancer takes it out;
    together with `finish_seconds` it stays below ECS's stop timeout (30 s).
    """

    port: int = 8080
    metrics_port: int = 9100  # no balancer knows it; 0 for none
    internal_domain: str
    token_issuer: str
    service_address: str = "http://{service}.{internal_domain}"  # of those that it calls
    drain_seconds: float = 5.0
    finish_seconds: float = 15.0


@dataclass(frozen=True, kw_only=True)
class DatabaseSettings:
    """Where the service's database is and who logs in; libpq's words."""

    database_host: str
    database_port: int = 5432
    database_name: str
    database_sslmode: str = "verify-full"
    database_sslrootcert: str | None = None
    database_user: str
    database_password: Secret


@dataclass(frozen=True, kw_only=True)
class QueueSettings:
    """The service's one SQS queue."""

    queue_url: str


@dataclass(frozen=True, kw_only=True)
class BucketSettings:
    """The service's one bucket, and where people outside reach S3 when that is not where we do."""

    bucket: str
    aws_public_endpoint_url: str | None = None


@dataclass(frozen=True, kw_only=True)
class ClientSettings:
    """Who the service is when it calls others."""

    client_id: str
    client_secret: Secret


def read(kind: type[T], environ: Mapping[str, str]) -> T:
    """Make `kind` from variables named like its fields in upper case; an empty variable counts as absent.

    Raises SettingsError with every missing or invalid variable at once.
    """
    hints = typing.get_type_hints(kind)
    values: dict[str, Any] = {}
    problems: list[str] = []
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        name = field.name.upper()
        text = environ.get(name, "")
        if text == "":
            if field.default is dataclasses.MISSING:
                problems.append(f"{name} is missing")
            continue
        try:
            values[field.name] = _parse(hints[field.name], text)
        except ValueError:
            problems.append(f"{name} should be {_wanted(hints[field.name])}")
    if problems:
        raise SettingsError(f"settings: {'; '.join(problems)}")
    return kind(**values)


def secrets_of(settings: object) -> list[str]:
    """Return every secret value that the settings hold."""
    values = (getattr(settings, field.name) for field in dataclasses.fields(settings))  # type: ignore[arg-type]
    return [str(value) for value in values if isinstance(value, Secret)]


def _parse(kind: Any, text: str) -> Any:
    plain = _plain(kind)
    if plain is bool:
        if text.lower() not in ("true", "false"):
            raise ValueError(text)
        return text.lower() == "true"
    return plain(text)


def _plain(kind: Any) -> Any:
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        return next(option for option in typing.get_args(kind) if option is not type(None))
    return kind


def _wanted(kind: Any) -> str:
    return {int: "an integer", float: "a number", bool: "true or false"}.get(_plain(kind), "a text")
