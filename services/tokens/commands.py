"""What people and one-off tasks do to the issuer: synchronise clients, rotate keys; one sentence for an error."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.database import Database
from tokens import clients, keys, revocations
from tokens.models import Audit, SigningKey
from tokens.sealing import Sealer

Say = Callable[[str], None]


def parser() -> argparse.ArgumentParser:
    """Return the command line: nothing serves, the commands administer."""
    made = argparse.ArgumentParser(prog="python -m tokens", description=__doc__)
    commands = made.add_subparsers(dest="command")
    commands.add_parser("clients", help="make the clients those of the variable CLIENTS")
    revoke = commands.add_parser("revoke", help="take all living tokens of a client back")
    revoke.add_argument("client_id")
    audit = commands.add_parser("audit", help="who changed what when, the latest last")
    audit.add_argument("--last", type=int, default=50, help="how many lines")
    change = commands.add_parser("keys", help="list and rotate the signing keys")
    actions = change.add_subparsers(dest="action", required=True)
    actions.add_parser("list", help="every key and its state")
    actions.add_parser("introduce", help="make a key and publish it")
    actions.add_parser("reseal", help="seal with KMS, at once, what a release from before KMS sealed")
    revoked = actions.add_parser(
        "revoke", help="withdraw a key that may have leaked, and its tokens, at once"
    )
    revoked.add_argument("kid")
    for name, text in (("activate", "sign with a key"), ("retire", "withdraw a key that signs no more")):
        action = actions.add_parser(name, help=text)
        action.add_argument("kid")
        action.add_argument("--force", action="store_true", help="in an emergency: do not wait for verifiers")
    return made


async def synchronise(database: Database, environ: Mapping[str, str], say: Say) -> None:
    """Make the clients those that the environment lists. Raises ClientsError."""
    # An empty list would disable every client, so it has to be said.
    if "CLIENTS" not in environ:
        raise clients.ClientsError("CLIENTS is missing")
    listed = clients.wanted(environ["CLIENTS"], environ)
    async with database.session() as session:
        changes = await clients.synchronise(session, listed)
    for change in changes or ["clients: nothing to do"]:
        say(change)


async def change_keys(database: Database, asked: argparse.Namespace, sealer: Sealer, say: Say) -> None:
    """List, introduce, activate, retire, revoke or reseal. Raises KeyChangeError, UnsealError, AwsError."""
    async with database.session() as session:
        if asked.action == "introduce":
            row = await keys.introduce(session, sealer)
            say(f"key {row.kid}: introduced; activate it in {int(keys.SPREAD.total_seconds())} s or later")
        elif asked.action == "activate":
            await keys.activate(session, asked.kid, force=asked.force)
            say(f"key {asked.kid}: signs from now on")
        elif asked.action == "retire":
            await keys.retire(session, asked.kid, force=asked.force)
            say(f"key {asked.kid}: retired")
        elif asked.action == "revoke":
            successor = await keys.revoke(session, asked.kid, sealer)
            say(f"key {asked.kid}: revoked" + (f"; {successor} signs from now on" if successor else ""))
        elif asked.action == "reseal":
            for kid in await keys.reseal(session, sealer):
                say(f"key {kid}: sealed anew, with KMS")
        else:
            await _list(session, say)


async def revoke(database: Database, client_id: str, say: Say) -> None:
    """Take a client's tokens back. Raises UnknownClient."""
    async with database.session() as session:
        await revocations.revoke_client(session, client_id)
    say(f"client {client_id}: its tokens are void; disable it by taking it out of CLIENTS")


async def audit(database: Database, last: int, say: Say) -> None:
    """Print the last lines of the audit."""
    async with database.session() as session:
        rows = (await session.scalars(select(Audit).order_by(Audit.id.desc()).limit(last))).all()
    for row in reversed(rows):
        say(f"{row.at.isoformat(timespec='seconds')}  {row.event}  {row.subject}  {json.dumps(row.detail)}")


async def _list(session: AsyncSession, say: Say) -> None:
    active = await keys.active_key(session)
    for row in await session.scalars(select(SigningKey).order_by(SigningKey.introduced_at)):
        since = row.introduced_at.isoformat(timespec="seconds")
        say(f"{row.kid}  {keys.state(row, active.kid if active else None):10}  introduced {since}")
