"""A container engine of the tests: as much of Docker's HTTP API as a runner needs, with processes as containers.

A container's program is what the image is said to be; it is told in `SAGEMAKER_BASE_DIR` what is mounted at /opt/ml, and in
`SAGEMAKER_BIND_TO_PORT` which port the engine has published.
"""

import json
import os
import re
import socket
import socketserver
import struct
import subprocess
import threading
import urllib.parse
import uuid
from http.server import BaseHTTPRequestHandler

OPT_ML = "/opt/ml"


class Container:
    def __init__(self, body, command):
        self.id = uuid.uuid4().hex
        self.body, self.command = body, command
        self.process, self.port = None, None
        self.output, self.written = [], threading.Condition()

    def start(self):
        environment = dict(pair.split("=", 1) for pair in self.body.get("Env") or [])
        mounts = {mount["Target"]: mount["Source"] for mount in self.body["HostConfig"]["Mounts"]}
        environment |= {"PATH": os.environ["PATH"], "SAGEMAKER_BASE_DIR": mounts[OPT_ML]}
        if self.body["HostConfig"].get("PortBindings"):
            with socket.create_server(("127.0.0.1", 0)) as free:
                self.port = free.getsockname()[1]
            environment["SAGEMAKER_BIND_TO_PORT"] = str(self.port)
        entrypoint = self.body.get("Entrypoint") or self.command
        command = [part.replace(OPT_ML, mounts[OPT_ML]) for part in entrypoint + (self.body.get("Cmd") or [])]
        pipes = dict(stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.process = subprocess.Popen(command, env=environment, start_new_session=True, **pipes)
        readers = [threading.Thread(target=self.read, args=pipe, daemon=True) for pipe in ((1, self.process.stdout), (2, self.process.stderr))]
        for reader in readers:
            reader.start()

        def close():
            for reader in readers:
                reader.join()
            with self.written:
                self.output.append(None)
                self.written.notify_all()

        threading.Thread(target=close, daemon=True).start()

    def read(self, stream, pipe):
        while piece := pipe.read1(4096):
            with self.written:
                self.output.append(struct.pack(">BxxxL", stream, len(piece)) + piece)
                self.written.notify_all()

    def frames(self):
        at = 0
        while True:
            with self.written:
                self.written.wait_for(lambda: len(self.output) > at)
                frame = self.output[at]
            if frame is None:
                return
            yield frame
            at += 1

    def stop(self, grace):
        self.process.terminate()
        try:
            self.process.wait(grace)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def state(self):
        running = self.process is not None and self.process.poll() is None
        code = self.process.poll() if self.process else 0
        return {"Running": running, "ExitCode": 0 if running else (128 - code if (code or 0) < 0 else code)}


class Engine:
    """Serves on a socket in `folder` until it is closed. `images` are command lines by image name."""

    def __init__(self, folder, images):
        self.images, self.containers, self.created = images, {}, []
        # What is wrong with it: `logs` do not end, `wait` is not answered.
        self.hangs, self.closed = set(), threading.Event()
        self.host = f"unix://{folder}/engine.sock"
        engine = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def address_string(self):
                return "engine"

            def log_message(self, *_):
                pass

            def do_GET(self):
                engine.answer(self, "GET")

            def do_POST(self):
                engine.answer(self, "POST")

            def do_DELETE(self):
                engine.answer(self, "DELETE")

        class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
            daemon_threads = True

        self.server = Server(f"{folder}/engine.sock", Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.closed.set()
        self.server.shutdown()
        self.server.server_close()
        for container in list(self.containers.values()):
            if container.process and container.process.poll() is None:
                container.process.kill()

    def answer(self, http, method):
        body = json.loads(http.rfile.read(int(http.headers.get("Content-Length") or 0)) or "null")
        url = urllib.parse.urlsplit(http.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        path = re.sub(r"^/v[\d.]+", "", urllib.parse.unquote(url.path))
        if found := re.fullmatch(r"/images/(.+)/json", path):
            known = found.group(1) in self.images
            return self.send(http, 200 if known else 404, {"Id": "x"} if known else {"message": f"No such image: {found.group(1)}"})
        if path == "/info":
            # What it writes is the user's own, as without root.
            return self.send(http, 200, {"SecurityOptions": ["name=rootless"]})
        if path == "/containers/create":
            if body["Image"] not in self.images:
                return self.send(http, 404, {"message": f"No such image: {body['Image']}"})
            container = Container(body, self.images[body["Image"]])
            self.containers[container.id] = container
            self.created.append(container)
            return self.send(http, 201, {"Id": container.id, "Warnings": []})
        if path == "/containers/json":
            wanted = json.loads(query.get("filters", "{}")).get("label", [])
            labels = lambda c: [f"{name}={value}" for name, value in c.body["Labels"].items()]
            found = [c for c in self.containers.values() if set(wanted) <= set(labels(c))]
            return self.send(http, 200, [{"Id": c.id, "Labels": c.body["Labels"]} for c in found])
        found = re.fullmatch(r"/containers/(\w+)(?:/(\w+))?", path)
        container = self.containers.get(found.group(1)) if found else None
        if container is None:
            return self.send(http, 404, {"message": f"No such container: {path}"})
        getattr(self, f"{method}_{found.group(2) or 'itself'}".lower())(http, container, query)

    def post_start(self, http, container, _):
        container.start()
        self.send(http, 204)

    def post_stop(self, http, container, query):
        if not container.state()["Running"]:
            return self.send(http, 304)
        container.stop(int(query.get("t", 10)))
        self.send(http, 204)

    def post_kill(self, http, container, _):
        if not container.state()["Running"]:
            return self.send(http, 409, {"message": "is not running"})
        container.process.kill()
        self.send(http, 204)

    def post_wait(self, http, container, _):
        container.process.wait()
        if "wait" in self.hangs:
            self.closed.wait()
        self.send(http, 200, {"StatusCode": container.state()["ExitCode"]})

    def get_json(self, http, container, _):
        ports = {"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(container.port)}]} if container.port else {}
        self.send(http, 200, {"Id": container.id, "State": container.state(), "NetworkSettings": {"Ports": ports}})

    def get_logs(self, http, container, _):
        http.send_response(200)
        http.send_header("Content-Type", "application/vnd.docker.multiplexed-stream")
        http.send_header("Transfer-Encoding", "chunked")
        http.end_headers()
        for frame in container.frames():
            http.wfile.write(b"%x\r\n%s\r\n" % (len(frame), frame))
        if "logs" in self.hangs:
            self.closed.wait()
        http.wfile.write(b"0\r\n\r\n")

    def delete_itself(self, http, container, _):
        if container.state()["Running"]:
            container.process.kill()
        self.containers.pop(container.id, None)
        self.send(http, 204)

    @staticmethod
    def send(http, status, body=None):
        content = b"" if body is None else json.dumps(body).encode()
        http.send_response(status)
        http.send_header("Content-Type", "application/json")
        http.send_header("Content-Length", str(len(content)))
        http.end_headers()
        http.wfile.write(content)
