"""Clients of the issuer: their authentication, and their synchronisation with what the deploy tool says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from chassis.migration_lock import lock_key
from tokens import hashing
from tokens.models import Audit, Client, ClientScope, ClientSecret

GRACE = timedelta(hours=24)  # how long a former secret still works, so that running tasks can be replaced


class ClientsError(Exception):
    """The list of clients is not usable; the message says why."""


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One client in CLIENTS; its secret is in the variable that `secret_env` names."""

    client_id: str
    scopes: list[str]
    secret_env: str


@dataclass(frozen=True)
class Wanted:
    """A client as it should be."""

    client_id: str
    scopes: frozenset[str]
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Known:
    """What authentication needs of a client; an unknown or disabled one has no hashes."""

    scopes: frozenset[str]
    hashes: Sequence[str]


def wanted(clients: str, environ: Mapping[str, str]) -> list[Wanted]:
    """Read CLIENTS (JSON) and the secrets it names. Raises ClientsError with every problem at once."""
    try:
        entries = msgspec.json.decode(clients, type=list[Entry])
    except msgspec.DecodeError as error:
        raise ClientsError(f"CLIENTS: {error}") from error
    names = [entry.client_id for entry in entries]
    problems = [f"{name} stands twice" for name in sorted({n for n in names if names.count(n) > 1})]
    problems += [f"{e.secret_env} is missing" for e in entries if not environ.get(e.secret_env)]
    problems += [
        f"{scope!r} should be like movies:read" for e in entries for scope in e.scopes if ":" not in scope
    ]
    if problems:
        raise ClientsError(f"CLIENTS: {'; '.join(problems)}")
    return [Wanted(e.client_id, frozenset(e.scopes), environ[e.secret_env]) for e in entries]


async def find(session: AsyncSession, client_id: str) -> Known:
    """Return a client's scopes and the hashes of its active secrets."""
    client = await session.get(
        Client, client_id, options=[selectinload(Client.scopes), selectinload(Client.secrets)]
    )
    if client is None or client.disabled_at is not None:
        return Known(frozenset(), ())
    active = [
        one.hash for one in client.secrets if one.expires_at is None or one.expires_at > datetime.now(UTC)
    ]
    return Known(frozenset(one.scope for one in client.scopes), active[: hashing.SECRETS])


async def synchronise(session: AsyncSession, clients: Sequence[Wanted]) -> list[str]:
    """Make the stored clients those of the list; one that is not in it is disabled. Returns what changed."""
    await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": lock_key("clients")})
    query = select(Client).options(selectinload(Client.scopes), selectinload(Client.secrets))
    stored = {client.client_id: client for client in await session.scalars(query)}
    changes: list[tuple[str, str, dict[str, Any]]] = []
    for one in clients:
        client = stored.pop(one.client_id, None)
        if client is None:
            client = Client(client_id=one.client_id, scopes=[], secrets=[])
            session.add(client)
            changes.append(("client created", one.client_id, {}))
        changes += _change(client, one)
    for client in stored.values():
        if client.disabled_at is None:
            client.disabled_at = datetime.now(UTC)
            changes.append(("client disabled", client.client_id, {}))
    session.add_all(Audit(event=event, subject=subject, detail=detail) for event, subject, detail in changes)
    return [f"{subject}: {event}" for event, subject, _ in changes]


def _change(client: Client, one: Wanted) -> list[tuple[str, str, dict[str, Any]]]:
    changes: list[tuple[str, str, dict[str, Any]]] = []
    if client.disabled_at is not None:
        client.disabled_at = None
        changes.append(("client enabled", one.client_id, {}))
    had = {scope.scope for scope in client.scopes}
    if had != one.scopes:
        client.scopes = [s for s in client.scopes if s.scope in one.scopes]
        client.scopes += [ClientScope(scope=scope) for scope in sorted(one.scopes - had)]
        detail = {"added": sorted(one.scopes - had), "removed": sorted(had - one.scopes)}
        changes.append(("scopes changed", one.client_id, detail))
    if _change_secret(client, one.secret):
        changes.append(("secret added", one.client_id, {}))
    return changes


def _change_secret(client: Client, secret: str) -> bool:
    """Let `secret` be the newest; the one before it works on for GRACE, any older one goes. Says if it was new."""
    current = [one for one in client.secrets if one.expires_at is None]
    if any(hashing.matches([one.hash], secret) for one in current):
        return False
    for one in current:
        one.expires_at = datetime.now(UTC) + GRACE
    new = ClientSecret(hash=hashing.hash_secret(secret))
    client.secrets = [new, *current[:1]]
    return True
