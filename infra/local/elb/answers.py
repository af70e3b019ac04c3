"""What a load balancer answers itself: fixed responses, redirects, and its own short error pages."""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from infra.local.elb.rules import Fixed, Redirect, Request, location

SERVER = (b"server", b"awselb/2.0")
WORDS = {502: "Bad Gateway", 503: "Service Temporarily Unavailable", 504: "Gateway Time-out"}


class Refused(Exception):
    """No target has answered; `status` is 502, 503 or 504 as ALB uses them."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True)
class Reply:
    """An answer of the balancer's own."""

    status: int
    content_type: str
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = field(default=())

    async def write(self, send: Any, *, head: bool) -> None:
        """Send it over ASGI, without its body to a HEAD request."""
        headers = [
            SERVER,
            (b"content-type", self.content_type.encode()),
            (b"content-length", str(len(self.body)).encode()),
            *self.headers,
        ]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if head else self.body})


def fixed(action: Fixed) -> Reply:
    return Reply(action.status, action.content_type, action.body.encode())


def redirect(action: Redirect, request: Request, *, scheme: str, port: int) -> Reply:
    where = location(action, request, scheme=scheme, port=port)
    plain = page(action.status)
    return Reply(plain.status, plain.content_type, plain.body, ((b"location", where.encode("latin-1")),))


def page(status: int) -> Reply:
    """Return the page that ALB shows for a status."""
    title = html.escape(f"{status} {WORDS.get(status) or HTTPStatus(status).phrase}")
    body = f"<body>\r\n<center><h1>{title}</h1></center>\r\n</body>"
    text = f"<html>\r\n<head><title>{title}</title></head>\r\n{body}\r\n</html>\r\n"
    return Reply(status, "text/html", text.encode())
