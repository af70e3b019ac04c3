"""DB instances of the local cloud: reached by their own names, over TLS, by a master that is no superuser;
kept as AWS keeps them."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import dnslib
import psycopg
import pytest

from infra.local import engine
from tests.local.cloud import Cloud, wait_for
from tests.local.databases import Database, addresses, ask, instance, template
from tests.local.templates import att, ref, resource


@pytest.fixture(scope="module")
def database(cloud: Cloud) -> Iterator[Database]:
    vpc = resource("EC2::VPC", {"CidrBlock": "10.40.0.0/16"})
    zone = resource(
        "Route53::HostedZone",
        {"Name": "names.internal", "VPCs": [{"VPCId": ref("Vpc"), "VPCRegion": "eu-west-1"}]},
    )
    name = {"HostedZoneId": ref("Zone"), "Name": "db.names.internal", "Type": "CNAME", "TTL": "60"}
    record = resource("Route53::RecordSet", name | {"ResourceRecords": [att("Database", "Endpoint.Address")]})
    parameters = {
        "Family": "postgres17",
        "Description": "ours",
        "Parameters": {"log_min_duration_statement": "500"},
    }
    group = resource("RDS::DBParameterGroup", parameters)
    made = template(
        instance(DBParameterGroupName=ref("Group")), Vpc=vpc, Zone=zone, Record=record, Group=group
    )
    outcome = cloud.deploy("database", made)
    assert (outcome.status, outcome.failures) == ("CREATE_COMPLETE", ())
    yield Database(
        cloud, cloud.resources("database")["Database"], outcome.outputs["Host"], outcome.outputs["Secret"]
    )
    assert cloud.delete("database").status == "DELETE_COMPLETE"


def test_the_master_is_no_superuser_and_makes_databases_and_roles(database: Database) -> None:
    with database.connect() as connection:
        found = connection.execute(
            "SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user"
        ).fetchone()

    assert found == (False, True, True)


def test_a_connection_without_tls_is_refused(database: Database) -> None:
    with pytest.raises(psycopg.OperationalError, match="no encryption"):
        database.connect(sslmode="disable")


def test_parameters_of_the_group_are_set(database: Database) -> None:
    with database.connect() as connection:
        found = connection.execute("SHOW log_min_duration_statement").fetchone()

    assert found == ("500ms",)


def test_names_are_resolved_over_udp_and_tcp_and_through_the_private_zone(database: Database) -> None:
    container = database.container().attrs["NetworkSettings"]["Networks"]
    address = container[database.cloud.settings.name]["IPAddress"]

    direct = [str(record.rdata) for record in ask(database.cloud, database.host, tcp=True).rr]
    through = addresses(database.cloud, "db.names.internal")

    assert direct == [address]
    assert through == [f"{database.host}.", address]


def test_a_name_that_a_private_zone_lacks_does_not_exist(database: Database) -> None:
    answer = ask(database.cloud, "nobody.names.internal")

    assert (answer.rr, dnslib.RCODE[answer.header.rcode]) == ([], "NXDOMAIN")


def test_a_name_that_exists_has_no_addresses_of_another_kind(database: Database) -> None:
    answer = ask(database.cloud, database.host, "AAAA")

    assert (answer.rr, dnslib.RCODE[answer.header.rcode]) == ([], "NOERROR")


def test_a_database_comes_back_with_its_rows_when_its_container_dies(database: Database) -> None:
    with database.connect() as connection:
        connection.execute("CREATE DATABASE kept")
    first = database.container()

    first.kill()

    def again() -> bool:
        present = database.container()
        return present is not None and present.id != first.id and database.is_available()

    wait_for("another container", again)
    with database.connect(dbname="kept") as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("kept",)


def test_a_static_parameter_waits_for_a_reboot_and_says_so(database: Database) -> None:
    group = database.described()["DBParameterGroups"][0]["DBParameterGroupName"]
    rds = database.cloud.client("rds")

    rds.modify_db_parameter_group(
        DBParameterGroupName=group,
        Parameters=[
            {"ParameterName": "max_connections", "ParameterValue": "44", "ApplyMethod": "pending-reboot"}
        ],
    )
    before = database.described()["DBParameterGroups"][0]["ParameterApplyStatus"]
    rds.reboot_db_instance(DBInstanceIdentifier=database.identifier)
    wait_for("the reboot", database.is_available)
    after = database.described()["DBParameterGroups"][0]["ParameterApplyStatus"]

    with database.connect() as connection:
        assert connection.execute("SHOW max_connections").fetchone() == ("44",)
    assert (before, after) == ("pending-reboot", "in-sync")


def test_a_protected_instance_stays_and_an_unprotected_one_leaves_a_snapshot(cloud: Cloud) -> None:
    login = {"ManageMasterUserPassword": False, "MasterUserPassword": "a-long-password"}
    cloud.deploy("guarded", template(instance(DeletionProtection=True, **login), policy="Snapshot"))
    identifier = cloud.resources("guarded")["Database"]

    refused = cloud.delete("guarded")
    cloud.client("rds").modify_db_instance(DBInstanceIdentifier=identifier, DeletionProtection=False)
    deleted = cloud.delete("guarded")
    snapshots = cloud.client("rds").describe_db_snapshots(DBInstanceIdentifier=identifier)["DBSnapshots"]

    assert (refused.status, deleted.status) == ("DELETE_FAILED", "DELETE_COMPLETE")
    assert "deletion protection" in refused.failures[0].reason
    assert [each["MasterUsername"] for each in snapshots] == ["estaleiro"]


def test_a_snapshot_brings_the_rows_into_a_new_instance(cloud: Cloud, database: Database) -> None:
    rds = cloud.client("rds")
    with database.connect() as connection:
        connection.execute("CREATE DATABASE restored")

    rds.create_db_snapshot(DBSnapshotIdentifier="copy", DBInstanceIdentifier=database.identifier)
    rds.restore_db_instance_from_db_snapshot(DBInstanceIdentifier="second", DBSnapshotIdentifier="copy")
    second = Database(cloud, "second", database.host.replace(database.identifier, "second"), database.secret)
    wait_for("the copy", second.is_available)

    with second.connect(dbname="restored") as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("restored",)
    rds.delete_db_instance(DBInstanceIdentifier="second", SkipFinalSnapshot=True)
    rds.delete_db_snapshot(DBSnapshotIdentifier="copy")


def test_a_deleted_instance_takes_container_volume_and_secret_with_it(cloud: Cloud) -> None:
    outcome = cloud.deploy("brief", template(instance()))
    identifier = cloud.resources("brief")["Database"]

    cloud.delete("brief")

    assert [thing for thing in engine.owned(cloud.settings) if identifier in thing] == []
    secrets = cloud.client("secretsmanager")
    with pytest.raises(secrets.exceptions.ResourceNotFoundException):
        secrets.get_secret_value(SecretId=outcome.outputs["Secret"])


def test_an_instance_that_cannot_start_fails_its_stack_with_the_servers_words(cloud: Cloud) -> None:
    group = resource(
        "RDS::DBParameterGroup",
        {"Family": "postgres17", "Description": "bad", "Parameters": {"max_connections": "minus"}},
    )

    outcome = cloud.deploy("broken", template(instance(DBParameterGroupName=ref("Group")), Group=group))
    cloud.delete("broken")

    assert outcome.status == "ROLLBACK_COMPLETE"
    assert 'invalid value for parameter "max_connections"' in outcome.failures[0].reason
    assert cloud.client("rds").describe_db_instances()["DBInstances"] == [
        each
        for each in cloud.client("rds").describe_db_instances()["DBInstances"]
        if not each["DBInstanceIdentifier"].startswith("broken")
    ]


def test_the_dns_server_listens_to_the_docker_network_alone(cloud: Cloud) -> None:
    network = engine.network(cloud.settings)

    with socket.create_connection((network.gateway, 53), timeout=2) as connection:  # type: ignore[union-attr]
        assert connection.getpeername()[0] == network.gateway  # type: ignore[union-attr]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", 53), timeout=2)
