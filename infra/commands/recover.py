"""`recover`: gets a stuck stack, a stale lock or a half-done deploy moving again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from infra.aws.cloudformation import StackState
from infra.commands.context import Context
from infra.commands.locking import lock
from infra.data_loss import STATEFUL
from infra.errors import AwsError, EstaleiroError
from infra.recovery import WayOn, way_on
from infra.state import Releases


@dataclass(frozen=True)
class Finding:
    """A stack that needs something done."""

    name: str
    status: str
    way: WayOn


def findings(context: Context) -> tuple[Finding, ...]:
    """Return the environment's stacks that are not in order, by name, without changing anything."""
    environment = context.config.environment
    states = context.aws.cloudformation.stacks(f"{environment.project}-{environment.name}-")
    found = (Finding(name, state.status, way_on(state.status)) for name, state in sorted(states.items()))
    return tuple(finding for finding in found if finding.way.action != "nothing")


def half_done(context: Context) -> dict[str, Any] | None:
    """Return the record of the last deploy when it did not end."""
    releases = Releases(context.bucket, context.config.environment.name)
    ids = releases.ids()
    last = releases.read(ids[-1]) if ids else None
    return last if last and last.get("verdict") in ("running", "interrupted") else None


def recover(context: Context, agreed: Callable[[Sequence[Finding]], None]) -> list[str]:
    """Bring every stack to a state that a deploy can go on from; return what was done.

    `agreed` is asked with what was found. A silent owner's lock is waited for and taken over.
    Raises EstaleiroError naming what could not be mended.
    """
    done = []
    with lock(context, f"recover {context.config.environment.name}").held():
        found = findings(context)
        if found:
            agreed(found)
        for finding in found:
            context.reporter.tell("started", finding.name, f"{finding.status}: {finding.way.action}")
            done.append(f"{finding.name}: {finding.way.action}: now {_mend(context, finding)}")
            context.reporter.tell("done", finding.name)
    return done


def _mend(context: Context, finding: Finding) -> str:
    cloudformation = context.aws.cloudformation
    match finding.way.action:
        case "delete":
            _refuse_with_data(context, finding)
            cloudformation.set_protection(finding.name, False)
            cloudformation.delete_stack(finding.name)
        case "roll back":
            cloudformation.rollback_stack(finding.name)
        case "continue the rollback":
            return _continue(context, finding)
        case _:
            pass
    return _ended(context, finding.name)


def _continue(context: Context, finding: Finding) -> str:
    """Try once as it is; what fails again is skipped, since it would for ever."""
    context.aws.cloudformation.continue_rollback(finding.name)
    status = _ended(context, finding.name)
    if status != "UPDATE_ROLLBACK_FAILED":
        return status
    stuck = [
        resource.logical_id
        for resource in context.aws.cloudformation.resources(finding.name)
        if resource.status == "UPDATE_FAILED"
    ]
    context.aws.cloudformation.continue_rollback(finding.name, skip=stuck)
    return f"{_ended(context, finding.name)}, skipping {', '.join(stuck)}: look at these yourself"


def _refuse_with_data(context: Context, finding: Finding) -> None:
    """A stack that holds data is never deleted here."""
    held = [
        resource.logical_id
        for resource in context.aws.cloudformation.resources(finding.name)
        if resource.type in STATEFUL
        and resource.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_FAILED")
        and finding.status != "ROLLBACK_COMPLETE"
    ]
    if held:
        raise EstaleiroError(
            f"{finding.name} is {finding.status} and still holds data in {', '.join(held)}; "
            "it is not deleted for you: save the data, then use teardown"
        )


def _ended(context: Context, name: str) -> str:
    def tell(event: Any) -> None:
        context.reporter.tell("progress", name, event.status, about=event.logical_id)

    try:
        state: StackState | None = context.aws.cloudformation.wait(
            name, deadline_seconds=context.config.environment.deploy.stack_seconds, on_event=tell
        )
    except AwsError:
        state = context.aws.cloudformation.stack(name)
    return "gone" if state is None else state.status
