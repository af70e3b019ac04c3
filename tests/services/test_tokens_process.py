"""The issuer from an empty server to a token: provision, migrate, clients and web, each as its own login."""

import base64
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import urllib.request

import cloud
import pytest

from chassis import testing
from chassis.testing import eventually

ISSUER = "http://tokens.test.internal"
SECRETS = {
    "MASTER_PASSWORD": "secret-master",
    "OWNER_PASSWORD": "secret-owner",
    "APP_PASSWORD": "secret-app",
    "READER_PASSWORD": "secret-reader",
    "CLIENT_SECRET_REVIEWS": "secret-reviews",
}


@pytest.fixture
def run(tmp_path):
    """Return a function that starts a command of the service with the variables of its task definition."""
    name = f"tokens_{secrets.token_hex(4)}"
    with testing.postgres().connect() as root:
        root.execute(f"CREATE ROLE {name}_master LOGIN NOSUPERUSER CREATEDB CREATEROLE")
    users = {f"{kind.upper()}_USER": f"{name}_{kind}" for kind in ("master", "owner", "app", "reader")}
    base = {
        "PYTHONPATH": os.environ["PYTHONPATH"], "SERVICE": "tokens", "PROCESS": "web", "ENVIRONMENT": "test",
        "RELEASE": "tokens-1", "INTERNAL_DOMAIN": "test.internal", "TOKEN_ISSUER": ISSUER, "DRAIN_SECONDS": "0.1",
        "KMS_KEY_ID": cloud.kms_key(), **cloud.variables(), **users, **SECRETS,
    }  # fmt: skip

    def start(*command, user="app", **environment):
        login = testing.postgres().environment(name, f"{name}_{user}", password=f"secret-{user}")
        return subprocess.Popen(
            [sys.executable, "-m", *command],
            env={**base, **login, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    return start


def test_an_empty_server_becomes_an_issuer_and_no_secret_is_printed(run):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    listed = [{"client_id": "reviews", "scopes": ["movies:read"], "secret_env": "CLIENT_SECRET_REVIEWS"}]
    outputs = []

    for command, user in (
        (("chassis.provision",), "master"),
        (("chassis.migrate", "tokens"), "owner"),
        (("tokens", "clients"), "app"),
    ):
        task = run(*command, user=user, CLIENTS=json.dumps(listed))
        outputs.append(task.communicate(timeout=60)[0])
        assert task.returncode == 0, outputs
    web = run("tokens", PORT=str(port))
    try:
        assert eventually(lambda: ready(port), 20)
        granted = grant(port)
    finally:
        web.send_signal(signal.SIGTERM)
        outputs.append(web.communicate(timeout=20)[0])

    assert web.returncode == 0, outputs
    assert (granted["token_type"], granted["scope"]) == ("Bearer", "movies:read")
    text = "\n".join(outputs)
    assert [secret for secret in [*SECRETS.values(), granted["access_token"]] if secret in text] == []
    assert all(json.loads(line) for line in outputs[-1].splitlines())


def ready(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def grant(port):
    basic = base64.b64encode(b"reviews:secret-reviews").decode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/oauth/token",
        data=b"grant_type=client_credentials",
        headers={"Authorization": f"Basic {basic}"},
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.load(answer)
