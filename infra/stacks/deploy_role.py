"""CI's role: it deploys environments, makes only roles that the boundary holds, and never touches the account stack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from troposphere import And, Condition, Equals, GetAtt, If, Not, Sub, iam

from infra import naming
from infra.config import Environment
from infra.stacks.draft import Draft
from infra.stacks.policies import Statement, allow, boundary_arn, document

GITHUB = "token.actions.githubusercontent.com"
SESSION_SECONDS = 2 * 3600
# CloudFormation acts with the caller's rights, so the role needs what the templates hold.
REGIONAL = (
    "application-autoscaling",
    "autoscaling",
    "cloudwatch",
    "ec2",
    "ecs",
    "elasticloadbalancing",
    "kms",
    "logs",
    "rds",
    "secretsmanager",
    "sns",
    "sqs",
)
BOUNDED = (
    "CreateRole",
    "PutRolePolicy",
    "DeleteRolePolicy",
    "AttachRolePolicy",
    "DetachRolePolicy",
    "PutRolePermissionsBoundary",
)
ON_ROLES = ("DeleteRole", "Get*", "List*", "TagRole", "UntagRole", "UpdateAssumeRolePolicy", "UpdateRole")
ON_PROFILES = (
    "CreateInstanceProfile",
    "DeleteInstanceProfile",
    "GetInstanceProfile",
    "*RoleToInstanceProfile",
    "Tag*",
    "Untag*",
)


def deploy_role(draft: Draft) -> iam.Role:
    """Add the role and, where none exists, GitHub's OIDC provider; neither where no repository is known.

    The role's path is outside those of the environments, so that it cannot change itself.
    """
    environment = draft.environment
    repository = draft.resolved("GithubRepository", "github-repository")
    existing = draft.resolved("GithubProviderArn", f"oidc-provider:{GITHUB}")
    draft.template.add_condition("HasGithub", Not(Equals(repository, "")))
    draft.template.add_condition("MakesProvider", And(Condition("HasGithub"), Equals(existing, "")))
    provider = draft.add(
        iam.OIDCProvider(
            "GithubProvider",
            Condition="MakesProvider",
            DeletionPolicy="Retain",
            UpdateReplacePolicy="Retain",
            Url=f"https://{GITHUB}",
            ClientIdList=["sts.amazonaws.com"],
        )
    )
    return draft.add(
        iam.Role(
            "DeployRole",
            Condition="HasGithub",
            Path=f"/{environment.project}-{naming.ACCOUNT_PART}/",
            MaxSessionDuration=SESSION_SECONDS,
            AssumeRolePolicyDocument=_trust(
                draft.config.protected_here, If("MakesProvider", GetAtt(provider, "Arn"), existing)
            ),
            Policies=deploying_policies(environment),
        )
    )


def deploying_policies(environment: Environment) -> list[iam.Policy]:
    """Return what whoever deploys environments, and ends them, may do."""
    return [
        iam.Policy(PolicyName="stacks", PolicyDocument=document(*_stack_statements(environment))),
        iam.Policy(PolicyName="roles", PolicyDocument=document(*_role_statements(environment))),
        iam.Policy(PolicyName="tool", PolicyDocument=document(*_tool_statements(environment))),
    ]


def _trust(protected: Sequence[str], provider: Any) -> Statement:
    """An account with protected environments is deployed to from the main branch or under their names on GitHub; another
    from any. It is one role for all of an account's environments, so that the least careful one must not decide.
    """
    who = ["ref:refs/heads/main", *(f"environment:{name}" for name in protected)] if protected else ["*"]
    return document(
        {
            "Effect": "Allow",
            "Principal": {"Federated": provider},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {
                "StringEquals": {f"{GITHUB}:aud": "sts.amazonaws.com"},
                "StringLike": {f"{GITHUB}:sub": [Sub(f"repo:${{GithubRepository}}:{one}") for one in who]},
            },
        }
    )


def _stack_statements(environment: Environment) -> list[Statement]:
    project = environment.project
    here = {"StringEquals": {"aws:RequestedRegion": environment.region}}
    foreign = {"Null": {f"aws:ResourceTag/{naming.environment_tag(project)}": "true"}}
    stacks = "arn:${AWS::Partition}:cloudformation:${AWS::Region}:${AWS::AccountId}:stack/"
    return [
        allow(["cloudformation:*"], Sub(f"{stacks}{project}-*/*")),
        allow(["cloudformation:List*", "cloudformation:ValidateTemplate"], "*"),
        {
            "Effect": "Deny",
            "NotAction": ["cloudformation:Describe*", "cloudformation:Get*", "cloudformation:List*"],
            "Resource": Sub(f"{stacks}{naming.account_stack_name(project)}/*"),
        },
        allow([f"{service}:*" for service in REGIONAL], "*", Condition=here),
        {
            "Effect": "Deny",
            "Action": ["secretsmanager:GetSecretValue"],
            "Resource": "*",
            "Condition": foreign,
        },
        allow(["acm:*", "route53:*"], "*"),
        # Buckets of services, by the names that CloudFormation gives them; the state bucket's is another.
        allow(["s3:*"], Sub(f"arn:${{AWS::Partition}}:s3:::{project}-*-bucket-*")),
    ]


def _role_statements(environment: Environment) -> list[Statement]:
    """Return what may be done to roles: under the project's path alone, and never without the boundary."""
    own = "arn:${AWS::Partition}:iam::${AWS::AccountId}:%s/" + environment.project + "/*"
    roles, profiles = Sub(own % "role"), Sub(own % "instance-profile")
    bounded = {"StringEquals": {"iam:PermissionsBoundary": boundary_arn(environment)}}
    to = {"StringEquals": {"iam:PassedToService": ["ec2.amazonaws.com", "ecs-tasks.amazonaws.com"]}}
    return [
        allow([f"iam:{action}" for action in BOUNDED], roles, Condition=bounded),
        allow([f"iam:{action}" for action in ON_ROLES], roles),
        allow(["iam:PassRole"], roles, Condition=to),
        allow([f"iam:{action}" for action in ON_PROFILES], profiles),
    ]


def _tool_statements(environment: Environment) -> list[Statement]:
    """Return what the tool itself does: push images, keep its state, reach hosts, know prices and quotas."""
    project = environment.project
    bucket = f"arn:${{AWS::Partition}}:s3:::{naming.state_bucket(project, environment.account, environment.region)}"
    repository = (
        f"arn:${{AWS::Partition}}:ecr:${{AWS::Region}}:{environment.registry_account}:"
        f"repository/{naming.repository(project)}"
    )
    ecr = ("Batch*", "CompleteLayerUpload", "Describe*", "Get*", "InitiateLayerUpload", "List*", "PutImage")
    return [
        allow(["ecr:GetAuthorizationToken"], "*"),
        allow([*(f"ecr:{action}" for action in ecr), "ecr:UploadLayerPart"], Sub(repository)),
        allow(["s3:ListBucket", "s3:ListBucketVersions"], Sub(bucket)),
        allow(
            ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:GetObject", "s3:PutObject"], Sub(f"{bucket}/*")
        ),
        # What the audit of a teardown looks through; none of these can be narrowed.
        allow(["iam:ListInstanceProfiles", "iam:ListRoles", "s3:ListAllMyBuckets", "tag:GetResources"], "*"),
        allow(["ec2-instance-connect:OpenTunnel"], "*"),
        allow(
            ["pricing:GetProducts", "servicequotas:GetServiceQuota", "servicequotas:ListServiceQuotas"], "*"
        ),
        allow(["iam:GetPolicy", "iam:GetOpenIDConnectProvider", "iam:ListOpenIDConnectProviders"], "*"),
    ]
