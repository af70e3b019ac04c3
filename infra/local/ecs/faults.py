"""Faults that no container can cause, switched on for a test by `POST /_local-cloud/faults`.

`{"fault": "no-capacity", "on": true}` lets no Auto Scaling group launch an instance until it is switched off;
`{"fault": "host-lost", "instance": "i-…"}` ends an instance at once: its tasks are lost with no exit code, and its group
launches another. The answer is the list of faults that are on.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from infra.local import pin

PATH = "/_local-cloud/faults"

_on: set[str] = set()
_lose: list[Callable[[str], bool]] = []


def is_on(fault: str) -> bool:
    return fault in _on


def when_lost(act: Callable[[str], bool]) -> None:
    """Say what ends an instance; `act` takes the instance's id and tells whether there was one."""
    _lose[:] = [act]


def answer(body: bytes) -> tuple[int, dict[str, Any]]:
    """Switch a fault as the body says; return the HTTP status and the answer."""
    try:
        wanted = json.loads(body or b"{}")
    except ValueError:
        return 400, {"message": "the body is not JSON"}
    match wanted.get("fault"):
        case "no-capacity":
            (_on.add if wanted.get("on", True) else _on.discard)("no-capacity")
        case "host-lost":
            if not (_lose and _lose[0](str(wanted.get("instance")))):
                return 404, {"message": f"no host {wanted.get('instance')}; see ListContainerInstances"}
        case other:
            return 400, {"message": f"unknown fault {other}; should be no-capacity or host-lost"}
    return 200, {"on": sorted(_on)}


def install() -> None:
    """Answer on the API's port, before MiniStack does."""
    stock = pin.original("app.app", sha="ab1297bd6cd5")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] != PATH:
            await stock(scope, receive, send)
            return
        message = await receive()
        status, answered = await asyncio.to_thread(answer, message.get("body", b""))
        body = json.dumps(answered).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    pin.replace("app.app", app, sha="ab1297bd6cd5")
