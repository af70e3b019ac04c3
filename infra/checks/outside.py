"""What stands outside the tasks: the public name with its certificate, the databases and their migrations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from infra.checks.facts import Facts, Migrations
from infra.checks.model import Check, Unknown, fail, ok, skip


def edge(facts: Facts) -> Iterator[Check]:
    """The certificate is issued and for this name; the zone is public and the name lies in it."""
    settings, domain = facts.config.environment.edge, facts.config.environment.domain
    if domain is None:
        yield skip("edge", "domain", "none is configured: plain HTTP on the balancer's own name")
        return
    if settings.certificate_arn:
        yield _certificate(facts, domain)
    if settings.zone_id:
        yield _zone(facts, domain, settings.zone_id)


def database(facts: Facts) -> Iterator[Check]:
    """Each instance is available, and no database is at a migration that this release does not know."""
    if isinstance(facts.databases, Unknown):
        yield skip("database", "instance", facts.databases.why)
    else:
        for part, found in sorted(facts.databases.items()):
            if found is None:
                yield fail(
                    "database",
                    part,
                    "RDS has no such instance any more",
                    "restore it from a snapshot, under its name",
                )
            elif found.status in ("stopped", "stopping"):
                yield fail(
                    "database",
                    part,
                    f"it is {found.status}",
                    "start it and wait: ./deploy.py wake, or RDS's console",
                )
            elif found.status in ("available", "backing-up", "modifying", "storage-optimization"):
                yield ok("database", part, found.status)
            else:
                yield fail(
                    "database",
                    part,
                    f"it is {found.status}",
                    "see the instance's events in RDS, and try later",
                )
    for service, migrations in sorted(facts.migrations.items()):
        yield _migration(service, migrations)


def _certificate(facts: Facts, domain: str) -> Check:
    found = facts.certificate
    if isinstance(found, Unknown):
        return skip("edge", "certificate", found.why)
    if found is None:
        return fail(
            "edge",
            "certificate",
            "ACM has no such certificate in this region",
            "put another into edge.certificate_arn",
        )
    if found.status != "ISSUED":
        return fail(
            "edge", "certificate", f"it is {found.status}", "finish its validation in ACM, or choose another"
        )
    if not _covers(found.names, domain):
        return fail(
            "edge",
            "certificate",
            f"it is for {', '.join(found.names)}, not {domain}",
            "choose one for that name",
        )
    return ok("edge", "certificate", ", ".join(found.names))


def _covers(names: Iterable[str], domain: str) -> bool:
    """A star stands for one label (RFC 6125, 6.4.3)."""
    return any(
        name == domain or (name.startswith("*.") and domain.partition(".")[2] == name[2:]) for name in names
    )


def _zone(facts: Facts, domain: str, zone_id: str) -> Check:
    zone = facts.zone
    if isinstance(zone, Unknown):
        return skip("edge", "zone", zone.why)
    if zone is None:
        return fail("edge", "zone", f"Route 53 has no zone {zone_id} in this account", "correct edge.zone_id")
    name = zone.name.rstrip(".")
    if zone.private:
        return fail("edge", "zone", f"{name} is a private zone", "put the public zone's id into edge.zone_id")
    if domain != name and not domain.endswith(f".{name}"):
        return fail("edge", "zone", f"{domain} does not lie in {name}", "correct edge.zone_id or edge.domain")
    return ok("edge", "zone", name)


def _migration(service: str, migrations: Migrations) -> Check:
    if len(migrations.heads) > 1:
        return fail(
            "database",
            f"migrations of {service}",
            f"{', '.join(migrations.heads)} are all the last one",
            "make one follow the other (down_revision)",
        )
    if isinstance(migrations.recorded, Unknown):
        return skip("database", f"migrations of {service}", migrations.recorded.why)
    if migrations.recorded not in migrations.known:
        return fail(
            "database",
            f"migrations of {service}",
            f"the database is at {migrations.recorded}, which this release does not know "
            f"(its last is {', '.join(migrations.heads) or 'none'})",
            "deploy a release that has it; an older one runs on a newer schema only if it was written for it",
        )
    return ok("database", f"migrations of {service}", f"at {migrations.recorded}")
