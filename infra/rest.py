"""An environment at rest: services and hosts at zero, databases stopped, and written down how it was before."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

from infra.aws import Aws
from infra.aws.cloudformation import StackResource
from infra.aws.s3 import Bucket
from infra.aws.waiting import attempts
from infra.errors import EstaleiroError
from infra.events import Reporter

READY_SECONDS = 1800.0
DRAIN_SECONDS = 180.0
TYPES = {"groups": "AWS::AutoScaling::AutoScalingGroup", "databases": "AWS::RDS::DBInstance"}


@dataclass(frozen=True)
class Rest:
    """How it was: tasks by service, the least number where it is scaled, (least, most, wanted) hosts by group."""

    since: str
    asleep: bool = True
    cluster: str = ""
    services: Mapping[str, int] = field(default_factory=dict)
    minimums: Mapping[str, int] = field(default_factory=dict)
    groups: Mapping[str, list[int]] = field(default_factory=dict)
    databases: tuple[str, ...] = ()


def read(bucket: Bucket, environment: str) -> Rest | None:
    """Return what is written down, None where the environment never slept."""
    found = bucket.get(_key(environment))
    if found is None:
        return None
    whole = json.loads(found.body)
    return Rest(**{**whole, "databases": tuple(whole["databases"])})


def _write(bucket: Bucket, environment: str, rest: Rest) -> None:
    bucket.put(_key(environment), json.dumps(asdict(rest), indent=1, sort_keys=True).encode())


def _key(environment: str) -> str:
    return f"sleep/{environment}.json"


@dataclass
class Sleeper:
    """Puts one environment to rest and wakes it; both may be called again after a failure."""

    aws: Aws
    bucket: Bucket
    environment: str
    reporter: Reporter
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def put_to_sleep(self, resources: Iterable[StackResource]) -> Rest:
        """Write down how it is, then bring everything to zero; data stays. Already asleep: what runs again stops."""
        rest = read(self.bucket, self.environment)
        if rest is None or not rest.asleep:
            rest = self._now(tuple(resources))
            _write(self.bucket, self.environment, rest)
        for name in rest.services:
            self.reporter.tell("progress", "sleep", f"service {name}")
            self.aws.scaling.suspend(rest.cluster, name)
            self.aws.ecs.update_service(rest.cluster, name, desired=0)
        self._drained(rest)
        for name in rest.groups:
            self.aws.autoscaling.clear_protection(name)
            self.aws.autoscaling.set_sizes(name, minimum=0, maximum=0, desired=0)
        self.stop_databases(rest)
        return rest

    def stop_databases(self, rest: Rest) -> tuple[str, ...]:
        """Stop the databases of a sleeping environment that run: RDS starts them by itself after seven days."""
        found = [self.aws.rds.instance(id) for id in rest.databases]
        running = tuple(one.id for one in found if one is not None and one.status == "available")
        for id in running:
            self.reporter.tell("progress", "sleep", f"database {id}")
            self.aws.rds.stop(id)
        return running

    def wake(self) -> Rest | None:
        """Bring everything back as it was written down: databases first, then hosts, then services.

        Returns None where nothing slept. Raises EstaleiroError when a database does not come back.
        """
        rest = read(self.bucket, self.environment)
        if rest is None or not rest.asleep:
            return None
        for id in rest.databases:
            found = self.aws.rds.instance(id)
            if found is not None and found.status != "available":
                self._started(id)
        for name, (minimum, maximum, desired) in rest.groups.items():
            if self.aws.autoscaling.group(name) is not None:
                self.aws.autoscaling.set_sizes(name, minimum=minimum, maximum=maximum, desired=desired)
        there = self.aws.ecs.services(rest.cluster, rest.services)
        for name, desired in rest.services.items():
            if name in there:
                self.aws.ecs.update_service(rest.cluster, name, desired=desired)
                if name in rest.minimums:
                    self.aws.scaling.resume(rest.cluster, name, minimum=rest.minimums[name])
        awake = Rest(since=_stamp(), asleep=False)
        _write(self.bucket, self.environment, awake)
        return rest

    def _now(self, resources: tuple[StackResource, ...]) -> Rest:
        """Physical ids are the stacks' own record of what is ours."""
        ids = {
            what: sorted(one.physical_id for one in resources if one.type == kind)
            for what, kind in TYPES.items()
        }
        clusters = [one.physical_id for one in resources if one.type == "AWS::ECS::Cluster"]
        cluster = clusters[0].rpartition("/")[2] if clusters else ""
        names = self.aws.ecs.list_services(cluster) if cluster else ()
        services = self.aws.ecs.services(cluster, names) if names else {}
        bounds = {name: self.aws.scaling.bounds(cluster, name) for name in services}
        groups = filter(None, map(self.aws.autoscaling.group, ids["groups"]))
        return Rest(
            since=_stamp(),
            cluster=cluster,
            services={name: state.desired for name, state in services.items()},
            minimums={name: bound[0] for name, bound in bounds.items() if bound is not None},
            groups={group.name: [group.minimum, group.maximum, group.desired] for group in groups},
            databases=tuple(ids["databases"]),
        )

    def _drained(self, rest: Rest) -> None:
        for _ in attempts(DRAIN_SECONDS, clock=self.clock, sleep=self.sleep):
            states = self.aws.ecs.services(rest.cluster, rest.services) if rest.services else {}
            if not any(state.running + state.pending for state in states.values()):
                return

    def _started(self, id: str) -> None:
        self.reporter.tell("progress", "wake", f"database {id}")
        for _ in attempts(READY_SECONDS, clock=self.clock, sleep=self.sleep):
            found = self.aws.rds.instance(id)
            if found is None or found.status == "available":
                return
            if found.status == "stopped":
                self.aws.rds.start(id)
        raise EstaleiroError(
            f"database {id} did not start within {READY_SECONDS:.0f} s; look at its events and wake again"
        )


def _stamp() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
