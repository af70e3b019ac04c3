"""Schemathesis asks each service what its openapi.json allows, and what it does not; it must find nothing to blame."""

import json
import os
import signal
import subprocess
import sys
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path

import cloud
import empty_bucket
import pytest
from contract import start
from kills import Neighbours

from chassis.testing import eventually, fresh_database, postgres, signing_key, token

SECRET = "secret-of-the-client"
SCOPES = {"movies": "movies:read movies:write", "reviews": "reviews:write"}
FEW = {"movies": 5, "reviews": 5, "tokens": 2}  # an answer of the issuer costs two hashes
MANY = {"movies": 100, "reviews": 100, "tokens": 20}

# What is well formed may still be refused for the state of things: 412 with another ETag, 422 for a key used before;
# and OAuth has one status, 400, for whatever a client may not have (RFC 6749, 5.2).
CONFIGURATION = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", {refused}, 401, 403, 404, 409, 412, 413, 422, 429, "5xx"]
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 412, 413, 415, 422, 429, "5xx"]
"""
REFUSED = {"tokens": 400}


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


def findings(service, port, folder, options, examples):
    """Run it; return what it said when it found something, and nothing otherwise."""
    configuration = folder / "schemathesis.toml"
    configuration.write_text(CONFIGURATION.format(refused=REFUSED.get(service, 409)))
    program = str(Path(sys.executable).with_name("schemathesis"))
    command = [program, "--config-file", str(configuration), "run", *options]
    command += [
        "--phases",
        "examples,coverage,fuzzing",
        "--max-examples",
        str(examples),
        "--seed",
        "1",
    ]
    command += ["--no-color", "--continue-on-failure", "--suppress-health-check", "all"]
    command += [f"http://127.0.0.1:{port}/openapi.json"]
    told = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    return "" if told.returncode == 0 else told.stdout + told.stderr


def asked(service, neighbours, tmp_path, examples):
    """Start the service on a new database, and return what schemathesis found."""
    variables = environment(service, neighbours)
    if service == "tokens":
        with_client(variables, tmp_path)
    process = start(service, tmp_path, variables)
    try:
        assert eventually(lambda: process.get("/health/ready")[0] == 200, 30), process.log.read_text()
        return findings(service, process.port, tmp_path, who(service, neighbours), examples)
    finally:
        process.popen.send_signal(signal.SIGTERM)
        process.popen.wait(30)


@pytest.mark.parametrize("service", FEW)
def test_schemathesis_finds_nothing_on_a_service(service, neighbours, tmp_path):
    found = asked(service, neighbours, tmp_path, FEW[service])

    assert not found, found


@pytest.mark.long
@pytest.mark.parametrize("service", MANY)
def test_schemathesis_finds_nothing_with_many_examples(service, neighbours, tmp_path):
    found = asked(service, neighbours, tmp_path, MANY[service])

    assert not found, found
