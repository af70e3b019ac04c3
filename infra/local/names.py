"""DNS for containers, on the network's gateway: balancers, databases and private zones here; every other name
upstream."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from pathlib import Path
from typing import Any, cast

import dnslib

from infra.local import binds, engine
from infra.local.rds import place
from infra.local.settings import Settings

Record = dict[str, Any]

TTL = 5
"""Seconds that an answer may be kept: containers come back under other addresses."""
UPSTREAM_SECONDS = 2.0
MAX_CHAIN = 8

log = logging.getLogger("estaleiro.local.names")

_gateway: list[str] = []
_replying: set[asyncio.Task[None]] = set()
"""The event loop keeps only weak references to tasks."""
_closing: list[asyncio.Server | asyncio.DatagramTransport] = []


def install(settings: Settings) -> None:
    _gateway[:] = [engine.ensure_network(settings).gateway]


async def start() -> None:
    """Listen on port 53 of the gateway, UDP and TCP."""
    address = (_gateway[0], binds.DNS_PORT)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        _Datagrams, sock=binds.bound(address, socket.SOCK_DGRAM)
    )
    server = await asyncio.start_server(_stream, sock=binds.bound(address, socket.SOCK_STREAM))
    _closing.extend([transport, server])


async def stop() -> None:
    for listener in _closing:
        listener.close()


class _Datagrams(asyncio.DatagramProtocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        task = asyncio.ensure_future(self._reply(data, address))
        _replying.add(task)
        task.add_done_callback(_replying.discard)

    async def _reply(self, data: bytes, address: tuple[str, int]) -> None:
        self.transport.sendto(await reply(data, tcp=False), address)


async def _stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Each message has its length before it, RFC 1035 section 4.2.2."""
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            size = int.from_bytes(await reader.readexactly(2), "big")
            answer = await reply(await reader.readexactly(size), tcp=True)
            writer.write(len(answer).to_bytes(2, "big") + answer)
            await writer.drain()
    writer.close()


async def reply(data: bytes, *, tcp: bool) -> bytes:
    """Return the answer to one DNS message."""
    question = dnslib.DNSRecord.parse(data)
    try:
        return await _answer(data, question, tcp=tcp)
    except Exception:
        log.exception("the question for %s could not be answered", question.q.qname)
        return _failure(question)


async def _answer(data: bytes, question: dnslib.DNSRecord, *, tcp: bool) -> bytes:
    name, kind = str(question.q.qname).rstrip(".").lower(), dnslib.QTYPE.get(question.q.qtype)
    own = records(name)
    if own is None:
        return await _forwarded(data, question, tcp=tcp)
    answer = question.reply()
    answer.header.ra = 1
    for record in own:
        if dnslib.QTYPE[record.rtype] in (kind, "CNAME") or kind == "ANY":
            answer.add_answer(record)
    if not own:
        answer.header.rcode = dnslib.RCODE.NXDOMAIN
    return bytes(answer.pack())


def records(name: str) -> list[dnslib.RR] | None:
    """Return our records for a name, aliases followed; empty when a zone of ours lacks the name, None when it
    is not ours."""
    chain: list[dnslib.RR] = []
    for _ in range(MAX_CHAIN):
        address = _balancers().get(name) or dict(place.addresses()).get(name)
        if address is not None:
            return [*chain, _rr(name, "A", address)]
        zone = _zone_of(name)
        if zone is None:
            return chain or None
        found = _matching(name, _zone_records(zone))
        alias = next(
            (record["AliasTarget"]["DNSName"] for record in found if record.get("AliasTarget")), None
        )
        if alias is not None:
            target = records(_plain(alias).removeprefix("dualstack.")) or []
            return chain + [_rr(name, dnslib.QTYPE[each.rtype], str(each.rdata)) for each in target]
        chain += [_rr(name, record["Type"], value) for record in found for value in _values(record)]
        cname = next((record for record in found if record["Type"] == "CNAME"), None)
        if cname is None:
            return chain
        name = _plain(_values(cname)[0])
    return chain


def _matching(name: str, records: list[Record]) -> list[Record]:
    """The records of the name itself; else of the nearest wildcard above it (RFC 4592 section 3.3)."""
    above = name
    wanted = name
    while True:
        found = [record for record in records if _plain(str(record["Name"])) == wanted]
        above = above.partition(".")[2]
        if found or not above:
            return found
        wanted = f"*.{above}"


def _rr(name: str, kind: str, value: str) -> dnslib.RR:
    return dnslib.RR.fromZone(f"{name}. {TTL} {kind} {value if kind != 'CNAME' else _plain(value) + '.'}")[0]


def _plain(name: str) -> str:
    return name.replace("\\052", "*").rstrip(".").lower()


def _values(record: Record) -> list[str]:
    found = record.get("ResourceRecords") or []
    return [value["Value"] if isinstance(value, dict) else str(value) for value in found]


def _balancers() -> dict[str, str]:
    from ministack.services import alb

    return {_plain(balancer["DNSName"]): _gateway[0] for balancer in alb._lbs.all_values()}


def _zone_of(name: str) -> str | None:
    """Return the id of the private zone that the name is in, the most exact one."""
    from ministack.services import route53

    zones = {
        key[-1]: _plain(zone["name"]) for key, zone in route53._zones._data.items() if zone.get("private")
    }
    holding = [key for key, zone in zones.items() if name == zone or name.endswith(f".{zone}")]
    return max(holding, key=lambda key: len(zones[key]), default=None)


def _zone_records(zone: str) -> list[Record]:
    from ministack.services import route53

    return [record for key, found in route53._records._data.items() if key[-1] == zone for record in found]


async def _forwarded(data: bytes, question: dnslib.DNSRecord, *, tcp: bool) -> bytes:
    """Ask the host's resolvers in turn; without an answer say so at once, so that programs do not wait."""
    for server in _upstream():
        with contextlib.suppress(OSError, asyncio.TimeoutError, asyncio.IncompleteReadError):
            async with asyncio.timeout(UPSTREAM_SECONDS):
                return await (_ask_tcp(data, server) if tcp else _ask_udp(data, server))
    return _failure(question)


def _failure(question: dnslib.DNSRecord) -> bytes:
    refusal = question.reply()
    refusal.header.rcode = dnslib.RCODE.SERVFAIL
    return bytes(refusal.pack())


def _upstream() -> list[str]:
    """Return the host's resolvers; the gateway itself would be ourselves."""
    try:
        lines = Path("/etc/resolv.conf").read_text().splitlines()
    except OSError:
        return []
    found = [line.split()[1] for line in lines if line.startswith("nameserver ") and len(line.split()) > 1]
    return [server for server in found if ":" not in server and server != _gateway[0]]


async def _ask_udp(data: bytes, server: str) -> bytes:
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[bytes] = loop.create_future()

    class Ask(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
            if not answered.done():
                answered.set_result(data)

        def error_received(self, error: Exception) -> None:
            if not answered.done():
                answered.set_exception(error)

    transport, _ = await loop.create_datagram_endpoint(Ask, remote_addr=(server, 53))
    try:
        transport.sendto(data)
        return await answered
    finally:
        transport.close()


async def _ask_tcp(data: bytes, server: str) -> bytes:
    reader, writer = await asyncio.open_connection(server, 53)
    try:
        writer.write(len(data).to_bytes(2, "big") + data)
        return await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
    finally:
        writer.close()
