"""IAM in few words: statements, roles with path and boundary, and the policy that refuses plain HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from troposphere import Sub, iam

from infra import naming
from infra.config import Environment

Statement = dict[str, Any]


def allow(actions: Sequence[str], resources: Any, **extra: Any) -> Statement:
    """Return a statement that allows actions on resources (one ARN or a list)."""
    return {"Effect": "Allow", "Action": list(actions), "Resource": resources, **extra}


def document(*statements: Statement) -> dict[str, Any]:
    """Return a policy document."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def trusted_by(service: str) -> dict[str, Any]:
    """Return a trust policy for an AWS service; for ECS tasks only on behalf of this account (confused deputy)."""
    statement: Statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
    }
    if service == "ecs-tasks.amazonaws.com":
        statement["Condition"] = {"StringEquals": {"aws:SourceAccount": Sub("${AWS::AccountId}")}}
    return document(statement)


def role(title: str, environment: Environment, *, service: str, statements: Sequence[Statement]) -> iam.Role:
    """Return a role of an environment: its path, the boundary and one inline policy."""
    own = [iam.Policy(PolicyName="own", PolicyDocument=document(*statements))] if statements else []
    extra = {"Policies": own} if own else {}
    return iam.Role(
        title,
        Path=naming.role_path(environment.project, environment.name),
        PermissionsBoundary=boundary_arn(environment),
        AssumeRolePolicyDocument=trusted_by(service),
        **extra,
    )


def boundary_arn(environment: Environment) -> Sub:
    """Return the ARN of the boundary that the account stack made."""
    name = naming.boundary_name(environment.project, environment.region)
    return Sub(f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:policy/{name}")


def tls_only(action: str, resources: Any) -> Statement:
    """Return the statement that denies everybody a request without TLS."""
    return {
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": resources,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
