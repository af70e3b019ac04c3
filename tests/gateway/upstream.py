"""A service to stand behind the gateway under test: it says what it was asked, and misbehaves when the query says so."""

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

NAME = sys.argv[1]
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
        time.sleep(float(query.get("wait", 0)))
        key = query.get("count", "")
        LOCK_FREE_COUNTS[key] = LOCK_FREE_COUNTS.get(key, 0) + 1
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
        self.send_response(int(query.get("status", 200)))
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Powered-By", "test")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = answer

    def log_message(self, *arguments: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    # A hundred connections at once find room; what finds none is tried again by TCP, seconds later.
    request_queue_size = 1024


Server(("0.0.0.0", 80), Handler).serve_forever()  # noqa: S104 (inside its container)
