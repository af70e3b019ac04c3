"""Machines and what holds on to a network: images, instances, interfaces, consoles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from infra.aws import tags as spelling
from infra.aws.client import Client, MakeClient
from infra.errors import AwsError, NotFound


@dataclass(frozen=True)
class HostImage:
    """A machine image. `created` is ISO 8601 in UTC, as EC2 gives it."""

    id: str
    name: str
    created: str
    architecture: str = ""


@dataclass(frozen=True)
class Instance:
    """One machine. `spot`: bought on the spot market."""

    id: str
    state: str
    type: str
    zone: str = ""
    image: str = ""
    architecture: str = ""
    private_ip: str | None = None
    public_ip: str | None = None
    launched: datetime | None = None
    spot: bool = False
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Interface:
    """A network interface; what blocks the deletion of a subnet or a security group. `holder` says whose it is."""

    id: str
    status: str
    holder: str
    subnet: str = ""
    security_groups: tuple[str, ...] = ()
    private_ip: str | None = None
    public_ip: str | None = None


@dataclass(frozen=True)
class InstanceType:
    """What a type of machine offers. Memory in MiB; `interfaces` includes the machine's own."""

    name: str
    cpus: int
    memory: int
    architectures: tuple[str, ...]
    interfaces: int


class Ec2:
    """One account's machines in one region."""

    def __init__(self, make: MakeClient) -> None:
        self._client = Client("ec2", make)

    def newest_image(self, owner: str, name_pattern: str, architecture: str) -> HostImage | None:
        """Return the newest available image of `owner` (an account); the pattern takes `*`; architecture as EC2's."""
        found = self._client.items(
            "describe_images",
            "Images",
            Owners=[owner],
            Filters=_filters({"name": name_pattern, "architecture": architecture, "state": "available"}),
        )
        return max(map(_image, found), key=lambda image: (image.created, image.name), default=None)

    def image(self, id: str) -> HostImage | None:
        """Return an image, None where it is no longer offered to us."""
        found = self._client.call("describe_images", Filters=_filters({"image-id": id})).get("Images")
        return _image(found[0]) if found else None

    def instances(
        self, *, ids: Sequence[str] = (), tags: Mapping[str, str] | None = None, vpc: str | None = None
    ) -> tuple[Instance, ...]:
        """Return the instances with these ids, exact tags and VPC; terminated ones show for about an hour."""
        wanted: dict[str, str | list[str]] = {f"tag:{key}": value for key, value in (tags or {}).items()}
        wanted |= {"instance-id": list(ids)} if ids else {}
        wanted |= {"vpc-id": vpc} if vpc else {}
        reservations = self._client.items("describe_instances", "Reservations", Filters=_filters(wanted))
        found = (_instance(entry) for reservation in reservations for entry in reservation["Instances"])
        return tuple(sorted(found, key=lambda one: one.id))

    def network_interfaces(self, vpc: str) -> tuple[Interface, ...]:
        """Return the interfaces in a VPC."""
        found = self._client.items(
            "describe_network_interfaces", "NetworkInterfaces", Filters=_filters({"vpc-id": vpc})
        )
        return tuple(sorted(map(_interface, found), key=lambda one: one.id))

    def console_output(self, instance: str) -> str:
        """Return what the machine wrote on its console, as far as EC2 has it; empty where it has nothing yet."""
        try:
            answer = self._client.call("get_console_output", InstanceId=instance)
        except AwsError as error:
            # An emulator's machines have no console (InvalidAction).
            if isinstance(error, NotFound) or error.code == "InvalidAction":
                return ""
            raise
        return str(answer.get("Output") or "")

    def instance_type(self, name: str) -> InstanceType | None:
        """Return what a type offers, None where the region does not have it."""
        try:
            found = self._client.call("describe_instance_types", InstanceTypes=[name])["InstanceTypes"]
        except AwsError as error:
            if error.code != "InvalidInstanceType":
                raise
            return None
        entry = next((one for one in found if one["InstanceType"] == name), None)
        if entry is None:
            return None
        return InstanceType(
            name=entry["InstanceType"],
            cpus=entry["VCpuInfo"]["DefaultVCpus"],
            memory=entry["MemoryInfo"]["SizeInMiB"],
            architectures=tuple(entry["ProcessorInfo"]["SupportedArchitectures"]),
            interfaces=entry["NetworkInfo"]["MaximumNetworkInterfaces"],
        )

    def delete_interface(self, id: str) -> None:
        """Delete a network interface that nobody holds; none is fine. Raises AwsError while somebody does."""
        self._unless_gone("delete_network_interface", NetworkInterfaceId=id)

    def delete_volume(self, id: str) -> None:
        """Delete a volume that no machine has; none is fine. Raises AwsError while one does."""
        self._unless_gone("delete_volume", VolumeId=id)

    def _unless_gone(self, operation: str, **named: str) -> None:
        try:
            self._client.call(operation, **named)
        except NotFound:
            return

    def terminate(self, instance: str) -> None:
        """End a machine; one that is gone is fine."""
        try:
            self._client.call("terminate_instances", InstanceIds=[instance])
        except NotFound:
            return


def _image(entry: Mapping[str, Any]) -> HostImage:
    return HostImage(
        entry["ImageId"], entry["Name"], entry.get("CreationDate", ""), entry.get("Architecture", "")
    )


def _filters(wanted: Mapping[str, str | list[str]]) -> list[dict[str, Any]]:
    return [
        {"Name": name, "Values": value if isinstance(value, list) else [value]}
        for name, value in sorted(wanted.items())
    ]


def _instance(entry: Mapping[str, Any]) -> Instance:
    return Instance(
        id=entry["InstanceId"],
        state=entry["State"]["Name"],
        type=entry["InstanceType"],
        zone=(entry.get("Placement") or {}).get("AvailabilityZone") or "",
        image=entry.get("ImageId") or "",
        architecture=entry.get("Architecture") or "",
        private_ip=entry.get("PrivateIpAddress"),
        public_ip=entry.get("PublicIpAddress"),
        launched=entry.get("LaunchTime"),
        spot=entry.get("InstanceLifecycle") == "spot",
        tags=spelling.from_aws(entry.get("Tags")),
    )


def _interface(entry: Mapping[str, Any]) -> Interface:
    attachment = entry.get("Attachment") or {}
    holder = attachment.get("InstanceId") or entry.get("Description") or entry.get("RequesterId") or "nobody"
    return Interface(
        id=entry["NetworkInterfaceId"],
        status=entry.get("Status") or "",
        holder=holder,
        subnet=entry.get("SubnetId") or "",
        security_groups=tuple(sorted(group["GroupId"] for group in entry.get("Groups") or ())),
        private_ip=entry.get("PrivateIpAddress"),
        public_ip=(entry.get("Association") or {}).get("PublicIp"),
    )
