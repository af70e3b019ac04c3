"""Certificates; CloudFormation makes them, and leaves one whose stack failed at the wrong moment."""

from __future__ import annotations

from infra.aws.client import Client, MakeClient
from infra.errors import NotFound


class Acm:
    """One account's certificates in one region."""

    def __init__(self, make: MakeClient) -> None:
        self._client = Client("acm", make)

    def delete(self, arn: str) -> None:
        """Delete a certificate that nothing uses; none is fine. Raises AwsError while a listener uses it."""
        try:
            self._client.call("delete_certificate", CertificateArn=arn)
        except NotFound:
            return
