"""`exec` finds the container of a running task, and says what is wrong where there is none."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from infra.aws.ecs import Container, Host, Task
from infra.commands import inside
from infra.commands.context import Context
from infra.config import load
from infra.errors import ConfigurationError, EstaleiroError, Refused
from tests.builders import manifest, project_files, write_tree

OUTPUTS = {"cluster": {"ClusterName": "c"}, "shop": {"WebService": "shop-web"}}
HOST = Host("arn:host", "i-1", "ACTIVE", True, 1, 0, 2048, 2048, 0, 0)


def task(id: str, minute: int, *, status: str = "RUNNING", host: str | None = "arn:host") -> Task:
    started = datetime(2026, 5, 1, 12, minute, tzinfo=UTC)
    return Task(
        f"arn:task/c/{id}",
        status,
        containers=(Container("web", runtime_id=f"docker-{id}"),),
        started=started,
        host=host,
    )


@dataclass
class Account:
    """A shop's web service with these tasks."""

    tasks_there: list[Task] = field(default_factory=lambda: [task("aa11", 1), task("bb22", 2)])

    def list_tasks(self, cluster: str, *, service: str) -> list[str]:
        assert (cluster, service) == ("c", "shop-web")
        return [one.arn for one in self.tasks_there]

    def tasks(self, cluster: str, arns: list[str]) -> list[Task]:
        return self.tasks_there

    def container_instances(self, cluster: str) -> list[Host]:
        return [HOST]


@pytest.fixture
def context(tmp_path: Path) -> Any:
    config = load(write_tree(tmp_path, project_files(shop=manifest("a shop"))), "local")
    return SimpleNamespace(
        config=config, aws=SimpleNamespace(ecs=Account()), cloud=None, outputs=lambda: OUTPUTS
    )


def find(context: Any, **wishes: Any) -> inside.Whereabouts:
    return inside.find(cast(Context, context), "shop", wishes.get("process"), wishes.get("task"))


def test_the_newest_task_counts_unless_one_is_named(context: Any) -> None:
    assert find(context) == inside.Whereabouts("shop", "web", "bb22", "docker-bb22", "i-1")
    assert find(context, task="aa").container == "docker-aa11"


def test_in_the_local_cloud_there_is_no_host_to_log_in_to(context: Any) -> None:
    context.cloud = object()

    assert find(context).instance is None


def test_a_task_that_does_not_run_does_not_count(context: Any) -> None:
    context.aws.ecs.tasks_there = [task("aa11", 1, status="PENDING")]

    with pytest.raises(
        EstaleiroError, match=r"^no task of shop web runs in local; `status` shows what runs$"
    ):
        find(context)


def test_an_id_that_fits_no_task_is_answered_with_those_that_run(context: Any) -> None:
    with pytest.raises(EstaleiroError, match=r"whose id begins with 'cc' \(there are: bb22, aa11\)"):
        find(context, task="cc")


def test_a_process_that_is_not_there_is_a_mistake_of_the_command(context: Any) -> None:
    with pytest.raises(ConfigurationError, match="shop has no process 'beat'; it has web"):
        find(context, process="beat")


def test_fargate_has_no_host(context: Any) -> None:
    context.aws.ecs.tasks_there = [replace(task("aa11", 1), host=None)]

    with pytest.raises(Refused, match="Fargate has no host to log in to; `run` starts"):
        find(context)


@pytest.mark.parametrize(
    ("command", "terminal", "line"),
    [
        (["ls", "a b"], True, "sudo docker exec -it 0123 ls 'a b'"),
        (["env"], False, "sudo docker exec -i 0123 env"),
        (
            [],
            True,
            "if sudo docker exec 0123 sh -c '' 2>/dev/null >&2; then sudo docker exec -it 0123 sh; "
            "else sudo docker exec -it 0123 python3; fi",
        ),
    ],
)
def test_a_host_is_told_what_a_person_would_type(command: list[str], terminal: bool, line: str) -> None:
    assert inside.docker_exec("0123", command, terminal=terminal) == line
