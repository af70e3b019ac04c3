"""The account stack, once an account and region: what environments share and none of them may change."""

from __future__ import annotations

import json

from troposphere import Equals, GetAtt, If, Join, Not, NoValue, Ref, Sub, ecr, iam, s3
from troposphere import Output as TemplateOutput

from infra import naming
from infra.config import Config
from infra.stacks.boundary import boundary
from infra.stacks.bucket import encrypted, owned, private
from infra.stacks.deploy_role import deploy_role
from infra.stacks.draft import KEPT, Draft, pascal
from infra.stacks.model import Stack
from infra.stacks.policies import document, tls_only

UNTAGGED_DAYS = 14
# Made by AWS at first use, if the caller may; ours are made here, so that the deploy role need not be allowed to.
SERVICE_LINKED = (
    "autoscaling.amazonaws.com",
    "ec2-instance-connect.amazonaws.com",
    "ecs.amazonaws.com",
    "ecs.application-autoscaling.amazonaws.com",
    "elasticloadbalancing.amazonaws.com",
    "rds.amazonaws.com",
    "spot.amazonaws.com",
)


def account_stack(config: Config) -> Stack:
    """Return the account stack. The repository stands in it only where this account is the registry.

    Its parameters are looked up: which service-linked roles are missing ("true" or "false" each), the ARN of an
    OIDC provider that exists ("" for none), the repository on GitHub ("" for none), the accounts that pull.
    """
    environment = config.environment
    draft = Draft(config, naming.ACCOUNT_PART, f"What every environment of {environment.project} here shares")
    bucket = _state_bucket(draft)
    if environment.registry_account == environment.account:
        _repository(draft)
    policy = draft.add(boundary(environment))
    _service_linked_roles(draft)
    role = deploy_role(draft)
    draft.output("StateBucket", Ref(bucket))
    draft.output("BoundaryArn", Ref(policy))
    draft.template.add_output(
        TemplateOutput("DeployRoleArn", Condition=role.Condition, Value=GetAtt(role, "Arn"))
    )
    return draft.stack(name=naming.account_stack_name(environment.project))


def _state_bucket(draft: Draft) -> s3.Bucket:
    environment = draft.environment
    bucket = draft.add(
        s3.Bucket(
            "StateBucket",
            DeletionPolicy=KEPT,
            UpdateReplacePolicy="Retain",
            BucketName=naming.state_bucket(environment.project, environment.account, environment.region),
            VersioningConfiguration=s3.VersioningConfiguration(Status="Enabled"),
            BucketEncryption=encrypted(),
            OwnershipControls=owned(),
            PublicAccessBlockConfiguration=private(),
            LifecycleConfiguration=s3.LifecycleConfiguration(Rules=_lifecycle()),
        )
    )
    everything = [GetAtt(bucket, "Arn"), Sub("${StateBucket.Arn}/*")]
    draft.add(
        s3.BucketPolicy(
            "StateBucketPolicy", Bucket=Ref(bucket), PolicyDocument=document(tls_only("s3:*", everything))
        )
    )
    return bucket


def _lifecycle() -> list[s3.LifecycleRule]:
    """A lock is renewed every few seconds, each time a version; host files outlive the images that use them."""

    def versions(days: int) -> s3.NoncurrentVersionExpiration:
        return s3.NoncurrentVersionExpiration(NoncurrentDays=days)

    return [
        s3.LifecycleRule(
            Id="locks", Status="Enabled", Prefix="locks/", NoncurrentVersionExpiration=versions(1)
        ),
        s3.LifecycleRule(
            Id="ignition",
            Status="Enabled",
            Prefix="ignition/",
            ExpirationInDays=365,
            NoncurrentVersionExpiration=versions(30),
        ),
        s3.LifecycleRule(
            Id="releases", Status="Enabled", Prefix="releases/", NoncurrentVersionExpiration=versions(90)
        ),
        s3.LifecycleRule(
            Id="uploads",
            Status="Enabled",
            AbortIncompleteMultipartUpload=s3.AbortIncompleteMultipartUpload(DaysAfterInitiation=7),
        ),
    ]


def _repository(draft: Draft) -> None:
    """Tags never move, so what was tested is what runs; images without a tag are nobody's."""
    pullers = draft.resolved("PullingAccounts", "pulling-accounts", "CommaDelimitedList")
    draft.template.add_condition("IsPulled", Not(Equals(Join("", pullers), "")))
    repository = draft.add(
        ecr.Repository(
            "Repository",
            DeletionPolicy=KEPT,
            UpdateReplacePolicy="Retain",
            RepositoryName=naming.repository(draft.environment.project),
            ImageTagMutability="IMMUTABLE",
            ImageScanningConfiguration=ecr.ImageScanningConfiguration(ScanOnPush=True),
            EncryptionConfiguration=ecr.EncryptionConfiguration(EncryptionType="AES256"),
            LifecyclePolicy=ecr.LifecyclePolicy(LifecyclePolicyText=_untagged_expire()),
            RepositoryPolicyText=If("IsPulled", _pulled_by(pullers), NoValue),
        )
    )
    draft.output("RepositoryUri", GetAtt(repository, "RepositoryUri"))


def _untagged_expire() -> str:
    rule = {
        "rulePriority": 1,
        "description": f"Images without a tag go after {UNTAGGED_DAYS} days",
        "selection": {
            "tagStatus": "untagged",
            "countType": "sinceImagePushed",
            "countUnit": "days",
            "countNumber": UNTAGGED_DAYS,
        },
        "action": {"type": "expire"},
    }
    return json.dumps({"rules": [rule]}, sort_keys=True)


def _pulled_by(accounts: Ref) -> dict[str, object]:
    pulls = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    return document({"Effect": "Allow", "Principal": {"AWS": accounts}, "Action": pulls})


def _service_linked_roles(draft: Draft) -> None:
    """CloudFormation cannot ask whether a role exists. One that we made is retained when it is no longer missing."""
    for service in SERVICE_LINKED:
        title = "".join(map(pascal, service.removesuffix(".amazonaws.com").split("."))) + "LinkedRole"
        missing = draft.resolved(f"{title}Missing", f"service-linked-role-missing:{service}")
        draft.template.add_condition(f"Makes{title}", Equals(missing, "true"))
        draft.add(
            iam.ServiceLinkedRole(
                title,
                Condition=f"Makes{title}",
                DeletionPolicy="Retain",
                UpdateReplacePolicy="Retain",
                AWSServiceName=service,
            )
        )
