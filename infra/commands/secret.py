"""`secrets`: values that people set, outside stacks; they are read from stdin and never shown."""

from __future__ import annotations

import argparse
import getpass
import sys
from pathlib import Path

from infra import naming
from infra.commands.context import Context, new_reporter, open_context
from infra.commands.opening import environment_of
from infra.commands.terminal import data, say, watcher
from infra.config import Config
from infra.errors import ConfigurationError
from infra.report import table


def secrets_command(root: Path, arguments: argparse.Namespace) -> int:
    """Set the value of one secret, or list which have one."""
    config = environment_of(root, arguments)
    names = declared(config)
    if arguments.action == "set" and arguments.name is None:
        raise ConfigurationError(
            "secrets set: write `secrets set ENV SERVICE NAME`; the value is read from stdin"
        )
    if arguments.action == "set" and (arguments.service, arguments.name) not in names:
        said = ", ".join(f"{service} {name}" for service, name in names) or "none"
        raise ConfigurationError(
            f"secrets set: no manifest declares {arguments.name!r} of {arguments.service!r} in [secrets] (declared: {said})"
        )
    context = open_context(root, config, new_reporter(watcher(arguments)))
    if arguments.action == "set":
        put(context, arguments.service, arguments.name, _value())
        say("set; services that run read it when they are deployed or restarted")
        if arguments.json:
            data({"service": arguments.service, "name": arguments.name, "set": True}, "", arguments)
        return 0
    found = [
        (service, name, context.aws.secrets.exists(_full(config, service, name))) for service, name in names
    ]
    rows = [{"service": service, "name": name, "set": there} for service, name, there in found]
    text = table(
        ((service, name, "yes" if there else "no") for service, name, there in found),
        ("SERVICE", "NAME", "SET"),
    )
    data(rows, text if rows else "no manifest declares a secret", arguments)
    return 0


def declared(config: Config) -> tuple[tuple[str, str], ...]:
    """Return service and name of every secret that a manifest declares."""
    return tuple((service.name, name) for service in config.services for name in service.secrets.names)


def put(context: Context, service: str, name: str, value: str) -> None:
    """Store a value, tagged as the environment's, so that it ends with it. Raises AwsError."""
    environment = context.config.environment
    tags = {
        naming.environment_tag(environment.project): environment.name,
        naming.part_tag(environment.project): naming.release_part(service),
    }
    context.aws.secrets.put(_full(context.config, service, name), value, tags)


def _full(config: Config, service: str, name: str) -> str:
    return naming.secret_name(config.environment.project, config.environment.name, service, name)


def _value() -> str:
    """A person types it unseen; a pipe gives it whole, but for the line's end."""
    return getpass.getpass("value: ") if sys.stdin.isatty() else sys.stdin.read().removesuffix("\n")
