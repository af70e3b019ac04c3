"""Every stack, resource, tag and image name; physical names only where something outside needs to know them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

PARTS = ("network", "observability", "cluster", "database", "edge")
ACCOUNT_PART = "account"
REAPER_PART = "reaper"

# One-off task definitions that the tool makes for a service; no process may take these names.
ONE_OFF_TASKS = ("provision", "migrate", "clients")
# How outputs and parameters that are task definitions end, after the name of the process or task.
TASK_DEFINITION = "TaskDefinition"
# The client of the token issuer that people use.
OPERATOR = "operator"

# What a container's environment already holds; a secret may not take these names.
RESERVED_VARIABLES = frozenset(
    {
        "SERVICE",
        "PROCESS",
        "ENVIRONMENT",
        "RELEASE",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "PORT",
        "QUEUE_URL",
        "BUCKET",
        "IMAGE_ORIGINS",
        "INTERNAL_DOMAIN",
        "TOKEN_ISSUER",
        "CLIENT_ID",
        "CLIENT_SECRET",
        "CLIENTS",
        "KEY_ENCRYPTION_SECRET",
        "KMS_KEY_ID",
        "DATABASE_HOST",
        "DATABASE_PORT",
        "DATABASE_NAME",
        "DATABASE_SSLMODE",
        "DATABASE_SSLROOTCERT",
        "DATABASE_USER",
        "DATABASE_PASSWORD",
    }
)


def stack_name(project: str, environment: str, part: str) -> str:
    """Return `estaleiro-staging-network`."""
    return f"{project}-{environment}-{part}"


def account_stack_name(project: str) -> str:
    """Return the name of the stack that exists once an account and region."""
    return f"{project}-{ACCOUNT_PART}"


def reaper_stack_name(project: str) -> str:
    """Return the name of the stack that ends environments by schedule, once an account and region."""
    return f"{project}-{REAPER_PART}"


def all_parts(services: Sequence[str]) -> tuple[str, ...]:
    """Return every part that an environment with these services may have."""
    own = (part for name in services for part in (release_part(name), name, database_part(name)))
    return (*PARTS, *own)


def release_part(service: str) -> str:
    """The part that holds a service's roles, secrets, queue and task definitions."""
    return f"{service}-release"


def database_part(service: str) -> str:
    """The part that holds a service's own instance, where databases are dedicated."""
    return f"{service}-database"


def state_bucket(project: str, account: str, region: str) -> str:
    """The bucket for locks, release records and Ignition files; bucket names are global."""
    return f"{project}-{account}-{region}-state"


def repository(project: str) -> str:
    """The one ECR repository of an account."""
    return project


def registry(account: str, region: str) -> str:
    """The host name of an account's ECR registry."""
    return f"{account}.dkr.ecr.{region}.amazonaws.com"


def image_reference(project: str, account: str, region: str, tag: str) -> str:
    """Return `<registry>/estaleiro:movies-0123456789ab`."""
    return f"{registry(account, region)}/{repository(project)}:{tag}"


def task_family(project: str, environment: str, service: str, process: str) -> str:
    """The family of a task definition; rollback and pruning find revisions by it."""
    return f"{project}-{environment}-{service}-{process}"


def log_group(project: str, environment: str, service: str) -> str:
    """The log group of a service; each process is a stream prefix in it."""
    return f"/{project}/{environment}/{service}"


def secret_name(project: str, environment: str, service: str, name: str) -> str:
    """The name of a secret whose value people set with `secrets set`."""
    return f"{project}/{environment}/{service}/{name}"


def role_path(project: str, environment: str) -> str:
    """The IAM path of every role of an environment."""
    return f"/{project}/{environment}/"


def boundary_name(project: str, region: str) -> str:
    """The permissions boundary on every role. IAM is global, hence the region."""
    return f"{project}-boundary-{region}"


def environment_tag(project: str) -> str:
    """On everything: which environment it belongs to."""
    return f"{project}:environment"


def part_tag(project: str) -> str:
    """On everything: which part it belongs to."""
    return f"{project}:part"


def release_tag(project: str) -> str:
    """On a service's own stacks: its content hash."""
    return f"{project}:release"


def expires_tag(project: str) -> str:
    """On the network stack: when the environment ends (ISO 8601, UTC)."""
    return f"{project}:expires-at"


def owner_tag(project: str) -> str:
    """On the network stack: who made the environment."""
    return f"{project}:owner"


def like_tag(project: str) -> str:
    """On the network stack of a preview environment: whose file it takes."""
    return f"{project}:like"


def rule_priority(service: str) -> int:
    """Return a listener rule priority, 1 to 50000, from the name alone: services do not shift each other."""
    return int.from_bytes(hashlib.sha256(service.encode()).digest()[:4], "big") % 50000 + 1


def task_definitions(values: Mapping[str, str]) -> dict[str, str]:
    """Return those of a stack's outputs or parameters that are ARNs of task definitions, by their keys."""
    return {key: arn for key, arn in values.items() if key.endswith(TASK_DEFINITION)}
