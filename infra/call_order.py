"""Which service waits for which: whom it calls, the issuer, and for the gateway everybody. Pure."""

from __future__ import annotations

from graphlib import TopologicalSorter

from infra.config import Config, Service


def verdicts_before(service: Service, config: Config) -> frozenset[str]:
    """The verdicts to wait for: those it calls, the issuer for every caller, everything for the gateway."""
    if service.public:
        others = [other.name for other in config.services if not other.public]
    else:
        others = list(service.calls)
        if service.calls and service.issuer is None:
            others.append(config.issuer.name)
    return frozenset(f"{name} verdict" for name in others)


def in_call_order(config: Config) -> tuple[Service, ...]:
    """Return the services so that each stands after those whose verdict it waits for."""
    services = {service.name: service for service in config.services}
    sorter = TopologicalSorter(
        {
            name: [verdict.removesuffix(" verdict") for verdict in verdicts_before(service, config)]
            for name, service in services.items()
        }
    )
    sorter.prepare()
    order: list[Service] = []
    while ready := sorter.get_ready():
        order += [services[name] for name in sorted(ready)]
        sorter.done(*ready)
    return tuple(order)
