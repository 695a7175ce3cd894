"""A model server that answers in pieces: the lines of its input, one chunk each, with a pause where a line says so.

`die` ends the server in the middle, `wait PATH` waits until there is a file, `make PATH` makes one.
"""

import os
import pathlib
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self):
        lines = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode().splitlines()
        if lines == ["fail"]:
            self.send_response(400)
            self.send_header("Content-Length", "12")
            self.end_headers()
            return self.wfile.write(b"told to fail")
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for line in lines:
            if line == "die":
                os._exit(7)
            if line.startswith("wait "):
                while not pathlib.Path(line[5:]).exists():
                    time.sleep(0.01)
                continue
            if line.startswith("make "):
                pathlib.Path(line[5:]).touch()
                continue
            self.chunk(line.encode())
        self.chunk(b"")

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def log_message(self, *_):
        pass


assert sys.argv[-1] == "serve"
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
ThreadingHTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
