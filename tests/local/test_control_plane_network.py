"""Network, identity and hosts of a stack as describe calls show them: nothing is dropped."""

from __future__ import annotations

import json

from tests.local.deployed import TAG, Deployed, fields
from tests.local.templates import POLICY


def test_a_vpc_keeps_its_dns_settings(stack: Deployed) -> None:
    found = [
        stack.call("ec2", "describe_vpc_attribute", VpcId=stack.ids["Vpc"], Attribute=name)[key]["Value"]
        for name, key in (
            ("enableDnsHostnames", "EnableDnsHostnames"),
            ("enableDnsSupport", "EnableDnsSupport"),
        )
    ]

    assert found == [True, True]


def test_subnets_keep_zone_range_and_public_addresses(stack: Deployed) -> None:
    wanted = [stack.ids["PublicB"], stack.ids["PrivateA"]]

    found = stack.call("ec2", "describe_subnets", SubnetIds=wanted)["Subnets"]

    assert sorted(
        (each["CidrBlock"], each["AvailabilityZone"], each["MapPublicIpOnLaunch"]) for each in found
    ) == [
        ("10.20.1.0/24", "eu-west-1b", True),
        ("10.20.10.0/24", "eu-west-1a", False),
    ]


def test_routes_lead_to_the_gateways(stack: Deployed) -> None:
    wanted = [stack.ids["PublicRoutes"], stack.ids["PrivateRoutes"]]

    tables = stack.call("ec2", "describe_route_tables", RouteTableIds=wanted)["RouteTables"]

    routes = {
        table["RouteTableId"]: next(
            route for route in table["Routes"] if route["DestinationCidrBlock"] == "0.0.0.0/0"
        )
        for table in tables
    }
    assert routes[stack.ids["PublicRoutes"]]["GatewayId"] == stack.ids["Gateway"]
    assert routes[stack.ids["PrivateRoutes"]]["NatGatewayId"] == stack.ids["Nat"]
    associated = {
        table["RouteTableId"]: [each["SubnetId"] for each in table["Associations"]] for table in tables
    }
    assert associated[stack.ids["PublicRoutes"]] == [stack.ids["PublicA"]]


def test_a_nat_gateway_has_the_stacks_address(stack: Deployed) -> None:
    found = stack.call("ec2", "describe_nat_gateways", NatGatewayIds=[stack.ids["Nat"]])["NatGateways"][0]

    assert found["NatGatewayAddresses"][0]["PublicIp"] == stack.ids["Address"]
    assert fields(found, "SubnetId", "ConnectivityType", "State") == {
        "SubnetId": stack.ids["PublicA"],
        "ConnectivityType": "public",
        "State": "available",
    }


def test_security_groups_hold_their_own_rules_and_those_that_stand_alone(stack: Deployed) -> None:
    wanted = [stack.ids["Hosts"], stack.ids["Balancer"]]

    groups = stack.call("ec2", "describe_security_groups", GroupIds=wanted)["SecurityGroups"]

    found = {group["GroupId"]: group for group in groups}
    hosts, balancer = (found[identifier] for identifier in wanted)
    pair = hosts["IpPermissions"][0]["UserIdGroupPairs"][0]
    assert fields(hosts["IpPermissions"][0], "FromPort", "ToPort") == {"FromPort": 32768, "ToPort": 60999}
    assert (pair["GroupId"], pair["Description"]) == (stack.ids["Balancer"], "dynamic ports")
    assert balancer["IpPermissions"][0]["IpRanges"] == [{"CidrIp": "0.0.0.0/0", "Description": "https"}]
    out = [pair for rule in balancer["IpPermissionsEgress"] for pair in rule["UserIdGroupPairs"]]
    assert [(each["GroupId"], each["Description"]) for each in out] == [(stack.ids["Hosts"], "to hosts")]


def test_endpoints_keep_policy_routes_and_groups(stack: Deployed) -> None:
    gateway = stack.call("ec2", "describe_vpc_endpoints", VpcEndpointIds=[stack.ids["S3Endpoint"]])[
        "VpcEndpoints"
    ][0]
    connect = stack.call("ec2", "describe_instance_connect_endpoints")["InstanceConnectEndpoints"][0]

    assert json.loads(gateway["PolicyDocument"]) == POLICY
    assert fields(gateway, "RouteTableIds", "VpcEndpointType") == {
        "RouteTableIds": [stack.ids["PrivateRoutes"]],
        "VpcEndpointType": "Gateway",
    }
    assert fields(
        connect, "InstanceConnectEndpointId", "SubnetId", "SecurityGroupIds", "PreserveClientIp"
    ) == {
        "InstanceConnectEndpointId": stack.ids["Connect"],
        "SubnetId": stack.ids["PrivateA"],
        "SecurityGroupIds": [stack.ids["Hosts"]],
        "PreserveClientIp": False,
    }


def test_a_role_keeps_path_boundary_and_all_its_policies(stack: Deployed) -> None:
    name = stack.ids["Role"]

    role = stack.call("iam", "get_role", RoleName=name)["Role"]
    inline = stack.call("iam", "list_role_policies", RoleName=name)["PolicyNames"]
    attached = stack.call("iam", "list_attached_role_policies", RoleName=name)["AttachedPolicies"]

    assert fields(role, "Path", "MaxSessionDuration", "Description") == {
        "Path": "/estaleiro/test/",
        "MaxSessionDuration": 7200,
        "Description": "a host's role",
    }
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == stack.ids["Boundary"]
    assert sorted(inline) == ["alone", "apart", "inline"]
    assert [each["PolicyArn"] for each in attached] == [stack.ids["Boundary"]]


def test_an_instance_profile_is_referred_to_by_name(stack: Deployed) -> None:
    found = stack.call("iam", "get_instance_profile", InstanceProfileName=stack.ids["Profile"])[
        "InstanceProfile"
    ]

    assert (found["Path"], [role["RoleName"] for role in found["Roles"]]) == (
        "/estaleiro/test/",
        [stack.ids["Role"]],
    )


def test_an_identity_provider_keeps_clients_and_thumbprints(stack: Deployed) -> None:
    arn = stack.ids["Oidc"]

    found = stack.call("iam", "get_open_id_connect_provider", OpenIDConnectProviderArn=arn)

    assert fields(found, "ClientIDList", "ThumbprintList") == {
        "ClientIDList": ["sts.amazonaws.com"],
        "ThumbprintList": ["6938fd4d98bab03faadb97b34396831e3780aea1"],
    }


def test_a_key_rotates_and_has_its_alias(stack: Deployed) -> None:
    key = stack.ids["Key"]

    rotates = stack.call("kms", "get_key_rotation_status", KeyId=key)["KeyRotationEnabled"]
    aliases = stack.call("kms", "list_aliases")["Aliases"]

    assert rotates is True
    assert ("alias/estaleiro-test", key) in [(each["AliasName"], each["TargetKeyId"]) for each in aliases]


def test_a_group_of_hosts_keeps_its_mixed_instances_policy(stack: Deployed) -> None:
    found = stack.call(
        "autoscaling", "describe_auto_scaling_groups", AutoScalingGroupNames=[stack.ids["Group"]]
    )

    group = found["AutoScalingGroups"][0]
    names = (
        "MinSize",
        "MaxSize",
        "DesiredCapacity",
        "CapacityRebalance",
        "MaxInstanceLifetime",
        "DefaultInstanceWarmup",
    )
    assert [group[name] for name in names] == [0, 4, 0, True, 604800, 60]
    policy = group["MixedInstancesPolicy"]
    assert (
        policy["LaunchTemplate"]["LaunchTemplateSpecification"]["LaunchTemplateId"] == stack.ids["Template"]
    )
    assert policy["InstancesDistribution"]["SpotAllocationStrategy"] == "price-capacity-optimized"
    assert group["VPCZoneIdentifier"] == f"{stack.ids['PrivateA']},{stack.ids['PrivateB']}"
    assert {tag["Key"] for tag in group["Tags"] if tag["PropagateAtLaunch"]} >= {"Name", TAG["Key"]}


def test_a_launch_template_keeps_all_its_data(stack: Deployed) -> None:
    found = stack.call("ec2", "describe_launch_template_versions", LaunchTemplateId=stack.ids["Template"])

    data = found["LaunchTemplateVersions"][0]["LaunchTemplateData"]
    assert fields(data["MetadataOptions"], "HttpTokens", "HttpPutResponseHopLimit") == {
        "HttpTokens": "required",
        "HttpPutResponseHopLimit": 2,
    }
    assert data["BlockDeviceMappings"][0]["Ebs"] == {"VolumeSize": 30, "VolumeType": "gp3", "Encrypted": True}
    assert data["SecurityGroupIds"] == [stack.ids["Hosts"]]
