"""A release update before the verdict only adds: what serves traffic keeps all that it uses."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from infra import stacks
from infra.config import Config, Service
from infra.stacks import Output, Stack, with_kept
from infra.stacks.release import release
from tests.shipyard import config, stack, tags


def _changed(name: str, **changes: Any) -> Config:
    before = config("staging")
    services = [s.model_copy(update=changes) if s.name == name else s for s in before.services]
    return replace(before, services=tuple(services))


def _release(chosen: Config, name: str) -> Stack:
    return release(chosen, chosen.service(name), tags(chosen))


def _without(service: Service, process: str) -> dict[str, Any]:
    return {"processes": {name: one for name, one in service.processes.items() if name != process}}


def test_nothing_running_or_the_same_running_changes_nothing() -> None:
    new = stack("staging", "reviews-release")

    assert with_kept(new, "") == new
    assert with_kept(new, new.template) == new


def test_a_process_that_is_gone_keeps_its_task_definition_and_output() -> None:
    running = stack("staging", "reviews-release")
    reviews = config("staging").service("reviews")
    new = _release(_changed("reviews", **_without(reviews, "worker")), "reviews")

    kept = json.loads(with_kept(new, running.template).template)

    assert "WorkerTaskDefinition" not in new.template
    assert kept["Resources"]["WorkerTaskDefinition"]["DeletionPolicy"] == "Retain"
    assert kept["Outputs"]["WorkerTaskDefinition"] == {"Value": {"Ref": "WorkerTaskDefinition"}}


def test_a_queue_that_is_gone_stays_together_with_the_right_to_use_it() -> None:
    running = stack("staging", "reviews-release")
    new = _release(_changed("reviews", queue=None), "reviews")

    kept = json.loads(with_kept(new, running.template).template)["Resources"]

    own = json.loads(running.template)["Resources"]
    assert {"Queue", "DeadLetterQueue", "QueuePolicy", "DeadLetterQueuePolicy"} <= set(kept)
    assert kept["TaskRole"] == own["TaskRole"]
    assert "Policies" not in json.loads(new.template)["Resources"]["TaskRole"]["Properties"]


def test_tasks_of_the_running_release_may_still_read_a_secret_that_the_new_one_lacks() -> None:
    running = stack("staging", "reviews-release")
    new = _release(_changed("reviews", calls={}), "reviews")

    kept = json.loads(with_kept(new, running.template).template)["Resources"]

    policy = kept["ExecutionRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    readable = [item["Resource"] for item in policy if item["Action"] == ["secretsmanager:GetSecretValue"]]
    own, former = [{"Ref": "OwnerLogin"}, {"Ref": "AppLogin"}], [{"Ref": "ClientSecret"}]
    assert readable == [own, own + former]
    assert "ClientSecret" in kept


def test_a_database_that_is_gone_keeps_its_parameters_and_their_sources() -> None:
    running = stack("staging", "movies-release")
    new = _release(_changed("movies", database=None, bucket=None), "movies")

    kept = with_kept(new, running.template)

    assert new.parameters == {}
    assert kept.parameters == {
        "EdgeUrl": Output("edge", "Url"),
        "DatabaseAddress": Output("database", "Address"),
        "DatabasePort": Output("database", "Port"),
        "MasterSecretArn": Output("database", "MasterSecretArn"),
        "ProvisionRoleArn": Output("database", "ProvisionRoleArn"),
    }
    assert stacks.metadata_sources(json.loads(kept.template)) == kept.parameters


def test_what_both_releases_have_is_the_new_ones() -> None:
    running = stack("staging", "movies-release")
    chosen = config("staging")
    new = release(chosen, chosen.service("movies"), {**tags(chosen), "movies": "movies-ffffffffffff"})

    kept = with_kept(new, running.template)

    assert kept == new
    assert "movies-0123456789ab" not in kept.template


def test_a_client_that_is_gone_is_still_readable_for_the_running_issuer_alone() -> None:
    running = stack("staging", "tokens-release")
    new = _release(_changed("mailer", calls={}), "tokens")

    kept = with_kept(new, running.template)

    assert "MailerClientSecretArn" in kept.parameters
    clients = json.loads(kept.template)["Resources"]["ClientsTaskDefinition"]
    assert "MailerClientSecretArn" not in json.dumps(clients)
