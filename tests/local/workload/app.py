"""A web server for tests: answers VERSION; BOOT, CRASH, ILL and STUBBORN in its environment say how it misbehaves."""

import http.server
import os
import signal
import socket
import sys
import threading
import time

ill = threading.Event()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    timeout = 5

    def do_GET(self):
        path, _, value = self.path.partition("=")
        if path == "/health":
            return self.say("ill" if ill.is_set() else "ok", status=500 if ill.is_set() else 200)
        if path == "/slow":
            time.sleep(float(value))
        if path == "/fall-ill":
            ill.set()
        if path == "/hang-up":
            self.close_connection = True
            return self.connection.shutdown(socket.SHUT_RDWR)
        if path == "/headers":
            return self.say(str(self.headers))
        if path == "/stream":
            return self.stream()
        return self.say(os.environ.get("VERSION", "none"))

    do_HEAD = do_GET

    def do_POST(self):
        size = 0
        if "chunked" in (self.headers.get("Transfer-Encoding") or ""):
            while part := int(self.rfile.readline(), 16):
                size += len(self.rfile.read(part))
                self.rfile.readline()
            self.rfile.readline()
        else:
            size = len(self.rfile.read(int(self.headers["Content-Length"])))
        self.say(str(size))

    def say(self, text, status=200):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def stream(self):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number in range(5):
            part = f"part {number}\n".encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            self.wfile.flush()
            time.sleep(0.1)
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *arguments):
        pass


def main():
    if os.environ.get("CRASH"):
        print("crashing", flush=True)
        sys.exit(int(os.environ["CRASH"]))
    if os.environ.get("ILL"):
        ill.set()
    time.sleep(float(os.environ.get("BOOT", "0")))
    server = http.server.ThreadingHTTPServer(("", 8080), Handler)
    server.daemon_threads = False

    def stop(*_):
        print("told to stop", flush=True)
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, signal.SIG_IGN if os.environ.get("STUBBORN") else stop)
    print("up", flush=True)
    server.serve_forever(0.05)
    server.server_close()


if __name__ == "__main__":
    main()
