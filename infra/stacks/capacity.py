"""The hosts of a cluster: role, launch template, scaling group, capacity provider, and the door for SSH."""

from __future__ import annotations

from troposphere import GetAtt, Ref, Select, Sub, autoscaling, ec2, ecs, iam, policies

from infra import naming
from infra.hosts import host_ignition
from infra.stacks.draft import Draft
from infra.stacks.launch import Machine, boot_data, launch_template, version
from infra.stacks.network import in_public_subnets
from infra.stacks.policies import Statement, allow, role

WARM_UP_SECONDS = 120


def host_capacity(draft: Draft, cluster: ecs.Cluster) -> ecs.CapacityProvider:
    """Add the hosts; return their capacity provider.

    Termination protection is off: it outlives the provider and then blocks the group's deletion
    (aws/containers-roadmap#2862). Managed draining moves tasks away before a host goes.
    """
    group = draft.add(_group(draft, _launch_template(draft, cluster)))
    return draft.add(
        ecs.CapacityProvider(
            "CapacityProvider",
            AutoScalingGroupProvider=ecs.AutoScalingGroupProvider(
                AutoScalingGroupArn=Ref(group),
                ManagedScaling=ecs.ManagedScaling(
                    Status="ENABLED",
                    TargetCapacity=100,
                    MinimumScalingStepSize=1,
                    MaximumScalingStepSize=2,
                    InstanceWarmupPeriod=WARM_UP_SECONDS,
                ),
                ManagedDraining="ENABLED",
                ManagedTerminationProtection="DISABLED",
            ),
        )
    )


def connect_endpoint(draft: Draft) -> None:
    """Add the Instance Connect Endpoint: SSH to hosts that no address outside can reach."""
    endpoint = draft.add(
        ec2.InstanceConnectEndpoint(
            "ConnectEndpoint",
            SubnetId=Select(0, draft.inputs("network", "TaskSubnetIds")),
            SecurityGroupIds=[draft.input("network", "ConnectSecurityGroupId")],
            PreserveClientIp=False,
        )
    )
    draft.output("ConnectEndpointId", Ref(endpoint))


def _launch_template(draft: Draft, cluster: ecs.Cluster) -> ec2.LaunchTemplate:
    environment, hosts = draft.environment, draft.environment.hosts
    ignition = host_ignition(
        os=hosts.os,
        agent_version=hosts.agent_version,
        ssh_keys=hosts.ssh_keys,
        tags={naming.environment_tag(environment.project): environment.name},
        ssm=hosts.ssm,
    )
    data, reads = boot_data(draft, ignition, {"CLUSTER": Ref(cluster)})
    machine = Machine(
        instance_type=hosts.instance_types[0],
        profile=_profile(draft, cluster, reads),
        groups=[draft.input("network", "TasksSecurityGroupId")],
        volume_gb=hosts.volume_gb,
        public_address=in_public_subnets(environment),
        user_data=data,
    )
    return launch_template(draft, "HostTemplate", machine)


def _group(draft: Draft, template: ec2.LaunchTemplate) -> autoscaling.AutoScalingGroup:
    """The group's size is managed scaling's: no desired capacity, and a deploy does not undo `sleep`."""
    environment, hosts = draft.environment, draft.environment.hosts
    return autoscaling.AutoScalingGroup(
        "Hosts",
        # Hosts go before the cluster, which cannot be deleted while they are registered.
        DependsOn=["Cluster", "HostProfile"],
        MinSize=str(hosts.min),
        MaxSize=str(hosts.max),
        VPCZoneIdentifier=draft.inputs("network", "TaskSubnetIds"),
        MixedInstancesPolicy=_mixed(draft, template),
        CapacityRebalance=hosts.spot,
        NewInstancesProtectedFromScaleIn=False,
        DefaultInstanceWarmup=WARM_UP_SECONDS,
        HealthCheckType="EC2",
        HealthCheckGracePeriod=WARM_UP_SECONDS,
        Tags=autoscaling.Tags(Name=f"{environment.project}-{environment.name}-host", AmazonECSManaged="true"),
        UpdatePolicy=policies.UpdatePolicy(
            AutoScalingScheduledAction=policies.AutoScalingScheduledAction(
                IgnoreUnmodifiedGroupSizeProperties=True
            )
        ),
    )


def _mixed(draft: Draft, template: ec2.LaunchTemplate) -> autoscaling.MixedInstancesPolicy:
    hosts = draft.environment.hosts
    return autoscaling.MixedInstancesPolicy(
        LaunchTemplate=autoscaling.LaunchTemplate(
            LaunchTemplateSpecification=autoscaling.LaunchTemplateSpecification(**version(template)),
            Overrides=[
                autoscaling.LaunchTemplateOverrides(InstanceType=kind) for kind in hosts.instance_types
            ],
        ),
        InstancesDistribution=autoscaling.InstancesDistribution(
            OnDemandBaseCapacity=0,
            OnDemandPercentageAboveBaseCapacity=0 if hosts.spot else 100,
            OnDemandAllocationStrategy="prioritized",
            SpotAllocationStrategy="price-capacity-optimized",
        ),
    )


def _profile(draft: Draft, cluster: ecs.Cluster, reads: list[Statement]) -> iam.InstanceProfile:
    environment = draft.environment
    host_role = draft.add(
        role(
            "HostRole",
            environment,
            service="ec2.amazonaws.com",
            statements=[*_agent_statements(GetAtt(cluster, "Arn")), *reads, *_session_statements(draft)],
        )
    )
    return draft.add(
        iam.InstanceProfile(
            "HostProfile",
            Path=naming.role_path(environment.project, environment.name),
            Roles=[Ref(host_role)],
        )
    )


def _agent_statements(cluster: GetAtt) -> list[Statement]:
    """Return what the agent needs, in this cluster alone; images and logs are the execution roles' business."""
    here = {"ArnEquals": {"ecs:cluster": cluster}}
    instances = Sub("arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:container-instance/*")
    joins = [f"ecs:{verb}ContainerInstance" for verb in ("Register", "Deregister")]
    return [
        allow(["ecs:DiscoverPollEndpoint"], "*"),
        allow([*joins, "ecs:Submit*"], cluster),
        allow(
            ["ecs:Poll", "ecs:StartTelemetrySession", "ecs:UpdateContainerInstancesState"],
            instances,
            Condition=here,
        ),
        # The agent tags its host as it registers it, and at no other time.
        allow(
            ["ecs:TagResource"],
            instances,
            Condition={"StringEquals": {"ecs:CreateAction": "RegisterContainerInstance"}},
        ),
    ]


def _session_statements(draft: Draft) -> list[Statement]:
    """Return what the Session Manager agent needs where it is wanted (no action here is tied to a resource)."""
    if not draft.environment.hosts.ssm:
        return []
    channels = [
        f"ssmmessages:{verb}{kind}Channel" for verb in ("Create", "Open") for kind in ("Control", "Data")
    ]
    return [allow(["ssm:UpdateInstanceInformation", *channels], "*")]
