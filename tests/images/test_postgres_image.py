"""The local cloud's PostgreSQL: what a service and a person meet there is what they meet on RDS."""

import io
import tarfile
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import docker
import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from docker.models.containers import Container

from tests.images.hello import Built

HOST_NAME = "shop.example"
PASSWORD = r"it's \ $x"

Start = Callable[..., Container]


@pytest.fixture(scope="session")
def certificate() -> tuple[bytes, bytes]:
    """A certificate for HOST_NAME that is its own authority, and its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST_NAME)])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(minutes=1))
        .not_valid_after(datetime.now(UTC) + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST_NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made.public_bytes(serialization.Encoding.PEM), private


@pytest.fixture
def start(client: docker.DockerClient, built: Built) -> Iterator[Start]:
    started: list[Container] = []

    def call(*arguments: str, tls: tuple[bytes, bytes] | None = None, **environment: str) -> Container:
        container = client.containers.create(
            built.reference("postgres"),
            list(arguments),
            environment={"MASTER_USER": "shop", "MASTER_PASSWORD": PASSWORD, **environment},
            name=f"est-images-postgres-{uuid.uuid4().hex[:8]}",
        )
        started.append(container)
        if tls is not None:
            container.put_archive("/", folder_archive({"tls/server.crt": tls[0], "tls/server.key": tls[1]}))
        container.start()
        wait_until_healthy(container)
        return container

    yield call
    for container in started:
        container.remove(force=True, v=True)


def folder_archive(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o600
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def wait_until_healthy(container: Container) -> None:
    deadline = time.monotonic() + 60
    while container.attrs["State"].get("Health", {}).get("Status") != "healthy":
        assert container.attrs["State"]["Status"] in ("created", "running"), container.logs().decode()
        assert time.monotonic() < deadline, container.logs().decode()
        time.sleep(0.1)
        container.reload()


def connect(container: Container, **parameters: str) -> psycopg.Connection:
    container.reload()
    address = container.attrs["NetworkSettings"]["IPAddress"]
    given = {"user": "shop", "password": PASSWORD, "dbname": "postgres", "sslmode": "prefer", **parameters}
    return psycopg.connect(host=HOST_NAME, hostaddr=address, connect_timeout=5, autocommit=True, **given)


def value(container: Container, query: str, **parameters: str) -> object:
    with connect(container, **parameters) as connection:
        row = connection.execute(query).fetchone()
        return row[0] if row else None


def test_the_master_may_make_databases_and_logins_and_is_no_superuser(start: Start) -> None:
    rights = value(
        start(),
        "SELECT (rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls)::text FROM pg_roles "
        "WHERE rolname = current_user",
    )

    assert rights == "(f,t,t,f,f)"


def test_the_superuser_is_reachable_on_the_local_socket_alone(start: Start) -> None:
    container = start(POSTGRES_PASSWORD="secret")

    code, output = container.exec_run(["psql", "-tAc", "SELECT current_user"])
    with pytest.raises(psycopg.OperationalError, match=r"pg_hba\.conf rejects connection"):
        connect(container, user="rdsadmin", password="secret")

    assert (code, output.decode().strip()) == (0, "rdsadmin")


def test_what_is_in_the_database_and_the_logins_outlive_a_kill(start: Start) -> None:
    container = start()
    with connect(container) as connection:
        connection.execute("CREATE DATABASE orders")
        connection.execute("CREATE ROLE orders_app LOGIN PASSWORD 'app'")

    container.kill()
    container.wait()
    container.start()
    wait_for_answer(container)

    assert (
        value(container, "SELECT current_user::text", dbname="orders", user="orders_app", password="app")
        == "orders_app"
    )


def wait_for_answer(container: Container) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            connect(container).close()
            return
        except psycopg.OperationalError:
            assert time.monotonic() < deadline, container.logs().decode()
            time.sleep(0.1)


@pytest.mark.slow
def test_a_changed_password_holds_after_a_new_container_on_the_same_data(
    start: Start, client: docker.DockerClient, built: Built
) -> None:
    first = start()
    first.stop()
    second = client.containers.run(
        built.reference("postgres"),
        environment={"MASTER_USER": "shop", "MASTER_PASSWORD": "changed"},
        volumes_from=[first.id],
        detach=True,
    )
    try:
        wait_until_healthy(second)

        assert value(second, "SELECT 1", password="changed") == 1
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            connect(second)
    finally:
        second.remove(force=True)


def test_the_initial_database_belongs_to_the_master(start: Start) -> None:
    owner = value(
        start(DATABASE="Shop's data"),
        "SELECT pg_get_userbyid(datdba)::text FROM pg_database WHERE datname = current_database()",
        dbname="Shop's data",
    )

    assert owner == "shop"


def test_the_names_of_the_official_image_work_too(start: Start) -> None:
    container = start(
        "postgres", "-c", "max_connections=33", POSTGRES_DB="shop", POSTGRES_USER="x", POSTGRES_PASSWORD="y"
    )

    assert value(container, "SHOW max_connections", dbname="shop") == "33"


def test_the_certificate_is_verified_in_full(
    start: Start, certificate: tuple[bytes, bytes], tmp_path: Path
) -> None:
    (tmp_path / "ca.pem").write_bytes(certificate[0])
    container = start(tls=certificate)

    query = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"

    assert value(container, query, sslmode="verify-full", sslrootcert=str(tmp_path / "ca.pem")) is True


def test_where_tls_is_forced_nobody_connects_without(start: Start, certificate: tuple[bytes, bytes]) -> None:
    container = start(tls=certificate, FORCE_SSL="1")

    with pytest.raises(psycopg.OperationalError, match="no encryption"):
        connect(container, sslmode="disable")

    assert value(container, "SELECT 1", sslmode="require") == 1


@pytest.mark.parametrize("signal", ["SIGTERM", "SIGINT"])
def test_it_stops_fast_and_clean_while_clients_are_connected(start: Start, signal: str) -> None:
    container = start()
    with connect(container):
        began = time.monotonic()
        container.kill(signal)
        code = container.wait(timeout=30)["StatusCode"]

    assert (code, time.monotonic() - began < 15) == (0, True)
    assert b"database system is shut down" in container.logs()


def test_the_server_runs_as_postgres(start: Start) -> None:
    processes = start().top(ps_args="-eo pid,uid,args")["Processes"]

    assert any("postgres -D" in command for _, _, command in processes)
    assert "0" not in {user for _, user, command in processes if "pg_isready" not in command}


def test_a_master_called_like_the_superuser_is_refused(client: docker.DockerClient, built: Built) -> None:
    with pytest.raises(docker.errors.ContainerError) as failed:
        client.containers.run(
            built.reference("postgres"), environment={"MASTER_USER": "rdsadmin"}, remove=True
        )

    assert failed.value.stderr.decode() == (
        "postgres: the master user may not be called rdsadmin, which is the superuser: choose another MASTER_USER\n"
    )
