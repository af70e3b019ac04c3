"""The public door of the test project: passes /<service>/... on to that service; `clients` has nothing to do."""

import http.server
import sys
import urllib.error
import urllib.request


class Door(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/health":
            return self.answer(200, b"ok")
        service = self.path.split("/")[1]
        try:
            with urllib.request.urlopen(f"http://{service}.local.internal/", timeout=10) as answer:
                return self.answer(answer.status, answer.read())
        except urllib.error.HTTPError as error:
            return self.answer(error.code, error.read())
        except OSError as error:
            return self.answer(502, str(error).encode())

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        pass


if sys.argv[1:] != ["clients"]:
    http.server.ThreadingHTTPServer(("", 8080), Door).serve_forever()
