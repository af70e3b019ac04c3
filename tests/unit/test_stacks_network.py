"""Networks, doors, hosts and databases: what is reachable from where, and what everything runs on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infra.stacks.network import cidrs
from infra.stacks.placeholders import user_data
from tests.shipyard import all_stacks, properties, stack, template


def _rules(environment: str) -> set[tuple[str, str, int, int]]:
    return {
        (
            resource["Properties"]["SourceSecurityGroupId"]["Fn::GetAtt"][0].removesuffix("SecurityGroup"),
            resource["Properties"]["GroupId"]["Fn::GetAtt"][0].removesuffix("SecurityGroup"),
            resource["Properties"]["FromPort"],
            resource["Properties"]["ToPort"],
        )
        for resource in template(environment, "network")["Resources"].values()
        if resource["Type"] == "AWS::EC2::SecurityGroupIngress"
    }


def _count(environment: str, part: str, kind: str) -> int:
    return sum(resource["Type"] == kind for resource in template(environment, part)["Resources"].values())


def _output(environment: str, part: str, key: str) -> Any:
    return template(environment, part)["Outputs"][key]["Value"]


def test_a_third_zone_moves_no_subnet_of_the_first_two() -> None:
    two, three = cidrs("10.4.0.0/16", 2), cidrs("10.4.0.0/16", 3)

    assert two == (("10.4.0.0/20", "10.4.16.0/20"), ("10.4.64.0/18", "10.4.128.0/18"))
    assert [kind[:2] for kind in three] == list(two)


def test_hosts_take_dynamic_ports_from_balancers_alone_and_the_database_takes_tasks_alone() -> None:
    assert _rules("staging") == {
        ("Edge", "Tasks", 32768, 65535),
        ("Internal", "Tasks", 32768, 65535),
        ("Tasks", "Internal", 80, 80),
        ("Tasks", "Database", 5432, 5432),
        ("Connect", "Tasks", 22, 22),
    }


def test_on_fargate_only_the_ports_of_the_services_are_open() -> None:
    assert _rules("fargate") == {
        ("Edge", "Tasks", 8080, 8080),
        ("Edge", "Tasks", 9000, 9000),
        ("Internal", "Tasks", 8080, 8080),
        ("Internal", "Tasks", 9000, 9000),
        ("Tasks", "Internal", 80, 80),
        ("Tasks", "Database", 5432, 5432),
    }


@pytest.mark.parametrize(
    ("environment", "gateways", "groups", "place"),
    [("local", 0, 0, "Public"), ("staging", 0, 1, "Private"), ("production", 3, 0, "Private")],
)
def test_private_subnets_have_the_way_out_that_is_configured(
    environment: str, gateways: int, groups: int, place: str
) -> None:
    zones = 3 if environment == "production" else 2
    subnets = [{"Ref": f"{place}Subnet{zone}"} for zone in range(1, zones + 1)]

    assert _count(environment, "network", "AWS::EC2::NatGateway") == gateways
    assert _count(environment, "network", "AWS::AutoScaling::AutoScalingGroup") == groups
    assert _output(environment, "network", "TaskSubnetIds") == {"Fn::Join": [",", subnets]}


def test_the_nat_host_may_write_only_the_routes_of_this_network() -> None:
    role = properties("staging", "network", "NatRole")
    routes, itself = role["Policies"][0]["PolicyDocument"]["Statement"]

    assert [resource["Fn::Sub"][1] for resource in routes["Resource"]] == [
        {"Table": {"Ref": "PrivateRoutes1"}},
        {"Table": {"Ref": "PrivateRoutes2"}},
    ]
    assert itself["Condition"]["StringEquals"]["aws:ResourceTag/shipyard:environment"] == "staging"


def test_a_network_that_exists_is_used_and_not_made() -> None:
    types = {resource["Type"] for resource in template("coreos", "network")["Resources"].values()}

    assert types == {
        "AWS::EC2::SecurityGroup",
        "AWS::EC2::SecurityGroupEgress",
        "AWS::EC2::SecurityGroupIngress",
    }
    assert _output("coreos", "network", "VpcId") == "vpc-0123456789abcdef0"


def test_plain_http_only_leads_to_https_where_there_is_a_domain() -> None:
    redirect = properties("production", "edge", "RedirectListener")["DefaultActions"][0]
    listener = properties("production", "edge", "PublicListener")

    assert redirect["RedirectConfig"] == {"Port": "443", "Protocol": "HTTPS", "StatusCode": "HTTP_301"}
    assert (listener["Port"], listener["SslPolicy"]) == (443, "ELBSecurityPolicy-TLS13-1-2-Res-2021-06")
    assert properties("production", "edge", "Certificate")["ValidationMethod"] == "DNS"
    assert _output("production", "edge", "Url") == "https://example.org"


def test_a_certificate_that_exists_is_used() -> None:
    listener = properties("fargate", "edge", "PublicListener")

    assert listener["Certificates"][0]["CertificateArn"].startswith("arn:aws:acm:eu-west-1:111122223333:")
    assert _count("fargate", "edge", "AWS::CertificateManager::Certificate") == 0


def test_without_a_domain_the_balancer_answers_plain_http_under_its_own_name() -> None:
    assert properties("local", "edge", "PublicListener")["Port"] == 80
    assert _output("local", "edge", "Url") == {
        "Fn::Join": ["", ["http://", {"Fn::GetAtt": ["PublicBalancer", "DNSName"]}]]
    }


def test_a_request_for_nobody_is_answered_with_a_problem_document() -> None:
    for listener in ("PublicListener", "InternalListener"):
        fixed = properties("staging", "edge", listener)["DefaultActions"][0]["FixedResponseConfig"]

        assert (fixed["StatusCode"], fixed["ContentType"]) == ("503", "application/json")
        assert json.loads(fixed["MessageBody"]) == {
            "type": "about:blank",
            "title": "Service Unavailable",
            "status": 503,
        }


def test_every_service_name_leads_to_the_internal_balancer() -> None:
    assert properties("staging", "edge", "InternalZone")["Name"] == "staging.internal"
    assert properties("staging", "edge", "InternalNames")["Name"] == "*.staging.internal"


def test_hosts_scale_themselves_and_drain_before_they_go() -> None:
    provider = properties("staging", "cluster", "CapacityProvider")["AutoScalingGroupProvider"]
    hosts = template("staging", "cluster")["Resources"]["Hosts"]

    assert provider["ManagedDraining"] == "ENABLED"
    assert provider["ManagedTerminationProtection"] == "DISABLED"
    assert hosts["Properties"]["NewInstancesProtectedFromScaleIn"] is False
    assert "DesiredCapacity" not in hosts["Properties"]
    assert hosts["DependsOn"] == ["Cluster", "HostProfile"]


def test_spot_is_bought_where_it_is_wanted() -> None:
    def distribution(environment: str) -> dict[str, Any]:
        policy = properties(environment, "cluster", "Hosts")["MixedInstancesPolicy"]
        kinds = [override["InstanceType"] for override in policy["LaunchTemplate"]["Overrides"]]
        return {
            "kinds": kinds,
            "on_demand": policy["InstancesDistribution"]["OnDemandPercentageAboveBaseCapacity"],
        }

    assert distribution("staging") == {"kinds": ["t3.medium", "t3a.medium"], "on_demand": 0}
    assert distribution("production") == {"kinds": ["m7i.large", "m6i.large"], "on_demand": 100}


def test_on_fargate_there_are_no_hosts() -> None:
    assert set(template("fargate", "cluster")["Resources"]) == {"Cluster", "Capacity"}


def test_a_host_learns_its_cluster_from_cloudformation() -> None:
    data = properties("staging", "cluster", "HostTemplate")["LaunchTemplateData"]["UserData"]
    pieces = data["Fn::Base64"]["Fn::Join"][1]

    whole = "".join(piece if isinstance(piece, str) else "NAME" for piece in pieces)
    files = {file["path"]: file["contents"]["source"] for file in json.loads(whole)["storage"]["files"]}

    assert [piece for piece in pieces if not isinstance(piece, str)] == [{"Ref": "Cluster"}]
    assert "%0AECS_CLUSTER%3DNAME%0A" in files["/etc/ecs/ecs.config"]


def test_a_placeholder_that_nobody_fills_is_an_error() -> None:
    with pytest.raises(KeyError, match="CLUSTER"):
        user_data("name=@CLUSTER@", {})


def test_the_database_forces_tls_and_manages_its_own_master_password() -> None:
    database = properties("production", "database", "Database")
    parameters = properties("production", "database", "Parameters")

    assert parameters["Family"] == "postgres17"
    assert parameters["Parameters"]["rds.force_ssl"] == "1"
    assert database["ManageMasterUserPassword"] is True
    assert database["StorageEncrypted"] is True
    assert database["CACertificateIdentifier"] == "rds-ca-rsa2048-g1"
    assert database["EnableCloudwatchLogsExports"] == ["postgresql"]
    assert "MasterUserPassword" not in database


def test_nothing_is_exported_to_log_groups_that_would_outlive_the_environment() -> None:
    assert "EnableCloudwatchLogsExports" not in properties("staging", "database", "Database")


def test_dedicated_databases_take_the_place_of_the_shared_one() -> None:
    parts = [one.part for one in all_stacks("fargate") if "database" in one.part]

    assert parts == ["movies-database", "reviews-database", "tokens-database"]


def test_alarms_are_mailed_where_there_is_an_address() -> None:
    assert properties("production", "observability", "Email")["Endpoint"] == "operators@example.org"
    assert "Email" not in template("staging", "observability")["Resources"]


def test_the_dashboard_finds_what_it_shows_by_exact_tag() -> None:
    body = json.loads(properties("staging", "observability", "Dashboard")["DashboardBody"])
    labels = [widget["properties"]["labels"] for widget in body["widgets"] if widget["type"] == "explorer"]

    assert labels
    assert all(label == [{"key": "shipyard:environment", "value": "staging"}] for label in labels)


def test_stacks_stand_in_the_order_in_which_they_can_be_deployed() -> None:
    assert [one.part for one in all_stacks("staging")] == [
        "account",
        "network",
        "observability",
        "cluster",
        "database",
        "edge",
        "mailer-release",
        "movies-release",
        "reviews-release",
        "tokens-release",
        "gateway-release",
        "tokens",
        "movies",
        "reviews",
        "mailer",
        "gateway",
    ]
    assert stack("staging", "database").needs == {"network", "observability"}
