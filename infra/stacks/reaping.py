"""What the reaper may do: look, bring to rest, wake and end; it makes nothing, and nothing protected is its to touch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from troposphere import Sub, iam

from infra import naming
from infra.config import Environment
from infra.stacks.policies import Statement, allow, document

# None of these can be narrowed to what is ours: an audit looks at everything.
LOOKS: Mapping[str, Sequence[str]] = {
    "acm": ("Describe*", "List*"),
    "application-autoscaling": ("Describe*", "ListTagsForResource"),
    "autoscaling": ("Describe*",),
    "cloudformation": ("Describe*", "Get*", "List*"),
    "cloudwatch": ("Describe*", "GetDashboard", "List*"),
    "ec2": ("Describe*",),
    "ecr": ("Describe*",),
    "ecs": ("Describe*", "List*"),
    "elasticloadbalancing": ("Describe*",),
    "iam": (
        "GetInstanceProfile",
        "GetRole",
        "ListAttachedRolePolicies",
        "ListInstanceProfiles",
        "ListRolePolicies",
        "ListRoles",
    ),
    "kms": ("DescribeKey", "ListKeys"),
    "logs": ("Describe*", "List*"),
    "rds": ("Describe*", "ListTagsForResource"),
    "route53": ("Get*", "List*"),
    "s3": ("ListAllMyBuckets",),
    "secretsmanager": ("DescribeSecret", "ListSecrets"),
    "sns": ("GetSubscriptionAttributes", "GetTopicAttributes", "List*"),
    "sqs": ("GetQueueAttributes", "ListQueues"),
    "tag": ("GetResources",),
}
# What ends, rests or wakes: the calls of the tool, and those of CloudFormation, which deletes with the caller's rights.
ENDS: Mapping[str, Sequence[str]] = {
    "acm": ("DeleteCertificate", "RemoveTagsFromCertificate"),
    "application-autoscaling": ("DeleteScalingPolicy", "DeregisterScalableTarget", "RegisterScalableTarget"),
    "autoscaling": (
        "CompleteLifecycleAction",
        "DeleteAutoScalingGroup",
        "SetInstanceProtection",
        "UpdateAutoScalingGroup",
    ),
    "cloudwatch": ("DeleteAlarms", "DeleteDashboards"),
    "ec2": (
        "DeleteInstanceConnectEndpoint",
        "DeleteInternetGateway",
        "DeleteLaunchTemplate",
        "DeleteNatGateway",
        "DeleteNetworkInterface",
        "DeleteRoute",
        "DeleteRouteTable",
        "DeleteSecurityGroup",
        "DeleteSubnet",
        "DeleteTags",
        "DeleteVolume",
        "DeleteVpc",
        "DeleteVpcEndpoints",
        "DetachInternetGateway",
        "DisassociateAddress",
        "DisassociateRouteTable",
        "ReleaseAddress",
        "RevokeSecurityGroup*",
        "TerminateInstances",
    ),
    "ecs": (
        "DeleteCapacityProvider",
        "DeleteCluster",
        "DeleteService",
        "DeleteTaskDefinitions",
        "DeregisterContainerInstance",
        "DeregisterTaskDefinition",
        "PutClusterCapacityProviders",
        "StopTask",
        "UpdateCapacityProvider",
        "UpdateService",
    ),
    "elasticloadbalancing": ("DeleteListener", "DeleteLoadBalancer", "DeleteRule", "DeleteTargetGroup"),
    "kms": ("ScheduleKeyDeletion",),
    "logs": ("DeleteDataProtectionPolicy", "DeleteLogGroup"),
    "rds": (
        "AddTagsToResource",
        "CreateDBSnapshot",
        "DeleteDBInstance",
        "DeleteDBParameterGroup",
        "DeleteDBSnapshot",
        "DeleteDBSubnetGroup",
        "ModifyDBInstance",
        "StartDBInstance",
        "StopDBInstance",
    ),
    "route53": ("ChangeResourceRecordSets", "DeleteHostedZone", "DeleteQueryLoggingConfig"),
    "secretsmanager": ("DeleteSecret", "RemoveRegionsFromReplication"),
    "sns": ("DeleteTopic", "SetTopicAttributes", "Unsubscribe"),
    "sqs": ("DeleteQueue", "SetQueueAttributes"),
}
# Services of no region.
GLOBAL = ("route53",)
ON_ROLES = ("DeleteRole", "DeleteRolePolicy", "DetachRolePolicy", "TagRole", "UntagRole")
ON_PROFILES = ("DeleteInstanceProfile", "RemoveRoleFromInstanceProfile")


def reaping_policies(environment: Environment, protected: Sequence[str]) -> list[iam.Policy]:
    """Return the task role's policies. `protected` are the environments that it must never change."""
    return [
        iam.Policy(PolicyName="look", PolicyDocument=document(allow(list(_actions(LOOKS)), "*"))),
        iam.Policy(PolicyName="end", PolicyDocument=document(*_ending(environment, protected))),
        iam.Policy(PolicyName="tool", PolicyDocument=document(*_tool(environment))),
    ]


def _actions(by_service: Mapping[str, Sequence[str]]) -> Iterator[str]:
    yield from (f"{service}:{verb}" for service, verbs in by_service.items() for verb in verbs)


def _ending(environment: Environment, protected: Sequence[str]) -> Iterator[Statement]:
    project = environment.project
    here = {"StringEquals": {"aws:RequestedRegion": environment.region}}
    stacks = "arn:${AWS::Partition}:cloudformation:${AWS::Region}:${AWS::AccountId}:stack/"
    stacks_of_account = (naming.account_stack_name(project), naming.reaper_stack_name(project))
    own = "arn:${AWS::Partition}:iam::${AWS::AccountId}:%s" + naming.role_path(project, "*")
    regional = {service: verbs for service, verbs in ENDS.items() if service not in GLOBAL}
    yield allow(list(_actions(regional)), "*", Condition=here)
    yield allow([f"route53:{verb}" for verb in ENDS["route53"]], "*")
    changes = ["cloudformation:DeleteStack", "cloudformation:UpdateTerminationProtection"]
    yield allow(changes, Sub(f"{stacks}{project}-*/*"))
    yield {
        "Effect": "Deny",
        "Action": changes,
        "Resource": [Sub(f"{stacks}{name}/*") for name in stacks_of_account],
    }
    yield allow([f"iam:{verb}" for verb in ON_ROLES], Sub(own % "role" + "*"))
    yield allow([f"iam:{verb}" for verb in ON_PROFILES], Sub(own % "instance-profile" + "*"))
    if protected:
        yield _never(project, protected)


def _never(project: str, protected: Sequence[str]) -> Statement:
    """Whatever a file, a tag or a mistake of ours says: AWS itself refuses where the thing carries that name."""
    return {
        "Effect": "Deny",
        "NotAction": list(_actions(LOOKS)),
        "Resource": "*",
        "Condition": {
            "StringEquals": {f"aws:ResourceTag/{naming.environment_tag(project)}": sorted(protected)}
        },
    }


def _tool(environment: Environment) -> Iterator[Statement]:
    """The state bucket's notes and locks, and what lies in the environments' own buckets and image tags."""
    project = environment.project
    state = naming.state_bucket(project, environment.account, environment.region)
    buckets = f"arn:${{AWS::Partition}}:s3:::{project}-*"
    repository = "arn:${AWS::Partition}:ecr:${AWS::Region}:${AWS::AccountId}:repository/"
    objects = ("AbortMultipartUpload", "DeleteObject", "DeleteObjectVersion", "GetObject")
    lists = ("ListBucket", "ListBucketMultipartUploads", "ListBucketVersions")
    yield allow(
        [f"s3:{verb}" for verb in (*lists, "DeleteBucket", "DeleteBucketPolicy", "GetBucketPolicy")],
        Sub(buckets),
    )
    yield allow([f"s3:{verb}" for verb in objects], Sub(f"{buckets}/*"))
    yield allow(["s3:PutObject"], Sub(f"arn:${{AWS::Partition}}:s3:::{state}/*"))
    yield {
        "Effect": "Deny",
        "Action": ["s3:DeleteBucket", "s3:DeleteBucketPolicy"],
        "Resource": Sub(f"arn:${{AWS::Partition}}:s3:::{state}"),
    }
    yield allow(["ecr:BatchDeleteImage"], Sub(repository + naming.repository(project)))
