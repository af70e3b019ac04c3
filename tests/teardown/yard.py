"""An environment's own stacks, deployed to a local cloud's control plane with no task running, and the account behind."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from infra import stacks
from infra.aws import Aws
from infra.commands.context import Context
from infra.commands.teardown import Ended, teardown
from infra.config import Config, load
from infra.events import Reporter
from infra.execute import Execution
from infra.interruption import Stop
from infra.snapshot import snapshot
from infra.stacks.model import Stack
from infra.steps import CreateStack, Plan
from tests.shipyard import SHIPYARD, tags

ENVIRONMENT = """
account = "000000000000"
region = "eu-west-1"
{more}
[network]
nat = "instance"

[hosts]
instance_types = ["t3.medium", "t3a.medium"]
max = 4

[edge]
domain = "{{environment}}.example.org"
zone_id = "{zone}"

[deploy]
stack_seconds = 120
"""


def write_root(root: Path, *, zone: str, more: str = "", processes: str = "count = 0") -> Path:
    """A project for the local cloud: the fixture's services, each process with `processes`, and one environment file."""
    shutil.copytree(SHIPYARD / "services", root / "services")
    folder = root / "infra" / "environments"
    folder.mkdir(parents=True)
    shutil.copy(SHIPYARD / "infra" / "environments" / "base.toml", folder)
    (folder / "staging.toml").write_text(ENVIRONMENT.format(zone=zone, more=more) + _counts(root, processes))
    return root


def _counts(root: Path, processes: str) -> str:
    import tomllib

    lines = []
    for manifest in sorted((root / "services").glob("*/service.toml")):
        for process in tomllib.loads(manifest.read_text())["processes"]:
            lines.append(f"[services.{manifest.parent.name}.processes.{process}]\n{processes}\n")
    return "\n".join(lines)


def context(root: Path, name: str, aws: Aws, *, like: str | None = None) -> Context:
    """A command's surroundings on that account."""
    return Context(root, load(root, name, like=like), aws, Reporter(lambda event: None, lambda: 0.0), None)


def account(aws: Aws, config: Config) -> None:
    """The account stack, without its looked-up parameters' makers."""
    from infra.commands.bootstrap import bootstrap

    bootstrap(Context(SHIPYARD, config, aws, Reporter(lambda event: None, lambda: 0.0), None))


def end(context: Context) -> Ended:
    """Tear an environment down without asking; the emulator is quick, so it is asked often."""
    return teardown(context, agreed=lambda prepared: None, sleep=lambda seconds: time.sleep(seconds / 10))


def deploy(context: Context) -> None:
    """Create every stack of the environment; nothing is migrated, judged or asked."""
    _create(context, stacks.environment(context.config, tags(context.config)))


def deploy_only(context: Context, part: str) -> None:
    """Create one stack that needs no other."""
    desired = stacks.environment(context.config, tags(context.config))
    _create(context, tuple(stack for stack in desired if stack.part == part))


def _create(context: Context, desired: tuple[Stack, ...]) -> None:
    config, aws = context.config, context.aws
    actual = snapshot(aws, config, desired)
    steps = tuple(CreateStack(stack.part, stack.needs, stack=stack) for stack in desired)
    execution = Execution(
        aws=aws,
        config=config,
        reporter=context.reporter,
        actual=actual,
        release="test",
        smoke=lambda url: None,
        push=lambda reference: None,
        stop=Stop(),
    )
    outcome = execution.run(Plan(config.environment.name, steps))
    assert (outcome.failed, outcome.not_run) == ({}, ()), outcome.failed
