"""S3 with nothing in it, for a service that looks there: every object is missing."""

import functools
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MISSING = b"<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>"


class Missing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(404)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(MISSING)))
        self.end_headers()
        self.wfile.write(MISSING)

    def log_message(self, *arguments):
        pass


@functools.cache
def url():
    """Return where it answers, for as long as the tests run."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Missing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"
