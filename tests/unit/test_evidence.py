"""What the checks look at: read through the wall, values never kept, what cannot be read said so."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from moto import mock_aws

from infra.aws import Aws, connect
from infra.aws.cloudformation import Drift
from infra.checks.facts import CertificateFact, Facts, Migrations, SecretFact, ZoneFact
from infra.checks.model import Unknown
from infra.errors import AwsError, EstaleiroError
from infra.evidence.fast import _resources, migrations, secret_fact
from infra.evidence.lint import linted
from infra.evidence.thorough import _account_is_current, _certificate, _zone
from infra.evidence.unknown import known
from infra.migrations.revisions import Revision, heads, pending, revisions
from infra.stacks.model import Stack
from infra.steps import Actual, Deployed
from tests import aws_account
from tests.aws_account import REGION, Clock, Script
from tests.builders import ROOT, write_tree
from tests.shipyard import all_stacks, config, stack

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


@pytest.fixture
def account() -> Iterator[Aws]:
    with mock_aws():
        yield connect(REGION, environ=CREDENTIALS)


def test_of_a_secret_only_the_names_of_its_keys_are_kept(account: Aws) -> None:
    account.secrets.put("login", json.dumps({"username": "a", "password": "hidden"}), {})
    account.secrets.put("text", "hidden", {})
    account.secrets.put("gone", "hidden", {})
    account.secrets.delete("gone", force=False)

    found = {name: secret_fact(account, name) for name in ("login", "text", "gone", "never")}

    assert found == {
        "login": SecretFact("readable", frozenset({"username", "password"})),
        "text": SecretFact("readable"),
        "gone": SecretFact("missing"),
        "never": SecretFact("missing"),
    }
    assert "hidden" not in repr(found)


def without_kms(template: str) -> str:
    """The account stack as it was before the boundary of its roles allowed KMS."""
    older = json.loads(template)
    document = older["Resources"]["Boundary"]["Properties"]["PolicyDocument"]
    document["Statement"] = [one for one in document["Statement"] if "kms:Decrypt" not in one["Action"]]
    return json.dumps(older)


@pytest.mark.filterwarnings("ignore:Tried to parse AWS..S3..BucketPolicy")
@pytest.mark.parametrize(
    ("deployed", "current"), [(lambda template: template, True), (without_kms, False)], ids=["this", "older"]
)
def test_an_account_is_current_when_bootstrap_would_leave_it(
    account: Aws, deployed: Callable[[str], str], current: bool
) -> None:
    wanted = stack("staging", "account")
    values = [
        {"ParameterKey": key, "ParameterValue": "false" if key.endswith("Missing") else ""}
        for key in wanted.parameters
    ]
    aws_account.client("cloudformation").create_stack(
        StackName=wanted.name, TemplateBody=deployed(wanted.template), Parameters=values
    )

    assert _account_is_current(account, config("staging")) is current


def test_who_may_not_read_a_secret_still_sees_that_it_is_there() -> None:
    script = (
        Script("secretsmanager")
        .refuses("get_secret_value", "AccessDeniedException", "no")
        .answers("describe_secret", {"Name": "login"})
    )

    with script.account() as aws:
        found = secret_fact(aws, "login")

    assert (found.state, found.keys) == ("unreadable", None)
    assert "not allowed to secretsmanager:GetSecretValue" in found.why


def test_a_certificate_and_a_zone_are_read_as_they_are(account: Aws) -> None:

    acm = aws_account.client("acm", REGION)
    arn = acm.request_certificate(DomainName="example.org", SubjectAlternativeNames=["*.example.org"])[
        "CertificateArn"
    ]
    route53 = aws_account.client("route53", REGION)
    zone = route53.create_hosted_zone(Name="example.org", CallerReference="1")["HostedZone"]["Id"].rpartition(
        "/"
    )[2]

    certificate = _certificate(account, arn)
    other = arn.replace("certificate/", "certificate/0")

    assert isinstance(certificate, CertificateFact)
    assert certificate.names == ("*.example.org", "example.org")
    assert _certificate(account, other) is None
    assert _zone(account, zone) == ZoneFact("example.org.", private=False)
    assert _zone(account, "Z0NOTTHERE") is None


def test_a_role_of_the_databases_stack_is_found_where_it_is_deployed(account: Aws) -> None:
    """Tasks take on a role that the database's stack makes, so that stack is read as the releases' are."""
    trust = {
        "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ecs-tasks"}}]
    }
    role = {
        "Type": "AWS::IAM::Role",
        "Properties": {"RoleName": "provisions", "AssumeRolePolicyDocument": trust},
    }
    aws_account.client("cloudformation", region_name=REGION).create_stack(
        StackName="yard-database",
        TemplateBody=json.dumps({"Resources": {"ProvisionRole": role}}),
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    deployed = Deployed("database", "yard-database", "CREATE_COMPLETE", "{}", {}, {}, {})
    facts = Facts(config("local"), all_stacks("local"), actual=Actual({"database": deployed}))

    assert _resources(account, facts, map) == {"database": {"ProvisionRole": "provisions"}}


def test_what_cannot_be_had_is_unknown_with_its_reason() -> None:
    def refused() -> int:
        raise EstaleiroError("not allowed")

    assert known(refused) == Unknown("not allowed")
    assert known(lambda: 1) == 1


def test_migrations_are_read_from_their_files(tmp_path: Path) -> None:
    write_tree(
        tmp_path,
        {
            "services/shop/migrations/versions/0001.py": '"""Goods."""\nrevision = "1"\ndown_revision = None\n',
            "services/shop/migrations/versions/0002.py": 'revision: str = "2"\ndown_revision: str = "1"\n',
            "services/shop/migrations/versions/0003.py": 'revision = "3"\ndown_revision = ("2", "1")\n',
            "services/shop/migrations/versions/notes.py": "x = 1\n",
        },
    )

    found = revisions(tmp_path, "shop")

    assert found == (Revision("1", (), "Goods."), Revision("2", ("1",)), Revision("3", ("2", "1")))
    assert heads(tmp_path, "shop") == ("3",)
    assert [one.id for one in pending(found, "2")] == ["3"]
    assert [one.id for one in pending(found, None)] == ["1", "2", "3"]


def test_a_service_whose_migration_nobody_heard_is_unknown() -> None:
    found = migrations(config("local"), ROOT, {"tokens": "0001"})

    assert found["tokens"].recorded == "0001"
    assert found["reviews"] == Migrations(
        frozenset(one.id for one in revisions(ROOT, "reviews")),
        heads(ROOT, "reviews"),
        Unknown("no migration has said where it is"),
    )


def test_a_template_is_linted_once(tmp_path: Path) -> None:
    asked: list[str] = []

    def lint(template: str, region: str) -> tuple[str, ...]:
        asked.append(template)
        return ("E3002 wrong",) if template == "bad" else ()

    stacks = [Stack("edge", "edge", "bad"), Stack("network", "network", "good")]
    first = linted(stacks, REGION, cache=tmp_path / "lint", lint=lint)
    second = linted(stacks, REGION, cache=tmp_path / "lint", lint=lint)

    assert first == second == {"edge": ("E3002 wrong",), "network": ()}
    assert asked == ["bad", "good"]


def test_drift_is_waited_for_and_read_page_by_page() -> None:
    clock = Clock()
    modified = {
        "StackId": "s", "LogicalResourceId": "Queue", "ResourceType": "AWS::SQS::Queue", "Timestamp": 0,
        "StackResourceDriftStatus": "MODIFIED",
        "PropertyDifferences": [{"PropertyPath": "/DelaySeconds", "ExpectedValue": "0", "ActualValue": "9",
                                 "DifferenceType": "NOT_EQUAL"}],
    }  # fmt: skip
    gone = {
        **modified,
        "LogicalResourceId": "Alarm",
        "StackResourceDriftStatus": "DELETED",
        "PropertyDifferences": [],
    }
    status = {"StackId": "s", "StackDriftDetectionId": "d", "Timestamp": 0}
    script = (
        Script("cloudformation")
        .answers("detect_stack_drift", {"StackDriftDetectionId": "d"})
        .answers(
            "describe_stack_drift_detection_status", {**status, "DetectionStatus": "DETECTION_IN_PROGRESS"}
        )
        .answers("describe_stack_drift_detection_status", {**status, "DetectionStatus": "DETECTION_COMPLETE"})
        .answers("describe_stack_resource_drifts", {"StackResourceDrifts": [modified], "NextToken": "n"})
        .answers("describe_stack_resource_drifts", {"StackResourceDrifts": [gone]})
    )

    with script.account() as aws:
        found = aws.cloudformation.drift("edge", clock=clock, sleep=clock.sleep)

    assert found == (
        Drift("Alarm", "AWS::SQS::Queue", "DELETED"),
        Drift("Queue", "AWS::SQS::Queue", "MODIFIED", ("DelaySeconds: is 9, not 0",)),
    )


def test_drift_that_cannot_be_told_says_why() -> None:
    status = {
        "StackId": "s",
        "StackDriftDetectionId": "d",
        "Timestamp": 0,
        "DetectionStatus": "DETECTION_FAILED",
    }
    script = (
        Script("cloudformation")
        .answers("detect_stack_drift", {"StackDriftDetectionId": "d"})
        .answers(
            "describe_stack_drift_detection_status", {**status, "DetectionStatusReason": "no permission"}
        )
    )

    with script.account() as aws, pytest.raises(AwsError, match="drift could not be told: no permission"):
        aws.cloudformation.drift("edge", clock=Clock(), sleep=Clock().sleep)
