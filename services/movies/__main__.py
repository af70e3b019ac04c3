"""`python -m movies`: serves the catalogue. The only reader of the environment."""

import os
import sys
from dataclasses import dataclass

from chassis import client, logs, settings
from chassis.auth import verifier
from chassis.bucket import bucket
from chassis.database import Database, url
from chassis.schema import schema
from chassis.serve import serve
from chassis.web import Application, about
from movies.app import Dependencies, make_app


@dataclass(frozen=True, kw_only=True)
class Settings(settings.WebSettings, settings.DatabaseSettings, settings.BucketSettings):
    """What the environment says."""


def build(given: Settings) -> Application:
    """Make the application and what it depends on, inside the loop."""
    http = client.session()
    return make_app(
        Dependencies(
            service=given.service,
            about=about(given),
            database=Database(url(given)),
            verifier=verifier(http, given),
            schema=schema("movies"),
            http=http,
            bucket=bucket(given),
        )
    )


def main() -> int:
    try:
        given = settings.read(Settings, os.environ)
    except settings.SettingsError as error:
        print(f"movies: {error}", file=sys.stderr)
        return 1
    logs.configure(
        {"service": given.service, "process": given.process, "release": given.release},
        level=given.log_level,
        secrets=settings.secrets_of(given),
    )
    serve(lambda: build(given), given)
    return 0


if __name__ == "__main__":
    sys.exit(main())
