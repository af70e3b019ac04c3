"""Bills: whole bills from small templates, and nothing of a real environment without a price."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest

from infra.outlook.cost import Bill, Item, bill
from tests.builders import ROOT
from tests.shipyard import all_stacks

PRICES: dict[str, Any] = {
    "region": "nowhere-1",
    "date": "2026-01",
    "hours_a_month": 100,
    "spot_share": 0.5,
    "hour": {"nat_gateway": 0.1, "public_ipv4": 0.01, "load_balancer": 0.02, "fargate_vcpu_x86_64": 0.04,
             "fargate_gb_x86_64": 0.005},
    "month": {"ebs_gp3_gb": 0.1, "rds_gp3_gb": 0.2, "secret": 0.4},
    "host": {"t3.medium": 0.05},
    "database": {"db.t4g.micro": 0.03},
}  # fmt: skip


def priced(**resources: Any) -> Bill:
    return bill({"cluster": json.dumps({"Resources": resources})}, PRICES)


def host_group(
    least: int, most: int, *, spot: bool = False, public: bool = False, kind: str = "t3.medium"
) -> dict[str, Any]:
    share = 0 if spot else 100
    return {
        "Hosts": {
            "Type": "AWS::AutoScaling::AutoScalingGroup",
            "Properties": {
                "MinSize": str(least),
                "MaxSize": str(most),
                "MixedInstancesPolicy": {
                    "InstancesDistribution": {"OnDemandPercentageAboveBaseCapacity": share},
                    "LaunchTemplate": {
                        "LaunchTemplateSpecification": {"LaunchTemplateId": {"Ref": "Host"}},
                        "Overrides": [{"InstanceType": kind}],
                    },
                },
            },
        },
        "Host": {
            "Type": "AWS::EC2::LaunchTemplate",
            "Properties": {
                "LaunchTemplateData": {
                    "BlockDeviceMappings": [{"Ebs": {"VolumeSize": 30}}],
                    "NetworkInterfaces": [{"AssociatePublicIpAddress": public}],
                }
            },
        },
    }


def test_hosts_cost_their_hours_volumes_and_addresses_and_more_when_they_grow() -> None:
    assert priced(**host_group(2, 4, public=True)) == Bill(
        items=(
            Item("hosts t3.medium", 2, 5.0),
            Item("host volumes, GB", 60, 0.1),
            Item("public IPv4 addresses", 2, 1.0),
        ),
        most=36.0,
        date="2026-01",
        region="nowhere-1",
    )
    assert priced(**host_group(2, 4, public=True)).dollars == 18.0


def test_spot_hosts_are_estimated_and_say_so() -> None:
    assert priced(**host_group(1, 1, spot=True)).items[1] == Item("hosts t3.medium (spot, estimated)", 1, 2.5)


def test_a_standby_doubles_instance_and_storage_and_the_master_password_is_a_secret() -> None:
    database = {
        "Type": "AWS::RDS::DBInstance",
        "Properties": {
            "DBInstanceClass": "db.t4g.micro", "AllocatedStorage": "20", "MultiAZ": True,
            "ManageMasterUserPassword": True,
        },
    }  # fmt: skip

    assert priced(Database=database).items == (
        Item("database storage, GB", 40, 0.2),
        Item("database db.t4g.micro with standby", 2, 3.0),
        Item("secrets", 1, 0.4),
    )


def test_a_public_balancer_has_an_address_a_zone() -> None:
    balancer = {
        "Type": "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "Properties": {"Scheme": "internet-facing"},
    }
    inside = {"Type": "AWS::ElasticLoadBalancingV2::LoadBalancer", "Properties": {"Scheme": "internal"}}

    assert priced(Public=balancer, Internal=inside).items == (
        Item("load balancers", 2, 2.0),
        Item("public IPv4 addresses", 2, 1.0),
    )


def test_what_has_no_price_is_named_and_not_taken_for_free() -> None:
    found = priced(**host_group(1, 1, kind="x9.mega"))

    assert found.unpriced == ("hosts x9.mega",)
    assert found.dollars == 3.0


@pytest.mark.parametrize("environment", ["staging", "production", "fargate"])
def test_the_list_has_a_price_for_all_of_an_environment(environment: str) -> None:
    prices = tomllib.loads((ROOT / "infra/prices/eu-west-1.toml").read_text(encoding="utf-8"))

    found = bill({one.part: one.template for one in all_stacks(environment)[1:]}, prices)

    assert found.unpriced == ()
    assert 50 < found.dollars <= found.most < 2000
    assert {"load balancers", "public IPv4 addresses", "database storage, GB"} <= {
        item.what for item in found.items
    }


def test_three_nat_gateways_are_seen() -> None:
    prices = tomllib.loads((ROOT / "infra/prices/eu-west-1.toml").read_text(encoding="utf-8"))

    found = bill({one.part: one.template for one in all_stacks("production")[1:]}, prices)

    assert next(item.count for item in found.items if item.what == "NAT gateways") == 3
