"""AWS on a port of this machine, in memory (moto's server), for what speaks to it from an event loop."""

import functools
import logging
import os

from moto.server import ThreadedMotoServer

from tests import aws_account

REGION = aws_account.REGION
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


@functools.cache
def url():
    """Return where it answers, for as long as the tests run; the tests' own process may sign requests from then on."""
    os.environ.update(CREDENTIALS)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    return "http://{}:{}".format(*server.get_host_and_port())


def client(service):
    """Return boto3's client of a service, for what a test arranges and looks at."""
    return aws_account.client(service, endpoint_url=url())


def variables():
    """Return what a process needs to find it."""
    return {"AWS_ENDPOINT_URL": url(), "AWS_REGION": REGION, **CREDENTIALS}


def kms_key():
    """Make a KMS key; return its ARN."""
    return client("kms").create_key()["KeyMetadata"]["Arn"]
