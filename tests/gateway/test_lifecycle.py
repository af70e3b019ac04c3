"""The container's life: what it may write, how it stops, and what it notices while it runs."""

import threading
import time
from collections.abc import Callable

import docker
from docker.models.containers import Container

from tests.gateway.client import Answer
from tests.gateway.conftest import Gateway
from tests.gateway.image import Images


def test_the_image_runs_as_nobody_with_no_shell_and_stays_small(
    client: docker.DockerClient, images: Images
) -> None:
    image = client.images.get(images.gateway)

    assert image.attrs["Config"]["User"] == "10001:10001"
    assert image.attrs["Config"]["StopSignal"] == "SIGQUIT"
    assert image.attrs["Config"]["Cmd"] == ["/usr/local/bin/gateway"]
    assert image.attrs["Size"] < 60_000_000


def test_with_a_read_only_root_it_works_and_complains_of_nothing(
    start_gateway: Callable[..., Gateway],
) -> None:
    gateway = start_gateway()

    answer = gateway.ask(
        "/films", method="POST", headers={"Content-Type": "application/json"}, body=b'{"title": "x"}'
    )

    assert answer.status == 200
    assert gateway.container.logs(stdout=False, stderr=True) == b""


def test_a_stop_lets_the_requests_under_way_finish(start_gateway: Callable[..., Gateway]) -> None:
    gateway = start_gateway()
    answers: list[Answer] = []
    request = threading.Thread(target=lambda: answers.append(gateway.ask("/slow?wait=1")))
    request.start()
    time.sleep(0.3)

    gateway.container.stop(timeout=20)
    request.join()

    assert [answer.status for answer in answers] == [200]
    gateway.container.reload()
    assert gateway.container.attrs["State"]["ExitCode"] == 0


def test_the_health_check_passes_where_the_gateway_answers(gateway: Gateway) -> None:
    result = gateway.container.exec_run("/usr/local/bin/healthcheck")

    assert (result.exit_code, result.output) == (0, b"")


def test_the_health_check_fails_when_nothing_answers(client: docker.DockerClient, images: Images) -> None:
    result = client.containers.create(
        images.gateway, ["/usr/local/bin/healthcheck"], environment={"PORT": "1"}
    )

    try:
        result.start()
        code = result.wait()["StatusCode"]
        said = result.logs()
    finally:
        result.remove(force=True)

    assert (code, said) == (1, b"GET /health: no connection\n")


def test_a_setting_that_cannot_be_used_is_one_sentence(client: docker.DockerClient, images: Images) -> None:
    container = client.containers.create(images.gateway, environment={"PORT": "http"})

    try:
        container.start()
        code = container.wait()["StatusCode"]
        said = container.logs()
    finally:
        container.remove(force=True)

    assert (code, said) == (2, b"gateway: PORT should be a number from 1 to 65535, not http\n")


def test_a_services_new_address_is_noticed_while_it_runs(
    start_gateway: Callable[..., Gateway], start_upstream: Callable[[str, list[str]], Container]
) -> None:
    names = [f"{name}.moving.internal" for name in ("films", "opinions")]
    old = start_upstream("old", names)
    new = None
    try:
        gateway = start_gateway(INTERNAL_DOMAIN="moving.internal")
        before = gateway.ask("/films").json["name"]
        new = start_upstream("new", names)
        old.remove(force=True)
        deadline = time.monotonic() + 10
        after = gateway.ask("/films")
        while after.status != 200 and time.monotonic() < deadline:
            time.sleep(0.2)
            after = gateway.ask("/films")
    finally:
        for container in (old, new):
            if container is not None:
                _remove(container)

    assert before == "old"
    assert after.json["name"] == "new"


def _remove(container: Container) -> None:
    try:
        container.remove(force=True)
    except docker.errors.NotFound:
        return
