"""What goes with an EC2 instance that ends: its root volume, which EC2 deletes on termination."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ministack.services import ec2


def install() -> None:
    """Have TerminateInstances delete the volumes as well."""
    terminate = ec2._ACTION_MAP["TerminateInstances"]
    ec2._ACTION_MAP["TerminateInstances"] = _with_volumes(terminate)


def drop_volumes(instance_id: str) -> None:
    """Delete the volumes that came with an instance; those attached later, without DeleteOnTermination, stay."""
    for name, volume in list(ec2._volumes.items()):
        for attachment in volume.get("Attachments") or ():
            if attachment.get("InstanceId") == instance_id and attachment.get("DeleteOnTermination", True):
                ec2._volumes.pop(name, None)
                ec2._tags.pop(name, None)


def _with_volumes(terminate: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def answer(parameters: Any) -> Any:
        result = terminate(parameters)
        for instance_id in ec2._parse_member_list(parameters, "InstanceId"):
            if (ec2._instances.get(instance_id) or {}).get("State", {}).get("Name") == "terminated":
                drop_volumes(instance_id)
        return result

    return answer
