"""The image of a Python service, built and looked at on the real engine."""

from collections.abc import Callable

import docker
import pytest

from infra.docker import Engine
from infra.errors import EstaleiroError
from infra.images import ContextFile, Image, describe, local_reference
from tests.images.hello import SOURCE, Built, builder

MEGABYTE = 1_000_000
# Every top-level dependency in services/requirements.in, and what their compiled parts need of the base.
IMPORTS = (
    "tornado.web, sqlalchemy.ext.asyncio, psycopg, alembic.command, celery, kombu.transport.SQS, aiohttp, msgspec, "
    "joserfc.jwt, argon2, pycurl, greenlet, cryptography.x509, ssl, sqlite3, ctypes, zoneinfo, lzma, bz2, uuid"
)

Run = Callable[..., str]


@pytest.fixture
def run(client: docker.DockerClient, built: Built) -> Run:
    """Run a command as a task does: read-only root, /tmp in memory, no network."""

    def call(*command: str, image: str = "hello") -> str:
        output = client.containers.run(
            built.reference(image),
            list(command) or None,
            read_only=True,
            tmpfs={"/tmp": ""},
            network_mode="none",
            remove=True,
            stderr=True,
        )
        return output.decode().strip()

    return call


def config(client: docker.DockerClient, reference: str) -> dict:
    return client.images.get(reference).attrs["Config"]


def test_the_image_says_what_it_is_and_how_it_runs(client: docker.DockerClient, built: Built) -> None:
    found = config(client, built.reference("hello"))

    assert found["User"] == "10001:10001"
    assert found["StopSignal"] == "SIGTERM"
    assert found["Cmd"] == ["python3", "/app"]
    assert found["Entrypoint"] is None
    assert found["WorkingDir"] == "/app"
    assert found["Labels"] == {
        "estaleiro.image": "hello",
        "org.opencontainers.image.title": "hello",
        "org.opencontainers.image.revision": built.images["hello"].tag,
        "org.opencontainers.image.source": SOURCE,
    }


def test_the_environment_is_that_of_a_container(client: docker.DockerClient, built: Built) -> None:
    environment = dict(pair.split("=", 1) for pair in config(client, built.reference("hello"))["Env"])

    assert environment == {
        "PATH": "/app/lib/bin:/usr/local/bin:/usr/bin",
        "LANG": "C.UTF-8",
        "SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt",
        "PYTHONPATH": "/app:/app/lib",
        "SERVICE": "hello",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONFAULTHANDLER": "1",
        "PYTHONUNBUFFERED": "1",
    }


def test_the_service_runs_with_a_read_only_root_and_without_rights(run: Run) -> None:
    assert run() == "hello from 10001"


@pytest.mark.parametrize("python", ["python", "python3"])
def test_modules_run_by_both_names_of_python(run: Run, python: str) -> None:
    assert run(python, "-m", "hello") == "hello from 10001"


def test_every_package_of_the_lock_imports(run: Run) -> None:
    assert run("python3", "-c", f"import {IMPORTS}; zoneinfo.ZoneInfo('Europe/Lisbon')") == ""


@pytest.mark.parametrize(("script", "word"), [("celery", "5."), ("alembic", "alembic")])
def test_the_packages_commands_are_on_the_path(run: Run, script: str, word: str) -> None:
    assert word in run(script, "--version")


def test_bytecode_is_in_the_image_so_that_nothing_is_compiled_at_start(run: Run) -> None:
    code = (
        "import json, os, tornado; print([os.path.exists(module.__cached__) for module in (json, tornado)])"
    )

    assert run("python3", "-c", code) == "[True, True]"


def test_the_authorities_of_rds_and_of_the_web_can_be_loaded(run: Run) -> None:
    code = (
        "import ssl; rds = ssl.create_default_context(cafile='/usr/share/rds/global-bundle.pem'); "
        "print(len(rds.get_ca_certs()) > 100, len(ssl.create_default_context().get_ca_certs()) > 100)"
    )

    assert run("python3", "-c", code) == "True True"


def test_there_is_no_shell_and_no_package_manager(run: Run) -> None:
    code = "import shutil; print([shutil.which(name) for name in ('sh', 'bash', 'apt-get', 'dpkg', 'pip', 'perl')])"

    assert run("python3", "-c", code) == "[None, None, None, None, None, None]"


def test_the_code_cannot_be_changed_by_the_service(client: docker.DockerClient, built: Built) -> None:
    code = (
        "import os; print([os.access(path, os.W_OK) for path in ('/app', '/app/hello/__main__.py', '/etc')])"
    )

    output = client.containers.run(
        built.reference("hello"), ["python3", "-c", code], network_mode="none", remove=True
    )

    assert output.decode().strip() == "[False, False, False]"


def test_a_task_stops_at_once_when_told_to(client: docker.DockerClient, built: Built) -> None:
    code = "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(7)); print('up'); time.sleep(60)"
    container = client.containers.run(
        built.reference("hello"),
        ["python3", "-c", code],
        detach=True,
        network_mode="none",
    )
    try:
        next(container.logs(stream=True, follow=True))
        container.stop(timeout=20)

        assert container.wait()["StatusCode"] == 7
    finally:
        container.remove(force=True)


@pytest.mark.parametrize(("image", "megabytes"), [("base", 60), ("hello", 210), ("postgres", 220)])
def test_an_image_keeps_to_its_budget(engine: Engine, built: Built, image: str, megabytes: int) -> None:
    assert 0 < engine.image_size(built.reference(image)) < megabytes * MEGABYTE


def test_a_service_adds_less_than_a_megabyte_to_what_all_share(engine: Engine, built: Built) -> None:
    own = engine.image_size(built.reference("hello")) - engine.image_size(built.reference("packages"))

    assert 0 < own < MEGABYTE


def test_a_second_build_does_nothing(engine: Engine, built: Built) -> None:
    told: list[tuple[str, str, str]] = []

    tags = builder(engine, told).build(tuple(built.images.values()))

    assert tags == ()
    assert [event[:2] for event in told] == [("skipped", name) for name in ("chassis", "hello", "postgres")]


def test_a_changed_service_builds_its_own_image_alone(
    engine: Engine, built: Built, client: docker.DockerClient
) -> None:
    changed = built.root / "services" / "hello" / "changed.py"
    changed.write_text("")
    images = describe(built.root, [("hello", "python")], engine.architecture())
    changed.unlink()
    hello = images[-1]

    try:
        assert builder(engine, []).build(images) == (hello.tag,)
    finally:
        client.images.remove(local_reference(hello.tag), force=True)


def test_a_step_that_fails_is_named_with_its_reason(engine: Engine) -> None:
    dockerfile = b"FROM debian:trixie-slim\nRUN echo the disk is on fire && exit 3\n"
    image = Image("broken", (ContextFile("Dockerfile", 0o644, dockerfile),))

    with pytest.raises(EstaleiroError) as failed:
        engine.build(image, lambda step: None)

    assert str(failed.value).splitlines()[0] == (
        "the image broken cannot be built: step 2/5 (RUN echo the disk is on fire && exit 3) "
        "failed: the disk is on fire"
    )


def test_a_base_that_nobody_has_is_named(engine: Engine) -> None:
    image = Image("broken", (ContextFile("Dockerfile", 0o644, b"FROM estaleiro:not-there\n"),))

    with pytest.raises(EstaleiroError, match=r"step 1/4 \(FROM estaleiro:not-there\) failed: "):
        engine.build(image, lambda step: None)


def test_an_image_gets_the_registrys_name_and_loses_it(engine: Engine, built: Built) -> None:
    reference = f"registry.invalid/estaleiro:{built.images['hello'].tag}"

    engine.tag(built.images["hello"], reference)

    assert engine.has_image(reference)
    assert engine.remove(reference)
    assert not engine.has_image(reference)


def test_an_image_for_another_architecture_says_so(engine: Engine, client: docker.DockerClient) -> None:
    other = "arm64" if engine.architecture() == "x86_64" else "x86_64"
    dockerfile = b"ARG EMPTY\nFROM ${EMPTY}\nCOPY Dockerfile /\n"
    word = {"arm64": "arm64", "x86_64": "amd64"}[other]
    files = (ContextFile("Dockerfile", 0o644, dockerfile),)
    image = Image("other", files, bases=(("EMPTY", f"empty-{word}"),), architecture=other)

    engine.build(image, lambda step: None)

    try:
        assert client.images.get(local_reference(image.tag)).attrs["Architecture"] == word
    finally:
        client.images.remove(local_reference(image.tag), force=True)


def test_without_an_engine_there_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")

    with pytest.raises(EstaleiroError) as failed:
        Engine()

    said = str(failed.value)
    assert said.startswith("the Docker engine cannot be used: no Docker engine answers (")
    assert said.endswith("start it with `python3 -m infra.setup engine`")
    assert "\n" not in said
