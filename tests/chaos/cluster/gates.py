"""The operator's two ways out, one to the API server and one to AWS, with a gate in each.

Both count writes together, in the order in which they come. At a chosen write something is done: before it is passed on, after
it took effect and before its answer reaches the operator, or after its answer did.
"""

import asyncio
import collections
import json
import pathlib
import random
import re
import ssl
import threading
import urllib.parse

from ..proxy import Proxy, operation_of, throttle
from ..relay import Relay, header, is_chunked, read, read_chunk, reset

# When something is done at a write.
BEFORE, UNANSWERED, ANSWERED = "before", "unanswered", "answered"
# Operations of AWS that change nothing.
READS = ("Describe", "List", "Get", "Search", "BatchGet", "AssumeRole")


class Writes:
    """The writes of one operator."""

    def __init__(self):
        self.lock = threading.Lock()
        # What was written, and whether the operator is to be cut off.
        self.seen, self.is_cut = [], False
        self.number = self.moment = self.act = None
        self.fired = threading.Event()

    def at(self, number, moment, act):
        """Has something done at the write of a number; the first is 1."""
        self.number, self.moment, self.act = number, moment, act

    def mend(self):
        self.is_cut = False

    def _begin(self, what):
        with self.lock:
            self.seen.append(what)
            return self.moment if len(self.seen) == self.number else None

    async def through(self, what, passing, writer):
        """Passes a write on by `passing`, which gets the writer that the answer goes to."""
        moment = self._begin(what)
        if moment is None:
            return await passing(writer)
        if moment == BEFORE:
            await self._act()
            return await passing(writer)
        # Nothing else gets through: the operator's writes are those up to this one.
        self.is_cut = True
        await passing(Nowhere() if moment == UNANSWERED else writer)
        await self._act()
        # The connection ends.
        return False

    async def _act(self):
        await asyncio.get_running_loop().run_in_executor(None, self.act)
        self.fired.set()


class Nowhere:
    """Takes an answer that nobody gets."""

    def write(self, data):
        pass

    async def drain(self):
        pass


class AwsGate(Proxy):
    """The way to AWS, which remembers what was made and taken away there."""

    def __init__(self, upstream, writes, seed=0):
        self.writes = writes
        # Creates and deletes that took effect, in their order: ("Create", kind, name).
        self.effects = []
        # ARNs of what was made and is there: a create that is repeated with its token is answered twice and makes nothing.
        self.there = set()
        # Status, type and message of an error, how often each write gets it before it goes through, and how often it did.
        self.failing, self.times = None, 0
        self.failed, self.operations = collections.Counter(), collections.Counter()
        # How many calls of an operation are throttled from now on.
        self.throttles = collections.Counter()
        super().__init__(upstream, seed, {})

    async def _answer(self, head, body, writer):
        operation = operation_of(head, body)
        if self.writes.is_cut:
            return reset(writer)
        self.operations[operation] += 1
        if self.throttles[operation] > 0:
            self.throttles[operation] -= 1
            writer.write(throttle(head))
            await writer.drain()
            return True
        one = super()._answer
        if not operation or operation.startswith(READS):
            return await one(head, body, writer)
        if self.failing and self.failed[operation] < self.times:
            self.failed[operation] += 1
            code, kind, message = self.failing
            writer.write(answer_json(code, {"__type": kind, "message": message}, "application/x-amz-json-1.1"))
            await writer.drain()
            return True
        return await self.writes.through(operation, lambda to: one(head, body, to), writer)

    def _saw(self, operation, request, answer, content):
        super()._saw(operation, request, answer, content)
        found = re.match(r"(Create|Delete)(\w+)$", operation or "")
        if not found or answer.split(b" ", 2)[1] != b"200":
            return
        verb, kind = found.groups()
        asked = json.loads(request)
        name = asked.get(f"{kind}GroupName") or asked.get(f"{kind}Name")
        if verb == "Delete":
            self.there = {arn for arn in self.there if arn != name and not arn.endswith(f"/{name}")}
        else:
            arn = json.loads(content)[f"{kind}Arn"]
            if arn in self.there:
                return
            self.there.add(arn)
        # A version is told by its group, as its create does not name it.
        self.effects.append((verb, kind, name.split("/")[1] if name.startswith("arn:") else name))


class KubeGate(Relay):
    """The way to the API server, which can hold back what lists and watches show, and refuse."""

    def __init__(self, kube, writes, seed=0):
        self.kube = kube
        url = urllib.parse.urlsplit(kube.server)
        self.upstream = (url.hostname, url.port)
        self.trust = kube.trust()
        self.writes = writes
        # Lists show this revision, and watches nothing; the present one where it is `None`.
        self.revision = None
        # Shares of requests that are refused ("conflict", "busy") or broken off ("reset before", "reset after"), and of watches.
        self.rng, self.faults, self.expires = random.Random(f"{seed}/kube"), {}, 0
        self.calls = collections.Counter()
        # How many writes to a path, as `short` gives it, meet a conflict from now on.
        self.conflicts = collections.Counter()
        # Revisions that writes of the operator led to.
        self.revisions = []
        # Requests that are answered by nobody, by a test of method and path.
        self.lost = lambda method, path: False
        # Which watches can be held, by a test of their path.
        self.holds = lambda path: True
        # Connections to the API server, by the writer of the client's connection that each belongs to.
        self.ways = {}
        super().__init__()
        self.flowing = self._on_loop(lambda: asyncio.Event())
        self._on_loop(self.flowing.set)

    def kubeconfig(self, folder):
        """The admin's, with the gate in place of the API server."""
        told = json.loads(pathlib.Path(self.kube.kubeconfig).read_text())
        told["clusters"][0]["cluster"] = {"server": self.url}
        path = folder / f"{self.url.rsplit(':', 1)[1]}.kubeconfig"
        path.touch(0o600)
        path.write_text(json.dumps(told))
        return path

    def _on_loop(self, do):
        async def call():
            return do()

        return asyncio.run_coroutine_threadsafe(call(), self.loop).result()

    # Old news

    def freeze(self, revision):
        """From now on lists show an earlier revision, and watches that begin show nothing."""
        self.revision = revision
        self.hold()

    def hold(self):
        """From now on watches show nothing; what they would have shown follows."""
        self._on_loop(self.flowing.clear)

    def release(self):
        self.revision = None
        self._on_loop(self.flowing.set)

    # Requests

    async def _serve(self, reader, writer):
        try:
            await super()._serve(reader, writer)
        finally:
            if way := self.ways.pop(writer, None):
                way[1].transport.abort()

    def drop(self):
        """Ends the connections of an operator that is gone: its watches would go on."""
        self._on_loop(lambda: [way[1].transport.abort() for way in self.ways.values()])

    async def _way(self, writer):
        """The connection to the API server that belongs to one of a client."""
        way = self.ways.get(writer)
        if way is None or way[0].at_eof():
            name = {"server_hostname": self.upstream[0]}
            way = self.ways[writer] = await asyncio.open_connection(*self.upstream, ssl=self.trust, **name)
        return way

    async def _answer(self, head, body, writer):
        method, path, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        place = urllib.parse.urlsplit(path)
        if self.writes.is_cut or self.lost(method, place.path):
            return reset(writer)
        asked = dict(urllib.parse.parse_qsl(place.query))
        if method == "GET" and is_collection(place.path):
            if asked.get("watch") in ("1", "true"):
                return await self._watch(place.path, head, body, writer)
            if self.revision and "continue" not in asked:
                asked |= {"resourceVersion": str(self.revision), "resourceVersionMatch": "Exact"}
                head = head.replace(path.encode(), f"{place.path}?{urllib.parse.urlencode(asked)}".encode(), 1)
        fault = self._fault() if self.faults else None
        self.calls[fault or "passed"] += 1
        if method != "GET" and self.conflicts[short(place.path)] > 0:
            self.conflicts[short(place.path)] -= 1
            fault = "conflict"
        if fault in ("conflict", "busy"):
            if fault == "busy" or method == "PATCH":
                writer.write(refusal(fault))
                await writer.drain()
                return True
            fault = None
        if fault == "reset before":
            return reset(writer)

        async def passing(to):
            return await self._pass(head, body, to, writer, method)

        to = Nowhere() if fault == "reset after" else writer
        if method == "GET" or is_told_only(place.path):
            going = await passing(to)
        else:
            going = await self.writes.through(f"{method} {short(place.path)}", passing, to)
        return going and (to is writer or reset(writer))

    def _fault(self):
        drawn = self.rng.random()
        for fault, share in self.faults.items():
            if drawn < share:
                return fault
            drawn -= share
        return None

    async def _pass(self, head, body, writer, source, method):
        from_it, to_it = await self._way(source)
        to_it.write(head + body)
        await to_it.drain()
        told = await read(from_it)
        if told is None:
            raise ConnectionResetError("the API server ended the connection")
        if method != "GET" and (found := re.search(rb'"resourceVersion":"(\d+)"', told[1])):
            self.revisions.append(int(found[1]))
        writer.write(b"".join(told))
        await writer.drain()
        return header(told[0], b"connection") != b"close"

    async def _watch(self, path, head, body, writer):
        if self.rng.random() < self.expires:
            self.calls["expired"] += 1
            gone = {"type": "ERROR", "object": status(410, "Expired", "too old resource version")}
            writer.write(answer_json(200, gone) if self.rng.random() < 0.5 else answer_json(410, gone["object"]))
            await writer.drain()
            return False
        if self.revision:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
            await writer.drain()
            await self.flowing.wait()
            # The client goes on from where its list was.
            writer.write(b"0\r\n\r\n")
            await writer.drain()
            return False
        from_it, to_it = await self._way(writer)
        to_it.write(head + body)
        await to_it.drain()
        told = await from_it.readuntil(b"\r\n\r\n")
        writer.write(told)
        if not is_chunked(told):
            writer.write(await from_it.readexactly(int(header(told, b"content-length") or 0)))
            await writer.drain()
            return True
        while True:
            chunk = await read_chunk(from_it)
            if self.holds(path):
                await self.flowing.wait()
            writer.write(chunk)
            await writer.drain()
            if chunk.startswith(b"0\r\n"):
                return True


def is_collection(path):
    """Whether objects of a kind are at a path, and not one object, or what is served."""
    parts = path.strip("/").split("/")
    parts = parts[2:] if parts[0] == "api" else parts[3:]
    if parts[:1] == ["namespaces"] and len(parts) > 2:
        parts = parts[2:]
    return len(parts) == 1


def is_told_only(path):
    """Events and leases say nothing of what is declared."""
    return "/events" in path or "/leases" in path


def short(path):
    return re.sub(r"^.*/namespaces/[^/]+/", "", path)


def status(code, reason, message):
    return {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "reason": reason,
        "code": code,
    }


def refusal(fault):
    if fault == "conflict":
        return answer_json(409, status(409, "Conflict", "the object has been modified"))
    return answer_json(429, status(429, "TooManyRequests", "too many requests, please try again later"))


def answer_json(code, body, kind="application/json"):
    text = json.dumps(body).encode()
    return b"HTTP/1.1 %d Told\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s" % (code, kind.encode(), len(text), text)
