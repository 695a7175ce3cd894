"""`serve`: answers requests with the user's functions, in several processes that share one port."""

import hmac
import os
import signal
import socket
import sys
import threading
import time
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from . import base, code, defaults

# How a process ends that could not load its model.
NOT_LOADED = 3
# What a request shows that comes from the endpoint. The port is open to every process of the machine, and to every page in a
# browser on it.
SECRET_HEADER = "x-sagewright-server-secret"


def main(framework):
    if os.environ.get("SAGEMAKER_MULTI_MODEL", "").lower() == "true":
        base.error("scripts serve one model here: the container's Mode MultiModel is not supported with this image")
        return 1
    # Lines in one piece: several processes write to one log.
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, write_through=False)
    # Nothing for the user's code, nor for what it starts.
    secret = os.environ.pop("SAGEWRIGHT_SERVER_SECRET", "")
    try:
        program, folder = _find(framework)
    except code.ClientError as problem:
        base.error(str(problem))
        return 1
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", int(os.environ.get("SAGEMAKER_BIND_TO_PORT") or 8080)))
    count = os.environ.get("SAGEMAKER_MODEL_SERVER_WORKERS") or os.cpu_count() or 1
    return _supervise(int(count), lambda: _work(listener, secret, framework, program, folder))


def _find(framework):
    """The user's script and its folder, with what it requires installed."""
    program = os.environ.get("SAGEMAKER_PROGRAM")
    source = os.environ.get("SAGEMAKER_SUBMIT_DIRECTORY")
    folder = os.path.join(base.MODEL, "code")
    if source and not (not source.startswith("s3://") and os.path.isdir(base.place(source))):
        code.fetch(source, base.CODE)
        folder = base.CODE
    elif source:
        folder = base.place(source)
    if not program and os.path.exists(os.path.join(folder, "inference.py")):
        program = "inference.py"
    if not program and not defaults.FRAMEWORKS[framework].alone:
        raise code.ClientError(
            f"the image of {framework} serves with a script of its user: set SAGEMAKER_PROGRAM in the container's "
            "Environment, and put the script into the folder code/ of the model's archive, or name its archive in "
            "SAGEMAKER_SUBMIT_DIRECTORY"
        )
    if program:
        path = os.path.join(folder, program if program.endswith(".py") else program + ".py")
        if not os.path.exists(path) and not os.path.isdir(os.path.join(folder, program)):
            raise code.ClientError(f"there is no {program} in {source or 'the folder code/ of the model'}")
        code.install(folder, program)
    return program, folder


def _supervise(count, work):
    children = set()

    def start():
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if child == 0:
            # Not the parent's: one that is stopped while it loads just ends.
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            try:
                work()
            except BaseException:  # noqa: BLE001: nothing may come back from a fork
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(NOT_LOADED)
        children.add(child)

    def tell(child, number):
        # One that has ended a moment ago may have been waited for already.
        try:
            os.kill(child, number)
        except ProcessLookupError:
            pass

    def stop(*_):
        for child in children:
            tell(child, signal.SIGTERM)
        for child in children:
            try:
                os.waitpid(child, 0)
            except ChildProcessError:
                pass
        os._exit(0)

    for _ in range(max(count, 1)):
        start()
    signal.signal(signal.SIGTERM, stop)
    while True:
        child, status = os.wait()
        children.discard(child)
        if os.WIFEXITED(status) and os.WEXITSTATUS(status) == NOT_LOADED:
            for other in children:
                tell(other, signal.SIGKILL)
            return 1
        base.error(f"Worker (pid:{child}) ended with status {status}; another is started")
        # One that dies at once must not be started as fast as it dies.
        time.sleep(1)
        start()


def _work(listener, secret, framework, program, folder):
    from . import transform

    transformer = transform.load(framework, program, folder)
    busy = threading.Lock()

    def stop(*_):
        # In a thread of its own: this one may hold the lock.
        def end():
            busy.acquire()
            os._exit(0)

        threading.Thread(target=end).start()

    signal.signal(signal.SIGTERM, stop)
    listener.listen(1024)
    server = _Server(listener, secret, transformer, busy)
    server.serve_forever()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, listener, secret, transformer, busy):
        super().__init__(listener.getsockname(), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.secret, self.transformer, self.busy = secret, transformer, busy


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _admitted(self):
        shown = self.headers.get(SECRET_HEADER, "")
        del self.headers[SECRET_HEADER]
        if "Origin" in self.headers:
            why = b"This server does not answer pages in a browser: the request has an Origin header"
        elif self.server.secret and not hmac.compare_digest(shown.encode(), self.server.secret.encode()):
            why = b"This server answers its endpoint alone: call InvokeEndpoint instead"
        else:
            return True
        # What is left of the request is not read.
        self.close_connection = True
        self._send(403, "text/plain", why)
        return False

    def do_GET(self):
        if not self._admitted():
            return None
        path = self.path.split("?")[0]
        if path == "/ping":
            return self._send(200, "application/json", b"")
        if path == "/execution-parameters":
            answer = self.server.transformer.execution_parameters()
            if answer:
                return self._send(*answer)
        self._send(404, "text/plain", b"Not Found")

    def do_POST(self):
        if not self._admitted():
            return
        body = self._body()
        if self.path.split("?")[0] != "/invocations":
            return self._send(404, "text/plain", b"Not Found")
        # One request at a time: functions of the user need not be safe for threads.
        with self.server.busy:
            answer = self.server.transformer.invoke(body, self.headers)
        self._send(*answer)
        print(f'"POST /invocations HTTP/1.1" {answer[0]} {len(answer[2])}', flush=True)

    def _body(self):
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while True:
            size = int(self.rfile.readline().split(b";")[0], 16)
            part = self.rfile.read(size)
            self.rfile.readline()
            if size == 0:
                return b"".join(parts)
            parts.append(part)

    def _send(self, status, content_type, body):
        if content_type.startswith("text/") and "charset" not in content_type:
            content_type += "; charset=utf-8"
        self.send_response_only(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers_with(body)

    def end_headers_with(self, body):
        """Head and body in one segment."""
        self._headers_buffer.append(b"\r\n")
        self.wfile.write(b"".join(self._headers_buffer) + body)
        self._headers_buffer = []

    def log_message(self, *_):
        pass
