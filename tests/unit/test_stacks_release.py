"""What a service's containers are given: commands, variables, secrets by reference, roles that fit."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infra.stacks import Output, Resolved
from tests.shipyard import container, properties, secrets, stack, template, variables


def _key(secret: str, key: str) -> dict[str, Any]:
    return {"Fn::Join": ["", [{"Ref": secret}, f":{key}::"]]}


def _statements(environment: str, part: str, role: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = properties(environment, part, role)["Policies"][0]["PolicyDocument"][
        "Statement"
    ]
    return found


def test_a_web_process_knows_who_where_and_whom_to_ask() -> None:
    assert variables("staging", "reviews", "web") == {
        "SERVICE": "reviews",
        "PROCESS": "web",
        "ENVIRONMENT": "staging",
        "RELEASE": "reviews-0123456789ab",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "INTERNAL_DOMAIN": "staging.internal",
        "TOKEN_ISSUER": "http://tokens.staging.internal",
        "PORT": "9000",
        "DATABASE_HOST": {"Ref": "DatabaseAddress"},
        "DATABASE_PORT": {"Ref": "DatabasePort"},
        "DATABASE_NAME": "reviews",
        "DATABASE_SSLMODE": "verify-full",
        "DATABASE_SSLROOTCERT": "/usr/share/rds/global-bundle.pem",
        "QUEUE_URL": {"Ref": "Queue"},
        "CLIENT_ID": "reviews",
    }


def test_a_process_that_answers_nobody_has_no_port() -> None:
    assert "PORT" not in variables("staging", "reviews", "worker")
    assert "PortMappings" not in container("staging", "reviews", "worker")


def test_processes_log_in_with_rows_alone_and_migrations_as_the_owner() -> None:
    app = {"DATABASE_USER": _key("AppLogin", "username"), "DATABASE_PASSWORD": _key("AppLogin", "password")}
    owner = {
        "DATABASE_USER": _key("OwnerLogin", "username"),
        "DATABASE_PASSWORD": _key("OwnerLogin", "password"),
    }

    assert secrets("staging", "movies", "web") == app
    assert secrets("staging", "reviews", "worker") == {**app, "CLIENT_SECRET": {"Ref": "ClientSecret"}}
    assert secrets("staging", "movies", "migrate") == owner


def test_the_issuer_alone_can_open_signing_keys() -> None:
    assert secrets("staging", "tokens", "web")["KEY_ENCRYPTION_SECRET"] == {"Ref": "KeyEncryptionSecret"}
    assert "KeyEncryptionSecret" not in stack("staging", "reviews-release").template


def test_the_issuers_tasks_alone_use_its_kms_key_and_only_for_their_own_service() -> None:
    key = properties("staging", "tokens-release", "EncryptionKey")
    (use,) = _statements("staging", "tokens-release", "TaskRole")
    everybody = key["KeyPolicy"]["Statement"][1]

    assert variables("staging", "tokens", "web")["KMS_KEY_ID"] == {"Fn::GetAtt": ["EncryptionKey", "Arn"]}
    assert use == {
        "Effect": "Allow",
        "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
        "Resource": {"Fn::GetAtt": ["EncryptionKey", "Arn"]},
        "Condition": {"StringEquals": {"kms:EncryptionContext:service": "tokens"}},
    }
    assert key["EnableKeyRotation"] is True
    assert (everybody["Effect"], everybody["Condition"]) == (
        "Deny",
        {
            "ArnNotLike": {
                "aws:PrincipalArn": {
                    "Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/shipyard/staging/*"
                }
            }
        },
    )
    assert "KMS" not in stack("staging", "reviews-release").template


def test_a_key_is_kept_with_a_protected_environment_and_waits_as_long_as_kms_lets_it() -> None:
    waits = {
        name: (made["DeletionPolicy"], made["Properties"]["PendingWindowInDays"])
        for name in ("staging", "production")
        for made in [template(name, "tokens-release")["Resources"]["EncryptionKey"]]
    }

    assert waits == {"staging": ("Delete", 7), "production": ("RetainExceptOnCreate", 30)}


def test_secrets_that_people_set_are_named_and_not_made() -> None:
    arn = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:shipyard/staging/mailer/"
    readable = _statements("staging", "mailer-release", "ExecutionRole")[-1]

    assert secrets("staging", "mailer", "send") == {
        "CLIENT_SECRET": {"Ref": "ClientSecret"},
        "SMTP_PASSWORD": {"Fn::Sub": f"{arn}smtp_password"},
        "SMTP_USER": {"Fn::Sub": f"{arn}smtp_user"},
    }
    assert readable["Resource"] == [
        {"Ref": "ClientSecret"},
        {"Fn::Sub": f"{arn}smtp_password-??????"},
        {"Fn::Sub": f"{arn}smtp_user-??????"},
    ]


def test_a_hyphen_in_a_process_name_gives_a_task_definition_of_its_own() -> None:
    made = properties("staging", "mailer-release", "SendLateTaskDefinition")

    assert made["Family"] == "shipyard-staging-mailer-send-late"
    assert made["ContainerDefinitions"][0]["Name"] == "send-late"


def test_provision_has_the_master_and_every_login_and_no_role_of_its_own() -> None:
    made = properties("staging", "movies-release", "ProvisionTaskDefinition")
    names = {"MASTER": "MasterSecretArn", "OWNER": "OwnerLogin", "APP": "AppLogin", "READER": "ReaderLogin"}
    users = {f"{who}_USER": _key(secret, "username") for who, secret in names.items()}
    passwords = {f"{who}_PASSWORD": _key(secret, "password") for who, secret in names.items()}

    assert secrets("staging", "movies", "provision") == {**users, **passwords}
    assert made["ExecutionRoleArn"] == {"Ref": "ProvisionRoleArn"}
    assert "TaskRoleArn" not in made
    assert made["ContainerDefinitions"][0]["Image"].endswith("/shipyard:chassis-0123456789ab")
    assert made["ContainerDefinitions"][0]["Command"] == ["python3", "-m", "chassis.provision"]


def test_migrations_run_the_services_own_image_with_time_to_stop() -> None:
    made = container("production", "movies", "migrate")

    assert made["Image"] == "111122223333.dkr.ecr.eu-west-1.amazonaws.com/shipyard:movies-0123456789ab"
    assert made["Command"] == ["python3", "-m", "chassis.migrate", "movies"]
    assert made["StopTimeout"] == 120


def test_the_issuer_is_told_every_client_and_gets_their_secrets_from_their_releases() -> None:
    listed = json.loads(variables("staging", "tokens", "clients")["CLIENTS"])
    given = {
        name: source for name, source in secrets("staging", "tokens", "clients").items() if "CLIENT" in name
    }

    assert listed == [
        {
            "client_id": "mailer",
            "scopes": ["movies:read", "reviews:export", "reviews:read"],
            "secret_env": "CLIENT_SECRET_MAILER",
        },
        {
            "client_id": "operator",
            "scopes": ["movies:read", "movies:write", "reviews:export", "reviews:read", "reviews:write"],
            "secret_env": "CLIENT_SECRET_OPERATOR",
        },
        {"client_id": "reviews", "scopes": ["movies:read"], "secret_env": "CLIENT_SECRET_REVIEWS"},
    ]
    assert given == {
        "CLIENT_SECRET_MAILER": {"Ref": "MailerClientSecretArn"},
        "CLIENT_SECRET_OPERATOR": {"Ref": "OperatorSecret"},
        "CLIENT_SECRET_REVIEWS": {"Ref": "ReviewsClientSecretArn"},
    }
    assert stack("staging", "tokens-release").parameters["MailerClientSecretArn"] == Output(
        "mailer-release", "ClientSecretArn"
    )


def test_roles_name_exactly_what_they_are_for() -> None:
    execution = _statements("staging", "reviews-release", "ExecutionRole")

    assert [(statement["Action"], statement["Resource"]) for statement in execution] == [
        (["ecr:GetAuthorizationToken"], "*"),
        (
            ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            {"Fn::Sub": "arn:${AWS::Partition}:ecr:${AWS::Region}:111122223333:repository/shipyard"},
        ),
        (["logs:CreateLogStream", "logs:PutLogEvents"], {"Fn::GetAtt": ["LogGroup", "Arn"]}),
        (
            ["secretsmanager:GetSecretValue"],
            [{"Ref": "OwnerLogin"}, {"Ref": "AppLogin"}, {"Ref": "ClientSecret"}],
        ),
    ]
    assert [statement["Resource"] for statement in _statements("staging", "reviews-release", "TaskRole")] == [
        [{"Fn::GetAtt": ["Queue", "Arn"]}, {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}],
        "*",
    ]
    assert "Policies" not in properties("staging", "gateway-release", "TaskRole")
    bucket = [
        (statement["Action"], statement["Resource"])
        for statement in _statements("staging", "movies-release", "TaskRole")
    ]
    assert bucket == [
        (["s3:DeleteObject", "s3:GetObject", "s3:PutObject"], {"Fn::Sub": "${Bucket.Arn}/*"}),
        (["s3:ListBucket"], {"Fn::GetAtt": ["Bucket", "Arn"]}),
    ]


def test_messages_that_fail_go_to_the_dead_letters_and_stay_as_long_as_can_be() -> None:
    assert properties("staging", "reviews-release", "Queue") == {
        "MessageRetentionPeriod": 345600,
        "ReceiveMessageWaitTimeSeconds": 20,
        "RedrivePolicy": {
            "deadLetterTargetArn": {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]},
            "maxReceiveCount": 3,
        },
        "SqsManagedSseEnabled": True,
        "VisibilityTimeout": 120,
    }
    assert properties("staging", "reviews-release", "DeadLetterQueue")["MessageRetentionPeriod"] == 1209600


def test_on_hosts_tasks_share_ports_and_have_a_small_tmp() -> None:
    made = properties("staging", "reviews-release", "WebTaskDefinition")
    web = made["ContainerDefinitions"][0]

    assert (made["NetworkMode"], made["RequiresCompatibilities"]) == ("bridge", ["EC2"])
    assert {"Cpu", "Memory", "RuntimePlatform", "Volumes"}.isdisjoint(made)
    assert web["PortMappings"] == [{"ContainerPort": 9000, "HostPort": 0, "Protocol": "tcp"}]
    assert web["LinuxParameters"]["Tmpfs"] == [
        {"ContainerPath": "/tmp", "MountOptions": ["rw", "noexec", "nosuid", "nodev"], "Size": 64}
    ]


def test_on_fargate_a_task_has_a_size_a_platform_and_a_volume_for_tmp() -> None:
    made = properties("fargate", "reviews-release", "WebTaskDefinition")
    web = made["ContainerDefinitions"][0]

    assert (made["NetworkMode"], made["RequiresCompatibilities"]) == ("awsvpc", ["FARGATE"])
    assert (made["Cpu"], made["Memory"]) == ("256", "512")
    assert made["RuntimePlatform"] == {"CpuArchitecture": "ARM64", "OperatingSystemFamily": "LINUX"}
    assert made["Volumes"] == [{"Name": "tmp"}]
    assert web["MountPoints"] == [{"ContainerPath": "/tmp", "ReadOnly": False, "SourceVolume": "tmp"}]
    assert web["PortMappings"] == [{"ContainerPort": 9000, "Protocol": "tcp"}]
    assert "Tmpfs" not in web["LinuxParameters"]


@pytest.mark.parametrize(
    ("service", "process", "command"),
    [
        ("reviews", "web", ["CMD", "python3", "-m", "chassis.healthcheck", "web"]),
        ("reviews", "beat", ["CMD", "python3", "-m", "chassis.healthcheck", "heartbeat"]),
        ("gateway", "web", ["CMD", "/usr/local/bin/healthcheck"]),
        ("mailer", "send", ["CMD-SHELL", "test -e /tmp/alive"]),
    ],
)
def test_health_is_asked_by_the_manifest_or_by_the_image(
    service: str, process: str, command: list[str]
) -> None:
    assert container("staging", service, process)["HealthCheck"] == {
        "Command": command,
        "Interval": 15,
        "Retries": 3,
        "StartPeriod": 30,
        "Timeout": 5,
    }


def test_dedicated_instances_serve_one_service_each() -> None:
    parameters = stack("fargate", "movies-release").parameters
    condition = _statements("fargate", "movies-database", "ProvisionRole")[-1]["Condition"]

    assert parameters["DatabaseAddress"] == Output("movies-database", "Address")
    assert condition == {
        "StringEquals": {
            "aws:ResourceTag/shipyard:environment": "fargate",
            "aws:ResourceTag/shipyard:login": "true",
            "aws:ResourceTag/shipyard:part": "movies-release",
        }
    }


def test_logs_have_a_name_that_people_know_and_an_end() -> None:
    group = template("production", "movies-release")["Resources"]["LogGroup"]["Properties"]

    assert group == {"LogGroupName": "/shipyard/production/movies", "RetentionInDays": 90}


def test_releases_look_nothing_up() -> None:
    assert not [
        value
        for value in stack("staging", "tokens-release").parameters.values()
        if isinstance(value, Resolved)
    ]


def test_a_service_with_a_bucket_is_told_its_name_and_the_gateway_where_pictures_are() -> None:
    assert variables("staging", "movies", "web")["BUCKET"] == {"Ref": "Bucket"}
    assert "BUCKET" not in variables("staging", "reviews", "web")
    assert variables("staging", "gateway", "web")["IMAGE_ORIGINS"] == {
        "Fn::Join": [" ", [{"Ref": "MoviesBucketOrigin"}]]
    }


@pytest.mark.parametrize(
    ("environment", "kept"), [("production", "RetainExceptOnCreate"), ("staging", "Delete")]
)
def test_a_bucket_is_private_and_lives_as_long_as_its_data_should(environment: str, kept: str) -> None:
    bucket = template(environment, "movies-release")["Resources"]["Bucket"]

    assert (bucket["DeletionPolicy"], bucket["UpdateReplacePolicy"]) == (kept, "Retain")
    assert set(bucket["Properties"]["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["Properties"]["CorsConfiguration"]["CorsRules"][0]["AllowedOrigins"] == [{"Ref": "EdgeUrl"}]
    (rule,) = bucket["Properties"]["LifecycleConfiguration"]["Rules"]
    assert (rule["Prefix"], rule["ExpirationInDays"]) == ("uploads/", 1)
