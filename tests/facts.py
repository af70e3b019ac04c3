"""Facts of the fixture project in which everything is as it should be; a test changes what it is about."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

from infra.checks.facts import (
    CertificateFact,
    DatabaseFact,
    Facts,
    HostFact,
    HostSize,
    ImageFact,
    Machine,
    Migrations,
    SecretFact,
    ZoneFact,
)
from infra.checks.reading import resources
from infra.checks.runtime import ECS_TASKS
from infra.checks.secrets import needs
from infra.plan import plan
from infra.steps import Actual, Deployed
from tests.shipyard import all_stacks, config, tags

LOGIN = frozenset({"username", "password"})
ROOM = HostSize(2048, 7500)


@cache
def facts(environment: str = "staging", **changes: Any) -> Facts:
    """A deployed environment without a fault."""
    chosen = config(environment)
    stacks = all_stacks(environment)[1:]
    actual = Actual(
        {
            one.part: Deployed(
                one.part,
                one.name,
                "UPDATE_COMPLETE",
                one.template,
                outputs={"MasterSecretArn": "arn:master", "ClientSecretArn": f"{one.part}.ClientSecret"},
            )
            for one in stacks
        },
        resolved={"host-image": "ami-1"},
    )
    made = Facts(
        chosen,
        stacks,
        account=chosen.environment.account,
        account_stack="CREATE_COMPLETE",
        account_current=True,
        actual=actual,
        plan=plan(chosen, stacks, actual),
        images=tuple(ImageFact(tag, True, False) for tag in tags(chosen).values()),
        resources={
            one.part: {
                title: f"{one.part}.{title}"
                for title, _ in resources(one, "AWS::SecretsManager::Secret", "AWS::IAM::Role")
            }
            for one in stacks
        },
        log_groups=frozenset(f"/shipyard/{environment}/{service.name}" for service in chosen.services),
        certificate=CertificateFact("ISSUED", ("*.example.org",)),
        zone=ZoneFact("example.org.", private=False),
        hosts=(HostFact("i-1", ROOM, ROOM, "x86_64"),),
        host_size=ROOM,
        databases={"database": DatabaseFact("available")},
        migrations={"shop": Migrations(frozenset({"0001", "0002"}), ("0002",), "0002")},
        revisions=(),
        lint={one.part: () for one in stacks},
        refusals={one.part: None for one in stacks},
        machine=Machine("Docker answers, x86_64", 80.0, 3.0, {4566: None, 8080: None}),
    )
    trusts = {id: frozenset({ECS_TASKS}) for ids in made.resources.values() for id in ids.values()}
    found = {id: SecretFact("readable", keys=LOGIN) for id in needs(made)}
    return replace(made, trusts=trusts, secrets=found, **changes)
