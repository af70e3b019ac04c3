"""The services' revisions, rendered by the services' own code in a process of its own, and judged before they run.

verdict = judge(root, services, heads, postgres="17")
verdict.refuse()            raises Refused for what locks, rewrites, drops or renames without a reason
verdict.restore_point       why a copy of the data is wanted first; empty where none is
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from infra.errors import EstaleiroError, Refused
from infra.migrations import rules, squawk
from infra.migrations.compatibility import only_after
from infra.migrations.rules import Finding, Revision


@dataclass(frozen=True)
class Verdict:
    """The revisions that would run, oldest first in each service, and what was found in them.

    `lines` has the ids of all revisions by service, oldest first.
    """

    revisions: tuple[Revision, ...]
    findings: tuple[Finding, ...]
    lines: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def heads(self) -> dict[str, str]:
        """The newest of these revisions by service, for the release record."""
        return {revision.service: revision.id for revision in self.revisions}

    @property
    def restore_point(self) -> tuple[str, ...]:
        """Why a copy of the data is wanted before these run: `movies 0007: ban-drop-column`."""
        return tuple(
            f"{finding.service} {finding.revision}: {finding.rule}"
            for finding in rules.destructive(self.findings)
        )

    @property
    def choosy(self) -> tuple[str, ...]:
        """The services of which a revision may not run whatever code serves."""
        return tuple(dict.fromkeys(one.service for one in self.revisions if one.only_after is not None))

    def serving(self, heads: Mapping[str, str | None]) -> Verdict:
        """Return the verdict where code serves whose newest revisions are `heads`; a service without one serves nobody."""
        early = (
            finding
            for one in self.revisions
            if one.service in heads
            for finding in rules.too_early(one, self.lines[one.service], heads[one.service])
        )
        return replace(self, findings=(*self.findings, *early))

    def refuse(self) -> None:
        """Raise Refused with every finding that no comment in its revision allows."""
        found = rules.stopping(self.findings)
        if found:
            sentences = "\n".join(finding.sentence for finding in found)
            raise Refused(f"migrations that would disturb what serves; nothing was changed:\n{sentences}")


def judge(
    root: Path,
    services: Sequence[str],
    heads: Mapping[str, str | None] | None = None,
    *,
    postgres: str,
    before: frozenset[str] = frozenset(),
) -> Verdict:
    """Render and lint revisions for a version of PostgreSQL: all, or those after `heads` (revision by service).

    A service without a head has an empty database, which nothing can disturb; one whose head is None is somewhere,
    and all of it is judged. A head that the code does not know is newer than the code, so nothing would run.
    Files in `before` were judged before. Raises EstaleiroError.
    """
    with ThreadPoolExecutor(max_workers=4) as pool:
        found = [one for service in pool.map(lambda name: read(root, name), services) for one in service]
    after = found if heads is None else pending(found, heads)
    chosen = tuple(revision for revision in after if revision.file not in before)
    lines = {service: tuple(one.id for one in found if one.service == service) for service in services}
    misplaced = (one for revision in chosen for one in rules.misplaced(revision, lines[revision.service]))
    return Verdict(chosen, (*lint(chosen, postgres), *misplaced), lines)


def pending(revisions: Sequence[Revision], heads: Mapping[str, str | None]) -> tuple[Revision, ...]:
    """Return the revisions after each service's head, which are on one line and oldest first."""
    chosen = []
    for service in dict.fromkeys(revision.service for revision in revisions):
        own = [revision for revision in revisions if revision.service == service]
        ids = [revision.id for revision in own]
        if service not in heads:
            continue
        head = heads[service]
        if head is None:
            chosen += own
        elif head in ids:
            chosen += own[ids.index(head) + 1 :]
    return tuple(chosen)


def lint(revisions: Sequence[Revision], postgres: str) -> tuple[Finding, ...]:
    """Return everything that is found in the revisions, in their order."""
    scripts = {f"{one.service} {one.id}": one.sql for one in revisions if not one.problem}
    broken = squawk.broken_rules(scripts, postgres=postgres, excluded=rules.OPINIONS)
    findings: list[Finding] = []
    for one in revisions:
        name = f"{one.service} {one.id}"
        own = [*rules.own_findings(one)]
        own += [rules.squawk_finding(one, b.rule, b.message, b.line) for b in broken if b.script == name]
        findings += rules.judged(one, own)
    return tuple(findings)


def read(root: Path, service: str) -> tuple[Revision, ...]:
    """Return a service's revisions, oldest first; the service's code runs in a process of its own."""
    command = [sys.executable, "-m", "chassis.migrate", service, "--sql", "--json", "--from", "base"]
    environment = {**os.environ, "PYTHONPATH": str(root / "services")}
    done = subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    if done.returncode:
        words = next(iter(reversed(done.stderr.strip().splitlines())), "nothing was said")
        raise EstaleiroError(f"services/{service}: its migrations cannot be read: {words}")
    entries: list[dict[str, Any]] = json.loads(done.stdout)
    return tuple(_revision(root, service, entry) for entry in entries)


def _revision(root: Path, service: str, entry: Mapping[str, Any]) -> Revision:
    path = Path(entry["file"])
    source = path.read_text(encoding="utf-8")
    return Revision(
        service,
        entry["revision"],
        entry["after"],
        str(path.relative_to(root.resolve()) if path.is_relative_to(root.resolve()) else path),
        entry["sql"],
        entry["problem"],
        rules.allowances(source),
        only_after(source),
    )
