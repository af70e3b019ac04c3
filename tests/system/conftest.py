"""A clone of this repository, deployed as a new user would, on ports of its own; gone when the tests end."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.ports import free_port

ROOT = Path(__file__).parents[2]
# Services in other frameworks, with manifests like ours: teams bring what they have.
OTHERS = ("flaskservice", "pyramidservice")


@dataclass(frozen=True)
class Answer:
    """What an HTTP request got; names of headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Shipyard:
    """The clone and its commands, as typed in a shell."""

    root: Path
    api_port: int
    edge_port: int
    outputs: list[str] = field(default_factory=list)

    def deploy_py(
        self, *words: str, code: int | None = 0, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run ./deploy.py; fail with all it printed when the exit code is another one."""
        done = subprocess.run(
            [str(self.root / "deploy.py"), *words],
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            input=stdin,
            timeout=900,
            check=False,
        )
        self.outputs.append(f"$ ./deploy.py {' '.join(words)}\n{done.stdout}{done.stderr}")
        if code is not None:
            assert done.returncode == code, self.outputs[-1]
        return done

    @property
    def environment(self) -> dict[str, str]:
        own = {"ESTALEIRO_API_PORT": str(self.api_port), "ESTALEIRO_EDGE_PORT": str(self.edge_port)}
        return {key: value for key, value in os.environ.items() if not key.startswith("AWS_")} | own

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        form: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request through the gateway."""
        headers = dict(headers or {})
        headers |= {"Content-Type": "application/json"} if body is not None else {}
        headers |= {"Authorization": f"Bearer {token}"} if token else {}
        headers |= {"Content-Type": "application/x-www-form-urlencoded"} if form is not None else {}
        data = form if form is not None else json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(
            f"http://localhost:{self.edge_port}{path}", data, headers, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return Answer(answer.status, _lower(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, _lower(error.headers), error.read())

    def token(self, scope: str) -> str:
        return self.deploy_py("token", "local", "--scope", scope).stdout.strip()


def _lower(headers: Message) -> dict[str, str]:
    """The lines of a header that came several times are one list (RFC 9110, 5.3)."""
    return {name.lower(): ", ".join(headers.get_all(name, [])) for name in headers}


def eventually(question: Callable[[], Any], *, seconds: float = 60) -> Any:
    """Ask until the answer is truthy; return it, or the last one after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (answer := question()) and time.monotonic() < deadline:
        time.sleep(0.5)
    return answer


@pytest.fixture(scope="session")
def engine() -> docker.DockerClient:
    """The Docker engine; without one the tests fail."""
    client = docker.from_env()
    client.ping()
    return client


@pytest.fixture(scope="session")
def shipyard(tmp_path_factory: pytest.TempPathFactory, engine: docker.DockerClient) -> Iterator[Shipyard]:
    """The system and two services in other frameworks, deployed once for all tests."""
    root = tmp_path_factory.mktemp("clone") / "estaleiro"
    copy_of_this_checkout(root)
    for name in OTHERS:
        shutil.copytree(ROOT / "tests/fixtures" / name, root / "services" / name)
    hurry(root / "infra/environments/local.toml")
    yard = Shipyard(root, free_port(), free_port())
    try:
        yard.deploy_py("deploy", "local")
        yield yard
    finally:
        yard.deploy_py("teardown", "local", "--yes", code=None)


def hurry(environment: Path) -> None:
    """Shorten the wait before a verdict, of which there is one a service in each of the many deploys."""
    text = environment.read_text(encoding="utf-8")
    assert "soak_seconds = 3\n" in text
    environment.write_text(text.replace("soak_seconds = 3\n", "soak_seconds = 1\n"), encoding="utf-8")


def copy_of_this_checkout(root: Path) -> None:
    """The files that Git knows; the environment, fetched packages and lint results are those of this checkout."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.split("\n"):
        if name and (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, root / name)
    (root / ".venv").symlink_to(ROOT / ".venv")
    (root / ".estaleiro").mkdir()
    for kept in ("wheels", "lint"):
        (ROOT / ".estaleiro" / kept).mkdir(parents=True, exist_ok=True)
        (root / ".estaleiro" / kept).symlink_to(ROOT / ".estaleiro" / kept)
