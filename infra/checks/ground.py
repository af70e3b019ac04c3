"""What everything stands on: the account, the machine of the local cloud, the quotas, the templates themselves."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

from infra import naming
from infra.checks.facts import Facts
from infra.checks.model import Check, Unknown, fail, ok, skip
from infra.checks.reading import by_part, resources
from infra.stacks.model import Output

# Elastic Load Balancing and CloudFormation quotas, where nobody asked AWS for more (their "Quotas" pages).
RULES, TARGET_GROUPS = "Rules per Application Load Balancer", "Target Groups per Application Load Balancer"
DEFAULTS = {RULES: 100, TARGET_GROUPS: 100}
TEMPLATE_LIMITS = {"Resources": 500, "Parameters": 200, "Outputs": 200}
TEMPLATE_BYTES = 1_048_576


def account(facts: Facts) -> Iterator[Check]:
    """The credentials are those of the environment's account, and the account is bootstrapped."""
    environment = facts.config.environment
    if isinstance(facts.account, Unknown):
        yield skip("account", "credentials", facts.account.why)
    elif facts.account != environment.account:
        yield fail(
            "account",
            "credentials",
            f"{environment.name} belongs to account {environment.account}, the credentials to {facts.account}",
            "use a profile of the right account (AWS_PROFILE)",
        )
    else:
        yield ok("account", "credentials", f"{facts.account} in {environment.region}")
    yield from _bootstrap(facts)


def _bootstrap(facts: Facts) -> Iterator[Check]:
    """A release may need what only a newer boundary or a newer role of CI allows, and `deploy` never changes those."""
    environment, state = facts.config.environment, facts.account_stack
    name = naming.account_stack_name(environment.project)
    command = f"./deploy.py bootstrap {environment.name}"
    if isinstance(state, Unknown):
        yield skip("account", "bootstrap", state.why)
    elif state is None or not state.endswith("_COMPLETE") or state == "ROLLBACK_COMPLETE":
        found = f"stack {name} is {state or 'not there'} in {environment.region}"
        yield fail("account", "bootstrap", found, f"run `{command}` once")
    elif isinstance(facts.account_current, Unknown):
        yield skip("account", "bootstrap", facts.account_current.why)
    elif not facts.account_current:
        found = f"stack {name} is not as these files make it: its boundary, roles or bucket are of another version"
        yield fail("account", "bootstrap", found, f"run `{command}` again")
    else:
        yield ok("account", "bootstrap", state)


def machine(facts: Facts) -> Iterator[Check]:
    """The engine answers, the disk has room and the ports are free, where the local cloud runs on this machine."""
    here = facts.machine
    if here is None:
        yield skip("machine", "local cloud", "the environment is on AWS")
        return
    if isinstance(here.engine, Unknown):
        yield fail("machine", "engine", here.engine.why, "start Docker, or run `make setup`")
    else:
        yield ok("machine", "engine", here.engine)
    if isinstance(here.free_gb, Unknown):
        yield skip("machine", "disk", here.free_gb.why)
    elif here.free_gb < here.needed_gb:
        yield fail(
            "machine",
            "disk",
            f"{here.free_gb:.1f} GB are free, {here.needed_gb:g} GB are needed",
            "make room, for example with `docker image prune`",
        )
    else:
        yield ok("machine", "disk", f"{here.free_gb:.0f} GB are free")
    for port, holder in sorted(here.ports.items()):
        if holder is None:
            yield ok("machine", f"port {port}")
        else:
            yield fail(
                "machine",
                f"port {port}",
                holder,
                "end what listens there, or choose other ports with ESTALEIRO_API_PORT and ESTALEIRO_EDGE_PORT",
            )


def quotas(facts: Facts) -> Iterator[Check]:
    """No balancer gets more rules or target groups, no template more entries, than AWS allows."""
    rules = Counter(
        json.dumps(resource["Properties"]["ListenerArn"])
        for stack in facts.stacks
        for _, resource in resources(stack, "AWS::ElasticLoadBalancingV2::ListenerRule")
    )
    # Each rule of ours forwards to a target group of its own.
    used = max(rules.values(), default=0)
    for quota in (RULES, TARGET_GROUPS):
        limit = facts.quotas.get(quota, DEFAULTS[quota])
        if used > limit:
            yield fail(
                "quotas",
                quota,
                f"{used} are needed, {limit} are allowed",
                "ask AWS for more in the Service Quotas console, or split the environment",
            )
        else:
            yield ok("quotas", quota, f"{used} of {limit}")
    over = list(_template_overruns(facts))
    yield from over
    if not over:
        yield ok("quotas", "templates")


def _template_overruns(facts: Facts) -> Iterator[Check]:
    for stack in facts.stacks:
        read = json.loads(stack.template or "{}")
        counts = {key: (len(read.get(key, {})), limit) for key, limit in TEMPLATE_LIMITS.items()}
        counts["bytes"] = (len(stack.template.encode()), TEMPLATE_BYTES)
        for what, (count, limit) in counts.items():
            if count > limit:
                yield fail(
                    "quotas",
                    f"template {stack.part}",
                    f"{count} {what.lower()}, CloudFormation takes {limit}",
                    "split the service that the stack is for",
                )


def templates(facts: Facts) -> Iterator[Check]:
    """Each template passes cfn-lint's rules and CloudFormation's own validation; every output it uses is given."""
    yield from _outputs(facts)
    for what, found in (("cfn-lint", _lint(facts)), ("CloudFormation", _refusals(facts))):
        if isinstance(found, Unknown):
            yield skip("templates", what, found.why)
            continue
        for part, reason in sorted(found.items()):
            yield fail(
                "templates",
                part,
                f"{what}: {reason}",
                "mend the configuration or the template (infra/stacks) that this comes from",
            )
        if not found:
            yield ok("templates", what, f"{len(facts.stacks)} templates")


def _outputs(facts: Facts) -> Iterator[Check]:
    parts = by_part(facts.stacks)
    missing = sorted(
        f"{stack.part} uses {value.part}.{value.key}"
        for stack in facts.stacks
        for value in stack.parameters.values()
        if isinstance(value, Output)
        and value.key
        not in json.loads(parts[value.part].template if value.part in parts else "{}").get("Outputs", {})
    )
    if missing:
        yield fail(
            "templates",
            "references",
            f"no stack gives {'; '.join(missing)}",
            "mend the template (infra/stacks)",
        )
    else:
        yield ok("templates", "references")


def _lint(facts: Facts) -> dict[str, str] | Unknown:
    if isinstance(facts.lint, Unknown):
        return facts.lint
    return {part: "; ".join(found) for part, found in facts.lint.items() if found}


def _refusals(facts: Facts) -> dict[str, str] | Unknown:
    if isinstance(facts.refusals, Unknown):
        return facts.refusals
    return {part: reason for part, reason in facts.refusals.items() if reason is not None}
