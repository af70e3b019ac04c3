"""What the local cloud listens on: loopback and its own Docker network, nothing else."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from pathlib import Path

from infra.local import engine, process
from tests.local.cloud import Cloud

LISTEN, UDP_OPEN = "0A", "07"


def sockets(pid: int) -> set[str]:
    """The inodes of a process's sockets."""
    targets = {str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir() if path.is_symlink()}
    return {target[8:-1] for target in targets if target.startswith("socket:[")}


def bound(pid: int) -> Iterator[tuple[str, int]]:
    """Address and port of every socket on which a process takes what others send."""
    own = sockets(pid)
    for table, state in (("tcp", LISTEN), ("tcp6", LISTEN), ("udp", UDP_OPEN), ("udp6", UDP_OPEN)):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            if words[9] in own and words[3] == state:
                address, port = words[1].split(":")
                yield _address(address), int(port, 16)


def _address(text: str) -> str:
    """An address as the kernel prints it: words of 32 bits, each turned round."""
    raw = b"".join(bytes.fromhex(text[at : at + 8])[::-1] for at in range(0, len(text), 8))
    return str(ipaddress.ip_address(raw))


def test_it_listens_on_loopback_and_its_own_network_alone(cloud: Cloud) -> None:
    settings, network = cloud.settings, engine.network(cloud.settings)
    assert network is not None

    found = set(bound(process.ensure(settings).pid))

    assert {address for address, _ in found} == {"127.0.0.1", network.gateway}
    ours = {port for address, port in found if address == "127.0.0.1"}
    assert ours == {settings.api_port, settings.edge_port}
    assert {port for address, port in found if address == network.gateway} == {53, 80, settings.api_port}
