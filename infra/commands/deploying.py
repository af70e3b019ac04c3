"""What a deploy needs before it begins, and what it says at its end."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from infra.commands import images as image_command
from infra.commands.context import LOCAL, Context, new_reporter, open_context, open_local, uses_local_cloud
from infra.commands.deploy import next_commands
from infra.commands.images import BuiltImages
from infra.config import Config
from infra.errors import ConfigurationError, EstaleiroError, Refused
from infra.events import Event
from infra.graph import Outcome
from infra.report import failures_text, plan_json
from infra.setup import ensure_engine_and_reexec
from infra.steps import Plan

Consume = Callable[[Event], None]


def built_context(root: Path, config: Config, consume: Consume) -> tuple[Context, BuiltImages]:
    """Build the images, start the local cloud where it is the target, and connect."""
    reporter = new_reporter(consume)
    ensure_engine_and_reexec(sys.argv)
    images = image_command.build(root, config, reporter, postgres=uses_local_cloud(config))
    if uses_local_cloud(config):
        return open_local(root, config, reporter), images
    return open_context(root, config, reporter), images


def refuse_to_rehearse_local(config: Config) -> None:
    """Raise ConfigurationError for `local`: a rehearsal ends by removing its cloud with all its data, and this one stays."""
    if config.environment.name == LOCAL:
        raise ConfigurationError(
            "rehearse: name an environment that is not local, as in `./deploy.py rehearse staging`; "
            "`./deploy.py deploy` runs local on this machine, and keeps it"
        )


def rehearsal_context(root: Path, config: Config, consume: Consume) -> tuple[Context, BuiltImages]:
    """Build the images and start a local cloud for an environment that is not local."""
    reporter = new_reporter(consume)
    ensure_engine_and_reexec(sys.argv)
    images = image_command.build(root, config, reporter, postgres=True)
    return open_local(root, config, reporter), images


def with_soak(config: Config, seconds: int) -> Config:
    """Return the configuration with another soak time; no template knows of it."""
    deploy = config.environment.deploy.model_copy(update={"soak_seconds": seconds})
    return replace(config, environment=config.environment.model_copy(update={"deploy": deploy}))


def described_context(root: Path, config: Config, consume: Consume) -> tuple[Context, BuiltImages]:
    """Connect without building anything."""
    return open_context(root, config, new_reporter(consume)), image_command.described(root, config)


@dataclass(frozen=True)
class Act:
    """The words for what was done."""

    noun: str
    verb: str
    done: str


DEPLOY = Act("deploy", "deploy", "deployed")
ROLLBACK = Act("rollback", "roll back", "rolled back")


def conclude(
    context: Context, plan: Plan, outcome: Outcome | None, act: Act = DEPLOY
) -> tuple[dict[str, Any], str]:
    """Return the result of a deploy or rollback as a JSON value and as text.

    Raises EstaleiroError when anything failed.
    """
    seconds = context.reporter.seconds
    name = plan.environment
    if outcome is not None and (outcome.failed or outcome.not_run):
        guarded = any(isinstance(error, Refused) for error in outcome.failed.values())
        raise (Refused if guarded else EstaleiroError)(
            f"{name}: the {act.noun} failed after {seconds:.0f} s\n{failures_text(outcome.failed, outcome.not_run)}\n"
            f"the rest was left as it was; mend the cause and {act.verb} again"
        )
    url = context.edge_url(context.outputs())
    verdict = "nothing to do" if outcome is None else f"{act.done} in {seconds:.0f} s"
    following = "\n".join(f"  {command}" for command in next_commands(context.config))
    text = f"{name}: {verdict}\n\n  {url}\n\nNext:\n{following}"
    return plan_json(plan) | {"verdict": verdict, "url": url, "seconds": round(seconds, 1)}, text
