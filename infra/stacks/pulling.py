"""Pulling from the one image repository: the reference in a task definition, and what a role needs for it."""

from __future__ import annotations

from troposphere import Sub

from infra import naming
from infra.config import Environment
from infra.stacks.policies import Statement, allow


def image(environment: Environment, tag: str) -> str:
    """Return `<registry>/estaleiro:movies-0123456789ab`."""
    return naming.image_reference(environment.project, environment.registry_account, environment.region, tag)


def pull_statements(environment: Environment) -> list[Statement]:
    """Return what an execution role needs to pull. The token is not tied to a repository (ECR reference)."""
    name = naming.repository(environment.project)
    return [
        allow(["ecr:GetAuthorizationToken"], "*"),
        allow(
            ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            Sub(
                f"arn:${{AWS::Partition}}:ecr:${{AWS::Region}}:{environment.registry_account}:repository/{name}"
            ),
        ),
    ]
