"""The wall to AWS, and the only place with boto3: one module a service, methods in our words, errors of our own.

Values are frozen and plain; nothing of botocore gets out. Clocks and sleeps come in as arguments. Clients are made at
their first call and may be shared between threads.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config
from botocore.handlers import json_decode_template_body

from infra.aws import models
from infra.aws.acm import Acm
from infra.aws.autoscaling import AutoScaling
from infra.aws.census import Census
from infra.aws.client import MakeClient
from infra.aws.cloudformation import CloudFormation
from infra.aws.ec2 import Ec2
from infra.aws.ecr import Registry
from infra.aws.ecs import Ecs
from infra.aws.elb import Elb
from infra.aws.iam import Iam
from infra.aws.identity import Identity
from infra.aws.keys import Keys
from infra.aws.logs import Logs
from infra.aws.quotas import Quotas
from infra.aws.rds import Rds
from infra.aws.route53 import Route53
from infra.aws.s3 import Buckets
from infra.aws.scaling import Scaling
from infra.aws.secrets import Secrets
from infra.aws.sqs import Sqs
from infra.aws.tagging import Tagging
from infra.aws.waiting import Sleep
from infra.aws.zones import Zones

# Tries with growing pauses in between (botocore's standard mode): five outlive throttling, while an emulator that does
# not answer at once is not there.
TRIES, EMULATOR_TRIES = 5, 2
CONFIG = Config(connect_timeout=5, read_timeout=60, max_pool_connections=32, user_agent_extra="estaleiro")

# Emulators want to be signed to, and do not look at who signs.
LOCAL_CREDENTIALS = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}


class Aws:
    """One account in one region. `make` gets botocore's name of a service and returns a boto3 client."""

    def __init__(self, make: MakeClient, *, sleep: Sleep = time.sleep) -> None:
        self.s3 = Buckets(make)
        self.cloudformation = CloudFormation(make, self.s3)
        self.ecs = Ecs(make, sleep=sleep)
        self.logs = Logs(make)
        self.ecr = Registry(make)
        self.secrets = Secrets(make)
        self.keys = Keys(make)
        self.identity = Identity(make)
        self.ec2 = Ec2(make)
        self.autoscaling = AutoScaling(make)
        self.rds = Rds(make)
        self.elb = Elb(make)
        self.iam = Iam(make)
        self.sqs = Sqs(make)
        self.tagging = Tagging(make)
        self.acm = Acm(make)
        self.zones = Zones(make)
        self.quotas = Quotas(make)
        self.census = Census(make)
        self.route53 = Route53(make)
        self.scaling = Scaling(make)


def connect(region: str, *, endpoint_url: str | None = None, environ: Mapping[str, str] = os.environ) -> Aws:
    """Return the account that `environ`'s credentials (or the usual AWS files and roles) belong to. Calls nothing yet.

    `endpoint_url` is an emulator's, and then no credentials are needed or shown to it. Without it, AWS_ENDPOINT_URL
    is honoured, for one service (AWS_ENDPOINT_URL_ECS) or for all.
    """
    return Aws(_Clients(region, endpoint_url, environ))


class _Clients:
    """Makes clients of one session, one at a time: sessions are not safe to share between threads, clients are."""

    def __init__(self, region: str, endpoint_url: str | None, environ: Mapping[str, str]) -> None:
        self._region = region
        self._endpoint_url = endpoint_url
        self._environ = environ
        self._lock = threading.Lock()

    def __call__(self, service: str) -> Any:
        endpoint = self._endpoint(service)
        retries: Any = {"mode": "standard", "total_max_attempts": EMULATOR_TRIES if endpoint else TRIES}
        config = CONFIG.merge(Config(retries=retries))
        with self._lock:
            client: Any = self._session.client(service, endpoint_url=endpoint, config=config)  # type: ignore[call-overload]
        if service == "cloudformation":
            # Templates are compared as they were sent, so botocore must not parse and reorder them.
            client.meta.events.unregister("after-call.cloudformation.GetTemplate", json_decode_template_body)
        return client

    @cached_property
    def _session(self) -> boto3.session.Session:
        return models.session(region_name=self._region, **self._credentials())

    def _credentials(self) -> dict[str, Any]:
        if self._endpoint_url:
            return dict(LOCAL_CREDENTIALS)
        environ = self._environ
        if environ.get("AWS_ACCESS_KEY_ID"):
            names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
            return {name: environ.get(name.upper()) for name in names}
        return {"profile_name": environ.get("AWS_PROFILE")}

    def _endpoint(self, service: str) -> str | None:
        if self._endpoint_url:
            return self._endpoint_url
        own = _ENDPOINT_NAMES.get(service, service).upper()
        return self._environ.get(f"AWS_ENDPOINT_URL_{own}") or self._environ.get("AWS_ENDPOINT_URL")


# AWS_ENDPOINT_URL_<service> goes by the service's id in botocore's models, where that is not its client's name.
_ENDPOINT_NAMES = {
    "autoscaling": "auto_scaling",
    "elbv2": "elastic_load_balancing_v2",
    "logs": "cloudwatch_logs",
    "resourcegroupstaggingapi": "resource_groups_tagging_api",
    "secretsmanager": "secrets_manager",
    "service-quotas": "service_quotas",
}
