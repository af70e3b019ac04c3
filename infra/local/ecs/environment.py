"""What a container's environment holds besides its definition: the endpoint, region, credentials and metadata that ECS gives."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

from ministack.services import ecs_metadata, sts

from infra.local.ecs.records import Record, place


def variables(task: Record, container: Mapping[str, Any], secrets: Mapping[str, str]) -> dict[str, str]:
    """Return the container's whole environment; its definition wins over what we give, secrets win over both."""
    plain = {item["name"]: str(item.get("value", "")) for item in container.get("environment") or []}
    return given(task, container["name"]) | plain | dict(secrets)


def given(task: Record, container: str) -> dict[str, str]:
    """Return what ECS adds, and the endpoint that makes AWS's own SDKs speak to the local cloud."""
    key, secret = credentials(task)
    where = place()
    api = f"http://{where.gateway}:{where.settings.api_port}"
    return {
        "AWS_ENDPOINT_URL": api,
        # No variable of AWS's: where people on this machine reach what containers reach at the one above.
        "AWS_PUBLIC_ENDPOINT_URL": where.settings.endpoint_url,
        "AWS_REGION": where.settings.region,
        "AWS_DEFAULT_REGION": where.settings.region,
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_EXECUTION_ENV": f"AWS_ECS_{task['launchType']}",
        "ECS_CONTAINER_METADATA_URI_V4": f"{api}/v4/{metadata_token(task['taskArn'], container)}",
    }


def credentials(task: Record) -> tuple[str, str]:
    """Return the task's access key and secret, a session of its task role, so that GetCallerIdentity tells role and task.

    They follow from the task's ARN: a container that outlives a restart of the local cloud keeps working.
    """
    digest = hashlib.sha256(task["taskArn"].encode()).digest()
    key = "ASIA" + base64.b32encode(digest)[:16].decode()
    secret = base64.b64encode(hashlib.sha256(digest).digest())[:40].decode()
    role = task.get("_role") or ""
    if role:
        session = task["taskArn"].rsplit("/", 1)[-1]
        account = place().settings.account
        assumed = f"arn:aws:sts::{account}:assumed-role/{role.rsplit('/', 1)[-1]}/{session}"
        sts.register_session(
            key,
            {"Arn": assumed, "UserId": f"AROA{key[4:]}:{session}", "SecretAccessKey": secret}
            | {"SessionToken": "", "AccountId": account, "PrincipalType": "AssumedRole"},
        )
    return key, secret


def metadata_token(task_arn: str, container: str) -> str:
    """Return the path segment under which the container finds its metadata; it follows from the task's ARN."""
    return hashlib.sha256(f"{task_arn}/{container}".encode()).hexdigest()[:43]


def publish_metadata(task: Record, definition: Record, container: str, docker_id: str) -> None:
    """Let the task metadata endpoint (version 4) answer for the container."""
    described = {item["name"]: item for item in definition["containerDefinitions"]}[container]
    whole = {
        "Cluster": task["clusterArn"],
        "TaskARN": task["taskArn"],
        "Family": definition["family"],
        "Revision": str(definition["revision"]),
        "DesiredStatus": "RUNNING",
        "KnownStatus": task["lastStatus"],
        "AvailabilityZone": task["availabilityZone"],
        "LaunchType": task["launchType"],
    }
    part = {
        "DockerId": docker_id,
        "Name": container,
        "Image": described["image"],
        "Labels": {
            "com.amazonaws.ecs.task-arn": task["taskArn"],
            "com.amazonaws.ecs.container-name": container,
        },
        "DesiredStatus": "RUNNING",
        "KnownStatus": "RUNNING",
        "Type": "NORMAL",
    }
    ecs_metadata.register_container(metadata_token(task["taskArn"], container), task["taskArn"], whole, part)


def withdraw_metadata(task: Record) -> None:
    for container in task["containers"]:
        ecs_metadata.unregister_token(metadata_token(task["taskArn"], container["name"]))
