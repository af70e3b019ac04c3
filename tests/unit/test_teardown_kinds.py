"""Nothing that a template can make is forgotten by the audit, and what holds a stack is named."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, cast

from infra.aws import Aws
from infra.aws.census import KINDS
from infra.aws.cloudformation import StackResource
from infra.aws.ec2 import Interface
from infra.aws.route53 import Record
from infra.naming import ACCOUNT_PART
from infra.stacks import Stack
from infra.teardown.audit import PROOF, PUBLIC_NAME, audit
from infra.teardown.holders import holders
from infra.teardown.inventory import Inventory, ZoneRecord
from infra.teardown.look import _records
from infra.teardown.plan import Shared, plan_teardown
from infra.teardown.report import local_plan_text
from infra.teardown.steps import Sweep
from tests.builders import ROOT
from tests.shipyard import all_stacks, config, resources

# By which kind of the census an audit sees a type of resource. What has no life of its own is seen with what it is in.
SEEN_AS = {
    "AWS::ApplicationAutoScaling::ScalableTarget": "scaling target",
    "AWS::ApplicationAutoScaling::ScalingPolicy": "scaling target",
    "AWS::AutoScaling::AutoScalingGroup": "group of hosts",
    "AWS::CertificateManager::Certificate": "certificate",
    "AWS::CloudWatch::Alarm": "alarm",
    "AWS::CloudWatch::Dashboard": "dashboard",
    "AWS::EC2::EIP": "address",
    "AWS::EC2::InstanceConnectEndpoint": "connect endpoint",
    "AWS::EC2::InternetGateway": "internet gateway",
    "AWS::EC2::LaunchTemplate": "launch template",
    "AWS::EC2::NatGateway": "NAT gateway",
    "AWS::EC2::Route": "route table",
    "AWS::EC2::RouteTable": "route table",
    "AWS::EC2::SecurityGroup": "security group",
    "AWS::EC2::SecurityGroupEgress": "security group",
    "AWS::EC2::SecurityGroupIngress": "security group",
    "AWS::EC2::Subnet": "subnet",
    "AWS::EC2::SubnetRouteTableAssociation": "subnet",
    "AWS::EC2::VPC": "network",
    "AWS::EC2::VPCEndpoint": "endpoint",
    "AWS::EC2::VPCGatewayAttachment": "internet gateway",
    "AWS::ECS::CapacityProvider": "capacity provider",
    "AWS::ECS::Cluster": "cluster",
    "AWS::ECS::ClusterCapacityProviderAssociations": "cluster",
    "AWS::ECS::Service": "service",
    "AWS::ECS::TaskDefinition": "task definition",
    "AWS::ElasticLoadBalancingV2::Listener": "load balancer",
    "AWS::ElasticLoadBalancingV2::ListenerRule": "load balancer",
    "AWS::ElasticLoadBalancingV2::LoadBalancer": "load balancer",
    "AWS::ElasticLoadBalancingV2::TargetGroup": "target group",
    "AWS::IAM::InstanceProfile": "instance profile",
    "AWS::IAM::Role": "role",
    "AWS::KMS::Key": "key",
    "AWS::Logs::LogGroup": "log group",
    "AWS::RDS::DBInstance": "database",
    "AWS::RDS::DBParameterGroup": "database parameters",
    "AWS::RDS::DBSubnetGroup": "database subnets",
    "AWS::Route53::HostedZone": "hosted zone",
    # In a zone of the environment's own; those in other zones are listed by name.
    "AWS::Route53::RecordSet": "hosted zone",
    "AWS::S3::Bucket": "bucket",
    "AWS::S3::BucketPolicy": "bucket",
    "AWS::SNS::Subscription": "topic",
    "AWS::SNS::Topic": "topic",
    "AWS::SNS::TopicPolicy": "topic",
    "AWS::SQS::Queue": "queue",
    "AWS::SQS::QueuePolicy": "queue",
    "AWS::SecretsManager::Secret": "secret",
}
# What no stack has, and an environment leaves all the same.
BESIDE_STACKS = {"database snapshot", "machine", "network interface", "stack", "volume"}


def test_every_type_that_a_template_makes_has_a_kind_that_the_audit_lists() -> None:
    made = {kind for stack in every_stack() if stack.part != ACCOUNT_PART for kind in types(stack)}

    assert made - SEEN_AS.keys() == set(), "say in SEEN_AS, and in infra.aws.census, how the audit sees it"
    assert SEEN_AS.keys() - made == set()


def test_every_kind_that_the_audit_lists_is_there_for_something() -> None:
    assert set(KINDS) == {*SEEN_AS.values(), *BESIDE_STACKS}


def every_stack() -> list[Stack]:
    own = [stack for name in ("local", "staging", "production") for stack in all_stacks(name, ROOT)]
    return own + [stack for _, _, stack in resources()]


def types(stack: Stack) -> set[str]:
    return {one["Type"] for one in json.loads(stack.template)["Resources"].values()}


@dataclass
class Held:
    """A network stack whose security group and table could not go, and the interface that has the group."""

    interfaces: tuple[Interface, ...]
    asked: list[str] = field(default_factory=list)

    def resources(self, stack: str) -> tuple[StackResource, ...]:
        return (
            StackResource("Vpc", "vpc-1", "AWS::EC2::VPC", "CREATE_COMPLETE"),
            StackResource("Group", "sg-1", "AWS::EC2::SecurityGroup", "DELETE_FAILED"),
            StackResource(
                "Table", "rtb-1", "AWS::EC2::RouteTable", "DELETE_FAILED", reason="has dependencies"
            ),
        )

    def network_interfaces(self, vpc: str) -> tuple[Interface, ...]:
        self.asked.append(vpc)
        return self.interfaces

    @property
    def wall(self) -> Aws:
        return cast(Aws, _Wall(cloudformation=self, ec2=self))


@dataclass
class _Wall:
    cloudformation: Any = None
    ec2: Any = None
    route53: Any = None


def test_an_interface_that_holds_a_security_group_is_named_with_its_own_holder() -> None:
    holds = Interface("eni-1", "in-use", "ELB app/somebodys", "subnet-1", ("sg-1",))
    other = Interface("eni-2", "in-use", "i-2", "subnet-1", ("sg-2",))

    said = holders(Held((holds, other)).wall, "shipyard-staging-network")

    assert said == "; held by network interface eni-1 of ELB app/somebodys (in-use), rtb-1: has dependencies"


def test_a_stack_that_nothing_holds_has_no_holder_to_name() -> None:
    class Whole(Held):
        def resources(self, stack: str) -> tuple[StackResource, ...]:
            return ()

    assert holders(Whole(()).wall, "shipyard-staging-network") == ""


@dataclass
class Zone:
    """A public zone."""

    found: tuple[Record, ...]

    def records(self, zone: str) -> tuple[Record, ...]:
        return self.found


def test_of_a_zone_that_is_not_ours_only_the_environments_own_names_count() -> None:
    chosen = config("staging")
    domain = chosen.environment.domain
    names = (
        Record(f"_proof.{domain}.", "CNAME", "{}"),
        Record(f"{domain}.", "A", "{}"),
        Record(f"{domain}.", "TXT", "{}"),
        Record(f"_dmarc.{domain}.", "TXT", "{}"),
        Record(f"_deeper.www.{domain}.", "CNAME", "{}"),
        Record("www.example.org.", "A", "{}"),
    )

    found = _records(cast(Aws, _Wall(route53=Zone(names))), chosen)

    assert [(one.name, one.type, one.proof) for one in found] == [
        (f"_proof.{domain}.", "CNAME", True),
        (f"{domain}.", "A", False),
    ]


def test_a_proof_is_deleted_and_a_public_name_that_is_left_is_told() -> None:
    records = (
        ZoneRecord("Z1", "_proof.staging.example.org.", "CNAME", "proof"),
        ZoneRecord("Z1", "staging.example.org.", "A", "name", proof=False),
    )
    inventory = Inventory("staging", records=records)

    plan = plan_teardown(config("staging"), inventory, Shared())

    swept = [step.targets for step in plan.steps if isinstance(step, Sweep)]
    assert swept == [("proof",)]
    assert [one.why for one in audit(config("staging"), inventory).leftovers] == [PROOF, PUBLIC_NAME]


def test_the_local_cloud_goes_whole_and_its_plan_says_what_that_is() -> None:
    text = local_plan_text("local", ["process 7", "volume yard-db", "folder /yard/.estaleiro/local"])

    assert text.splitlines() == [
        "local: the local cloud, with all its data",
        "",
        "Goes:",
        "  process 7",
        "  volume yard-db",
        "  folder /yard/.estaleiro/local",
        "",
        "Stays:",
        "  images: the build cache; the next deploy builds nothing that has not changed",
    ]
    assert local_plan_text("local", []) == "local: there is nothing to remove."
