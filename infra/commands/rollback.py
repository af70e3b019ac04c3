"""`rollback`: the recorded service stacks again, with the task definitions and images of a release known good."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from infra.call_order import in_call_order
from infra.commands.context import Context
from infra.commands.deploy import Record, carry_out
from infra.commands.locking import lock
from infra.commands.record import begun, new_release
from infra.commands.smoke import smoke
from infra.commands.still_there import require_all
from infra.config import Service
from infra.differences import template_changes
from infra.errors import EstaleiroError, Refused
from infra.execute import Execution
from infra.graph import Outcome
from infra.migrations import restore_point
from infra.migrations.applied import Applied
from infra.migrations.revisions import left_behind, revisions
from infra.snapshot import environment_stacks
from infra.stacks.model import Stack
from infra.state import Releases
from infra.steps import Actual, Deployed, Judge, Plan, SmokeTest, Step, UpdateStack


def rollback(
    context: Context,
    release: str | None,
    *,
    agreed: Callable[[Plan, Sequence[str]], bool],
    kept: Callable[[Record], None] = lambda record: None,
) -> tuple[Plan, Outcome | None]:
    """Go back to `release`, or to the last one known good before what runs now.

    `agreed` is asked with the plan and the warnings, `kept` gets the record of it.
    Raises EstaleiroError when the release cannot come back.
    """
    name = context.config.environment.name
    with lock(context, f"rollback {name}").held():
        releases = Releases(context.bucket, name)
        records = releases.all()
        target = releases.read(release) if release else last_good(records)
        deployed = environment_stacks(context.aws, context.config)
        plan = rollback_plan(context.config.services, in_call_order(context.config), target, deployed, name)
        if plan.empty:
            return plan, None
        require_all(context, target)
        refuse_left_behind(context, target, records)
        if not agreed(plan, warnings(target, records, Applied(context.bucket, name))):
            raise Refused("nothing was changed")
        execution = Execution(
            aws=context.aws,
            config=context.config,
            reporter=context.reporter,
            actual=Actual(_as_of(target, deployed)),
            release=new_release(),
            smoke=lambda url: smoke(context.edge_url({"edge": {"Url": url}})),
            push=_nothing_to_push,
        )
        began = begun(plan, execution.release)
        record = {**target, **began, "back_to": target["release"], "restore_points": []}
        return plan, carry_out(context, execution, plan, record, kept=kept)


def last_good(records: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the newest good release before the newest record: what runs now is what somebody wants to leave.

    Where the newest deploy failed, that is the release that was good before it.
    """
    good = [record for record in records[:-1] if record.get("verdict") == "good"]
    if not good:
        raise EstaleiroError(
            "there is no earlier release known good to go back to; `releases` lists those that there are"
        )
    return good[-1]


def rollback_plan(
    services: Sequence[Service],
    order: Sequence[Service],
    target: Mapping[str, Any],
    deployed: Mapping[str, Deployed],
    environment: str,
) -> Plan:
    """Return the updates that give every service stack its recorded template and parameters, callees first."""
    steps: list[Step] = []
    for service in order:
        before = deployed.get(service.name)
        recorded = _recorded(service, target, before)
        if before is None or recorded is None:
            continue
        parameters = {key: str(value) for key, value in recorded.parameters.items()}
        if before.template == recorded.template and dict(before.parameters) == parameters:
            continue
        verdicts = (
            frozenset(step.id for step in steps if isinstance(step, Judge)) if service.public else frozenset()
        )
        changes = template_changes(before.template, recorded.template)
        steps.append(UpdateStack(service.name, verdicts, stack=recorded, changes=changes))
        steps.append(Judge(f"{service.name} verdict", frozenset({service.name}), service=service.name))
    if steps:
        needs = frozenset(step.id for step in steps if isinstance(step, Judge))
        steps.append(SmokeTest("smoke test", needs))
    return Plan(environment, tuple(steps))


def refuse_left_behind(
    context: Context, target: Mapping[str, Any], records: Sequence[Mapping[str, Any]]
) -> None:
    """Raise Refused where a database has gone where the target's code cannot follow, with the two ways back."""
    name = context.config.environment.name
    applied = Applied(context.bucket, name).heads()
    points = restore_point.since(records, str(target["release"]))
    copies = f", or restore a copy taken since: {', '.join(points)}" if points else ""
    for service in context.config.services:
        head = max(target.get("migrations", {}).get(service.name, ()), default=None)
        for gone, after in left_behind(
            revisions(context.root, service.name), applied.get(service.name), head
        ):
            raise Refused(
                f"{service.name}: the code of {target['release']} knows {head or 'no migration'}, and the database is past "
                f"{gone}, which left code without {after.revision} behind ({after.reason}). Go back to a release with "
                f"{after.revision} and take {gone} back, then it can follow: ./deploy.py migrate {name} {service.name} "
                f"--to {after.revision} --downgrade{copies}. Nothing was changed"
            )


def warnings(target: Mapping[str, Any], records: Sequence[Mapping[str, Any]], applied: Applied) -> list[str]:
    """Say where the database is at a migration that the old code does not know."""
    then = target.get("migrations", {})
    points = restore_point.since(records, str(target["release"]))
    kept = [f"restore points since then: {', '.join(points)}"] if points else []
    return kept + [
        f"{service}: the database is at {head}, and the code of {target['release']} knows only "
        f"{', '.join(then.get(service, [])) or 'no migration'}; it runs on the newer schema only if that one was expanded"
        for service, head in sorted(applied.heads().items())
        if head and [head] != then.get(service, [])
    ]


def _as_of(target: Mapping[str, Any], deployed: Mapping[str, Deployed]) -> dict[str, Deployed]:
    """The stacks as they are, but with the target's task definitions as those that the verdict is to find running."""
    recorded = target.get("parameters", {})
    return {
        part: replace(stack, outputs={**stack.outputs, **recorded.get(part.removesuffix("-release"), {})})
        if part.endswith("-release")
        else stack
        for part, stack in deployed.items()
    }


def _recorded(service: Service, target: Mapping[str, Any], before: Deployed | None) -> Stack | None:
    template = target.get("templates", {}).get(service.name)
    parameters = target.get("parameters", {}).get(service.name)
    if template is None or parameters is None or before is None:
        return None
    return Stack(service.name, before.name, template, parameters, before.tags)


def _nothing_to_push(reference: str) -> None:
    raise EstaleiroError(f"{reference} is not in the registry; a rollback builds and pushes nothing")
