"""The database stack: RDS PostgreSQL with TLS forced and a managed master secret that one role alone may read."""

from __future__ import annotations

from typing import Any

from troposphere import GetAtt, Ref, Sub, rds

from infra import naming
from infra.config import Config, Service
from infra.stacks.alarms import database_alarms
from infra.stacks.draft import Draft
from infra.stacks.groups import POSTGRES
from infra.stacks.model import Stack
from infra.stacks.policies import allow, role
from infra.stacks.pulling import pull_statements

PART = "database"
# On RDS the master is no superuser; its name is any word that PostgreSQL does not keep for itself.
MASTER = "master"
# cfn-lint takes a major version alone for an outdated one; RDS takes it for the newest minor one of its default.
LINT = {"cfn-lint": {"config": {"ignore_checks": ["W3691"]}}}


def shared_database(config: Config) -> Stack:
    """Return the stack of the one instance that an environment's services share."""
    draft = Draft(config, PART, f"PostgreSQL of {config.environment.name}")
    return _written(draft, {})


def dedicated_database(config: Config, service: Service) -> Stack:
    """Return the stack of one service's own instance."""
    environment = config.environment
    draft = Draft(config, naming.database_part(service.name), f"PostgreSQL of {service.name}")
    only = {f"aws:ResourceTag/{naming.part_tag(environment.project)}": naming.release_part(service.name)}
    return _written(draft, only)


def database_part(config: Config, service: Service) -> str:
    """Return the part that holds the instance of a service."""
    dedicated = config.environment.database.isolation == "dedicated"
    return naming.database_part(service.name) if dedicated else PART


def login_tag(project: str) -> str:
    """The tag of the secrets that hold a service's logins: `provision` may read what carries it, and no more."""
    return f"{project}:login"


def _written(draft: Draft, condition: dict[str, str]) -> Stack:
    group = draft.add(
        rds.DBSubnetGroup(
            "SubnetGroup",
            DBSubnetGroupDescription=f"Private subnets for {draft.part}",
            SubnetIds=draft.inputs("network", "PrivateSubnetIds"),
        )
    )
    instance = draft.add(_instance(draft, group, draft.add(_parameter_group(draft))))
    secret = GetAtt(instance, "MasterUserSecret.SecretArn")
    provision = draft.add(_provision_role(draft, secret, condition))
    database_alarms(draft, instance)
    draft.output("Address", GetAtt(instance, "Endpoint.Address"))
    draft.output("Port", GetAtt(instance, "Endpoint.Port"))
    draft.output("InstanceId", Ref(instance))
    draft.output("MasterSecretArn", secret)
    draft.output("ProvisionRoleArn", GetAtt(provision, "Arn"))
    return draft.stack()


def _parameter_group(draft: Draft) -> rds.DBParameterGroup:
    major = draft.environment.database.version.partition(".")[0]
    return rds.DBParameterGroup(
        "Parameters",
        Family=f"postgres{major}",
        Description=f"TLS alone, slow queries logged, for {draft.part}",
        Parameters={
            "rds.force_ssl": "1",
            "log_min_duration_statement": "1000",
            "log_lock_waits": "1",
            "idle_in_transaction_session_timeout": "60000",
        },
    )


def _instance(draft: Draft, group: rds.DBSubnetGroup, parameters: rds.DBParameterGroup) -> rds.DBInstance:
    settings, protected = draft.environment.database, draft.environment.protected
    # The log groups of an export are RDS's own and stay when the instance goes: not where environments end.
    exports: dict[str, Any] = {"EnableCloudwatchLogsExports": ["postgresql"]} if protected else {}
    return rds.DBInstance(
        "Database",
        Metadata=LINT,
        DeletionPolicy="Snapshot" if protected or settings.final_snapshot else "Delete",
        UpdateReplacePolicy="Snapshot",
        Engine="postgres",
        EngineVersion=settings.version,
        AutoMinorVersionUpgrade="." not in settings.version,
        AllowMajorVersionUpgrade=False,
        DBInstanceClass=settings.instance,
        StorageType="gp3",
        AllocatedStorage=str(settings.storage_gb),
        MaxAllocatedStorage=settings.storage_gb * 2,
        StorageEncrypted=True,
        MultiAZ=settings.multi_az,
        Port=str(POSTGRES),
        MasterUsername=MASTER,
        ManageMasterUserPassword=True,
        CACertificateIdentifier="rds-ca-rsa2048-g1",
        DBParameterGroupName=Ref(parameters),
        DBSubnetGroupName=Ref(group),
        VPCSecurityGroups=[draft.input("network", "DatabaseSecurityGroupId")],
        PubliclyAccessible=False,
        BackupRetentionPeriod=settings.backup_days,
        DeleteAutomatedBackups=not protected,
        CopyTagsToSnapshot=True,
        DeletionProtection=protected,
        EnablePerformanceInsights=True,
        PerformanceInsightsRetentionPeriod=7,
        **exports,
    )


def _provision_role(draft: Draft, master_secret: Any, condition: dict[str, str]) -> Any:
    """Return the only role that may read the master secret; the logins' secrets it knows by their tag."""
    environment = draft.environment
    tags = {
        f"aws:ResourceTag/{login_tag(environment.project)}": "true",
        f"aws:ResourceTag/{naming.environment_tag(environment.project)}": environment.name,
        **condition,
    }
    logs = naming.log_group(environment.project, environment.name, "*")
    place = "${AWS::Region}:${AWS::AccountId}"
    secrets = Sub(f"arn:${{AWS::Partition}}:secretsmanager:{place}:secret:*")
    streams = Sub(f"arn:${{AWS::Partition}}:logs:{place}:log-group:{logs}:log-stream:provision/*")
    return role(
        "ProvisionRole",
        environment,
        service="ecs-tasks.amazonaws.com",
        statements=[
            *pull_statements(environment),
            allow(["logs:CreateLogStream", "logs:PutLogEvents"], streams),
            allow(["secretsmanager:GetSecretValue"], master_secret),
            allow(["secretsmanager:GetSecretValue"], secrets, Condition={"StringEquals": tags}),
        ],
    )
