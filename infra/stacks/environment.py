"""Every stack of an environment, in the order in which they can be deployed; a new service changes nothing here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from infra.config import Config, Service
from infra.stacks.cluster import cluster
from infra.stacks.database import dedicated_database, shared_database
from infra.stacks.edge import edge
from infra.stacks.model import Stack
from infra.stacks.network import network
from infra.stacks.observability import observability
from infra.stacks.release import release
from infra.stacks.service import service_stack


def environment_stacks(config: Config, images: Mapping[str, str]) -> tuple[Stack, ...]:
    """Return every stack of an environment. `images` maps each image name to its tag.

    Raises KeyError when the tag of a service's image, or of `chassis`, is missing.
    """
    return (
        network(config),
        observability(config),
        cluster(config),
        *_databases(config),
        edge(config),
        *(release(config, service, images) for service in _takers_last(config)),
        *(service_stack(config, service, images) for service in service_order(config)),
    )


def service_order(config: Config) -> tuple[Service, ...]:
    """Return the services so that each stands after those it calls: the issuer first, the gateway last."""
    placed: list[str] = []

    def place(name: str) -> None:
        if name not in placed:
            for callee in sorted(config.service(name).calls):
                place(callee)
            placed.append(name)

    inner = [service.name for service in config.services if not service.public]
    for name in (config.issuer.name, *inner, config.gateway.name):
        place(name)
    return tuple(config.service(name) for name in placed)


def _databases(config: Config) -> Iterator[Stack]:
    owners = [service for service in config.services if service.database]
    if config.environment.database.isolation == "dedicated":
        yield from (dedicated_database(config, service) for service in owners)
    elif owners:
        yield shared_database(config)


def _takers_last(config: Config) -> Iterator[Service]:
    """The issuer's release takes the callers' client secrets, the gateway's where buckets are, so those come first."""
    takers = (config.issuer, config.gateway)
    yield from (service for service in config.services if service not in takers)
    yield from takers
