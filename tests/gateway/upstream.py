"""A service to stand behind the gateway under test: it says what it was asked, and misbehaves when the query says so."""

import gzip
import json
import socket
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import etags

NAME = sys.argv[1]
# The version of everything that has an entity tag here.
VERSION = 3
LOCK_FREE_COUNTS: dict[str, int] = {}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    connections = 0

    def setup(self) -> None:
        super().setup()
        Handler.connections += 1

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length).decode("latin-1")
        query = {key: values[0] for key, values in parse_qs(urlsplit(self.path).query).items()}
        key = query.get("count", "")
        LOCK_FREE_COUNTS[key] = LOCK_FREE_COUNTS.get(key, 0) + 1
        time.sleep(float(query.get("wait", 0)))
        if "hangup" in query:
            self.close_connection = True
            return
        told = {
            "name": NAME,
            "method": self.command,
            "path": self.path,
            "headers": dict(self.headers.items()),
            "body": body,
            "count": LOCK_FREE_COUNTS[key],
            "connections": Handler.connections,
        }
        text = query["say"].encode() if "say" in query else json.dumps(told).encode()
        status = int(query.get("status", 200))
        if "tag" in query:
            status = self.by_tag() or status
        said = {"Content-Type": query.get("kind", "application/json"), "Vary": query.get("vary")}
        self.send(status, text, {"tag", "gzip"} & set(query), said)

    def by_tag(self) -> int:
        """Return the status of an answer for which a service only looks at entity tags; 0 when they say nothing."""
        known = self.headers.get("If-None-Match", "").removeprefix("W/")
        accepted = etags.accepted(self.headers.get("If-Match"))
        if self.command in ("GET", "HEAD"):
            return 304 if known == etags.tag(VERSION) else 0
        return 0 if accepted is None or VERSION in accepted else 412

    def send(self, status: int, text: bytes, more: set[str], said: dict[str, str | None]) -> None:
        """Answer with the headers `said`; `more` may hold `tag` and `gzip` (whether the other side accepts that or not)."""
        text = gzip.compress(text) if "gzip" in more else text
        self.send_response(status)
        self.send_header("X-Powered-By", "test")
        for name, value in said.items():
            if value:
                self.send_header(name, value)
        if "tag" in more:
            self.send_header("ETag", etags.tag(VERSION))
        if "gzip" in more:
            self.send_header("Content-Encoding", "gzip")
        if status != 304:
            self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD" and status != 304:
            self.wfile.write(text)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = answer

    def log_message(self, *arguments: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    # A hundred connections at once find room; what finds none is tried again by TCP, seconds later.
    request_queue_size = 1024


def be_deaf() -> None:
    """Let no connection come about: the one place in the queue is taken, and nobody ever accepts."""
    listener = socket.socket()
    listener.bind(("0.0.0.0", 80))  # noqa: S104 (inside its container)
    listener.listen(0)
    taken = socket.create_connection(("127.0.0.1", 80))
    print("deaf", taken.getsockname(), flush=True)
    time.sleep(3600)


if NAME == "deaf":
    be_deaf()
Server(("0.0.0.0", 80), Handler).serve_forever()  # noqa: S104 (inside its container)
