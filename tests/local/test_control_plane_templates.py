"""The project's own templates of every environment on the control plane: each property that any of them has is seen
again in what AWS's API then shows. A new type or property fails here until somebody looks at it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from infra.local import process
from infra.stacks.model import Output, Resolved, Stack, Value
from tests.local import cloud as clouds
from tests.local.cloud import Cloud
from tests.local.looking import PSEUDO, Description, Resource, leaves, look, resolved
from tests.shipyard import all_stacks, reaper

ZONE = "Z0000000000000"
ENVIRONMENTS = ("production", "staging", "local", "fargate")

# What no call shows, and why nothing is lost by that.
UNSEEN = {
    "AWS::CertificateManager::Certificate": {
        "DomainValidationOptions[].HostedZoneId": "CloudFormation's own: where it writes the validation's records"
    },
    "AWS::KMS::Key": {
        "PendingWindowInDays": "a word to the deletion, which KMS tells of a key that is going"
    },
    "AWS::RDS::DBInstance": {
        "AllowMajorVersionUpgrade": "a word to the next change, which RDS does not keep",
        "DeleteAutomatedBackups": "a word to the deletion, which RDS does not keep",
    },
}

LOOKED_UP = {
    "host-image": "ami-0f1a7ca0000000001",
    "service-linked-role-missing": "true",
    "oidc-provider": "",
    "github-repository": "yard/shipyard",
    "pulling-accounts": "111122223333",
}


def parts(template: str) -> frozenset[tuple[str, str]]:
    """Type and path of everything that a template says."""
    found = json.loads(template)["Resources"].values()
    return frozenset(
        (one["Type"], leaf.path) for one in found for leaf in leaves(resolved(one.get("Properties", {}), {}))
    )


def chosen() -> dict[str, tuple[Stack, ...]]:
    """The stacks that show all there is: of each environment those that say something new, and what they need."""
    seen: set[tuple[str, str]] = set()
    found: dict[str, tuple[Stack, ...]] = {}
    for environment in ENVIRONMENTS:
        stacks = {one.part: one for one in all_stacks(environment)}
        wanted = {part for part, one in stacks.items() if not parts(one.template) <= seen}
        while more := {need for part in wanted for need in stacks[part].needs} - wanted:
            wanted |= more
        seen.update(*(parts(stacks[part].template) for part in wanted))
        found[environment] = tuple(one for part, one in stacks.items() if part in wanted)
    return found | {"reaper": (reaper("staging"),)}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, postgres_image: str) -> Iterator[Cloud]:
    """A local cloud for these stacks alone: they have names of their own choice."""
    settings = clouds.settings(tmp_path_factory.mktemp("templates") / "state", postgres_image)
    try:
        process.ensure(settings)
        yield Cloud(settings)
    finally:
        process.destroy(settings)


@pytest.fixture(scope="module")
def deployed(own: Cloud) -> list[tuple[Resource, Description]]:
    """Every resource of the chosen stacks as its template has it and as the API shows it."""
    zone = own.client("route53").create_hosted_zone(Name="example.org", CallerReference="theirs")
    pool = ThreadPoolExecutor(max_workers=4)
    found: list[tuple[Resource, Description]] = []
    for stacks in chosen().values():
        outputs: dict[str, Mapping[str, str]] = {}
        for one in stacks:
            # Zones are made by people, before.
            template = one.template.replace(ZONE, zone["HostedZone"]["Id"].rpartition("/")[2])
            made = list(resources(own, replace(one, template=template), outputs))
            found += zip(made, pool.map(partial(look, own), made), strict=True)
    return found


def resources(cloud: Cloud, one: Stack, outputs: dict[str, Mapping[str, str]]) -> Iterator[Resource]:
    """Deploy a stack and yield what it made; `outputs` are those of the stacks before, by part."""
    template = json.loads(one.template)
    scaled = without_tasks(template)
    given = {name: parameter(value, outputs) for name, value in one.parameters.items()}
    listed = [{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()]
    outcome = cloud.deploy(one.name, template, Parameters=listed)
    assert outcome.failures == (), f"{one.name}: {outcome.failures}"
    outputs[one.part] = outcome.outputs
    ids = cloud.resources(one.name)
    known = PSEUDO | given | ids | {"AWS::StackName": one.name}
    for title, id in ids.items():
        made = template["Resources"][title]
        properties = resolved(made.get("Properties", {}), known)
        if title in scaled:
            del properties["DesiredCount"]
        yield Resource(made["Type"], title, id, properties)


def without_tasks(template: dict[str, Any]) -> list[str]:
    """Let services want no task: what their images would do is shown elsewhere. Return those that had no count."""
    services = {
        title: made["Properties"]
        for title, made in template["Resources"].items()
        if made["Type"] == "AWS::ECS::Service"
    }
    scaled = [title for title, properties in services.items() if "DesiredCount" not in properties]
    for properties in services.values():
        properties["DesiredCount"] = 0
    return scaled


def parameter(value: Value, outputs: Mapping[str, Mapping[str, str]]) -> str:
    """A parameter's value: another stack's output, what is looked up before a deploy, or itself."""
    if isinstance(value, Output):
        return outputs[value.part][value.key]
    return LOOKED_UP[value.what.partition(":")[0]] if isinstance(value, Resolved) else value


def test_every_property_of_every_template_is_seen_again(
    deployed: list[tuple[Resource, Description]],
) -> None:
    lost = {
        f"{one.type} {leaf.path}: {leaf.value!r} of {one.title}"
        for one, description in deployed
        for leaf in one.leaves()
        if leaf.path not in UNSEEN.get(one.type, {}) and not description.shows(leaf)
    }

    assert not lost, "\n".join(sorted(lost))
