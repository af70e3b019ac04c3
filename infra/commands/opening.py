"""What most commands begin with: the configuration of their environment, and the surroundings to work in."""

from __future__ import annotations

import argparse
from pathlib import Path

from infra.commands.context import Context, new_reporter, open_context
from infra.commands.terminal import watcher
from infra.config import Config, environment_names, load
from infra.teardown.guard import refuse_disguise

Arguments = argparse.Namespace


def configuration(root: Path, arguments: Arguments) -> Config:
    """The environment's configuration. Raises ConfigurationError, also for a service that the words name and nobody has."""
    config = environment_of(root, arguments)
    for name in (getattr(arguments, "service", None), *getattr(arguments, "services", ())):
        if name is not None:
            config.service(name)
    return config


def environment_of(root: Path, arguments: Arguments) -> Config:
    """The environment's configuration, whatever service the words name. Raises ConfigurationError."""
    refuse_disguise(arguments.environment, arguments.like, environment_names(root))
    return load(root, arguments.environment, like=arguments.like)


def opened(root: Path, arguments: Arguments, config: Config | None = None) -> Context:
    """The surroundings of a command that looks at, or works in, what is deployed."""
    reporter = new_reporter(watcher(arguments))
    return open_context(root, config or configuration(root, arguments), reporter)
