"""Groups of hosts: their sizes, their members, and why a host did not come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from infra.aws.batches import batches
from infra.aws.client import Client, MakeClient
from infra.errors import AwsError, NotFound


@dataclass(frozen=True)
class Member:
    """One instance of a group. `protected`: the group may not end it when it shrinks."""

    instance: str
    lifecycle: str
    health: str
    zone: str = ""
    protected: bool = False


@dataclass(frozen=True)
class Group:
    """A group and its sizes. `protects_new`: new instances are protected from its shrinking."""

    name: str
    minimum: int
    maximum: int
    desired: int
    members: tuple[Member, ...] = ()
    protects_new: bool = False
    status: str | None = None


@dataclass(frozen=True)
class Activity:
    """One thing that a group did or failed to do."""

    id: str
    status: str
    description: str
    message: str = ""
    started: datetime | None = None


@dataclass(frozen=True)
class Refresh:
    """The replacing of a group's instances, one after the other. `percent` of them is done."""

    id: str
    status: str
    percent: int = 0
    reason: str = ""

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen (EC2 Auto Scaling API, InstanceRefresh.Status)."""
        return self.status in ("Successful", "Failed", "Cancelled", "RollbackFailed", "RollbackSuccessful")


class AutoScaling:
    """One account's groups of hosts in one region."""

    def __init__(self, make: MakeClient) -> None:
        self._client = Client("autoscaling", make)

    def group(self, name: str) -> Group | None:
        """Return a group, None where there is none."""
        answer = self._client.call("describe_auto_scaling_groups", AutoScalingGroupNames=[name])
        found = answer.get("AutoScalingGroups") or ()
        return _group(found[0]) if found else None

    def activities(self, name: str, limit: int = 20) -> tuple[Activity, ...]:
        """Return what a group did last, newest first; its failures say why no host came."""
        try:
            answer = self._client.call(
                "describe_scaling_activities", AutoScalingGroupName=name, MaxRecords=limit
            )
        except NotFound:
            return ()
        return tuple(
            Activity(
                id=entry["ActivityId"],
                status=entry["StatusCode"],
                description=entry.get("Description") or "",
                message=entry.get("StatusMessage") or "",
                started=entry.get("StartTime"),
            )
            for entry in answer.get("Activities") or ()
        )

    def set_sizes(self, name: str, *, minimum: int, maximum: int, desired: int) -> None:
        """Set how many hosts there are and may be. Raises AwsError where there is no such group."""
        self._client.call(
            "update_auto_scaling_group",
            AutoScalingGroupName=name,
            MinSize=minimum,
            MaxSize=maximum,
            DesiredCapacity=desired,
        )

    def terminate(self, instance: str) -> None:
        """End one instance of a group, which makes another in its place; one that is gone is fine."""
        try:
            self._client.call(
                "terminate_instance_in_auto_scaling_group",
                InstanceId=instance,
                ShouldDecrementDesiredCapacity=False,
            )
        except NotFound:
            return

    def start_refresh(self, name: str, *, warm_up_seconds: int) -> str:
        """Begin to replace every instance that is not of the group's template; return the refresh's id.

        A new instance comes before an old one goes, a tenth of the group (one at least) at a time; those that scaling
        must spare are replaced as well.
        """
        preferences = {
            "MinHealthyPercentage": 100,
            "MaxHealthyPercentage": 110,
            "InstanceWarmup": warm_up_seconds,
            "SkipMatching": True,
            "ScaleInProtectedInstances": "Refresh",
            "StandbyInstances": "Terminate",
        }
        answer = self._client.call(
            "start_instance_refresh", AutoScalingGroupName=name, Strategy="Rolling", Preferences=preferences
        )
        return str(answer["InstanceRefreshId"])

    def refreshes(self, name: str) -> tuple[Refresh, ...]:
        """Return a group's refreshes, newest first."""
        answer = self._client.call("describe_instance_refreshes", AutoScalingGroupName=name)
        return tuple(
            Refresh(
                id=entry["InstanceRefreshId"],
                status=entry["Status"],
                percent=int(entry.get("PercentageComplete") or 0),
                reason=entry.get("StatusReason") or "",
            )
            for entry in answer.get("InstanceRefreshes") or ()
        )

    def cancel_refresh(self, name: str) -> None:
        """Stop a group's refresh where it is; none in progress is fine."""
        try:
            self._client.call("cancel_instance_refresh", AutoScalingGroupName=name)
        except AwsError as error:
            if error.code not in ("ActiveInstanceRefreshNotFound", "ActiveInstanceRefreshNotFoundFault"):
                raise

    def clear_protection(self, name: str) -> None:
        """Let a group end any of its instances, which its capacity provider otherwise forbids; no group is fine."""
        group = self.group(name)
        if group is None:
            return
        if group.protects_new:
            self._client.call(
                "update_auto_scaling_group", AutoScalingGroupName=name, NewInstancesProtectedFromScaleIn=False
            )
        protected = [member.instance for member in group.members if member.protected]
        # SetInstanceProtection takes 50 at a time.
        for batch in batches(protected, 50):
            self._client.call(
                "set_instance_protection",
                AutoScalingGroupName=name,
                InstanceIds=list(batch),
                ProtectedFromScaleIn=False,
            )

    def let_go(self, name: str) -> None:
        """End at once what waits to be emptied before it ends: managed draining's hook waits up to two days."""
        group = self.group(name)
        waiting = [one for one in (group.members if group else ()) if one.lifecycle == "Terminating:Wait"]
        hooks = self._hooks(name) if waiting else ()
        for member in waiting:
            for hook in hooks:
                self._client.call(
                    "complete_lifecycle_action",
                    AutoScalingGroupName=name,
                    LifecycleHookName=hook,
                    InstanceId=member.instance,
                    LifecycleActionResult="CONTINUE",
                )

    def _hooks(self, name: str) -> tuple[str, ...]:
        found = self._client.call("describe_lifecycle_hooks", AutoScalingGroupName=name)["LifecycleHooks"]
        ends = (one for one in found if one["LifecycleTransition"].endswith("TERMINATING"))
        return tuple(one["LifecycleHookName"] for one in ends)


def _group(entry: Mapping[str, Any]) -> Group:
    members = (
        Member(
            instance=one["InstanceId"],
            lifecycle=one["LifecycleState"],
            health=one.get("HealthStatus") or "",
            zone=one.get("AvailabilityZone") or "",
            protected=bool(one.get("ProtectedFromScaleIn")),
        )
        for one in entry.get("Instances") or ()
    )
    return Group(
        name=entry["AutoScalingGroupName"],
        minimum=entry["MinSize"],
        maximum=entry["MaxSize"],
        desired=entry["DesiredCapacity"],
        members=tuple(sorted(members, key=lambda member: member.instance)),
        protects_new=bool(entry.get("NewInstancesProtectedFromScaleIn")),
        status=entry.get("Status"),
    )
