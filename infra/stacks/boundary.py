"""The permissions boundary: the most that a role of any environment can ever do, whatever its own policy says."""

from __future__ import annotations

from troposphere import Sub, iam

from infra import naming
from infra.config import Environment
from infra.stacks.policies import allow, document

ECR = ("GetAuthorizationToken", "BatchCheckLayerAvailability", "BatchGetImage", "GetDownloadUrlForLayer")
ECS_AGENT = (
    "DeregisterContainerInstance",
    "DiscoverPollEndpoint",
    "Poll",
    "RegisterContainerInstance",
    "StartTelemetrySession",
    "Submit*",
    "UpdateContainerInstancesState",
)
SQS = (
    "ChangeMessageVisibility",
    "DeleteMessage",
    "GetQueueAttributes",
    "GetQueueUrl",
    "ReceiveMessage",
    "SendMessage",
)
# On keys of the account; a key's own policy says whose roles use it.
KMS = ("Decrypt", "GenerateDataKey")
# On a bucket that CloudFormation named after a service's release stack, and on what is in it.
S3 = ("DeleteObject", "GetObject", "ListBucket", "PutObject")


def boundary(environment: Environment) -> iam.ManagedPolicy:
    """Return the boundary: no IAM, no other project's queues and logs, nothing that can widen itself."""
    project = environment.project
    bucket = naming.state_bucket(project, environment.account, environment.region)
    return iam.ManagedPolicy(
        "Boundary",
        ManagedPolicyName=naming.boundary_name(project, environment.region),
        Description=f"The most that a role of {project} can do in {environment.region}",
        PolicyDocument=document(
            allow(_actions("ecr", ECR), "*"),
            allow(_actions("ecs", ECS_AGENT), "*"),
            allow(
                _actions("logs", ("CreateLogStream", "PutLogEvents")), _own("logs", f"log-group:/{project}/*")
            ),
            allow(_actions("secretsmanager", ("GetSecretValue",)), _own("secretsmanager", "secret:*")),
            allow(_actions("sqs", SQS), _own("sqs", f"{project}-*")),
            allow(_actions("cloudwatch", ("GetMetricStatistics",)), "*"),
            allow(_actions("kms", KMS), _own("kms", "key/*")),
            allow(_actions("ec2", ("CreateRoute", "ReplaceRoute")), _own("ec2", "route-table/*")),
            allow(_actions("ec2", ("ModifyInstanceAttribute",)), _own("ec2", "instance/*")),
            allow(_actions("s3", S3), Sub(f"arn:${{AWS::Partition}}:s3:::{project}-*-bucket-*")),
            allow(_actions("s3", ("GetObject",)), Sub(f"arn:${{AWS::Partition}}:s3:::{bucket}/ignition/*")),
        ),
    )


def _actions(service: str, names: tuple[str, ...]) -> list[str]:
    return [f"{service}:{name}" for name in names]


def _own(service: str, resource: str) -> Sub:
    return Sub(f"arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:{resource}")
