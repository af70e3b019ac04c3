"""What a host is, as Ignition: the same JSON for the same settings, and no secret in it (containers can read it)."""

from infra.hosts.ignition import host_ignition, nat_ignition
from infra.hosts.user_data import PREFIX, USER_DATA_BYTES, UserData, fitted

__all__ = ["PREFIX", "USER_DATA_BYTES", "UserData", "fitted", "host_ignition", "nat_ignition"]
