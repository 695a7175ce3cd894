"""What a fleet of objects costs an operator: Sagewright's, and ACK's controller where its program is given.

Run by `cargo xtask bench operator`. Each operator gets a control plane and an embedded cloud of its own, one after the other, and
the same objects. For each fleet there is one line of JSON on standard output.
"""

import argparse
import collections
import concurrent.futures
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

from control_plane import PATIENCE, clean_environment, end
from up import Cluster, Ended, interrupt, say

GROUP = "sagemaker.services.k8s.aws"
ROLE = "arn:aws:iam::000000000000:role/sagewright-execution"
IMAGE = "111122223333.dkr.ecr.us-east-1.amazonaws.com/model:1"
# Connections over which objects are created.
CONNECTIONS = 4
# From this many models on, there are endpoints beside them: a tenth as many.
ENDPOINTS_FROM = 10_000
# Longest wait for a fleet: ten objects a second.
SLOWEST = 0.1
CALL = re.compile(rb"sagewright::access: \S+ (\S+\.\S+) ")
WRITES = ("POST", "PUT", "PATCH", "DELETE", "APPLY")
WRITTEN = re.compile(r"^apiserver_request_total\{(.*)\} (\S+)$", re.MULTILINE)
LABEL = re.compile(r'(\w+)="([^"]*)"')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", required=True, help="folder of kube-apiserver, etcd and helm")
    parser.add_argument("--sagewright", required=True, help="the program")
    parser.add_argument("--ack", help="ACK's controller for SageMaker")
    parser.add_argument("--rest", type=float, default=60, help="seconds for which an operator is watched at rest")
    parser.add_argument("--endpoints", type=int, help="endpoints beside the models of each fleet")
    parser.add_argument("counts", nargs="+", type=int, help="models of each fleet")
    arguments = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    operators = {"sagewright": sagewright(arguments.sagewright)}
    if arguments.ack:
        operators["ack"] = ack(arguments.ack)
    try:
        for count in arguments.counts:
            endpoints = arguments.endpoints
            if endpoints is None:
                endpoints = count // 10 if count >= ENDPOINTS_FROM else 0
            for name, command in operators.items():
                say(f"{name}: {count} models" + (f" and {endpoints} endpoints" if endpoints else ""))
                fleet = measure(arguments, command, count, endpoints)
                print(json.dumps({"operator": name, "models": count, "endpoints": endpoints, **fleet}), flush=True)
    except Ended:
        return 130


def sagewright(program):
    return [program, "controller", "--allow-unsafe-aws-endpoint-urls", "--metrics-addr=127.0.0.1:0", "--healthz-addr=127.0.0.1:0"]


def ack(program):
    return [program, "--allow-unsafe-aws-endpoint-urls", "--metrics-addr=127.0.0.1:0", "--healthz-addr=127.0.0.1:0"]


def measure(arguments, command, count, endpoints):
    with tempfile.TemporaryDirectory(prefix="sagewright-bench-") as folder:
        bench = Bench(arguments, command, pathlib.Path(folder))
        try:
            bench.start()
            return bench.measure(count, endpoints)
        finally:
            bench.stop()


class Bench(Cluster):
    """A cluster whose operator is measured."""

    def __init__(self, arguments, command, folder):
        super().__init__(arguments.programs, arguments.sagewright, folder)
        self.operator, self.rest = command, arguments.rest
        self.servers = ModelServers(folder)
        self.local_arguments = ["--images", str(self.servers.images)]
        # One line for each request.
        self.local_environment = {"SAGEWRIGHT_LOG": "warn,sagewright::access=info"}
        self.created = 0

    def _start_controller(self):
        """The first start: there is one object already, so that there is something to do."""
        self._await(self._established, "all definitions are served")
        self.create("models", [model("first")])
        self.first_reconcile = self.start_operator("first")

    def start_operator(self, untouched=None):
        """Starts the operator; with the name of a model that it has not seen, the seconds until it has changed that."""
        before = self.watermark("models", untouched) if untouched else None
        began = time.monotonic()
        with open(self.folder / "controller.log", "ab") as log:
            self.controller = subprocess.Popen(
                self.operator, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**self.environment(), "ACK_SYSTEM_NAMESPACE": "default", "K8S_NAMESPACE": "default"},
            )
        if untouched:
            self._await(lambda: self.watermark("models", untouched) != before, "the first object is reconciled", delay=0.005)
        return time.monotonic() - began

    def _established(self):
        found = self.plane.request("GET", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions")[1]["items"]
        is_true = lambda one: one["type"] == "Established" and one["status"] == "True"
        return found and all(any(map(is_true, one.get("status", {}).get("conditions", []))) for one in found)

    def watermark(self, plural, name):
        return self.plane.request("GET", f"{path(plural)}/{name}")[1]["metadata"]["resourceVersion"]

    def create(self, plural, objects):
        """Creates objects over several connections; the seconds that it took."""
        began = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as threads:
            parts = [objects[i::CONNECTIONS] for i in range(CONNECTIONS)]
            list(threads.map(lambda part: self._create(plural, part), parts))
        self.created += len(objects)
        return time.monotonic() - began

    def _create(self, plural, objects):
        connection = self.connect()
        for one in objects:
            headers = {"Authorization": f"Bearer {self.plane.token}", "Content-Type": "application/json"}
            connection.request("POST", path(plural), json.dumps(one), headers)
            with connection.getresponse() as answer:
                said = answer.read()
                if answer.status != 201:
                    raise SystemExit(f"error: an object cannot be created: {said.decode(errors='replace')}")
        connection.close()

    def connect(self):
        at = urllib.parse.urlsplit(self.plane.server)
        return http.client.HTTPSConnection(at.hostname, at.port, context=self.plane.trust(), timeout=PATIENCE)

    def _await(self, check, what, patience=PATIENCE, delay=0.05):
        deadline = time.monotonic() + patience
        while not check():
            if self.controller and self.controller.poll() is not None:
                self._fail("the operator", self.controller, "controller.log")
            if time.monotonic() > deadline:
                log = (self.folder / "controller.log").read_text(errors="replace")[-3000:]
                raise SystemExit(f"error: {what}: not after {patience:.0f} s; the operator's last words:\n{log}")
            time.sleep(delay)

    # What is counted

    def calls(self):
        """Calls that the cloud has answered, by operation."""
        return collections.Counter(m.decode() for m in CALL.findall((self.folder / "cloud.log").read_bytes()))

    def writes(self):
        """What the operator has written to the API server: nobody else writes here but this program."""
        total = -self.created
        for labels, number in WRITTEN.findall(self.plane.request("GET", "/metrics")[1]):
            labels = dict(LABEL.findall(labels))
            ours = labels["group"].endswith("services.k8s.aws") or labels["resource"] in ("events", "configmaps", "secrets")
            if ours and labels["verb"] in WRITES:
                total += int(float(number))
        return total

    def processor(self):
        """Seconds of processor time that the operator has used."""
        fields = pathlib.Path(f"/proc/{self.controller.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self, what):
        """Megabytes of the operator: `VmRSS` now, `VmHWM` at most."""
        status = pathlib.Path(f"/proc/{self.controller.pid}/status").read_text()
        return int(re.search(rf"^{what}:\s+(\d+)", status, re.MULTILINE)[1]) * 1024 / 1e6

    def snapshot(self):
        return {"calls": self.calls(), "writes": self.writes(), "cpu": self.processor(), "at": time.monotonic()}

    # The measurement

    def measure(self, count, endpoints):
        patience = PATIENCE + count / SLOWEST
        with Ready(self, "models") as ready:
            self._await(lambda: ready.count == 1, "the first model is ready")
            empty, began = self.memory("VmRSS"), self.snapshot()
            applied = self.create("models", [model(f"model-{i:05}") for i in range(count)])
            last = time.monotonic()
            self._await(lambda: ready.count == count + 1, f"{count} models are ready", patience, delay=0.01)
            all_ready = time.monotonic()
        # Listings that show what was made belong to what it costs: some go on for two minutes.
        time.sleep(self.rest * 2.5)
        converged = self.snapshot()
        if endpoints:
            self._endpoints(endpoints, patience)
        resting = self.snapshot()
        time.sleep(self.rest)
        rested = self.snapshot()
        memory = {"peakMegabytes": self.memory("VmHWM"), "restMegabytes": self.memory("VmRSS")}
        end(self.controller)
        stopped = self.snapshot_after()
        self.start_operator()
        # The minute begins when it has found its way.
        is_at_work = lambda: any(name.startswith("sagemaker.") for name in self.calls() - stopped["calls"])
        self._await(is_at_work, "the operator calls AWS after its restart")
        time.sleep(self.rest)
        restarted = self.snapshot()
        memory["peakMegabytes"] = max(memory["peakMegabytes"], self.memory("VmHWM"))
        # As if it was a minute, whatever it was.
        minute = 60 / self.rest
        converging, at_rest, after = (
            later["calls"] - earlier["calls"] for earlier, later in ((began, converged), (resting, rested), (stopped, restarted))
        )
        return {
            "applySeconds": applied, "readySeconds": all_ready - began["at"], "readyAfterLastSeconds": all_ready - last,
            "cpuSeconds": converged["cpu"] - began["cpu"], "cpuAtRest": (rested["cpu"] - resting["cpu"]) * minute,
            "emptyMegabytes": empty, **memory,
            "callsEach": converging.total() / count, "callsAtRest": at_rest.total() * minute,
            "callsAfterRestart": after.total() * minute,
            "writesEach": (converged["writes"] - began["writes"]) / count,
            "writesAtRest": (rested["writes"] - resting["writes"]) * minute,
            "writesAfterRestart": (restarted["writes"] - stopped["writes"]) * minute,
            "firstReconcileSeconds": self.first_reconcile,
            "operations": {"converge": converging, "rest": at_rest, "restart": after},
        }

    def snapshot_after(self):
        """The same, of an operator that has ended."""
        return {"calls": self.calls(), "writes": self.writes()}

    def _endpoints(self, count, patience):
        self.create("endpointconfigs", [endpoint_config()])
        with Ready(self, "endpoints") as ready:
            self.create("endpoints", [endpoint(f"endpoint-{i:05}") for i in range(count)])
            self._await(lambda: ready.count == count, f"{count} endpoints are ready", patience)
        time.sleep(self.rest * 2.5)

    def stop(self):
        super().stop()
        self.servers.stop()


def path(plural):
    return f"/apis/{GROUP}/v1alpha1/namespaces/default/{plural}"


def thing(kind, name, spec):
    return {"apiVersion": f"{GROUP}/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def model(name):
    container = {"image": IMAGE, "environment": {"WORKERS": "1", "NAME": name}}
    return thing("Model", name, {"modelName": name, "executionRoleARN": ROLE, "primaryContainer": container})


def endpoint_config():
    variant = {"variantName": "all", "modelName": "first", "initialInstanceCount": 1, "instanceType": "ml.m5.large"}
    return thing("EndpointConfig", "config", {"endpointConfigName": "config", "productionVariants": [variant]})


def endpoint(name):
    return thing("Endpoint", name, {"endpointName": name, "endpointConfigRef": {"from": {"name": "config"}}})


class Ready:
    """Counts the objects of a kind that are as declared, as a watch shows them."""

    def __init__(self, bench, plural):
        self.bench, self.path = bench, f"{path(plural)}?watch=1&timeoutSeconds=86400"
        self.names, self.closed = set(), False
        self.connection = None
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    @property
    def count(self):
        return len(self.names)

    def _read(self):
        # The API server ends watches that do not keep up.
        while not self.closed:
            try:
                self._watch()
            except (OSError, ValueError, AttributeError, http.client.HTTPException):
                time.sleep(0.1)

    def _watch(self):
        self.connection = self.bench.connect()
        # A watch without a version begins with all that is there.
        self.connection.request("GET", self.path, headers={"Authorization": f"Bearer {self.bench.plane.token}"})
        self.connection.sock.settimeout(None)
        for line in self.connection.getresponse():
            if b'"ACK.ResourceSynced"' in line:
                self._take(json.loads(line)["object"])

    def _take(self, one):
        found = [c["status"] for c in one["status"]["conditions"] if c["type"] == "ACK.ResourceSynced"]
        if found == ["True"]:
            self.names.add(one["metadata"]["name"])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closed = True
        while self.thread.is_alive():
            if self.connection and self.connection.sock:
                try:
                    self.connection.sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    # It has ended by itself.
                    pass
            self.thread.join(0.1)


class ModelServers:
    """The servers behind endpoints: one process here answers at all their ports, and a container only says which port it has."""

    def __init__(self, folder):
        self.images, self.ports = folder / "images.toml", folder / "ports"
        os.mkfifo(self.ports)
        command = json.dumps(["/bin/sh", "-c", f"echo $SAGEMAKER_BIND_TO_PORT >{self.ports}; exec sleep 1000000"])
        self.images.write_text(f'[[image]]\nmatch = "{IMAGE}"\ncommand = {command}\n')
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVERS, str(self.ports)], stdin=subprocess.DEVNULL, env=clean_environment(),
        )

    def stop(self):
        end(self.process)


SERVERS = """
import asyncio, os, sys

async def answer(reader, writer):
    while await reader.readline():
        while (await reader.readline()).strip():
            pass
        writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n")
    writer.close()

async def main():
    # Held open for writing, too: it never ends.
    lines = open(os.open(sys.argv[1], os.O_RDWR))
    while line := await asyncio.to_thread(lines.readline):
        await asyncio.start_server(answer, "127.0.0.1", int(line))

asyncio.run(main())
"""


if __name__ == "__main__":
    sys.exit(main())
