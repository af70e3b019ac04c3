"""What a task meets when it starts: its image, its roles, its log group."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from infra import naming
from infra.checks.facts import Facts, ImageFact
from infra.checks.model import Check, Unknown, fail, ok, skip
from infra.checks.reading import behind, by_part, resources, tasks
from infra.plan import FAILED_CREATES
from infra.stacks.model import Output

# Who takes on the roles of tasks (ECS developer guide, task execution role and task role).
ECS_TASKS = "ecs-tasks.amazonaws.com"


def images(facts: Facts) -> Iterator[Check]:
    """Each image is in the registry, or here to be pushed, and made for the hosts' architecture.

    A tag stands for one architecture: it is part of what the tag is a hash of.
    """
    environment = facts.config.environment
    wanted = environment.architecture
    if not environment.fargate and environment.hosts.architecture != wanted:
        yield fail(
            "images",
            "architecture",
            f"images are built for {wanted}, but {environment.hosts.instance_types[0]} is {environment.hosts.architecture}",
            "leave images.architecture out, or make it that of hosts.instance_types",
        )
    if not isinstance(facts.hosts, Unknown):
        others = sorted(host.name for host in facts.hosts if host.architecture not in ("", wanted))
        if others:
            yield fail(
                "images",
                "hosts",
                f"images are built for {wanted}; another processor have {', '.join(others)}",
                "replace these hosts, or build for theirs (images.architecture)",
            )
    if isinstance(facts.images, Unknown):
        yield skip("images", "registry", facts.images.why)
        return
    for image in facts.images:
        yield _image(facts, image)


def roles(facts: Facts) -> Iterator[Check]:
    """Every role that a task takes on lets ECS give it to tasks: in the templates, and as IAM has it now."""
    parts = by_part(facts.stacks)
    for part, title in sorted(task_roles(facts)):
        found = dict(resources(parts[part], "AWS::IAM::Role")).get(title) if part in parts else None
        subject = f"{part} {title}"
        if found is None:
            yield fail("roles", subject, "no stack makes it", "mend the template (infra/stacks)")
        elif ECS_TASKS not in trusted(found["Properties"]["AssumeRolePolicyDocument"]):
            yield fail(
                "roles",
                subject,
                f"its template does not trust {ECS_TASKS}",
                "mend the template (infra/stacks)",
            )
        else:
            yield _deployed_role(facts, part, title)


def task_roles(facts: Facts) -> frozenset[tuple[str, str]]:
    """Return part and logical id of every role that a task takes on; the database's stack makes one of them."""
    return frozenset(
        _role(facts, naming.release_part(task.service), role)
        for task in tasks(facts.config, facts.stacks)
        for role in task.roles
    )


def trusted(document: Any) -> frozenset[str]:
    """Return the services that may assume a role; a principal may be one name or a list (IAM, policy grammar)."""
    statements = document.get("Statement", [])
    found: set[str] = set()
    for statement in statements if isinstance(statements, list) else [statements]:
        actions = statement.get("Action", [])
        actions = actions if isinstance(actions, list) else [actions]
        principals = statement.get("Principal", {})
        services = principals.get("Service", []) if isinstance(principals, dict) else []
        if statement.get("Effect") == "Allow" and {"sts:AssumeRole", "sts:*", "*"} & set(actions):
            found.update(services if isinstance(services, list) else [services])
    return frozenset(found)


def log_groups(facts: Facts) -> Iterator[Check]:
    """A release that is deployed still has its log group; one that is new does not meet somebody else's."""
    if isinstance(facts.log_groups, Unknown) or isinstance(facts.actual, Unknown):
        known = facts.log_groups if isinstance(facts.log_groups, Unknown) else facts.actual
        yield skip("logs", "groups", known.why if isinstance(known, Unknown) else "")
        return
    environment = facts.config.environment
    for service in facts.config.services:
        group = naming.log_group(environment.project, environment.name, service.name)
        stack = facts.actual.stacks.get(naming.release_part(service.name))
        deployed = stack is not None and stack.status not in FAILED_CREATES
        if deployed and group not in facts.log_groups:
            yield fail(
                "logs",
                group,
                f"it was deleted, and no task of {service.name} can start without it",
                f"make it again: aws logs create-log-group --log-group-name {group}",
            )
        elif stack is None and group in facts.log_groups:
            yield fail(
                "logs",
                group,
                f"it is there already, so the stack of {service.name} could not make it",
                f"save what you need of it and delete it: aws logs delete-log-group --log-group-name {group}",
            )
        else:
            yield ok("logs", group, "" if deployed else "this deploy makes it")


def _image(facts: Facts, image: ImageFact) -> Check:
    environment = facts.config.environment
    if image.architecture not in (None, environment.architecture):
        return fail(
            "images",
            image.name,
            f"it is for {image.architecture}, the hosts are {environment.architecture}",
            f"remove it (docker rmi) and build it again: ./deploy.py images {environment.name}",
        )
    if image.in_registry:
        return ok("images", image.name)
    if facts.machine is not None:
        return ok("images", image.name, "in the engine" if image.in_engine else "will be built")
    return ok("images", image.name, "will be pushed" if image.in_engine else "will be built and pushed")


def _role(facts: Facts, part: str, role: str | Output) -> tuple[str, str]:
    """Return the part and logical id of a role; another part's output leads to the resource behind it."""
    return (role.part, behind(facts.stacks, role)) if isinstance(role, Output) else (part, role)


def _deployed_role(facts: Facts, part: str, title: str) -> Check:
    subject = f"{part} {title}"
    name = facts.resources.get(part, {}).get(title)
    if name is None:
        return ok("roles", subject, "this deploy makes it")
    if isinstance(facts.trusts, Unknown):
        return ok("roles", subject, "in its template")
    trust = facts.trusts.get(name)
    if trust is None:
        fix = f"make it again under that name, as {title} in the template of {part} says"
        return fail("roles", subject, f"role {name} was deleted", fix)
    if ECS_TASKS not in trust:
        return fail(
            "roles",
            subject,
            f"role {name} does not trust {ECS_TASKS}; somebody changed it",
            f"give it back its trust policy (aws iam update-assume-role-policy --role-name {name})",
        )
    return ok("roles", subject)
