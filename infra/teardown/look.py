"""Reads what a teardown needs to know, and what earlier ones recorded. It changes nothing but its own record."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from infra import naming
from infra.aws import Aws
from infra.aws.autoscaling import Group
from infra.aws.census import Found, last_part
from infra.aws.cloudformation import StackState
from infra.aws.route53 import Record
from infra.aws.s3 import Bucket
from infra.config import Config
from infra.errors import NotFound
from infra.migrations import applied
from infra.stacks.draft import metadata_sources
from infra.stacks.model import Output
from infra.teardown.inventory import Inventory, StackSeen, ZoneRecord

GROUP = "AWS::AutoScaling::AutoScalingGroup"
IN_REVIEW = "REVIEW_IN_PROGRESS"
KEPT_RELEASES = 10
RECORDS = "teardowns/"
# Of DNS: what leads to a balancer. A zone's own records may have the same name.
NAMES = ("A", "AAAA", "CNAME")


def look(aws: Aws, config: Config, bucket: Bucket, *, known: Iterable[str] = ()) -> Inventory:
    """Read the environment and its account. `known` are the environments that have a file."""
    environment = config.environment
    tag = naming.environment_tag(environment.project)
    states = aws.cloudformation.stacks()
    own = [state for state in states.values() if state.tags.get(tag) == environment.name]
    with ThreadPoolExecutor(max_workers=8) as pool:
        everything = pool.submit(aws.census.everything, tag)
        stacks = {seen.part: seen for seen in pool.map(lambda state: _stack(aws, config, state), own)}
        found = everything.result()
    recorded = _recorded(bucket, environment.name, stacks.values())
    neighbours = {state.tags[tag] for state in states.values() if tag in state.tags} | set(known)
    clusters = [id for stack in stacks.values() for id in stack.ids("AWS::ECS::Cluster")]
    cluster = last_part(clusters[0]) if clusters else None
    return Inventory(
        environment=environment.name,
        stacks=stacks,
        found=found,
        cluster=cluster,
        **_cluster(aws, cluster),
        groups=_groups(aws, stacks.values()),
        databases=tuple(filter(None, map(aws.rds.instance, _ids(stacks.values(), "AWS::RDS::DBInstance")))),
        buckets={name: aws.s3.bucket(name).versions() for name in _ids(stacks.values(), "AWS::S3::Bucket")},
        images=_images(aws, config, bucket, own, states.values()),
        records=_records(aws, config),
        notes=tuple(
            prefix
            for prefix in (
                f"releases/{environment.name}/",
                f"sleep/{environment.name}.json",
                applied.key(environment.name),
            )
            if bucket.keys(prefix)
        ),
        recorded=recorded | _idle_interfaces(aws, recorded),
        neighbours=frozenset(neighbours - {environment.name}),
    )


def record(bucket: Bucket, inventory: Inventory, like: str | None) -> None:
    """Keep the physical ids of everything that our stacks have, and whose file a preview takes: for the calls after
    the stacks, and their tags, are gone.
    """
    body = json.dumps({"recorded": sorted(inventory.recorded), "like": like}).encode()
    bucket.put(_record_key(inventory.environment), body)


def unfinished(bucket: Bucket) -> dict[str, str | None]:
    """Return the environments whose teardown has not been proved yet, each with whose file it takes."""
    found = {key: bucket.get(key) for key in bucket.keys(RECORDS)}
    return {
        key.removeprefix(RECORDS).removesuffix(".json"): json.loads(kept.body).get("like")
        for key, kept in found.items()
        if kept is not None
    }


def forget(bucket: Bucket, environment: str) -> None:
    """Delete the record; called when nothing is left, and so last."""
    bucket.purge(_record_key(environment))


def _record_key(environment: str) -> str:
    return f"{RECORDS}{environment}.json"


def _recorded(bucket: Bucket, environment: str, stacks: Iterable[StackSeen]) -> frozenset[str]:
    kept = bucket.get(_record_key(environment))
    before: list[str] = json.loads(kept.body)["recorded"] if kept else []
    now = {
        id
        for stack in stacks
        for one in stack.resources
        for id in (one.physical_id, last_part(one.physical_id))
    }
    return frozenset({*before, *now} - {""})


def _stack(aws: Aws, config: Config, state: StackState) -> StackSeen:
    template: dict[str, Any] = {}
    if state.status != IN_REVIEW:
        try:
            template = json.loads(aws.cloudformation.template(state.id))
        except NotFound:
            template = {}
    sources = metadata_sources(template).values()
    policies = {
        one.get("DeletionPolicy")
        for one in template.get("Resources", {}).values()
        if one["Type"] == "AWS::RDS::DBInstance"
    }
    return StackSeen(
        part=state.tags.get(naming.part_tag(config.environment.project), state.name),
        name=state.name,
        status=state.status,
        guarded=state.protected,
        snapshots="Snapshot" in policies,
        sources=frozenset(value.part for value in sources if isinstance(value, Output)),
        resources=_resources(aws, state),
        tags=state.tags,
    )


def _resources(aws: Aws, state: StackState) -> tuple[Any, ...]:
    try:
        found = aws.cloudformation.resources(state.id)
    except NotFound:
        return ()
    return tuple(one for one in found if one.status != "DELETE_COMPLETE")


def _ids(stacks: Iterable[StackSeen], kind: str) -> tuple[str, ...]:
    return tuple(sorted(id for stack in stacks for id in stack.ids(kind)))


def _groups(aws: Aws, stacks: Iterable[StackSeen]) -> tuple[Group, ...]:
    return tuple(filter(None, map(aws.autoscaling.group, _ids(stacks, GROUP))))


def _cluster(aws: Aws, cluster: str | None) -> dict[str, Any]:
    if cluster is None:
        return {}
    try:
        names = aws.ecs.list_services(cluster)
        tasks = aws.ecs.tasks(cluster, aws.ecs.list_tasks(cluster))
        return {
            "services": tuple(aws.ecs.services(cluster, names).values()),
            "scaled": aws.scaling.targets(cluster),
            "tasks": tuple(task for task in tasks if not task.group.startswith("service:")),
            "hosts": aws.ecs.container_instances(cluster),
        }
    except NotFound:
        return {}


def _idle_interfaces(aws: Aws, recorded: frozenset[str]) -> set[str]:
    """Interfaces that nobody holds any more and that have none but our security groups."""
    networks = [id for id in recorded if id.startswith("vpc-")]
    return {
        one.id
        for network in networks
        for one in aws.ec2.network_interfaces(network)
        if one.status == "available" and one.security_groups and set(one.security_groups) <= recorded
    }


def _images(
    aws: Aws, config: Config, bucket: Bucket, own: list[StackState], states: Iterable[StackState]
) -> tuple[str, ...]:
    """The tags in the repository that this environment uses or used, and no other one of the account."""
    environment = config.environment
    if environment.registry_account != environment.account:
        return ()
    repository = naming.repository(environment.project)
    there = {tag for image in aws.ecr.images(repository) for tag in image.tags}
    if not there:
        return ()
    tag = naming.environment_tag(environment.project)
    others = {state.tags[tag] for state in states if tag in state.tags} - {environment.name}
    theirs = [state for state in states if state.tags.get(tag) in others]
    used = _used(aws, repository, theirs) | _released(bucket, others)
    mine = _used(aws, repository, own) | _released(bucket, {environment.name})
    return tuple(sorted((mine & there) - used))


def _used(aws: Aws, repository: str, states: Iterable[StackState]) -> set[str]:
    """The image tags in the templates of release stacks."""
    pattern = re.compile(rf"/{re.escape(repository)}:([a-z0-9][\w.-]*)")
    releases = (state for state in states if state.name.endswith("-release") and state.status != IN_REVIEW)
    return {tag for state in releases for tag in pattern.findall(aws.cloudformation.template(state.id))}


def _released(bucket: Bucket, environments: Iterable[str]) -> set[str]:
    tags: set[str] = set()
    for name in environments:
        for key in bucket.keys(f"releases/{name}/")[-KEPT_RELEASES:]:
            found = bucket.get(key)
            tags |= set(json.loads(found.body).get("images", {}).values()) if found else set()
    return tags


def _records(aws: Aws, config: Config) -> tuple[ZoneRecord, ...]:
    """The domain's own names, and the records that prove it to ACM: CloudFormation makes those and leaves them."""
    zone, domain = config.environment.edge.zone_id, config.environment.domain
    if not zone or not domain:
        return ()
    found = ((one, _is_proof(one, domain)) for one in aws.route53.records(zone))
    return tuple(
        ZoneRecord(zone, one.name, one.type, one.body, proof)
        for one, proof in found
        if proof or (one.name == f"{domain}." and one.type in NAMES)
    )


def _is_proof(record: Record, domain: str) -> bool:
    one_label_more = record.name.count(".") == domain.count(".") + 2
    return (
        record.type == "CNAME"
        and one_label_more
        and record.name.startswith("_")
        and record.name.endswith(f".{domain}.")
    )


__all__ = ["Found", "forget", "look", "record", "unfinished"]
