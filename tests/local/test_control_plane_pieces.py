"""The control plane's pieces by themselves: wire format, schemas, watched properties; no engine, no network."""

from __future__ import annotations

import copy
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import botocore.parsers
import botocore.serialize
import pytest
import requests
from cryptography import x509

from infra.local import trust, wire
from infra.local.cloudformation import api, schema
from infra.local.cloudformation.watched import watch
from infra.local.errors import LocalCloudError
from infra.local.rds import watch as databases
from infra.local.rds.place import Record
from infra.local.settings import Settings


def sent(service: str, operation: str, values: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters of a request as botocore puts them on the wire."""
    model = wire.model(service)
    serializer = botocore.serialize.create_serializer(model.metadata["protocol"])
    request = serializer.serialize_to_request(values, model.operation_model(operation))
    return {key: [str(value)] for key, value in request["body"].items()}


def received(service: str, operation: str, result: dict[str, Any]) -> dict[str, Any]:
    """Return an answer of ours as botocore understands it."""
    model = wire.model(service)
    status, headers, body = wire.answer(service, operation, result)
    parser = botocore.parsers.create_parser(model.metadata["protocol"])
    shape = model.operation_model(operation).output_shape
    found = parser.parse({"body": body, "headers": headers, "status_code": status}, shape)
    found.pop("ResponseMetadata")
    return dict(found)


@pytest.mark.parametrize(
    ("service", "operation", "values"),
    [
        (
            "rds",
            "CreateDBInstance",
            {
                "DBInstanceIdentifier": "a",
                "DBInstanceClass": "db.t4g.micro",
                "Engine": "postgres",
                "AllocatedStorage": 20,
                "MultiAZ": False,
                "VpcSecurityGroupIds": ["sg-1", "sg-2"],
                "Tags": [{"Key": "k", "Value": "v"}],
            },
        ),
        ("ec2", "CreateInstanceConnectEndpoint", {"SubnetId": "subnet-1", "SecurityGroupIds": ["sg-1"]}),
        ("autoscaling", "DescribeAutoScalingGroups", {"AutoScalingGroupNames": ["a", "b"]}),
    ],
)
def test_a_request_is_read_as_it_was_meant(service: str, operation: str, values: dict[str, Any]) -> None:
    params = sent(service, operation, values)

    found = wire.parsed(service, operation, params)

    assert {key: found[key] for key in values} == values


@pytest.mark.parametrize(
    ("service", "operation", "result"),
    [
        (
            "rds",
            "CreateDBInstance",
            {
                "DBInstance": {
                    "DBInstanceIdentifier": "a<b",
                    "MultiAZ": True,
                    "TagList": [{"Key": "k", "Value": "&"}],
                }
            },
        ),
        (
            "ec2",
            "DescribeInstanceConnectEndpoints",
            {
                "InstanceConnectEndpoints": [
                    {"InstanceConnectEndpointId": "eice-1", "SecurityGroupIds": ["sg-1"]}
                ]
            },
        ),
        (
            "autoscaling",
            "DescribeAutoScalingGroups",
            {"AutoScalingGroups": [{"MinSize": 1, "Instances": []}]},
        ),
    ],
)
def test_an_answer_is_understood_as_it_was_meant(
    service: str, operation: str, result: dict[str, Any]
) -> None:
    assert received(service, operation, result) == result


def test_properties_take_the_spelling_and_types_of_the_api() -> None:
    shape = wire.model("scheduler").operation_model("CreateSchedule").input_shape
    properties = {
        "Name": "s",
        "Target": {"Arn": "a", "RoleArn": "r", "RetryPolicy": {"MaximumRetryAttempts": "2"}},
    }

    found = api.shaped(shape, properties, "CreateSchedule")

    assert found["Target"]["RetryPolicy"] == {"MaximumRetryAttempts": 2}


def test_a_property_that_the_api_lacks_is_refused() -> None:
    shape = wire.model("scheduler").operation_model("CreateSchedule").input_shape

    with pytest.raises(LocalCloudError, match=r"^the local cloud has no Tempo in CreateSchedule\.Target"):
        api.shaped(shape, {"Target": {"Tempo": 1}}, "CreateSchedule")


def test_only_what_nobody_looked_at_counts_as_dropped() -> None:
    properties = watch(
        {"Read": 1, "Unread": 2, "Part": {"Seen": 1, "Missed": {"Deep": 1}}, "Whole": {"Any": [1]}}
    )

    properties.get("Read"), properties["Part"]["Seen"], json.dumps(properties["Whole"])

    assert properties.unread() == ["Unread", "Part.Missed"]


def test_copying_properties_whole_counts_as_reading_all_of_them() -> None:
    properties = watch({"A": {"B": 1}, "C": [{"D": 2}]})

    copied = copy.deepcopy(properties)

    assert (copied, properties.unread()) == ({"A": {"B": 1}, "C": [{"D": 2}]}, [])


def test_what_replaces_a_resource_is_what_aws_says() -> None:
    assert schema.create_only("AWS::SQS::Queue") == ("FifoQueue", "QueueName")
    assert "Engine" in schema.sometimes_create_only("AWS::RDS::DBInstance")


@pytest.mark.parametrize(
    ("type_name", "properties", "problems"),
    [
        ("AWS::EC2::Subnet", {"VpcId": "v", "CidrBlock": "10.0.0.0/24"}, []),
        ("AWS::EC2::Subnet", {"CidrBlock": "10.0.0.0/24"}, ["#: required key [VpcId] not found"]),
        (
            "AWS::S3::Bucket",
            {"VersioningConfiguration": {"Status": "Enabled", "Mfa": "x"}},
            ["#/VersioningConfiguration: extraneous key [Mfa] is not permitted"],
        ),
    ],
)
def test_properties_are_checked_at_every_depth(
    type_name: str, properties: dict[str, Any], problems: list[str]
) -> None:
    assert schema.problems(type_name, properties) == problems


def test_a_database_that_cannot_be_looked_after_holds_up_no_other() -> None:
    attended = []

    def attend(record: Record) -> bool:
        attended.append(record["DBInstanceIdentifier"])
        if record["DBInstanceIdentifier"] == "first":
            raise requests.exceptions.ReadTimeout("the engine is busy")
        return True

    on_the_way = databases.look([{"DBInstanceIdentifier": name} for name in ("first", "second")], attend)

    assert (attended, on_the_way) == (["first", "second"], True)


def test_tasks_that_start_together_trust_the_authority_that_signs_for_databases(tmp_path: Path) -> None:
    for number in range(20):
        settings = Settings("cloud", tmp_path / str(number), "postgres")
        together = Barrier(4)

        def start(_: int, settings: Settings = settings, together: Barrier = together) -> Path:
            together.wait()
            return trust.bundle(settings)

        with ThreadPoolExecutor(4) as tasks:
            (bundle,) = set(tasks.map(start, range(4)))

        signed = x509.load_pem_x509_certificate(
            (trust.issue(settings, "db.internal") / "server.crt").read_bytes()
        )
        signed.verify_directly_issued_by(x509.load_pem_x509_certificate(bundle.read_bytes()))
