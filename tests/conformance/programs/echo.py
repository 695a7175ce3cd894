"""A container of the tests: trains by writing down what it was given, serves by saying it again.

Follows SageMaker's container contract: `train` or `serve` as the last argument, files below /opt/ml or,
where that cannot be shown, below SAGEMAKER_BASE_DIR.
"""

import json
import os
import pathlib
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

base = pathlib.Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))


def train():
    hyperparameters = json.loads((base / "input/config/hyperparameters.json").read_text())
    print("hyperparameters:", json.dumps(hyperparameters, sort_keys=True), flush=True)
    print("job:", os.environ["TRAINING_JOB_NAME"], flush=True)
    for epoch in range(int(hyperparameters.get("epochs", "1"))):
        print(f"epoch={epoch}; loss={1 / (epoch + 1):.3f};", flush=True)
    print("on standard error", file=sys.stderr, flush=True)
    time.sleep(float(hyperparameters.get("seconds", "0")))
    model = base / "model"
    model.mkdir(parents=True, exist_ok=True)
    (model / "said.json").write_text(json.dumps(hyperparameters))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(200 if self.path == "/ping" else 404, b"")

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if body == b"fail":
            self.answer(400, b"told to fail")
        elif body == b"break":
            self.answer(500, b"told to break")
        else:
            told = {
                "body": body.decode(),
                "content": self.headers.get("Content-Type"),
                "accept": self.headers.get("Accept"),
                "attributes": self.headers.get("X-Amzn-SageMaker-Custom-Attributes"),
                "said": os.environ.get("SAID"),
                "pid": os.getpid(),
            }
            self.answer(200, json.dumps(told).encode())

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, text, *values):
        print(text % values, flush=True)


def serve():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    port = int(os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080"))
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


{"train": train, "serve": serve}[sys.argv[-1]]()
