"""What has to happen, as data: desired and actual in, a list of frozen steps out. No I/O, no clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from infra import naming
from infra.call_order import in_call_order, verdicts_before
from infra.config import Config, Service
from infra.differences import template_changes
from infra.stacks import with_kept
from infra.stacks.model import Output, Resolved, Stack
from infra.steps import (
    Actual,
    AwaitHosts,
    CreateStack,
    DeleteStack,
    Deployed,
    Judge,
    Plan,
    PushImage,
    RefreshHosts,
    RunTask,
    SmokeTest,
    Step,
    UpdateStack,
)

# A create that failed leaves a stack that can only be deleted (CloudFormation user guide, stack status codes).
FAILED_CREATES = frozenset({"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "REVIEW_IN_PROGRESS"})


def plan(config: Config, stacks: Sequence[Stack], actual: Actual, *, only: str | None = None) -> Plan:
    """Compare what should be with what is. `only` narrows the services' own steps to one service."""
    steps: dict[str, Step] = {}
    pushes = _push_steps(steps, actual)
    by_part = {stack.part: stack for stack in stacks}
    for stack in (stack for stack in stacks if stack.part in naming.PARTS):
        _stack_step(steps, stack, actual, needs=_needs(stack))
        if stack.part == "cluster" and "cluster" in steps and not config.environment.fargate:
            _host_steps(steps, config.environment.hosts.min)
    services = [service for service in config.services if only in (None, service.name)]
    for service in services:
        _release_steps(steps, service, by_part, actual, pushes)
    for service in in_call_order(config):
        if service not in services:
            continue
        _service_steps(steps, service, config, by_part, actual)
    verdicts = frozenset(step.id for step in steps.values() if isinstance(step, Judge))
    if verdicts or ("smoke test" in actual.unproven and "edge" in actual.stacks):
        _add(steps, SmokeTest("smoke test", verdicts))
    for service in services:
        _trim_step(steps, service, by_part, actual)
    if only is None:
        for step in _deletions(by_part, actual):
            _add(steps, replace(step, needs=step.needs | frozenset(steps)))
    return Plan(config.environment.name, tuple(_narrowed(steps)))


def parameter_values(
    stack: Stack, actual: Actual, changing: frozenset[str]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the values that are known now, and the names of those that a changing stack will give."""
    known: dict[str, str] = {}
    unknown = []
    for key, value in stack.parameters.items():
        if isinstance(value, Output):
            source = actual.stacks.get(value.part)
            if value.part in changing or source is None or value.key not in source.outputs:
                unknown.append(key)
            if source is not None and value.key in source.outputs:
                known[key] = source.outputs[value.key]
        else:
            known[key] = actual.resolved[value.what] if isinstance(value, Resolved) else value
    return known, tuple(sorted(unknown))


def _host_steps(steps: dict[str, Step], count: int) -> None:
    """Hosts of an older template are replaced first, so that what follows runs on the new ones."""
    if isinstance(steps["cluster"], UpdateStack):
        _add(steps, RefreshHosts("refresh hosts", frozenset({"cluster"})))
    _add(steps, AwaitHosts("hosts", frozenset({"cluster", "refresh hosts"}), count=count))


def _push_steps(steps: dict[str, Step], actual: Actual) -> frozenset[str]:
    for image in sorted(actual.missing_images):
        _add(steps, PushImage(f"push {image.rpartition(':')[2]}", reference=image))
    return frozenset(steps)


def _add(steps: dict[str, Step], step: Step) -> None:
    steps[step.id] = step


def _needs(stack: Stack, *more: str) -> frozenset[str]:
    return stack.needs | frozenset(more)


def _stack_step(steps: dict[str, Step], stack: Stack, actual: Actual, *, needs: frozenset[str]) -> bool:
    """Add the step that brings a stack to its template, if there is anything to do; say whether there is."""
    deployed = actual.stacks.get(stack.part)
    if deployed is None or deployed.status in FAILED_CREATES:
        _add(steps, CreateStack(stack.part, needs, stack=stack, over_failed=deployed is not None))
        return True
    known, unknown = parameter_values(stack, actual, frozenset(steps))
    changes = template_changes(deployed.template, stack.template)
    parameters = {key: value for key, value in known.items() if key not in unknown}
    differs = any(deployed.parameters.get(key) != value for key, value in parameters.items())
    removed = set(deployed.parameters) - set(stack.parameters)
    settled = deployed.status.endswith("_COMPLETE")
    if settled and not (changes or unknown or differs or removed or not _tagged(stack, deployed)):
        return False
    if not changes and not differs and not removed and _tagged(stack, deployed) and settled:
        changes = ()
    _add(steps, UpdateStack(stack.part, needs, stack=stack, changes=changes, unknown=unknown))
    return True


def _tagged(stack: Stack, deployed: Deployed) -> bool:
    """Whether the tags are there; the expiry alone is not a reason to update (`extend` moves it)."""
    return all(
        deployed.tags.get(key) == value
        for key, value in stack.tags.items()
        if not key.endswith(":expires-at")
    )


def _release_steps(
    steps: dict[str, Step],
    service: Service,
    by_part: Mapping[str, Stack],
    actual: Actual,
    pushes: frozenset[str],
) -> None:
    part = naming.release_part(service.name)
    own = naming.database_part(service.name)
    if own in by_part:
        _stack_step(steps, by_part[own], actual, needs=_needs(by_part[own]))
    stack = by_part[part]
    running = actual.stacks.get(part)
    if running is not None and running.status not in FAILED_CREATES:
        stack = with_kept(stack, running.template)
    _stack_step(steps, stack, actual, needs=_needs(stack) | pushes | _hosts(steps))


def _service_steps(
    steps: dict[str, Step],
    service: Service,
    config: Config,
    by_part: Mapping[str, Stack],
    actual: Actual,
) -> None:
    stack = by_part[service.name]
    before = verdicts_before(service, config)
    verdict = Judge(f"{service.name} verdict", before, service=service.name)
    if not _stack_step(steps, stack, actual, needs=_needs(stack) | before | _hosts(steps)):
        # A deploy that ended too early changed the stack and never asked ECS what came of it.
        if verdict.id in actual.unproven and stack.part in actual.stacks:
            _add(steps, verdict)
        return
    tasks = [task for task in _tasks(service) if _task_is_due(service, task, stack, steps, actual)]
    previous = frozenset({naming.release_part(service.name)}) | _hosts(steps)
    if "clients" in tasks:
        previous |= {naming.release_part(other.name) for other in config.services}
    for task in tasks:
        step = RunTask(f"{service.name} {task}", previous, service=service.name, task=task)
        _add(steps, step)
        previous = frozenset({step.id})
    own = steps.pop(stack.part)
    _add(steps, replace(own, needs=own.needs | previous))
    _add(steps, replace(verdict, needs=frozenset({stack.part})))


def _tasks(service: Service) -> tuple[str, ...]:
    database = ("provision", "migrate") if service.database else ()
    return (*database, "clients") if service.issuer is not None else database


def _task_is_due(
    service: Service, task: str, stack: Stack, steps: Mapping[str, Step], actual: Actual
) -> bool:
    """A service stack records the task definitions that prepared it; another one means: run it again."""
    key = f"{task.title()}TaskDefinition"
    deployed = actual.stacks.get(service.name)
    release = actual.stacks.get(naming.release_part(service.name))
    if deployed is None or release is None or key not in stack.parameters:
        return True
    if naming.release_part(service.name) in steps:
        return True
    return deployed.parameters.get(key) != release.outputs.get(key)


def _hosts(steps: Mapping[str, Step]) -> frozenset[str]:
    return frozenset({"hosts"}) & frozenset(steps)


def _trim_step(
    steps: dict[str, Step], service: Service, by_part: Mapping[str, Stack], actual: Actual
) -> None:
    """Removals come after the verdict, so that what serves and what a rollback needs stays until then."""
    part = naming.release_part(service.name)
    running = actual.stacks.get(part)
    if running is None or running.status in FAILED_CREATES:
        return
    plain = by_part[part]
    kept = with_kept(plain, running.template)
    if kept.template != plain.template:
        changes = template_changes(kept.template, plain.template)
        needs = frozenset({part, f"{service.name} verdict", "smoke test"})
        _add(steps, UpdateStack(f"{part} removals", needs, stack=plain, changes=changes))


def _deletions(by_part: Mapping[str, Stack], actual: Actual) -> Iterator[DeleteStack]:
    """Stacks that the configuration no longer has: a service's own stack before its release."""
    gone = [stack for part, stack in actual.stacks.items() if part not in by_part]
    previous: frozenset[str] = frozenset()
    for stack in sorted(gone, key=lambda stack: (stack.part.endswith(("-release", "-database")), stack.part)):
        step = DeleteStack(f"delete {stack.part}", previous, part=stack.part, name=stack.name)
        previous = frozenset({step.id})
        yield step


def _narrowed(steps: Mapping[str, Step]) -> Iterator[Step]:
    """Needs that are no step of this plan are already satisfied."""
    for step in steps.values():
        yield replace(step, needs=frozenset(step.needs & steps.keys()))
