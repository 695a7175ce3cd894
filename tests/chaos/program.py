"""A container of the sweep: trains and processes with a ledger of its runs, serves by saying who it is.

The ledger is a file of the job's own. A run adds a line when it begins and one before it ends, and holds the file's lock
meanwhile: one that finds it taken runs beside another one.
"""

import fcntl
import json
import os
import pathlib
import signal
import socket
import sys
import time

base = pathlib.Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))


def train():
    given = json.loads((base / "input/config/hyperparameters.json").read_text())
    work(given["ledger"], float(given["seconds"]), os.environ["TRAINING_JOB_NAME"], base / "model")


def process():
    job = json.loads((base / "config/processingjobconfig.json").read_text())["ProcessingJobName"]
    work(os.environ["LEDGER"], float(os.environ["SECONDS"]), job, base / "processing/out", base / "output/message")


def work(path, seconds, job, folder, message=None):
    ledger = open(path, "a+")
    try:
        fcntl.flock(ledger, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        ledger.write("beside\n")
        ledger.flush()
        raise
    ledger.seek(0)
    run = 1 + sum(line.startswith("begin") for line in ledger)
    ledger.write(f"begin {run}\n")
    ledger.flush()
    print(f"run {run} begins", flush=True)
    time.sleep(seconds)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text(json.dumps({"job": job, "run": run}))
    if message:
        message.write_text(job)
    ledger.write(f"end {run}\n")
    ledger.flush()


def serve():
    if os.environ.get("BROKEN"):
        sys.exit("this model cannot be served")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    said = os.environ["SAID"].encode()
    with socket.create_server(("127.0.0.1", int(os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080"))), backlog=64) as server:
        while True:
            connection, _ = server.accept()
            with connection:
                answer(connection, said)


def answer(connection, said):
    """Answers one request: the smallest server starts soonest."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    while len(body) < int(lengths[0] if lengths else 0):
        body += connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(said), said))


{"train": train, "process": process, "serve": serve}[sys.argv[-1]]()
