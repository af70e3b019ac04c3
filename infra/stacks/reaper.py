"""The optional stack `<project>-reaper`: runs `reap --yes` by schedule, in a network and on a cluster of its own.

It belongs to no environment, so that none takes it along when it ends.
"""

from __future__ import annotations

from collections.abc import Sequence

from troposphere import GetAtt, Parameter, Ref, Sub, ec2, ecs, iam, logs, scheduler

from infra import naming
from infra.config import Config
from infra.stacks.draft import Draft
from infra.stacks.groups import ANYWHERE
from infra.stacks.model import Stack
from infra.stacks.policies import allow, document, trusted_by
from infra.stacks.reaping import reaping_policies
from infra.stacks.tasks import ARCHITECTURES

PART = naming.REAPER_PART
CIDR = "10.255.0.0/28"
EVERY_MINUTES = 15
CPU, MEMORY = "256", "512"


def reaper_stack(config: Config, image: str, *, protected: Sequence[str] = ()) -> Stack:
    """Return the stack. `image` is that of infra.reaper_image; `protected` are environments that it must never change."""
    project = config.environment.project
    draft = Draft(config, PART, f"Ends the environments of {project} when they are due")
    draft.template.add_parameter(Parameter("Image", Type="String"))
    draft.parameters["Image"] = image
    subnet, group = _network(draft)
    cluster = draft.add(ecs.Cluster("Cluster"))
    definition = draft.add(_definition(draft, protected))
    scheduling = draft.add(_scheduling_role(draft, definition, cluster))
    draft.add(
        scheduler.Schedule(
            "Schedule",
            Description=f"Every {EVERY_MINUTES} minutes: ends what is due, and keeps the schedules of rest",
            ScheduleExpression=f"rate({EVERY_MINUTES} minutes)",
            FlexibleTimeWindow=scheduler.FlexibleTimeWindow(Mode="OFF"),
            Target=scheduler.Target(
                Arn=GetAtt(cluster, "Arn"),
                RoleArn=GetAtt(scheduling, "Arn"),
                EcsParameters=scheduler.EcsParameters(
                    TaskDefinitionArn=Ref(definition),
                    LaunchType="FARGATE",
                    TaskCount=1,
                    NetworkConfiguration=scheduler.NetworkConfiguration(
                        AwsvpcConfiguration=scheduler.AwsVpcConfiguration(
                            AssignPublicIp="ENABLED",
                            Subnets=[Ref(subnet)],
                            SecurityGroups=[GetAtt(group, "GroupId")],
                        )
                    ),
                ),
                RetryPolicy=scheduler.RetryPolicy(MaximumRetryAttempts=0),
            ),
        )
    )
    return draft.stack(name=naming.reaper_stack_name(project))


def _network(draft: Draft) -> tuple[ec2.Subnet, ec2.SecurityGroup]:
    """One subnet with a way out and none in: the task needs no more than AWS's own addresses."""
    vpc = draft.add(ec2.VPC("Vpc", CidrBlock=CIDR, EnableDnsSupport=True, EnableDnsHostnames=True))
    gateway = draft.add(ec2.InternetGateway("Gateway"))
    attached = draft.add(
        ec2.VPCGatewayAttachment("GatewayAttachment", VpcId=Ref(vpc), InternetGatewayId=Ref(gateway))
    )
    subnet = draft.add(ec2.Subnet("Subnet", VpcId=Ref(vpc), CidrBlock=CIDR, MapPublicIpOnLaunch=False))
    table = draft.add(ec2.RouteTable("Routes", VpcId=Ref(vpc)))
    draft.add(
        ec2.Route(
            "WayOut",
            DependsOn=attached.title,
            RouteTableId=Ref(table),
            DestinationCidrBlock="0.0.0.0/0",
            GatewayId=Ref(gateway),
        )
    )
    draft.add(ec2.SubnetRouteTableAssociation("SubnetRoutes", SubnetId=Ref(subnet), RouteTableId=Ref(table)))
    group = draft.add(
        ec2.SecurityGroup(
            "TaskSecurityGroup",
            VpcId=Ref(vpc),
            GroupDescription="Out, never in",
            SecurityGroupEgress=[ANYWHERE],
        )
    )
    return subnet, group


def _definition(draft: Draft, protected: Sequence[str]) -> ecs.TaskDefinition:
    environment = draft.environment
    name = naming.reaper_stack_name(environment.project)
    group = draft.add(
        logs.LogGroup(
            "Logs",
            LogGroupName=f"/{name}",
            RetentionInDays=30,
            DeletionPolicy="Delete",
            UpdateReplacePolicy="Retain",
        )
    )
    execution = draft.add(_role("ExecutionRole", draft, [_starting(draft, group)]))
    task = draft.add(_role("TaskRole", draft, reaping_policies(environment, protected)))
    return ecs.TaskDefinition(
        "TaskDefinition",
        Family=name,
        RequiresCompatibilities=["FARGATE"],
        NetworkMode="awsvpc",
        RuntimePlatform=ecs.RuntimePlatform(
            CpuArchitecture=ARCHITECTURES[environment.architecture], OperatingSystemFamily="LINUX"
        ),
        Cpu=CPU,
        Memory=MEMORY,
        ExecutionRoleArn=GetAtt(execution, "Arn"),
        TaskRoleArn=GetAtt(task, "Arn"),
        ContainerDefinitions=[_container(draft, group)],
    )


def _container(draft: Draft, group: logs.LogGroup) -> ecs.ContainerDefinition:
    options = {
        "awslogs-group": Ref(group),
        "awslogs-region": Ref("AWS::Region"),
        "awslogs-stream-prefix": PART,
    }
    return ecs.ContainerDefinition(
        Name=PART,
        Image=Ref("Image"),
        Command=["reap", draft.environment.name, "--yes", "--json"],
        Essential=True,
        User="10001:10001",
        ReadonlyRootFilesystem=True,
        LogConfiguration=ecs.LogConfiguration(LogDriver="awslogs", Options=options),
    )


def _role(title: str, draft: Draft, policies: list[iam.Policy]) -> iam.Role:
    """A role of a path outside those of the environments, so that it cannot change itself."""
    return iam.Role(
        title,
        Path=f"/{naming.reaper_stack_name(draft.environment.project)}/",
        AssumeRolePolicyDocument=trusted_by("ecs-tasks.amazonaws.com"),
        Policies=policies,
    )


def _starting(draft: Draft, group: logs.LogGroup) -> iam.Policy:
    """What ECS needs to start the task: its image, and a place for its words."""
    repository = naming.repository(draft.environment.project)
    pulls = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    return iam.Policy(
        PolicyName="own",
        PolicyDocument=document(
            allow(["logs:CreateLogStream", "logs:PutLogEvents"], GetAtt(group, "Arn")),
            allow(["ecr:GetAuthorizationToken"], "*"),
            allow(pulls, Sub(f"arn:${{AWS::Partition}}:ecr:*:*:repository/{repository}")),
        ),
    )


def _scheduling_role(draft: Draft, definition: ecs.TaskDefinition, cluster: ecs.Cluster) -> iam.Role:
    roles = [GetAtt("ExecutionRole", "Arn"), GetAtt("TaskRole", "Arn")]
    return iam.Role(
        "SchedulingRole",
        Path=f"/{naming.reaper_stack_name(draft.environment.project)}/",
        AssumeRolePolicyDocument=trusted_by("scheduler.amazonaws.com"),
        Policies=[
            iam.Policy(
                PolicyName="own",
                PolicyDocument=document(
                    allow(
                        ["ecs:RunTask"],
                        Ref(definition),
                        Condition={"ArnEquals": {"ecs:cluster": GetAtt(cluster, "Arn")}},
                    ),
                    allow(
                        ["iam:PassRole"],
                        roles,
                        Condition={"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
                    ),
                ),
            )
        ],
    )
