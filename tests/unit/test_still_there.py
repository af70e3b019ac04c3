"""A release comes back only where all that it ran with is still there; of ten releases it all is."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from infra.aws.s3 import Bucket
from infra.commands.context import Context
from infra.commands.still_there import kept_tags, require_all
from infra.config import load
from infra.errors import EstaleiroError, NotFound
from tests.builders import manifest, project_files, write_tree

RECORD = {
    "release": "20260501T120000Z-ab12",
    "images": {"shop": "shop-1", "berths": "berths-1"},
    "parameters": {
        "shop": {
            "WebTaskDefinition": "arn:task-definition/shop-web:1",
            "MigrateTaskDefinition": "arn:task-definition/shop-migrate:1",
            "Vpc": "vpc-1",
        }
    },
}


@dataclass
class Account:
    """Task definitions by ARN with their status, and the tags in the registry."""

    definitions: dict[str, str] = field(default_factory=lambda: {"arn:task-definition/shop-web:1": "ACTIVE"})
    tags: set[str] = field(default_factory=lambda: {"shop-1"})

    @property
    def ecs(self) -> Account:
        return self

    @property
    def ecr(self) -> Account:
        return self

    def task_definition(self, arn: str) -> dict[str, Any]:
        if arn not in self.definitions:
            raise NotFound("no such task definition")
        return {"status": self.definitions[arn]}

    def has_image(self, repository: str, tag: str, *, registry: str) -> bool:
        return tag in self.tags


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def context(tmp_path: Path, account: Account) -> Context:
    config = load(write_tree(tmp_path, project_files(shop=manifest("a shop"))), "local")
    return cast(Context, SimpleNamespace(config=config, aws=account, cloud=None))


def test_a_release_whose_processes_can_all_be_run_may_come_back(context: Context) -> None:
    require_all(context, RECORD)


def test_everything_that_is_gone_is_named_at_once(context: Context, account: Account) -> None:
    account.definitions, account.tags = {}, set()

    with pytest.raises(EstaleiroError) as caught:
        require_all(context, RECORD)

    assert str(caught.value) == (
        "release 20260501T120000Z-ab12 cannot come back: task definition shop-web:1 of shop is gone; "
        "image shop-1 is gone; deploy that commit again instead"
    )


def test_a_task_definition_that_was_deregistered_cannot_be_run(context: Context, account: Account) -> None:
    account.definitions["arn:task-definition/shop-web:1"] = "INACTIVE"

    with pytest.raises(EstaleiroError, match="shop-web:1 of shop is INACTIVE"):
        require_all(context, RECORD)


def test_images_of_the_last_ten_releases_are_kept(context: Context) -> None:
    records = {
        f"releases/local/{number:02}.json": f'{{"images": {{"shop": "shop-{number}"}}}}'
        for number in range(12)
    }
    bucket = SimpleNamespace(
        keys=lambda prefix: list(records), get=lambda key: SimpleNamespace(body=records[key].encode())
    )
    cast(Any, context).bucket = cast(Bucket, bucket)

    assert kept_tags(context) == {f"shop-{number}" for number in range(2, 12)}
