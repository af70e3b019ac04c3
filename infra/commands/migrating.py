"""The words of `migrate`: which of its questions was asked, and how the answer is printed."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from infra.commands.context import Context
from infra.commands.migrate import Migration, migrate, pending_sql, statuses
from infra.commands.terminal import data, liner, typed
from infra.config import Config
from infra.errors import ConfigurationError
from infra.migrations import judgement as migrations
from infra.migrations.branch import files_before
from infra.report import table


def run(context: Context, arguments: argparse.Namespace) -> int:
    """Say the status, print the SQL, or migrate: the tasks' own lines go to stdout as they come, or JSON at the end."""
    refuse_strays(arguments)
    if arguments.status:
        found = statuses(context, arguments.services)
        data(found, statuses_text(found), arguments)
    elif arguments.sql:
        sql = pending_sql(context, arguments.services, arguments.to)
        data({"sql": sql}, sql or "-- nothing is pending", arguments)
    else:
        wanted = Migration(arguments.to, arguments.downgrade, arguments.demo)
        name = context.config.environment.name

        def confirm(question: str) -> None:
            typed(question, name, arguments.confirm)

        line = liner(arguments, context.reporter, "migrate")
        done = migrate(context, arguments.services, wanted, line, confirm=confirm)
        if arguments.json:
            data(done, "", arguments)
    return 0


def refuse_strays(arguments: argparse.Namespace) -> None:
    """Raise ConfigurationError for an option that would mean nothing, before something else is done than was meant."""
    if arguments.new_to and not arguments.lint:
        raise ConfigurationError("--new-to: goes with --lint alone")
    looks = [name for name in ("status", "lint", "demo") if getattr(arguments, name)]
    if arguments.to and looks:
        raise ConfigurationError(f"--to: goes with migrating and with --sql, not with --{looks[0]}")


def lint(root: Path, config: Config, arguments: argparse.Namespace) -> int:
    """Lint every revision of the code; exit 3 with what nothing allows."""
    refuse_strays(arguments)
    chosen = [config.service(name) for name in arguments.services] or config.services
    names = [service.name for service in chosen if service.database]
    before = files_before(root, arguments.new_to) if arguments.new_to else frozenset()
    verdict = migrations.judge(root, names, postgres=config.environment.database.version, before=before)
    verdict.refuse()
    allowed = [f"{finding.file}: {finding.rule}: allowed: {finding.reason}" for finding in verdict.findings]
    text = "\n".join(
        [*allowed, f"{len(verdict.revisions)} revisions, nothing that would disturb what serves"]
    )
    data({"findings": [asdict(finding) for finding in verdict.findings]}, text, arguments)
    return 0


def statuses_text(found: Sequence[Mapping[str, Any]]) -> str:
    """One line a service, and below what is pending."""
    rows = (
        (
            one["service"],
            (one["revision"] or "none") + (" (newer than this code)" if one["newer"] else ""),
            one["head"],
            ", ".join(step["revision"] for step in one["pending"]) or "nothing",
        )
        for one in found
    )
    return table(rows, ("SERVICE", "REVISION", "HEAD", "PENDING"))
