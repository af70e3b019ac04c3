"""Secrets of a service: generated once, never shown, referred to by ARN.

The way a secret is generated may never change here: CloudFormation would make a new value under a running system.
"""

from __future__ import annotations

from typing import Any

from troposphere import Join, Sub, Tags, secretsmanager

from infra import naming
from infra.config import Environment, Service
from infra.stacks.database import login_tag
from infra.stacks.draft import Draft, deletion_policy

LENGTH = 32
LOGINS = ("owner", "app", "reader")


def login_secrets(draft: Draft, database_name: str) -> dict[str, secretsmanager.Secret]:
    """Add the three logins of a database, each as JSON with `username` and `password`."""
    return {kind: draft.add(_login(draft, database_name, kind)) for kind in LOGINS}


def text_secret(draft: Draft, title: str, description: str) -> secretsmanager.Secret:
    """Add a secret that is one generated text."""
    return draft.add(
        secretsmanager.Secret(
            title,
            Description=description,
            GenerateSecretString=secretsmanager.GenerateSecretString(
                ExcludePunctuation=True, PasswordLength=LENGTH
            ),
            **_kept(draft),
        )
    )


def key_of(secret: Any, key: str) -> Join:
    """Return what a task definition takes for one key of a JSON secret (ECS: `arn:key:stage:version`)."""
    return Join("", [secret, f":{key}::"])


def named_secret(environment: Environment, service: Service, name: str) -> Sub:
    """Return the ARN, without its random ending, of a secret that people set with `secrets set`."""
    full = naming.secret_name(environment.project, environment.name, service.name, name)
    return Sub(f"arn:${{AWS::Partition}}:secretsmanager:${{AWS::Region}}:${{AWS::AccountId}}:secret:{full}")


def named_secret_policy(environment: Environment, service: Service, name: str) -> Sub:
    """Return the same for a policy: exactly six characters follow the name, so no longer name is meant."""
    return Sub(named_secret(environment, service, name).data["Fn::Sub"] + "-??????")


def _login(draft: Draft, database_name: str, kind: str) -> secretsmanager.Secret:
    return secretsmanager.Secret(
        f"{kind.capitalize()}Login",
        Description=f"Login {database_name}_{kind} of {draft.environment.name}",
        GenerateSecretString=secretsmanager.GenerateSecretString(
            ExcludePunctuation=True,
            PasswordLength=LENGTH,
            GenerateStringKey="password",
            SecretStringTemplate=f'{{"username":"{database_name}_{kind}"}}',
        ),
        Tags=Tags({login_tag(draft.environment.project): "true"}),
        **_kept(draft),
    )


def _kept(draft: Draft) -> dict[str, str]:
    return {"DeletionPolicy": deletion_policy(draft.environment), "UpdateReplacePolicy": "Retain"}
