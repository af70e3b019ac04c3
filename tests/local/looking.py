"""Looking at a deployed resource as AWS would show it, and finding what its template said: type by type the calls,
property by property the comparison."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import botocore.exceptions

from tests.local.cloud import ACCOUNT, REGION, Cloud

UNKNOWN = "(known to the stack's engine alone)"
"""That there is a value at all is what is looked at then."""

# What a template and a description call differently: the last word of a property, and of the same thing described.
SPOKEN_OTHERWISE = {
    "enablekeyrotation": "keyrotationenabled",
    "exposedheaders": "exposeheaders",
    "maxage": "maxageseconds",
    "cidrip": "cidr",
    "destinationsecuritygroupid": "groupid",
    "sourcesecuritygroupid": "groupid",
    "enableperformanceinsights": "performanceinsightsenabled",
    "enablecloudwatchlogsexports": "enabledcloudwatchlogsexports",
    "managemasteruserpassword": "masterusersecret",
    "placementstrategies": "placementstrategy",
    "vpcsecuritygroups": "vpcsecuritygroupid",
    "vpczoneidentifier": "vpczoneidentifier",
    "expirationindays": "days",
    "groupdescription": "description",
    "subnets": "subnetid",
    "cluster": "clusterarn",
    "family": "dbparametergroupfamily",
    "repositorypolicytext": "policytext",
}


@dataclass(frozen=True)
class Leaf:
    """One value of a template: where it stands, `[]` for each list, and what it is once references are resolved."""

    path: str
    value: Any

    @property
    def name(self) -> str:
        """The last word of the path."""
        return self.path.replace("[]", "").rpartition(".")[2].lower()


@dataclass(frozen=True)
class Resource:
    """A deployed resource. `properties` are the template's, with references resolved where that can be done here."""

    type: str
    title: str
    id: str
    properties: Mapping[str, Any]

    def leaves(self) -> list[Leaf]:
        """All that its template says of it."""
        return list(leaves(self.properties))


def leaves(value: Any, path: str = "") -> Iterator[Leaf]:
    """Yield the values of a template, or of a description."""
    if isinstance(value, str) and value[:1] in "{[" and value[-1:] in "}]":
        with contextlib.suppress(ValueError):
            value = json.loads(value)
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from leaves(inner, f"{path}[]")
    elif path:
        yield Leaf(path, value)


def resolved(value: Any, known: Mapping[str, Any]) -> Any:
    """Return a template's value with `Ref` filled in; UNKNOWN where only the engine can."""
    if isinstance(value, list):
        return [one for one in (resolved(inner, known) for inner in value) if one is not None]
    if not isinstance(value, Mapping):
        return value
    if value.keys() == {"Ref"}:
        name = value["Ref"]
        return None if name == "AWS::NoValue" else known.get(name, UNKNOWN)
    if value.keys() == {"Fn::GetAtt"} and value["Fn::GetAtt"][1] == "GroupId":
        return known.get(value["Fn::GetAtt"][0], UNKNOWN)  # a security group's, which is its physical id
    if len(value) == 1 and next(iter(value)).startswith("Fn::"):
        return UNKNOWN
    filled = {key: resolved(inner, known) for key, inner in value.items()}
    return {key: inner for key, inner in filled.items() if inner is not None}


class Description:
    """What the calls for one resource answered: every value under its key, in lower case."""

    def __init__(self, answers: list[Any]) -> None:
        found = [leaf for answer in answers for leaf in leaves(answer, "answer")]
        self._pairs = {(leaf.name, _plain(leaf.value)) for leaf in found}
        self._values = {_plain(leaf.value) for leaf in found}
        self._words = {word.lower() for leaf in found for word in leaf.path.replace("[]", "").split(".")}

    def shows(self, leaf: Leaf) -> bool:
        """Tell whether a value is there: under its name, or anywhere where it is a name that nothing else has."""
        name = SPOKEN_OTHERWISE.get(leaf.name, leaf.name)
        if leaf.value is UNKNOWN or name == "masterusersecret":
            return name in self._words or leaf.name in self._words
        value = _plain(leaf.value)
        named = (name, value) in self._pairs or (leaf.name, value) in self._pairs
        listed = isinstance(leaf.value, str) and "," in value and leaf.path[-1:] != "]"
        if listed and all(part in self._values for part in value.split(",")):
            return True  # a parameter that is a list
        return named or (len(value) > 10 and any(value in other for other in self._values))


def _plain(value: Any) -> str:
    """One spelling for what is the same: `True` and `true`, `80` and `80.0`."""
    text = str(value).lower()
    return text.removesuffix(".0")


Calls = Callable[[Cloud, Resource], list[Any]]


def described(service: str, operation: str, *, id: str = "", ids: str = "", **more: Any) -> Calls:
    """A call that names the resource in the parameter `id` or `ids`, or else answers with many, of which those that
    mention it count."""

    def calls(cloud: Cloud, one: Resource) -> list[Any]:
        asked = dict(more) | ({id: one.id} if id else {}) | ({ids: [one.id]} if ids else {})
        answer = getattr(cloud.client(service), operation)(**asked)
        answer.pop("ResponseMetadata", None)
        return [answer] if id or ids else mentioning(answer, one.id)

    return calls


def mentioning(answer: Mapping[str, Any], id: str) -> list[Any]:
    """Return the entries of an answer's lists in which an id stands."""
    entries = [entry for value in answer.values() if isinstance(value, list) for entry in value]
    return [entry for entry in entries if id in json.dumps(entry, default=str)]


def both(*several: Calls) -> Calls:
    return lambda cloud, one: [answer for calls in several for answer in calls(cloud, one)]


def of(property: str, calls: Calls) -> Calls:
    """The same calls for the resource that a property names: the first one, where it is a list."""

    def look(cloud: Cloud, one: Resource) -> list[Any]:
        named = one.properties[property]
        id = named[0] if isinstance(named, list) else named
        return calls(cloud, Resource(one.type, one.title, str(id), one.properties))

    return look


def _role_policies(cloud: Cloud, one: Resource) -> list[Any]:
    iam = cloud.client("iam")
    names = iam.list_role_policies(RoleName=one.id)["PolicyNames"]
    return [iam.get_role_policy(RoleName=one.id, PolicyName=name) for name in names]


def _managed_policy(cloud: Cloud, one: Resource) -> list[Any]:
    iam = cloud.client("iam")
    policy = iam.get_policy(PolicyArn=one.id)["Policy"]
    return [policy, iam.get_policy_version(PolicyArn=one.id, VersionId=policy["DefaultVersionId"])]


def _vpc(cloud: Cloud, one: Resource) -> list[Any]:
    ec2 = cloud.client("ec2")
    answers = [
        ec2.describe_vpc_attribute(VpcId=one.id, Attribute=name)
        for name in ("enableDnsSupport", "enableDnsHostnames")
    ]
    values = {
        key: value["Value"] for answer in answers for key, value in answer.items() if key.startswith("Enable")
    }
    return [*ec2.describe_vpcs(VpcIds=[one.id])["Vpcs"], values]


def _linked_role(cloud: Cloud, one: Resource) -> list[Any]:
    roles = cloud.client("iam").list_roles(PathPrefix="/aws-service-role/")["Roles"]
    return [{"AWSServiceName": role["Path"].split("/")[2]} for role in roles]


def _key_policy(cloud: Cloud, one: Resource) -> list[Any]:
    text = cloud.client("kms").get_key_policy(KeyId=one.id, PolicyName="default")["Policy"]
    return [{"KeyPolicy": json.loads(text)}]


def _secret(cloud: Cloud, one: Resource) -> list[Any]:
    """The rules for a generated value are seen in the value."""
    secrets = cloud.client("secretsmanager")
    text = secrets.get_secret_value(SecretId=one.id)["SecretString"]
    key = one.properties.get("GenerateSecretString", {}).get("GenerateStringKey")
    rest = json.loads(text) if key else {}
    made = rest.pop(key) if key else text
    seen = {
        "PasswordLength": len(made),
        "ExcludePunctuation": made.isalnum(),
        "GenerateStringKey": key,
        "SecretStringTemplate": rest,
    }
    return [secrets.describe_secret(SecretId=one.id), seen]


def _rule_of_group(cloud: Cloud, one: Resource) -> list[Any]:
    groups = cloud.client("ec2").describe_security_groups(GroupIds=[one.properties["GroupId"]])[
        "SecurityGroups"
    ]
    return [*groups, {"GroupId": one.properties["GroupId"]}]


def _attachment(cloud: Cloud, one: Resource) -> list[Any]:
    found = cloud.client("ec2").describe_internet_gateways(
        InternetGatewayIds=[one.properties["InternetGatewayId"]]
    )
    return list(found["InternetGateways"])


def _scheduled(cloud: Cloud, one: Resource) -> list[Any]:
    return [cloud.client("scheduler").get_schedule(Name=one.id.rpartition("/")[2])]


def _ecs_service(cloud: Cloud, one: Resource) -> list[Any]:
    found = cloud.client("ecs").describe_services(cluster=one.id.split("/")[1], services=[one.id])
    return list(found["services"])


def _scalable(operation: str) -> Calls:
    """Targets and policies of scaling are known by what they scale; a target's id is made of that."""

    def calls(cloud: Cloud, one: Resource) -> list[Any]:
        target = str(one.properties.get("ScalingTargetId", one.id))
        answer = getattr(cloud.client("application-autoscaling"), operation)(ServiceNamespace="ecs")
        found = mentioning(answer, target.split("|")[0])
        return found + [
            {
                "ScalingTargetId": "|".join(
                    each[key] for key in ("ResourceId", "ScalableDimension", "ServiceNamespace")
                )
            }
            for each in found
        ]

    return calls


def _listener_rule(cloud: Cloud, one: Resource) -> list[Any]:
    listener = one.properties["ListenerArn"]
    return [
        {"ListenerArn": listener},
        *mentioning(cloud.client("elbv2").describe_rules(ListenerArn=listener), one.id),
    ]


def _instance(cloud: Cloud, one: Resource) -> list[Any]:
    (found,) = cloud.client("rds").describe_db_instances(DBInstanceIdentifier=one.id)["DBInstances"]
    return [found, {"EngineVersion": found["EngineVersion"].partition(".")[0]}]


def _subscription(cloud: Cloud, one: Resource) -> list[Any]:
    """What is not confirmed yet has no ARN of its own, as with AWS."""
    topic = one.properties["TopicArn"]
    return [cloud.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]]


def _targets_attributes(cloud: Cloud, one: Resource) -> list[Any]:
    return [cloud.client("elbv2").describe_target_group_attributes(TargetGroupArn=one.id)]


QUEUE = described("sqs", "get_queue_attributes", id="QueueUrl", AttributeNames=["All"])
TOPIC = described("sns", "get_topic_attributes", id="TopicArn")
ROUTES = described("ec2", "describe_route_tables", ids="RouteTableIds")
BUCKET_CORS = described("s3", "get_bucket_cors", id="Bucket")


def _cors(cloud: Cloud, one: Resource) -> list[Any]:
    """Asking a bucket that has no rules is an error."""
    return BUCKET_CORS(cloud, one) if "CorsConfiguration" in one.properties else []


BUCKET_POLICY = described("s3", "get_bucket_policy", id="Bucket")

LOOKS: dict[str, Calls] = {
    "ApplicationAutoScaling::ScalableTarget": _scalable("describe_scalable_targets"),
    "ApplicationAutoScaling::ScalingPolicy": _scalable("describe_scaling_policies"),
    "AutoScaling::AutoScalingGroup": described(
        "autoscaling", "describe_auto_scaling_groups", ids="AutoScalingGroupNames"
    ),
    "CertificateManager::Certificate": described("acm", "describe_certificate", id="CertificateArn"),
    "CloudWatch::Alarm": described("cloudwatch", "describe_alarms", ids="AlarmNames"),
    "CloudWatch::Dashboard": described("cloudwatch", "get_dashboard", id="DashboardName"),
    "EC2::EIP": described("ec2", "describe_addresses"),
    "EC2::InstanceConnectEndpoint": described("ec2", "describe_instance_connect_endpoints"),
    "EC2::InternetGateway": described("ec2", "describe_internet_gateways", ids="InternetGatewayIds"),
    "EC2::LaunchTemplate": described("ec2", "describe_launch_template_versions", id="LaunchTemplateId"),
    "EC2::NatGateway": described("ec2", "describe_nat_gateways", ids="NatGatewayIds"),
    "EC2::Route": of("RouteTableId", ROUTES),
    "EC2::RouteTable": ROUTES,
    "EC2::SecurityGroup": described("ec2", "describe_security_groups", ids="GroupIds"),
    "EC2::SecurityGroupEgress": _rule_of_group,
    "EC2::SecurityGroupIngress": _rule_of_group,
    "EC2::Subnet": described("ec2", "describe_subnets", ids="SubnetIds"),
    "EC2::SubnetRouteTableAssociation": of("RouteTableId", ROUTES),
    "EC2::VPC": _vpc,
    "EC2::VPCEndpoint": described("ec2", "describe_vpc_endpoints", ids="VpcEndpointIds"),
    "EC2::VPCGatewayAttachment": _attachment,
    "ECR::Repository": both(
        described("ecr", "describe_repositories", ids="repositoryNames"),
        described("ecr", "get_lifecycle_policy", id="repositoryName"),
        described("ecr", "get_repository_policy", id="repositoryName"),
    ),
    "ECS::CapacityProvider": described("ecs", "describe_capacity_providers", ids="capacityProviders"),
    "ECS::Cluster": described("ecs", "describe_clusters", ids="clusters", include=["SETTINGS"]),
    "ECS::ClusterCapacityProviderAssociations": of(
        "Cluster", described("ecs", "describe_clusters", ids="clusters")
    ),
    "ECS::Service": _ecs_service,
    "ECS::TaskDefinition": described("ecs", "describe_task_definition", id="taskDefinition"),
    "ElasticLoadBalancingV2::Listener": described("elbv2", "describe_listeners", ids="ListenerArns"),
    "ElasticLoadBalancingV2::ListenerRule": _listener_rule,
    "ElasticLoadBalancingV2::LoadBalancer": both(
        described("elbv2", "describe_load_balancers", ids="LoadBalancerArns"),
        described("elbv2", "describe_load_balancer_attributes", id="LoadBalancerArn"),
    ),
    "ElasticLoadBalancingV2::TargetGroup": both(
        described("elbv2", "describe_target_groups", ids="TargetGroupArns"), _targets_attributes
    ),
    "IAM::InstanceProfile": described("iam", "get_instance_profile", id="InstanceProfileName"),
    "IAM::ManagedPolicy": _managed_policy,
    "IAM::OIDCProvider": described("iam", "get_open_id_connect_provider", id="OpenIDConnectProviderArn"),
    "IAM::Role": both(
        described("iam", "get_role", id="RoleName"),
        described("iam", "list_attached_role_policies", id="RoleName"),
        _role_policies,
    ),
    "IAM::ServiceLinkedRole": _linked_role,
    "KMS::Key": both(
        described("kms", "describe_key", id="KeyId"),
        _key_policy,
        described("kms", "get_key_rotation_status", id="KeyId"),
    ),
    "Logs::LogGroup": described("logs", "describe_log_groups", id="logGroupNamePrefix"),
    "RDS::DBInstance": _instance,
    "RDS::DBParameterGroup": both(
        described("rds", "describe_db_parameter_groups", id="DBParameterGroupName"),
        lambda cloud, one: [
            {parameter["ParameterName"]: parameter.get("ParameterValue")}
            for parameter in cloud.client("rds").describe_db_parameters(DBParameterGroupName=one.id)[
                "Parameters"
            ]
        ],
    ),
    "RDS::DBSubnetGroup": described("rds", "describe_db_subnet_groups", id="DBSubnetGroupName"),
    "Route53::HostedZone": described("route53", "get_hosted_zone", id="Id"),
    "Route53::RecordSet": both(
        of("HostedZoneId", described("route53", "list_resource_record_sets", id="HostedZoneId")),
        of("HostedZoneId", described("route53", "get_hosted_zone", id="Id")),
    ),
    "S3::Bucket": both(
        lambda cloud, one: [{"BucketName": one.id}],
        _cors,
        described("s3", "get_bucket_encryption", id="Bucket"),
        described("s3", "get_bucket_lifecycle_configuration", id="Bucket"),
        described("s3", "get_bucket_ownership_controls", id="Bucket"),
        described("s3", "get_public_access_block", id="Bucket"),
        described("s3", "get_bucket_versioning", id="Bucket"),
    ),
    "S3::BucketPolicy": both(
        of("Bucket", BUCKET_POLICY), lambda cloud, one: [{"Bucket": one.properties["Bucket"]}]
    ),
    "SNS::Subscription": _subscription,
    "SNS::Topic": TOPIC,
    "SNS::TopicPolicy": of("Topics", TOPIC),
    "SQS::Queue": QUEUE,
    "SQS::QueuePolicy": both(of("Queues", QUEUE), lambda cloud, one: [{"Queues": one.properties["Queues"]}]),
    "Scheduler::Schedule": _scheduled,
    "SecretsManager::Secret": _secret,
}

PSEUDO = {
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
}


def look(cloud: Cloud, one: Resource) -> Description:
    """Ask the cloud for a resource as a user of its API would; a call that is refused shows nothing."""
    try:
        return Description(LOOKS[one.type.removeprefix("AWS::")](cloud, one))
    except botocore.exceptions.ClientError as error:
        return Description([{"refused": str(error)}])
