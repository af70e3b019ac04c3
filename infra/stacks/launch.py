"""What every EC2 instance of ours has in common: IMDSv2 alone, an encrypted root volume, our tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from troposphere import Base64, GetAtt, Ref, Sub, Tags, ec2, iam

from infra import naming
from infra.hosts import PREFIX, fitted
from infra.stacks.draft import Draft
from infra.stacks.placeholders import user_data
from infra.stacks.policies import Statement, allow


@dataclass(frozen=True)
class Machine:
    """What differs between kinds of instances.

    `public_address` is the way out of a public subnet; no inbound rule comes with it.
    """

    instance_type: str
    profile: iam.InstanceProfile
    groups: Sequence[Any]
    volume_gb: int
    public_address: bool
    user_data: Any


def launch_template(draft: Draft, title: str, machine: Machine) -> ec2.LaunchTemplate:
    """Add a launch template on the newest image of the hosts' system (on Fargate: of Flatcar, for a NAT host).

    The hop limit of 1 keeps the host's credentials from containers on a bridge.
    """
    network = ec2.NetworkInterfaces(
        DeviceIndex=0,
        AssociatePublicIpAddress=machine.public_address,
        DeleteOnTermination=True,
        Groups=list(machine.groups),
    )
    tags = [ec2.TagSpecifications(ResourceType=kind, Tags=_tags(draft)) for kind in ("instance", "volume")]
    return draft.add(
        ec2.LaunchTemplate(
            title,
            LaunchTemplateData=ec2.LaunchTemplateData(
                ImageId=draft.resolved("HostImage", "host-image", "AWS::EC2::Image::Id"),
                InstanceType=machine.instance_type,
                IamInstanceProfile=ec2.IamInstanceProfile(Arn=GetAtt(machine.profile, "Arn")),
                MetadataOptions=ec2.MetadataOptions(
                    HttpEndpoint="enabled", HttpTokens="required", HttpPutResponseHopLimit=1
                ),
                NetworkInterfaces=[network],
                BlockDeviceMappings=[_root_volume(machine.volume_gb)],
                TagSpecifications=tags,
                UserData=machine.user_data,
            ),
        )
    )


def boot_data(draft: Draft, ignition: str, references: Mapping[str, Any]) -> tuple[Base64, list[Statement]]:
    """Return the user data of an Ignition config, and what its role needs to read what it only points to."""
    environment = draft.environment
    bucket = naming.state_bucket(environment.project, environment.account, environment.region)
    made = fitted(ignition, bucket)
    draft.objects.update(made.objects)
    reads = [allow(["s3:GetObject"], Sub(f"arn:${{AWS::Partition}}:s3:::{bucket}/{PREFIX}*"))]
    return user_data(made.text, references), reads if made.objects else []


def version(template: ec2.LaunchTemplate) -> dict[str, Any]:
    """Return id and number of the newest version: by number, so that CloudFormation sees when it changes."""
    return {"LaunchTemplateId": Ref(template), "Version": GetAtt(template, "LatestVersionNumber")}


def _root_volume(size: int) -> ec2.LaunchTemplateBlockDeviceMapping:
    volume = ec2.EBSBlockDevice(VolumeType="gp3", VolumeSize=size, Encrypted=True, DeleteOnTermination=True)
    return ec2.LaunchTemplateBlockDeviceMapping(DeviceName="/dev/xvda", Ebs=volume)


def _tags(draft: Draft) -> Tags:
    environment = draft.environment
    return Tags(
        {
            naming.environment_tag(environment.project): environment.name,
            naming.part_tag(environment.project): draft.part,
        }
    )
