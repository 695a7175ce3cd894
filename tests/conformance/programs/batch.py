"""A model server of the tests for batch transform: turns each line of a payload round.

A line `bad` is refused, and one that begins with `wait` holds its request until a file is there.
"""

import os
import pathlib
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(200 if self.path == "/ping" else 404, b"")

    def do_POST(self):
        lines = self.rfile.read(int(self.headers["Content-Length"])).decode().splitlines()
        print(f"{len(lines)} lines, {self.headers['Content-Type']} to {self.headers['Accept']}", flush=True)
        for line in lines:
            if line.startswith("wait"):
                while not pathlib.Path(line.removeprefix("wait ")).exists():
                    time.sleep(0.02)
        if "bad" in lines:
            return self.answer(400, b"no such column\n")
        self.answer(200, "\n".join(line[::-1] for line in lines).encode())

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


assert sys.argv[-1] == "serve", sys.argv
assert os.environ["SAGEMAKER_BATCH"] == "true"
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
ThreadingHTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
