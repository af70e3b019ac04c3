"""The container and the volume of a DB instance; nothing here knows of calls or stacks."""

from __future__ import annotations

import contextlib
from typing import Any

import docker.errors
import docker.types
import psycopg

from infra.local import engine, trust
from infra.local.errors import LocalCloudError
from infra.local.rds import place
from infra.local.rds.place import Record

DATA = "/var/lib/postgresql/data"
STOP_SECONDS = 20
_SHARED_MEMORY = "256m"


def find(identifier: str) -> Any | None:
    """Return the instance's container, or None."""
    found = engine.containers(place.settings(), db_instance=identifier)
    return found[0] if found else None


def run(record: Record) -> Any:
    """Start a new container on the instance's volume; a dead one is removed first."""
    identifier = record["DBInstanceIdentifier"]
    remove(identifier)
    settings = place.settings()
    image = settings.postgres_image
    _ensure_volume(place.volume_name(identifier), identifier)
    record["_parameters"] = parameters(record)
    try:
        container = engine.client().containers.create(
            image,
            _options(record),
            name=place.container_name(identifier),
            network=settings.name,
            environment=_environment(record),
            labels=place.labels(identifier),
            mounts=_mounts(record),
            shm_size=_SHARED_MEMORY,
            healthcheck={"test": ["NONE"]},
        )
    except docker.errors.ImageNotFound as error:
        raise LocalCloudError(
            f"the database {identifier} cannot start: the image {image} is not on this machine; build it first"
        ) from error
    container.start()
    return container


def _mounts(record: Record) -> list[docker.types.Mount]:
    certificate = trust.issue(place.settings(), record["Endpoint"]["Address"])
    return [
        docker.types.Mount(DATA, place.volume_name(record["DBInstanceIdentifier"])),
        docker.types.Mount("/tls", str(certificate), type="bind", read_only=True),
    ]


def _environment(record: Record) -> dict[str, str]:
    """RDS refuses connections without TLS from PostgreSQL 15 on, unless `rds.force_ssl` is 0."""
    return {
        "MASTER_USER": record["MasterUsername"],
        "MASTER_PASSWORD": record["_MasterUserPassword"],
        "DATABASE": record.get("DBName") or "",
        "FORCE_SSL": parameters(record).get("rds.force_ssl", "1"),
    }


def _options(record: Record) -> list[str]:
    options = [f"port={record['Endpoint']['Port']}"]
    options += [
        f"{name}={value}" for name, value in sorted(parameters(record).items()) if not name.startswith("rds.")
    ]
    return [part for option in options for part in ("-c", option)]


def parameters(record: Record) -> dict[str, str]:
    """Return what the instance's parameter group sets; a formula over the instance class has no meaning on
    this machine."""
    from ministack.services import rds

    found: dict[str, str] = {}
    for group in record.get("DBParameterGroups", ()):
        values = rds._param_groups.get(group["DBParameterGroupName"], {}).get("Parameters", {})
        found |= {name: str(value["ParameterValue"]) for name, value in values.items()}
    return {name: value for name, value in found.items() if "{" not in value}


def _ensure_volume(name: str, identifier: str) -> None:
    try:
        engine.client().volumes.get(name)
    except docker.errors.NotFound:
        engine.client().volumes.create(name, labels=place.labels(identifier))


def address(container: Any) -> str:
    """Return the container's address on our network, empty while it has none."""
    container.reload()
    networks = container.attrs["NetworkSettings"]["Networks"]
    return str(networks.get(place.settings().name, {}).get("IPAddress", ""))


def answers(record: Record) -> bool:
    """Tell whether the master can log in, the server's certificate verified for the endpoint's own name."""
    try:
        with psycopg.connect(
            host=record["Endpoint"]["Address"],
            hostaddr=record["_address"],
            port=record["Endpoint"]["Port"],
            user=record["MasterUsername"],
            password=record["_MasterUserPassword"],
            dbname=record.get("DBName") or "postgres",
            sslmode="verify-full",
            sslrootcert=str(trust.bundle(place.settings())),
            connect_timeout=2,
        ):
            return True
    except psycopg.OperationalError:
        return False


def set_password(record: Record, password: str) -> None:
    """Change the master's password in the running server, as its superuser on the local socket."""
    container = find(record["DBInstanceIdentifier"])
    if container is None:
        return
    statement = psycopg.sql.SQL("ALTER ROLE {} PASSWORD {}").format(
        psycopg.sql.Identifier(record["MasterUsername"]), psycopg.sql.Literal(password)
    )
    code, output = container.exec_run(["psql", "-qc", statement.as_string(None)], user="postgres")
    if code:
        raise LocalCloudError(
            f"the master password was not changed: {output.decode(errors='replace').strip()}"
        )


def stop(identifier: str) -> None:
    """Stop the container, so that the server writes everything out."""
    container = find(identifier)
    if container is not None:
        with contextlib.suppress(docker.errors.NotFound):
            container.stop(timeout=STOP_SECONDS)


def remove(identifier: str) -> None:
    """Remove the container; the volume stays."""
    container = find(identifier)
    if container is not None:
        with contextlib.suppress(docker.errors.NotFound):
            container.remove(force=True)


def remove_volume(name: str) -> None:
    with contextlib.suppress(docker.errors.NotFound):
        engine.client().volumes.get(name).remove(force=True)


def copy_volume(source: str, target: str, identifier: str) -> None:
    """Copy one volume into another, made here; the source's server must be stopped or frozen."""
    remove_volume(target)
    _ensure_volume(target, identifier)
    engine.client().containers.run(
        place.settings().postgres_image,
        ["-c", "cp -a /from/. /to/"],
        entrypoint=["/bin/sh"],
        user="0",
        remove=True,
        network_mode="none",
        labels=engine.labels(place.settings()),
        mounts=[
            docker.types.Mount("/from", source, read_only=True),
            docker.types.Mount("/to", target),
        ],
    )


def last_words(container: Any) -> str:
    """Return the end of the container's output, for an error's text."""
    words: bytes = container.logs(tail=5)
    return words.decode(errors="replace").strip().replace("\n", "; ")
