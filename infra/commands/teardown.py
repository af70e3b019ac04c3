"""`teardown`: an environment ends whole, with a proof; what was cut off is finished by calling it again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from infra.commands.bootstrap import ensure_account
from infra.commands.context import Context
from infra.commands.locking import lock
from infra.config import Config, environment_names, load
from infra.errors import ConfigurationError, EstaleiroError
from infra.local import process as local
from infra.local.settings import Settings
from infra.report import failures_text
from infra.teardown.audit import Audit, audit
from infra.teardown.cost import Line, monthly
from infra.teardown.execute import Limits, Teardown
from infra.teardown.guard import refuse_protected
from infra.teardown.inventory import Inventory
from infra.teardown.look import forget, look, record
from infra.teardown.plan import Shared, TeardownPlan, plan_teardown

__all__ = ["Ended", "Prepared", "prepare", "refuse_protected", "teardown", "teardown_local"]

# What one round leaves is planned again: a host that was starting, a secret that waits for its deletion.
ROUNDS = 4


@dataclass(frozen=True)
class Prepared:
    """A plan, what it was made from, and what it saves a month."""

    inventory: Inventory
    plan: TeardownPlan
    bill: tuple[Line, ...]


@dataclass(frozen=True)
class Ended:
    """What a teardown did: the ids of its steps in the order in which they ended, and the audit after."""

    done: tuple[str, ...]
    audit: Audit


def teardown_local(settings: Settings) -> list[str]:
    """Remove the local cloud with all its data; return what was removed."""
    return local.destroy(settings)


def local_things(settings: Settings) -> list[str]:
    """Return what removing the local cloud would remove; nothing changes."""
    return local.present(settings)


def prepare(context: Context) -> Prepared:
    """Read and plan; nothing changes. On this machine nothing is charged."""
    config = context.config
    inventory = look(context.aws, config, context.bucket, known=environment_names(context.root))
    plan = plan_teardown(config, inventory, _shared(context))
    return Prepared(inventory, plan, monthly(config, inventory) if context.cloud is None else ())


def teardown(
    context: Context,
    *,
    agreed: Callable[[Prepared], None],
    limits: Limits | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Ended:
    """Remove everything of the environment and prove it; `agreed` is asked once, with the plan, and may raise.

    Raises EstaleiroError naming what could not be removed, Refused, Locked.
    """
    refuse_protected(context.config)
    ensure_account(context)
    with lock(context, f"teardown {context.config.environment.name}").held():
        prepared = prepare(context)
        if not prepared.plan.empty:
            agreed(prepared)
        limits = limits or _limits(context.config)
        work = Teardown(context.aws, context.reporter, context.bucket.name, limits, sleep=sleep)
        done = _until_empty(context, prepared, work)
        inventory = look(context.aws, context.config, context.bucket, known=environment_names(context.root))
        result = audit(context.config, inventory)
        if result.clean:
            forget(context.bucket, context.config.environment.name)
    return Ended(done, result)


def _until_empty(context: Context, prepared: Prepared, work: Teardown) -> tuple[str, ...]:
    done: list[str] = []
    for _ in range(ROUNDS):
        if prepared.plan.empty:
            break
        record(context.bucket, prepared.inventory, context.config.like)
        outcome = work.run(prepared.plan)
        done += outcome.done
        if outcome.failed:
            raise EstaleiroError(
                f"{prepared.plan.environment}: the teardown is not complete\n"
                f"{failures_text(outcome.failed, outcome.not_run)}\nmend the cause and run teardown again"
            )
        prepared = prepare(context)
    return tuple(done)


def _limits(config: Config) -> Limits:
    deploy = config.environment.deploy
    return Limits(stack=deploy.stack_seconds, database=deploy.stack_seconds)


def _shared(context: Context) -> Shared:
    """Images stay where another account pulls them: nobody here sees what runs there."""
    environment = context.config.environment
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    if environment.registry_account != environment.account:
        return Shared(f"images live in the registry of account {environment.registry_account}", stamp)
    pulling = set()
    for name in environment_names(context.root):
        try:
            other = load(context.root, name).environment
        except ConfigurationError:
            return Shared(f"the file of {name} cannot be read, so nobody knows whose images these are", stamp)
        if other.registry_account == environment.account != other.account:
            pulling.add(other.account)
    why = f"account {', '.join(sorted(pulling))} pulls its images from here" if pulling else None
    return Shared(why, stamp)
