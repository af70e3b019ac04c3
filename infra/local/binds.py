"""The sockets of the local cloud: loopback and the Docker network's gateway, nothing else; bound before
anything is started."""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass

from infra.local.engine import Network
from infra.local.errors import LocalCloudError, PortInUse
from infra.local.settings import Settings

DNS_PORT = 53
INTERNAL_PORT = 80


@dataclass(frozen=True)
class Sockets:
    """`web` holds a bound TCP socket by address; `balancers` says which of them are the `public` and the
    `internal` one."""

    web: dict[tuple[str, int], socket.socket]
    balancers: dict[tuple[str, int], str]


def listen(settings: Settings, network: Network) -> Sockets:
    """Bind the API's and the balancers' sockets; raise `PortInUse` or `LocalCloudError` naming the port and
    the remedy."""
    public, internal = ("127.0.0.1", settings.edge_port), (network.gateway, INTERNAL_PORT)
    addresses = [("127.0.0.1", settings.api_port), (network.gateway, settings.api_port), public, internal]
    web: dict[tuple[str, int], socket.socket] = {}
    try:
        for address in addresses:
            web[address] = bound(address, socket.SOCK_STREAM)
    except LocalCloudError:
        for made in web.values():
            made.close()
        raise
    return Sockets(web, {public: "public", internal: "internal"})


def require_free(*ports: int) -> None:
    """Raise `PortInUse` where somebody listens on loopback, while nothing is made yet."""
    for port in ports:
        bound(("127.0.0.1", port), socket.SOCK_STREAM).close()


def bound(address: tuple[str, int], kind: int) -> socket.socket:
    """Return a socket bound to `address`; `kind` is `SOCK_STREAM` or `SOCK_DGRAM`."""
    made = socket.socket(socket.AF_INET, kind)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind(address)
    except OSError as error:
        made.close()
        raise _refusal(address, error) from error
    made.setblocking(False)
    made.set_inheritable(False)
    return made


def _refusal(address: tuple[str, int], error: OSError) -> LocalCloudError:
    host, port = address
    if error.errno == errno.EADDRINUSE:
        return PortInUse(
            f"port {port} on {host} is in use by another process; stop it, or choose another port"
        )
    if error.errno == errno.EACCES:
        return LocalCloudError(
            f"port {port} on {host} cannot be opened without root; run "
            f"`sysctl net.ipv4.ip_unprivileged_port_start={min(port, DNS_PORT)}` as root once, or run as root"
        )
    return LocalCloudError(f"port {port} on {host} cannot be opened: {error.strerror}")
