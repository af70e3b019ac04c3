"""The account's reaper: its stack made and removed, its role held against every call, its image run for real."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import docker
import pytest

from infra import stacks
from infra.aws import Aws, _Clients
from infra.building.builder import Builder
from infra.commands import lifetimes, reaper, sleeping
from infra.commands.ending import COMMANDS
from infra.commands.parser import parser
from infra.config import environment_names, load
from infra.docker import Engine
from infra.errors import Refused
from infra.images import local_reference
from infra.reaper_image import describe_reaper
from tests.builders import ROOT
from tests.local.cloud import REGION
from tests.shipyard import config
from tests.teardown.conftest import Yard
from tests.teardown.test_rest import expiring

IMAGE = "000000000000.dkr.ecr.eu-west-1.amazonaws.com/shipyard:reaper-%s"


def test_the_reaper_is_made_once_changes_with_its_image_and_goes_without_a_trace(bare: Yard) -> None:
    ecr, before = bare.client("ecr"), bare.plane.things()
    for number, tag in enumerate(("reaper-1", "reaper-2")):
        manifest = f'{{"schemaVersion": 2, "layers": [{number}]}}'
        ecr.put_image(repositoryName="shipyard", imageManifest=manifest, imageTag=tag)  # type: ignore[attr-defined]
    context = bare.context()

    made = [reaper.install(context, IMAGE % number) for number in (1, 1, 2)]
    schedules = bare.client("scheduler").list_schedules()["Schedules"]  # type: ignore[attr-defined]
    left = [tag for one in bare.aws.ecr.images("shipyard") for tag in one.tags]
    gone = [reaper.unschedule(context) for _ in range(2)]

    assert made == [True, False, True]
    assert len(schedules) == 1
    assert left == ["reaper-2"]
    assert gone == [True, False]
    assert sorted(bare.plane.things()) == sorted(before)


@pytest.fixture
def whole_root(bare: Yard, tmp_path: Path) -> Path:
    """The yard's folder with all that the reaper's image is made of."""
    shutil.copytree(bare.root, tmp_path, dirs_exist_ok=True)
    for name in ("images", "services/chassis"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "services/requirements.lock", tmp_path / "services")
    return tmp_path


def test_the_command_asks_then_makes_the_reaper_of_an_image_that_the_registry_has_and_ends_it(
    bare: Yard, whole_root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before, tag = bare.plane.things(), describe_reaper(whole_root, "x86_64")[-1].tag
    bare.client("ecr").put_image(repositoryName="shipyard", imageManifest="{}", imageTag=tag)  # type: ignore[attr-defined]
    monkeypatch.setenv("AWS_ENDPOINT_URL", bare.plane.settings.endpoint_url)

    def reap(*words: str) -> int:
        return COMMANDS["reap"](whole_root, parser().parse_args(["reap", "staging", *words]))

    with pytest.raises(Refused, match="no terminal to ask on"):
        reap("--schedule")
    code = reap("--schedule", "--yes", "--json")
    stack = bare.aws.cloudformation.stack("shipyard-reaper")
    said = json.loads(capsys.readouterr().out)
    ended = reap("--unschedule", "--yes")

    assert (code, ended, said) == (0, 0, {"stack": "shipyard-reaper", "changed": True})
    assert stack is not None
    assert stack.parameters["Image"].endswith(f"/shipyard:{tag}")
    assert capsys.readouterr().out == "shipyard-reaper is gone\n"
    assert sorted(bare.plane.things()) == sorted(before)


class Heard:
    """Makes clients, and hears every operation that they call."""

    def __init__(self, make: _Clients) -> None:
        self.operations: set[tuple[str, str]] = set()
        self._make, self._lock = make, threading.Lock()

    def __call__(self, service: str) -> Any:
        client = self._make(service)
        client.meta.events.register("before-call", self._hear)
        return client

    def _hear(self, model: Any, **event: Any) -> None:
        with self._lock:
            self.operations.add((model.service_model.signing_name, model.name))


# IAM calls some services and operations otherwise than their APIs do.
SERVICES = {"monitoring": "cloudwatch", "tagging": "tag"}
ACTIONS = {
    "s3:DeleteObjects": ("s3:DeleteObject", "s3:DeleteObjectVersion"),
    "s3:HeadBucket": ("s3:ListBucket",),
    "s3:ListBuckets": ("s3:ListAllMyBuckets",),
    "s3:ListMultipartUploads": ("s3:ListBucketMultipartUploads",),
    "s3:ListObjectVersions": ("s3:ListBucketVersions",),
    "s3:ListObjectsV2": ("s3:ListBucket",),
    # Anybody may ask who they are.
    "sts:GetCallerIdentity": (),
}


def test_the_role_allows_every_call_that_reaping_resting_and_waking_make(staging: Yard) -> None:
    heard = Heard(_Clients(REGION, staging.plane.settings.endpoint_url, {}))
    context = staging.context(aws=Aws(heard))
    expiring(staging, datetime.now(UTC) + timedelta(hours=1))

    sleeping.sleep(context)
    sleeping.stop_again(context)
    sleeping.wake(context)
    (due,) = lifetimes.reap(context, act=True, now=datetime.now(UTC) + timedelta(hours=2))

    assert due.did.startswith("torn down"), due
    wanted = {action for one in heard.operations for action in _actions(*one)}
    refused = [action for action in wanted if not any(fnmatchcase(action, one) for one in _allowed(staging))]
    assert len(wanted) > 60
    assert sorted(refused) == []


def _actions(service: str, operation: str) -> tuple[str, ...]:
    action = f"{SERVICES.get(service, service)}:{operation}"
    return ACTIONS.get(action, (action,))


def _allowed(staging: Yard) -> set[str]:
    template = json.loads(stacks.reaper(staging.context().config, "image").template)
    return {
        action
        for policy in template["Resources"]["TaskRole"]["Properties"]["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
        for action in statement["Action"]
    }


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    """The reaper's image; what it is made from stays for the next run."""
    engine = Engine()
    images = describe_reaper(ROOT, engine.architecture())
    Builder(engine, lambda *told: None, cache=ROOT / ".estaleiro/wheels").build(images)
    yield local_reference(images[-1].tag)
    engine.remove(local_reference(images[-1].tag))


def run(image: str, *words: str, **more: Any) -> Any:
    """What the image prints when it runs as the task does; raises where the exit code is not 0."""
    template = json.loads(stacks.reaper(config("staging"), image).template)
    container = template["Resources"]["TaskDefinition"]["Properties"]["ContainerDefinitions"][0]
    client = docker.from_env()
    try:
        said = client.containers.run(
            image,
            list(words) or container["Command"],
            read_only=container["ReadonlyRootFilesystem"],
            user=container["User"],
            cap_drop=["ALL"],
            remove=True,
            **more,
        )
    finally:
        client.close()
    return json.loads(said)


@pytest.mark.slow
def test_the_image_knows_every_environment_of_the_files_it_was_made_from(image: str) -> None:
    code = (
        "import json, pathlib; from infra.config import environment_names, load; root = pathlib.Path('/app'); "
        "print(json.dumps({name: len(load(root, name).services) for name in environment_names(root)}))"
    )

    told = run(image, code, entrypoint=["python3", "-c"], network_mode="none")

    assert told == {name: len(load(ROOT, name).services) for name in environment_names(ROOT)}


@pytest.mark.slow
def test_the_image_ends_what_is_due_as_nobody_on_a_read_only_root(
    staging: Yard, empty: frozenset[str], image: str
) -> None:
    expiring(staging, datetime.now(UTC) - timedelta(minutes=1))
    credentials = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
    files = {
        str(staging.root / name): {"bind": f"/app/{name}", "mode": "ro"}
        for name in ("infra/environments", "services")
    }

    (told,) = run(
        image,
        environment={"AWS_ENDPOINT_URL": staging.plane.settings.endpoint_url, **credentials},
        network_mode="host",
        volumes=files,
    )

    assert (told["environment"], told["action"], told["failed"]) == ("staging", "reap", False)
    assert told["did"].startswith("torn down; nothing is left")
    assert sorted(set(staging.plane.things()) - empty) == []
