"""What `plan` and `cost` tell beside the steps: gathers prices, migrations, records and drift."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from infra import stacks
from infra.aws.cloudformation import Drift
from infra.checks.model import Unknown
from infra.commands.context import Context, uses_local_cloud
from infra.commands.deploy import Prepared
from infra.commands.images import described
from infra.config import Config
from infra.errors import EstaleiroError
from infra.evidence.unknown import known
from infra.migrations.applied import Applied
from infra.migrations.revisions import Revision, revisions
from infra.outlook.cost import Bill, Prices, bill
from infra.outlook.meaning import Outlook, outlook
from infra.plan import plan
from infra.steps import Actual, Plan

PRICES = Path(__file__).parents[1] / "prices"


def outlook_of(context: Context, prepared: Prepared, *, drift: bool) -> Outlook:
    """Return what the plan means. Drift takes seconds on AWS; the local cloud has none to tell."""
    config = context.config
    recorded = known(Applied(context.bucket, config.environment.name).heads)
    found: Mapping[str, tuple[Drift, ...]] | Unknown = Unknown("not looked at")
    if drift and context.cloud is None:
        found = known(lambda: _drift(context, prepared.actual))
    return outlook(
        prepared.desired,
        prepared.actual,
        plan=prepared.plan,
        prices=prices(config),
        revisions=_revisions(context.root, config),
        recorded={} if isinstance(recorded, Unknown) else recorded,
        drift=found,
    )


def first_plan(root: Path, config: Config, *, only: str | None) -> tuple[Plan, Outlook]:
    """Return the plan of a deploy to a machine that holds nothing yet, and what it means; nothing is started for it."""
    made, nothing = stacks.environment(config, described(root, config).tags), Actual()
    steps = plan(config, made, nothing, only=only)
    look = outlook(
        made,
        nothing,
        plan=steps,
        prices=prices(config),
        revisions=_revisions(root, config),
        recorded={},
        drift=Unknown("nothing is deployed"),
    )
    return steps, look


def _revisions(root: Path, config: Config) -> dict[str, tuple[Revision, ...]]:
    return {service.name: revisions(root, service.name) for service in config.services}


def bill_of(root: Path, config: Config) -> Bill:
    """Return what an environment costs as its files describe it. Raises EstaleiroError where no price list is there."""
    listed = prices(config)
    if listed is None:
        environment = config.environment
        why = (
            "nothing is charged on this machine; name an environment on AWS"
            if uses_local_cloud(config)
            else "infra/prices has no list of it"
        )
        raise EstaleiroError(f"{environment.name} in {environment.region}: {why}")
    made = stacks.environment(config, described(root, config).tags)
    return bill({stack.part: stack.template for stack in made}, listed)


def prices(config: Config) -> Prices | None:
    """Return the price list of the environment's region; None where there is none, or nothing is charged."""
    path = PRICES / f"{config.environment.region}.toml"
    if uses_local_cloud(config) or not path.exists():
        return None
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _drift(context: Context, actual: Actual) -> dict[str, tuple[Drift, ...]]:
    settled = {part: one.name for part, one in actual.stacks.items() if one.status.endswith("_COMPLETE")}
    with ThreadPoolExecutor(max_workers=6) as pool:
        found = pool.map(context.aws.cloudformation.drift, settled.values())
        return dict(zip(settled, found, strict=True))
