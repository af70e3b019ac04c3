"""A service of the test project: `web WORD` answers WORD, `work` touches its heartbeat, the rest fail in one way each."""

import http.server
import pathlib
import sys
import time


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = sys.argv[2].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        pass


def web() -> None:
    http.server.ThreadingHTTPServer(("", 8080), Answer).serve_forever()


def work() -> None:
    while True:
        pathlib.Path("/tmp/heartbeat").touch()
        time.sleep(1)


def crash() -> None:
    print("reading the settings")
    sys.exit("the settings have no colour")


def idle() -> None:
    print("doing nothing, in front of nobody")
    time.sleep(600)


def eat() -> None:
    print("eating memory")
    eaten = []
    while True:
        eaten.append(b"x" * 16_000_000)


{"web": web, "work": work, "crash": crash, "idle": idle, "eat": eat}[sys.argv[1]]()
