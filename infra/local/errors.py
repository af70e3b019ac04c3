"""The errors of the local cloud; each says in one sentence what failed, why, and what to do."""

from __future__ import annotations

from infra.errors import EstaleiroError


class LocalCloudError(EstaleiroError):
    """The local cloud cannot do what was asked."""


class EngineMissing(LocalCloudError):
    """No Docker engine answers."""


class PortInUse(LocalCloudError):
    """Something else listens where the local cloud should."""
