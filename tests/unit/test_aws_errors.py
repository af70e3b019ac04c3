"""What AWS refuses, and what keeps us from asking at all: one sentence each, with what to do."""

from __future__ import annotations

import http.server
import threading
from typing import Any

import pytest
from botocore.exceptions import ParamValidationError
from moto import mock_aws

from infra.aws import connect
from infra.aws.client import Client
from infra.errors import AwsError, NotFound
from tests.aws_account import REGION, Script


@pytest.mark.parametrize(
    ("code", "message", "kind", "text"),
    [
        (
            "AccessDeniedException",
            "User: arn:aws:iam::1:user/ana is not authorized to perform: ecs:StopTask",
            AwsError,
            "not allowed to ecs:StopTask: User: arn:aws:iam::1:user/ana is not authorized to perform: ecs:StopTask; "
            "ask for that permission, or check which account and role are in use",
        ),
        (
            "ThrottlingException",
            "Rate exceeded",
            AwsError,
            "AWS is limiting the rate of ecs:StopTask and still was after several tries: Rate exceeded; "
            "wait a minute and run the command again",
        ),
        (
            "ExpiredTokenException",
            "The security token included in the request is expired",
            AwsError,
            "AWS does not accept the credentials for ecs:StopTask: "
            "The security token included in the request is expired; sign in again",
        ),
        (
            "ClusterNotFoundException",
            "Cluster not found.",
            NotFound,
            "ecs:StopTask found nothing: Cluster not found",
        ),
        (
            "PlatformUnknownException",
            "The specified platform version does not exist.",
            AwsError,
            "ecs:StopTask was refused (PlatformUnknownException): The specified platform version does not exist",
        ),
    ],
)
def test_what_aws_refuses_is_said_in_one_sentence(code: str, message: str, kind: type, text: str) -> None:
    script = Script("ecs").refuses("stop_task", code, message)

    with script.played(), pytest.raises(AwsError) as raised:
        Client("ecs", script.client).call("stop_task", task="t")

    assert (type(raised.value), str(raised.value)) == (kind, text)


def test_the_code_of_a_refusal_is_kept() -> None:
    script = Script("ecs").refuses(
        "stop_task", "InvalidParameterException", "Identifier is for another cluster"
    )

    with script.played(), pytest.raises(AwsError) as raised:
        Client("ecs", script.client).call("stop_task", task="t")

    assert raised.value.code == "InvalidParameterException"


def test_missing_credentials_are_named_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    no_credentials(monkeypatch, tmp_path)
    aws = connect(REGION, environ={})

    with pytest.raises(AwsError) as raised:
        aws.identity.account()

    assert raised.value.code == "NoCredentials"
    assert str(raised.value) == (
        "no usable AWS credentials: Unable to locate credentials; sign in (aws sso login), or set AWS_PROFILE, "
        "or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    )


def test_an_unknown_profile_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    no_credentials(monkeypatch, tmp_path)
    aws = connect(REGION, environ={"AWS_PROFILE": "estaleiro-none"})

    with pytest.raises(AwsError, match=r"no usable AWS credentials: .*estaleiro-none"):
        aws.identity.account()


def test_an_endpoint_that_does_not_answer_is_named() -> None:
    aws = connect(REGION, endpoint_url="http://127.0.0.1:1", environ={})

    with pytest.raises(AwsError) as raised:
        aws.identity.account()

    assert raised.value.code == "Unreachable"
    assert str(raised.value) == (
        'cannot reach AWS (sts): Could not connect to the endpoint URL: "http://127.0.0.1:1/"; check the network '
        "(and AWS_ENDPOINT_URL, where it is set) and run the command again"
    )


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"AWS_ENDPOINT_URL": "http://localhost:9"}, "http://localhost:9/state/key"),
        (
            {"AWS_ENDPOINT_URL": "http://localhost:9", "AWS_ENDPOINT_URL_S3": "http://s3:8"},
            "http://s3:8/state/key",
        ),
        ({}, "https://state.s3.eu-west-1.amazonaws.com/key"),
    ],
)
def test_the_endpoint_of_the_environment_is_honoured(environ: dict[str, str], expected: str) -> None:
    aws = connect(REGION, environ=environ)

    assert aws.s3.url("state", "key") == expected


def test_our_own_mistakes_keep_their_traceback() -> None:
    ecs = Client("ecs", Script("ecs").client)

    with pytest.raises(ParamValidationError, match="Unknown parameter"):
        ecs.call("stop_task", tsk="t")


def test_a_client_is_made_once_for_many_threads() -> None:
    made: list[str] = []
    script = Script("sts")

    def make(service: str) -> Any:
        made.append(service)
        return script.client(service)

    shared = Client("sts", make)
    threads = [threading.Thread(target=lambda: shared.endpoint) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert made == ["sts"]


def test_connecting_makes_no_client() -> None:
    made: list[str] = []

    Client("ecs", lambda service: made.append(service))

    assert made == []


@mock_aws
def test_the_account_and_the_caller_are_asked_for_once() -> None:
    identity = connect(REGION, environ={}).identity

    assert (identity.account(), identity.arn()) == ("123456789012", "arn:aws:sts::123456789012:user/moto")


def no_credentials(monkeypatch: pytest.MonkeyPatch, home: Any) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(home / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(home / "credentials"))


class Proxy(http.server.BaseHTTPRequestHandler):
    """Answers every request with a page, as a proxy does that has something to say."""

    def do_POST(self) -> None:
        page = b"<!doctype html>\n<title>Sign in to the network</title>" + b"<p>please</p>" * 100
        self.send_response(500)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *words: Any) -> None:
        pass


def test_a_page_in_place_of_an_answer_is_said_in_one_short_sentence() -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), Proxy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        aws = connect(REGION, endpoint_url=f"http://127.0.0.1:{server.server_port}")
        with pytest.raises(AwsError) as raised:
            aws.identity.account()
        server.shutdown()

    said = str(raised.value)
    assert said.startswith("no sense could be made of what sts answered: ")
    assert said.endswith("see what answers there (a proxy? AWS_ENDPOINT_URL?) and run the command again")
    assert (len(said) < 500, "\n" in said) == (True, False)
