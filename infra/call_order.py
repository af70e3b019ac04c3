"""Which service waits for which: whom it calls, the issuer, and for the gateway everybody. Pure."""

from __future__ import annotations

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
    waiting = {service.name: service for service in config.services}
    order: list[Service] = []
    while waiting:
        free = [
            service
            for service in waiting.values()
            if not any(
                verdict.removesuffix(" verdict") in waiting for verdict in verdicts_before(service, config)
            )
        ]
        for service in sorted(free, key=lambda service: service.name):
            order.append(waiting.pop(service.name))
    return tuple(order)
