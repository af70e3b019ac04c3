"""What a host is, as Ignition: the same JSON for the same settings, and no secret in it (containers can read it)."""

from infra.hosts.ignition import USER_DATA_BYTES, host_ignition, nat_ignition

__all__ = ["USER_DATA_BYTES", "host_ignition", "nat_ignition"]
