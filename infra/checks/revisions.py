"""What the migrations that a deploy would run may not do to a database that serves."""

from __future__ import annotations

from collections.abc import Iterator

from infra.checks.facts import Facts
from infra.checks.model import Check, Unknown, fail, ok, skip


def revisions(facts: Facts) -> Iterator[Check]:
    """Every pending revision disturbs nobody, or says why it must. A deploy has a gate of its own for this."""
    found = facts.revisions
    if isinstance(found, Unknown):
        yield skip("migrations", "pending revisions", found.why)
        return
    stopping = [finding for finding in found if not finding.reason]
    for finding in stopping:
        yield fail("migrations", finding.file, finding.broken, finding.way)
    if not stopping:
        allowed = [f"{finding.revision} is allowed {finding.rule}: {finding.reason}" for finding in found]
        yield ok(
            "migrations", "pending revisions", "; ".join(allowed) or "nothing that would disturb what serves"
        )
