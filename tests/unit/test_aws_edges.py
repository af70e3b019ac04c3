"""Load balancers, roles, queues and tags."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from moto import mock_aws

from infra.aws import Aws, connect
from infra.aws.elb import LoadBalancer, Target
from infra.aws.iam import Role
from infra.aws.sqs import Depth
from infra.aws.tagging import TaggedResource
from infra.errors import NotFound
from tests import aws_account
from tests.aws_account import REGION, Script

TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole"}]}

BOUNDARY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}


@pytest.fixture
def aws() -> Iterator[Aws]:
    with mock_aws():
        yield connect(REGION, environ={})


def test_targets_show_their_state_and_its_reason() -> None:
    sick = {
        "Target": {"Id": "i-2", "Port": 32768},
        "TargetHealth": {
            "State": "unhealthy",
            "Reason": "Target.ResponseCodeMismatch",
            "Description": "Health checks failed with these codes: [503]",
        },
    }
    well = {"Target": {"Id": "i-1", "Port": 32768}, "TargetHealth": {"State": "healthy"}}
    script = Script("elbv2").answers("describe_target_health", {"TargetHealthDescriptions": [sick, well]})

    with script.account() as aws:
        targets = aws.elb.target_health("tg-1")

    assert targets == (
        Target("i-1", 32768, "healthy"),
        Target(
            "i-2",
            32768,
            "unhealthy",
            "Target.ResponseCodeMismatch",
            "Health checks failed with these codes: [503]",
        ),
    )


def test_the_targets_of_no_group_are_not_found() -> None:
    script = Script("elbv2").refuses("describe_target_health", "TargetGroupNotFound", "One or more not found")

    with script.account() as aws, pytest.raises(NotFound):
        aws.elb.target_health("tg-1")


def test_a_load_balancer_has_a_name_in_dns_and_an_absent_one_is_none() -> None:
    entry = {
        "LoadBalancerArn": "lb-1",
        "LoadBalancerName": "yard",
        "DNSName": "yard-1.eu-west-1.elb.amazonaws.com",
        "State": {"Code": "active"},
        "Scheme": "internet-facing",
    }
    script = (
        Script("elbv2")
        .answers("describe_load_balancers", {"LoadBalancers": [entry]}, asked={"LoadBalancerArns": ["lb-1"]})
        .refuses("describe_load_balancers", "LoadBalancerNotFound", "not found")
    )

    with script.account() as aws:
        found, absent = aws.elb.load_balancer("lb-1"), aws.elb.load_balancer("lb-2")

    assert found == LoadBalancer(
        "lb-1", "yard", "yard-1.eu-west-1.elb.amazonaws.com", "active", "internet-facing"
    )
    assert absent is None


def test_a_role_shows_who_may_take_it_on(aws: Aws) -> None:
    iam = aws_account.client("iam", region_name=REGION)
    boundary = "arn:aws:iam::123456789012:policy/edge"
    iam.create_policy(PolicyName="edge", PolicyDocument=json.dumps(BOUNDARY))
    answer = iam.create_role(
        RoleName="web",
        Path="/yard/staging/",
        AssumeRolePolicyDocument=json.dumps(TRUST),
        PermissionsBoundary=boundary,
    )

    role = aws.iam.role(answer["Role"]["Arn"])

    assert role == Role(
        "web", "arn:aws:iam::123456789012:role/yard/staging/web", "/yard/staging/", TRUST, boundary
    )
    assert (aws.iam.roles("/yard/staging/"), aws.iam.role("absent")) == (("web",), None)


def test_a_services_own_role_is_made_where_it_is_missing(aws: Aws) -> None:
    before = aws.iam.service_linked_role_exists("ecs.amazonaws.com")
    aws.iam.create_service_linked_role("ecs.amazonaws.com")

    assert (before, aws.iam.service_linked_role_exists("ecs.amazonaws.com")) == (False, True)


def test_oidc_providers_are_listed(aws: Aws) -> None:
    aws_account.client("iam", region_name=REGION).create_open_id_connect_provider(
        Url="https://token.actions.githubusercontent.com", ThumbprintList=["0" * 40]
    )

    assert aws.iam.oidc_providers() == (
        "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com",
    )


def test_a_queue_shows_how_much_waits(aws: Aws) -> None:
    sqs = aws_account.client("sqs", region_name=REGION)
    url = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    for body in ("a", "b", "c"):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=60)
    sqs.receive_message(QueueUrl=url)

    assert aws.sqs.depth(url) == Depth(waiting=2, in_flight=1, delayed=1)


def test_the_depth_of_no_queue_is_not_found(aws: Aws) -> None:
    with pytest.raises(NotFound):
        aws.sqs.depth("https://sqs.eu-west-1.amazonaws.com/123456789012/absent")


def test_tagged_resources_carry_exactly_the_tags_asked_for(aws: Aws) -> None:
    sqs = aws_account.client("sqs", region_name=REGION)
    tags = {"yard:environment": "staging", "yard:part": "reviews-release"}
    sqs.create_queue(QueueName="jobs", tags=tags)
    sqs.create_queue(QueueName="others", tags={"yard:environment": "staging-2"})

    assert aws.tagging.resources({"yard:environment": "staging"}) == (
        TaggedResource("arn:aws:sqs:eu-west-1:123456789012:jobs", tags),
    )
