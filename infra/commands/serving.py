"""Which code serves in an environment, told by its release records and service stacks; and what it can serve on."""

from __future__ import annotations

from collections.abc import Sequence

from infra.commands.context import Context
from infra.config import Service
from infra.errors import Refused
from infra.migrations.applied import Applied
from infra.migrations.compatibility import serving_head
from infra.migrations.revisions import heads, left_behind, pending, revisions
from infra.snapshot import environment_stacks
from infra.state import Releases


def serving_heads(context: Context, services: Sequence[str]) -> dict[str, str | None]:
    """Return the newest revision that each service's serving code knows; what was never deployed serves nobody."""
    if not services:
        return {}
    deployed = environment_stacks(context.aws, context.config)
    releases = Releases(context.bucket, context.config.environment.name)
    records = releases.all()
    return {
        service: serving_head(records, service, deployed[service].parameters)
        for service in services
        if service in deployed
    }


def refuse_too_early(context: Context, services: Sequence[Service], to: str | None) -> None:
    """Raise Refused where a revision would run that the code which serves cannot follow, as after a rollback."""
    applied = Applied(context.bucket, context.config.environment.name).heads()
    found = {one.name: revisions(context.root, one.name) for one in services}
    choosy = [name for name, own in found.items() if any(one.only_after for one in own)]
    for name, serving in serving_heads(context, choosy).items():
        ahead = {one.id for one in pending(found[name], applied.get(name))}
        newest = max(heads(context.root, name), default=None)
        for id, after in left_behind(found[name], newest if to in (None, "head") else to, serving):
            if id in ahead:
                code = f"now that of {serving} does" if serving else "no release record tells which one does"
                raise Refused(
                    f"{name}: revision {id} may run only where the code of {after.revision} serves ({after.reason}), "
                    f"and {code}; deploy a release with {after.revision} first. Nothing was changed"
                )


def warn_of_going_back(context: Context, service: Service, to: str) -> None:
    """Tell whoever goes back that the code which serves is not ready on a schema that is older than its own."""
    name, environment = service.name, context.config.environment.name
    head = serving_heads(context, [name]).get(name)
    found = revisions(context.root, name)
    if head in {one.id for one in pending(found, to)}:
        text = (
            f"the code that serves needs {head}: at {to} it is not ready, until you migrate forward again or go back "
            f"to the code of {to} (./deploy.py rollback {environment})"
        )
        context.reporter.tell("warning", f"{name} migrate", text)
