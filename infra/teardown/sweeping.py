"""One call for each kind of thing that no stack deletes; what is gone already is fine."""

from __future__ import annotations

from collections.abc import Callable

from infra.aws import Aws
from infra.aws.census import last_part
from infra.errors import AwsError, NotFound
from infra.teardown.steps import Sweep


def sweep(aws: Aws, bucket: str, step: Sweep) -> str:
    """Delete the things. Raises AwsError where AWS refuses."""
    if step.kind == "image":
        aws.ecr.delete_images(step.within, step.targets)
    elif step.kind == "task definition":
        _task_definitions(aws, step.targets)
    else:
        for target in step.targets:
            if step.kind == "record":
                aws.s3.bucket(bucket).purge(target)
            elif step.kind == "DNS record":
                aws.route53.delete_record(step.within, target)
            else:
                _BY_KIND[step.kind](aws, target)
    return f"{len(step.targets)}"


def _task_definitions(aws: Aws, arns: tuple[str, ...]) -> None:
    for arn in arns:
        try:
            if aws.ecs.task_definition(arn).get("status") == "ACTIVE":
                aws.ecs.deregister_task_definition(arn)
        except NotFound:
            continue
    try:
        aws.ecs.delete_task_definitions(arns)
    except AwsError as error:
        if "NOT_FOUND" not in str(error):
            raise


_BY_KIND: dict[str, Callable[[Aws, str], None]] = {
    "log group": lambda aws, id: aws.logs.delete_group(id),
    "secret": lambda aws, id: aws.secrets.delete(id),
    "key": lambda aws, id: aws.keys.delete(id),
    "database snapshot": lambda aws, id: aws.rds.delete_snapshot(last_part(id)),
    "network interface": lambda aws, id: aws.ec2.delete_interface(id),
    "volume": lambda aws, id: aws.ec2.delete_volume(id),
    "machine": lambda aws, id: aws.ec2.terminate(id),
    "certificate": lambda aws, id: aws.acm.delete(id),
}
