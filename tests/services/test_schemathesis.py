"""Schemathesis asks each service what its openapi.json allows, and what it does not; it must find nothing to blame."""

import json
import os
import signal
import subprocess
import sys
import threading
from http.server import ThreadingHTTPServer

import cloud
import empty_bucket
import pytest
from contract import start
from kills import Neighbours

from chassis.testing import eventually, fresh_database, postgres, signing_key, token
from tests.schemathesis_case import findings

SECRET = "secret-of-the-client"
SCOPES = {"movies": "movies:read movies:write", "reviews": "reviews:write"}
FEW = {"movies": 5, "reviews": 5, "tokens": 2}  # an answer of the issuer costs two hashes
MANY = {"movies": 100, "reviews": 100, "tokens": 20}
BUSY = "too much to do at present"  # what a service says whose process was not let run for a while


@pytest.fixture(scope="module")
def neighbours():
    signing_key()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Neighbours)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def environment(service, neighbours):
    own = {
        "movies": {"BUCKET": "posters", "AWS_ENDPOINT_URL": empty_bucket.url()},
        "tokens": {"KMS_KEY_ID": cloud.kms_key(), **cloud.variables()},
    }
    return {
        **postgres().environment(str(fresh_database(service).database)),
        "TOKEN_ISSUER": neighbours, "SERVICE_ADDRESS": neighbours, "CLIENT_ID": service, "CLIENT_SECRET": SECRET,
        "QUEUE_URL": "http://127.0.0.1:9/000000000000/q",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x",
        "DRAIN_SECONDS": "0", **own.get(service, {}),
    }  # fmt: skip


def who(service, neighbours):
    """Return the options that make schemathesis somebody."""
    if service == "tokens":
        return ["--auth", f"tester:{SECRET}"]
    return ["-H", f"Authorization: Bearer {token(SCOPES[service], service, iss=neighbours)}"]


def with_client(variables, folder):
    """Give the issuer one client."""
    listed = [{"client_id": "tester", "scopes": ["movies:read"], "secret_env": "CLIENT_SECRET"}]
    base = {"PATH": os.environ["PATH"], "PYTHONPATH": os.environ["PYTHONPATH"], "SERVICE": "tokens"}
    more = {"PROCESS": "clients", "ENVIRONMENT": "test", "RELEASE": "r", "CLIENTS": json.dumps(listed)}
    command = [sys.executable, "-m", "tokens", "clients"]
    subprocess.run(command, env={**base, **variables, **more}, cwd=folder, check=True, timeout=60)


def asked(service, neighbours, tmp_path, examples):
    """Start the service on a new database, and return what schemathesis found."""
    variables = environment(service, neighbours)
    if service == "tokens":
        with_client(variables, tmp_path)
    process = start(service, tmp_path, variables)
    try:
        assert eventually(lambda: process.get("/health/ready")[0] == 200, 30), process.log.read_text()
        served = f"http://127.0.0.1:{process.port}/openapi.json"
        for _ in range(3):  # a machine that stalled is no finding
            found = findings(service, served, tmp_path, who(service, neighbours), examples=examples)
            if BUSY not in found:
                break
        return found
    finally:
        process.popen.send_signal(signal.SIGTERM)
        process.popen.wait(30)


@pytest.mark.parametrize(
    "service", [pytest.param(one, marks=[] if one == "movies" else [pytest.mark.slow]) for one in FEW]
)
def test_schemathesis_finds_nothing_on_a_service(service, neighbours, tmp_path):
    found = asked(service, neighbours, tmp_path, FEW[service])

    assert not found, found


@pytest.mark.long
@pytest.mark.parametrize("service", MANY)
def test_schemathesis_finds_nothing_with_many_examples(service, neighbours, tmp_path):
    found = asked(service, neighbours, tmp_path, MANY[service])

    assert not found, found
