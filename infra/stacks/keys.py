"""The KMS key of a service that keeps private keys in its database: rotated by AWS, used by its tasks alone."""

from __future__ import annotations

from troposphere import GetAtt, Sub, kms

from infra import naming
from infra.config import Service
from infra.stacks.draft import Draft, deletion_policy
from infra.stacks.policies import Statement, allow, document

TITLE = "EncryptionKey"
# What uses a key, as opposed to what administers it.
USES = ("Decrypt", "Encrypt", "GenerateDataKey*", "ReEncrypt*")
# KMS deletes a key 7 to 30 days after it was asked to, and until then it can be had back.
WAITING_DAYS, PROTECTED_WAITING_DAYS = 7, 30


def encryption_key(draft: Draft) -> kms.Key:
    """Add the key; return it. What was sealed before a rotation still opens: KMS keeps every version of its material."""
    environment = draft.environment
    return draft.add(
        kms.Key(
            TITLE,
            DeletionPolicy=deletion_policy(environment),
            UpdateReplacePolicy="Retain",
            Description=f"Wraps the keys that seal the private signing keys of {environment.name}",
            EnableKeyRotation=True,
            PendingWindowInDays=PROTECTED_WAITING_DAYS if environment.protected else WAITING_DAYS,
            KeyPolicy=document(_administered(), _used_by_tasks_alone(draft)),
        )
    )


def key_statement(made: kms.Key, service: Service) -> Statement:
    """Return what the service's tasks do: make and open data keys that are bound to their service.

    https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html (kms:EncryptionContext:context-key)
    """
    bound = {"StringEquals": {"kms:EncryptionContext:service": service.name}}
    return allow(["kms:Decrypt", "kms:GenerateDataKey"], GetAtt(made, "Arn"), Condition=bound)


def _administered() -> Statement:
    """The account's own IAM policies decide, as with every key that KMS makes a policy for; else nobody could."""
    root = {"AWS": Sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:root")}
    return {**allow(["kms:*"], "*"), "Principal": root}


def _used_by_tasks_alone(draft: Draft) -> Statement:
    """Whatever IAM allows an administrator: the key is used by roles of this environment, which IAM narrows further."""
    environment = draft.environment
    path = naming.role_path(environment.project, environment.name)
    roles = Sub(f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role{path}*")
    return {
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": [f"kms:{use}" for use in USES],
        "Resource": "*",
        "Condition": {"ArnNotLike": {"aws:PrincipalArn": roles}},
    }
