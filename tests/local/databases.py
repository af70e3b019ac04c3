"""DB instances in tests: templates for them, and a deployed one that is connected to as services do."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import dnslib
import psycopg

from infra.local import engine, trust
from tests.local.cloud import Cloud
from tests.local.templates import att, resource


def instance(**more: Any) -> dict[str, Any]:
    """Return a small instance's properties."""
    return {
        "DBInstanceClass": "db.t4g.micro",
        "Engine": "postgres",
        "EngineVersion": "17",
        "AllocatedStorage": "20",
        "MasterUsername": "estaleiro",
        "ManageMasterUserPassword": True,
    } | more


def template(properties: dict[str, Any], *, policy: str = "Delete", **resources: Any) -> dict[str, Any]:
    database = resource("RDS::DBInstance", properties, DeletionPolicy=policy, UpdateReplacePolicy="Delete")
    outputs = {
        "Host": att("Database", "Endpoint.Address"),
        "Secret": att("Database", "MasterUserSecret.SecretArn"),
    }
    if "MasterUserPassword" in properties:
        del outputs["Secret"]
    return {
        "Resources": {"Database": database} | resources,
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }


@dataclass(frozen=True)
class Database:
    """A deployed instance."""

    cloud: Cloud
    identifier: str
    host: str
    secret: str

    def connect(self, **more: Any) -> Any:
        """Log in as the master, the certificate verified for the instance's own host name."""
        login = json.loads(
            self.cloud.client("secretsmanager").get_secret_value(SecretId=self.secret)["SecretString"]
        )
        return psycopg.connect(
            **{
                "host": self.host,
                "hostaddr": addresses(self.cloud, self.host)[-1],
                "user": login["username"],
                "password": login["password"],
                "dbname": "postgres",
                "sslmode": "verify-full",
                "sslrootcert": str(trust.bundle(self.cloud.settings)),
                "autocommit": True,
                "connect_timeout": 3,
            }
            | more
        )

    def described(self) -> dict[str, Any]:
        found = self.cloud.client("rds").describe_db_instances(DBInstanceIdentifier=self.identifier)
        return dict(found["DBInstances"][0])

    def is_available(self) -> bool:
        return bool(self.described()["DBInstanceStatus"] == "available")

    def container(self) -> Any:
        found = engine.containers(self.cloud.settings, db_instance=self.identifier)
        return found[0] if found else None


def ask(cloud: Cloud, name: str, kind: str = "A", *, tcp: bool = False) -> dnslib.DNSRecord:
    """Ask the cloud's DNS server."""
    network = engine.network(cloud.settings)
    assert network is not None
    question = dnslib.DNSRecord.question(name, kind)
    return dnslib.DNSRecord.parse(question.send(network.gateway, 53, tcp=tcp, timeout=5))


def addresses(cloud: Cloud, name: str) -> list[str]:
    return [str(record.rdata) for record in ask(cloud, name).rr]
