"""Named checks, made from gathered facts before anything changes; pure, one function a rule.

The fast rules run before every deploy; `verify` runs all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from infra.checks.capacity import capacity
from infra.checks.facts import Facts
from infra.checks.ground import account, machine, quotas, templates
from infra.checks.model import Check, Status, Unknown
from infra.checks.outside import database, edge
from infra.checks.revisions import revisions
from infra.checks.runtime import images, log_groups, roles
from infra.checks.secrets import secrets
from infra.checks.states import stack_states

__all__ = ["ALL", "FAST", "Check", "Facts", "Status", "Unknown", "check", "failures"]

Rule = Callable[[Facts], Iterable[Check]]

ALL: tuple[Rule, ...] = (
    account,
    machine,
    stack_states,
    templates,
    quotas,
    images,
    roles,
    secrets,
    log_groups,
    edge,
    database,
    revisions,
    capacity,
)
# What most often goes wrong, and costs few calls.
FAST: tuple[Rule, ...] = (stack_states, quotas, images, secrets, log_groups, database, capacity)


def check(facts: Facts, rules: Iterable[Rule] = ALL) -> tuple[Check, ...]:
    """Return what each rule says, in order."""
    return tuple(result for rule in rules for result in rule(facts))


def failures(checks: Iterable[Check]) -> tuple[Check, ...]:
    """Return what would make a deploy fail."""
    return tuple(one for one in checks if one.status == "FAIL")
