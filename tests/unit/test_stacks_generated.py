"""Properties that hold for any configuration: outputs exist, names fit, hosts' user data fits, order is right."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from infra import naming
from infra.config import Config, Environment, Service
from infra.config.rules import broken_rules
from infra.errors import ConfigurationError
from infra.stacks import Output, account, environment
from tests.shipyard import tags

NAMES = st.from_regex(r"[a-z](-?[a-z0-9]){0,7}", fullmatch=True)
KEYS = st.from_regex(r"ssh-ed25519 [A-Za-z0-9+/]{10,80} [a-z@.]{0,20}", fullmatch=True)
COUNTED = st.fixed_dictionaries(
    {"command": st.just(("run",)), "cpu": st.just(256), "memory": st.just(512)},
    optional={"count": st.integers(0, 3), "stop_timeout": st.integers(2, 120)},
)
SCALED = COUNTED.map(
    lambda process: {k: v for k, v in process.items() if k != "count"} | {"scale": {"min": 1, "max": 3}}
)
PROCESSES = st.dictionaries(NAMES, COUNTED | SCALED, max_size=3)


@st.composite
def _services(draw: st.DrawFn) -> tuple[Service, ...]:
    names = draw(st.lists(NAMES, min_size=2, max_size=5, unique=True))
    made = []
    for index, name in enumerate(sorted(names)):
        manifest: dict[str, Any] = {"name": name, "description": name, "processes": draw(PROCESSES)}
        if index < 2 or draw(st.booleans()):
            manifest["http"] = {"port": draw(st.integers(1, 65535))}
            manifest["processes"]["web"] = draw(COUNTED)
        if not manifest["processes"]:
            manifest["processes"]["worker"] = draw(COUNTED)
        manifest |= {0: {"issuer": {}}, 1: {"public": True}}.get(index, {})
        if draw(st.booleans()) and index != 1:
            manifest["database"] = {"name": f"db{index}"}
        if draw(st.booleans()):
            manifest["queue"] = {}
        if index > 2 and draw(st.booleans()):
            callee = sorted(names)[2]
            manifest["calls"] = {callee: (f"{callee}:read",)}
        made.append(Service.model_validate(manifest))
    return tuple(made)


@st.composite
def _environments(draw: st.DrawFn) -> Environment:
    kind = draw(st.sampled_from(("flatcar", "fedora-coreos", "fargate")))
    return Environment.model_validate(
        {
            "name": draw(NAMES),
            "project": draw(st.from_regex(r"[a-z][a-z0-9]{0,11}", fullmatch=True)),
            "account": draw(st.from_regex(r"[0-9]{12}", fullmatch=True)),
            "region": draw(st.sampled_from(("eu-west-1", "us-east-1"))),
            "network": {
                "availability_zones": draw(st.integers(2, 3)),
                "nat": draw(st.sampled_from(("none", "instance", "gateway"))),
            },
            "hosts": {
                "os": kind,
                "spot": draw(st.booleans()),
                "ssh_keys": tuple(draw(st.lists(KEYS, max_size=5))),
            },
            "database": {"isolation": draw(st.sampled_from(("shared", "dedicated")))},
        }
    )


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
@given(chosen=st.builds(Config, _environments(), _services()))
def test_any_valid_configuration_gives_whole_stacks(chosen: Config) -> None:
    assume(not broken_rules(chosen.environment, chosen.services, source="generated", others=()))

    try:
        made = (account(chosen), *environment(chosen, tags(chosen)))
    except ConfigurationError as error:
        assert "rename" in str(error)
        return

    given_outputs: set[tuple[str, str]] = set()
    for stack in made:
        template = json.loads(stack.template)
        asked = {(v.part, v.key) for v in stack.parameters.values() if isinstance(v, Output)}
        assert asked <= given_outputs, stack.part
        given_outputs |= {(stack.part, key) for key in template.get("Outputs", {})}
        assert len(stack.name) <= 128
        assert len(stack.template.encode()) < 51_200
        for resource in template["Resources"].values():
            _fits(resource)
    assert {stack.part for stack in made} <= {
        naming.ACCOUNT_PART,
        *naming.all_parts([s.name for s in chosen.services]),
    }


def _fits(resource: dict[str, Any]) -> None:
    """Limits of names that people or other accounts see: families 255, log groups 512, buckets 63 characters."""
    properties = resource.get("Properties", {})
    assert len(properties.get("Family", "")) <= 255
    assert len(properties.get("LogGroupName", "")) <= 512
    assert len(properties.get("BucketName", "")) <= 63
    assert len(properties.get("ManagedPolicyName", "")) <= 128
    if resource["Type"] == "AWS::EC2::LaunchTemplate":
        pieces = properties["LaunchTemplateData"]["UserData"]["Fn::Base64"]["Fn::Join"][1]
        # A reference stands for a name of at most 128 characters, or three ids of route tables.
        assert sum(len(piece) if isinstance(piece, str) else 128 for piece in pieces) <= 16 * 1024
