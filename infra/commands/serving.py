"""Which code serves in an environment, told by what its release records and its service stacks say together."""

from __future__ import annotations

from collections.abc import Sequence

from infra.commands.context import Context
from infra.migrations.compatibility import serving_head
from infra.snapshot import environment_stacks
from infra.state import Releases


def serving_heads(context: Context, services: Sequence[str]) -> dict[str, str | None]:
    """Return the newest revision that each service's serving code knows; what was never deployed serves nobody."""
    if not services:
        return {}
    deployed = environment_stacks(context.aws, context.config)
    releases = Releases(context.bucket, context.config.environment.name)
    records = [releases.read(release) for release in releases.ids()]
    return {
        service: serving_head(records, service, deployed[service].parameters)
        for service in services
        if service in deployed
    }
