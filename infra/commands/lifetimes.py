"""`extend`, `reap` and `status --all`: every environment of an account, how long it lives, and its end when it is due."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from infra import naming
from infra.aws.cloudformation import StackState, is_failed
from infra.commands import sleeping
from infra.commands.context import Context
from infra.commands.locking import lock
from infra.commands.teardown import prepare, teardown
from infra.config import Config, environment_names, load
from infra.config.schedule import last_change
from infra.errors import ConfigurationError, EstaleiroError, Locked, Refused
from infra.lifetimes import (
    Lifetime,
    Verdict,
    duration,
    lifetimes,
    network_tags,
    verdict,
    with_unfinished,
)
from infra.rest import Rest, read
from infra.teardown.cost import total
from infra.teardown.look import unfinished
from infra.who import user

WARN = timedelta(hours=24)


@dataclass(frozen=True)
class Due:
    """What `reap` found to be due; `did` says how it went, empty where nothing was changed."""

    verdict: Verdict
    did: str = ""
    failed: bool = False


def tags(context: Context, *, now: datetime | None = None) -> dict[str, str]:
    """Return the tags of the network stack that say how long it lives; for `deploy`, which sets them."""
    environment = context.config.environment
    name = naming.stack_name(environment.project, environment.name, "network")
    state = context.aws.cloudformation.stack(name)
    deployed = state.tags if state is not None else {}
    return network_tags(context.config, owner=user(), now=now or datetime.now(UTC), deployed=deployed)


def extend(context: Context, by: str, *, now: datetime | None = None) -> datetime:
    """Put the end of an environment off: from its end, or from now where that is over. Return the new end.

    Raises Refused for one that has no end, EstaleiroError for one that is not there or cannot be changed now.
    """
    environment = context.config.environment
    name = naming.stack_name(environment.project, environment.name, "network")
    key = naming.expires_tag(environment.project)
    with lock(context, f"extend {environment.name}").held():
        state = context.aws.cloudformation.stack(name)
        if state is None or is_failed(state.status):
            raise EstaleiroError(
                f"{environment.name} is not deployed (whole), so its end cannot be put off; deploy it"
            )
        if key not in state.tags:
            raise Refused(f"{environment.name} has no end to put off: it lives until it is torn down")
        now = now or datetime.now(UTC)
        end = max(datetime.fromisoformat(state.tags[key]), now) + duration(by)
        _retag(context, state, {**state.tags, key: end.isoformat(timespec="seconds")})
    return end


def _retag(context: Context, state: StackState, wanted: dict[str, str]) -> None:
    """The same template and parameters with other tags; CloudFormation leads them to the resources."""
    cloudformation = context.aws.cloudformation
    change_set = cloudformation.create_change_set(
        state.name,
        template=cloudformation.template(state.name),
        parameters=state.parameters,
        tags={key: value for key, value in wanted.items() if not key.startswith("aws:")},
        kind="UPDATE",
        bucket=context.bucket.name,
    )
    if not change_set.empty:
        cloudformation.execute_change_set(change_set)
        cloudformation.wait(state.name, deadline_seconds=context.config.environment.deploy.stack_seconds)


def environments(context: Context) -> tuple[Lifetime, ...]:
    """Return every environment of the project that has a stack in this account and region, or lately had."""
    found = lifetimes(context.config.environment.project, context.aws.cloudformation.stacks().values())
    return with_unfinished(found, unfinished(context.bucket))


def overview(context: Context, *, now: datetime | None = None) -> list[dict[str, Any]]:
    """Return the environments of the account as JSON values: name, like, owner, age, end, state, cost a month."""
    now = now or datetime.now(UTC)
    found = []
    for one in environments(context):
        own = _context(context, one)
        rest = read(context.bucket, one.environment)
        found.append(
            {
                "environment": one.environment,
                "like": one.like,
                "owner": one.owner,
                "created": one.created,
                "expires": one.expires,
                "state": _state(one, rest),
                "protected": one.guarded or (own is not None and own.config.environment.protected),
                "monthly_cost": total(prepare(own).bill) if own is not None else None,
            }
        )
    return found


def _state(one: Lifetime, rest: Rest | None) -> str:
    if one.unfinished:
        return "half torn down"
    return "asleep" if rest is not None and rest.asleep else "awake"


def reap(
    context: Context,
    *,
    act: bool,
    now: datetime | None = None,
    tell: Callable[[Due], None] = lambda due: None,
) -> tuple[Due, ...]:
    """End what has ended, put to sleep and wake what is due; without `act` only say so. One failure stops no other.

    Protected environments are never touched.
    """
    now = now or datetime.now(UTC)
    files, protected = environment_names(context.root), protected_names(context)
    found = []
    for one in environments(context):
        judged = verdict(one, now=now, warn=WARN, protected=protected, known=files)
        due = Due(judged)
        if judged.action == "reap":
            due = _tried(judged, lambda one=one: _end(context, one), act)  # type: ignore[misc]
        elif judged.why != "is protected":
            due = _rested(context, one, judged, now, act)
        tell(due)
        found.append(due)
    return tuple(found)


def protected_names(context: Context) -> tuple[str, ...]:
    """Return the environments that a file protects; one that cannot be read does: nobody knows what it would say."""

    def protects(name: str) -> bool:
        try:
            return load(context.root, name).environment.protected
        except ConfigurationError:
            return True

    return tuple(name for name in environment_names(context.root) if protects(name))


def _tried(judged: Verdict, work: Callable[[], str], act: bool) -> Due:
    if not act:
        return Due(judged)
    try:
        return Due(judged, work())
    except Locked as error:
        # Somebody, perhaps the reaper's own last run, is at it; the next run looks again.
        return Due(judged, str(error))
    except EstaleiroError as error:
        return Due(judged, str(error), failed=True)


def _end(context: Context, one: Lifetime) -> str:
    own = _context(context, one)
    if own is None:
        raise EstaleiroError(f"the files of {one.environment} cannot be read")
    ended = teardown(own, agreed=_unguarded)
    if not ended.audit.clean:
        raise EstaleiroError(
            f"{len(ended.audit.leftovers)} things are left; run `teardown {one.environment}`"
        )
    return f"torn down; nothing is left of {ended.audit.checked} things looked at"


def _unguarded(prepared: Any) -> None:
    """Nobody is there to type a name."""
    if any(stack.guarded for stack in prepared.inventory.stacks.values()):
        raise Refused("it was protected when it was deployed, so a person has to tear it down")


def _rested(context: Context, one: Lifetime, judged: Verdict, now: datetime, act: bool) -> Due:
    """What the schedule asked for last is done once; what a person did since then stands."""
    own = _context(context, one)
    rest = read(context.bucket, one.environment)
    if own is None:
        return Due(judged)
    schedule = own.config.environment.schedule
    asleep = rest is not None and rest.asleep
    if schedule is not None:
        change, at = last_change(schedule, now)
        since = datetime.fromisoformat(rest.since) if rest is not None else one.created or at
        if since < at and (change == "sleep") != asleep:
            why = f"{judged.why}; its schedule says {change} since {at:%H:%M} UTC"
            work = sleeping.sleep if change == "sleep" else sleeping.wake
            return _tried(Verdict(one.environment, judged.action, why), lambda: work(own), act)
    if asleep and act:
        stopped = sleeping.stop_again(own)
        return Due(judged, f"stopped again: {', '.join(stopped)}" if stopped else "")
    return Due(judged)


def _context(context: Context, one: Lifetime) -> Context | None:
    """The surroundings for another environment of the same account, None where its files do not say what it is."""
    try:
        config: Config = load(context.root, one.environment, like=one.like)
    except ConfigurationError:
        return None
    return replace(context, config=config) if _same_account(context.config, config) else None


def _same_account(one: Config, two: Config) -> bool:
    return (one.environment.account, one.environment.region) == (
        two.environment.account,
        two.environment.region,
    )
