"""Settings: read once, all problems at once, secrets never shown."""

from dataclasses import dataclass

import pytest

from chassis.settings import (
    ClientSettings,
    DatabaseSettings,
    Secret,
    SettingsError,
    WebSettings,
    read,
    secrets_of,
)


@dataclass(frozen=True, kw_only=True)
class Settings(WebSettings, DatabaseSettings, ClientSettings):
    verbose: bool = False


ENVIRONMENT = {
    "SERVICE": "movies",
    "PROCESS": "web",
    "ENVIRONMENT": "local",
    "RELEASE": "movies-0123",
    "PORT": "9000",
    "INTERNAL_DOMAIN": "local.internal",
    "TOKEN_ISSUER": "http://tokens.local.internal",
    "DATABASE_HOST": "db",
    "DATABASE_NAME": "movies",
    "DATABASE_USER": "movies_app",
    "DATABASE_PASSWORD": "p4ssw0rd",
    "CLIENT_ID": "movies",
    "CLIENT_SECRET": "s3cret",
}


def test_values_take_the_types_of_their_fields():
    settings = read(Settings, {**ENVIRONMENT, "VERBOSE": "true", "DRAIN_SECONDS": "0.5"})

    assert (settings.port, settings.drain_seconds, settings.verbose) == (9000, 0.5, True)
    assert settings.database_port == 5432
    assert settings.aws_endpoint_url is None


def test_every_missing_and_invalid_variable_is_named_at_once():
    environment = {**ENVIRONMENT, "PORT": "http", "VERBOSE": "maybe", "DATABASE_HOST": ""}
    del environment["CLIENT_SECRET"]

    with pytest.raises(SettingsError) as error:
        read(Settings, environment)

    assert str(error.value) == (
        "settings: CLIENT_SECRET is missing; DATABASE_HOST is missing; "
        "PORT should be an integer; VERBOSE should be true or false"
    )


def test_an_invalid_secret_is_not_quoted_and_a_valid_one_not_shown():
    settings = read(Settings, ENVIRONMENT)

    assert "p4ssw0rd" not in repr(settings)
    assert "s3cret" not in repr(settings)
    assert secrets_of(settings) == ["s3cret", "p4ssw0rd"]
    assert isinstance(settings.client_secret, Secret)
