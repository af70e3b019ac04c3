"""The command line's side of `verify`, `plan` and `cost`: they look and tell, and nothing changes."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from infra.checks import failures
from infra.checks.report import checks_json, checks_text, failed_text
from infra.commands import deploy, planning, verify
from infra.commands.context import is_new_here
from infra.commands.deploying import described_context
from infra.commands.opening import configuration
from infra.commands.secret import secrets_command
from infra.commands.terminal import data, keep, say, watcher
from infra.outlook.meaning import Outlook
from infra.outlook.report import bill_json, bill_text
from infra.pages.plan import plan_page
from infra.report import plan_json, plan_text
from infra.steps import Plan

Arguments = argparse.Namespace


def verify_command(root: Path, arguments: Arguments) -> int:
    """Run every check; 1 when one fails."""
    config = configuration(root, arguments)
    name, checks = config.environment.name, verify.verify(root, config, watcher(arguments))
    data(checks_json(name, checks), checks_text(name, checks), arguments)
    failed = failures(checks)
    if failed:
        say(failed_text(name, failed))
    return 1 if failed else 0


def plan_command(root: Path, arguments: Arguments) -> int:
    """Show what a deploy would change; 1 with --fail-on-changes when there is anything."""
    plan, look = _planned(root, arguments)
    data(plan_json(plan, look), plan_text(plan, look), arguments)
    if arguments.html:
        keep(arguments.html, plan_page(plan, look))
    return 1 if arguments.fail_on_changes and not plan.empty else 0


def _planned(root: Path, arguments: Arguments) -> tuple[Plan, Outlook]:
    config = configuration(root, arguments)
    if is_new_here(root, config):
        return planning.first_plan(root, config, only=arguments.service)
    context, built = described_context(root, config, watcher(arguments))
    prepared = deploy.prepare(context, built, only=arguments.service)
    return prepared.plan, planning.outlook_of(context, prepared, drift=True)


def cost_command(root: Path, arguments: Arguments) -> int:
    """Show a month's bill of what the files describe."""
    bill = planning.bill_of(root, configuration(root, arguments))
    data(bill_json(bill), bill_text(arguments.environment, bill), arguments)
    return 0


COMMANDS: dict[str, Callable[[Path, Arguments], int]] = {
    "cost": cost_command,
    "plan": plan_command,
    "secrets": secrets_command,
    "verify": verify_command,
}
