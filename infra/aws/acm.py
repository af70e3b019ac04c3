"""Certificates: what one stands for, and whether it may be used."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from infra.aws.client import Client, MakeClient
from infra.errors import AwsError, NotFound


@dataclass(frozen=True)
class Certificate:
    """A certificate. `status` as ACM words it, e.g. ISSUED, PENDING_VALIDATION, EXPIRED."""

    status: str
    names: tuple[str, ...]
    expires: datetime | None = None


class Acm:
    """One account's certificates in one region."""

    def __init__(self, make: MakeClient) -> None:
        self._client = Client("acm", make)

    def certificate(self, arn: str) -> Certificate | None:
        """Return a certificate, None where this region has none by that ARN."""
        try:
            entry = self._client.call("describe_certificate", CertificateArn=arn)["Certificate"]
        except NotFound:
            return None
        except AwsError as error:
            # An ARN of another region is refused, not found missing.
            if error.code in ("InvalidArnException", "ValidationException"):
                return None
            raise
        names = {entry["DomainName"], *entry.get("SubjectAlternativeNames", ())}
        return Certificate(entry.get("Status") or "", tuple(sorted(names)), entry.get("NotAfter"))

    def delete(self, arn: str) -> None:
        """Delete a certificate that nothing uses; none is fine. Raises AwsError while a listener uses it."""
        try:
            self._client.call("delete_certificate", CertificateArn=arn)
        except NotFound:
            return
