"""A network that fails: a proxy in front of a cloud that throttles, breaks connections and garbles answers.

It sees each call and what the service answered, whatever the client was told, so that it can say what took effect.
"""

import asyncio
import collections
import json
import random
import socket
import struct
import threading
import urllib.parse

# Shares of calls.
FAULTS = {"throttled": 0.30, "reset before": 0.05, "reset after": 0.05, "garbled": 0.02}
CREATES = ("Create", "Start", "Register", "Put")
GARBAGE = b"<html>502? 200! \xff\xfe"


class Proxy:
    """A proxy for the calls of the services that speak JSON or XML; S3 passes as it is."""

    def __init__(self, upstream, seed, faults=FAULTS):
        url = urllib.parse.urlsplit(upstream)
        self.upstream = (url.hostname, url.port)
        self.rng, self.faults = random.Random(seed), faults
        # Calls by what came of them, and the ARNs that the service gave for creates: (operation, ARN) → answers.
        self.calls, self.created = collections.Counter(), collections.Counter()
        self.loop = asyncio.new_event_loop()
        started = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self.thread.start()
        started.wait()

    def _run(self, started):
        asyncio.set_event_loop(self.loop)
        server = self.loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=512))
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        started.set()
        self.loop.run_forever()
        server.close()

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()

    def fault(self):
        drawn = self.rng.random()
        for fault, share in self.faults.items():
            if drawn < share:
                return fault
            drawn -= share
        return "passed"

    async def _serve(self, reader, writer):
        try:
            while request := await read(reader):
                if not await self._answer(*request, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        writer.close()

    async def _answer(self, head, body, writer):
        """Answers a call; false where the connection is to end."""
        operation = operation_of(head, body)
        fault = self.fault() if operation else "passed"
        self.calls[fault if operation else "S3"] += 1
        if fault == "throttled":
            writer.write(throttle(head))
            await writer.drain()
            return True
        if fault == "reset before":
            return reset(writer)
        upstream, to = await asyncio.open_connection(*self.upstream)
        to.write(head + body)
        await to.drain()
        answer, content = await read(upstream)
        to.close()
        self._saw(operation, answer, content)
        if fault == "reset after":
            return reset(writer)
        if fault == "garbled":
            content = GARBAGE
            answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: %d\r\n\r\n" % len(content)
        writer.write(answer + content)
        await writer.drain()
        return b"connection: close" not in answer.lower()

    def _saw(self, operation, answer, content):
        if operation and operation.startswith(CREATES) and answer.split(b" ", 2)[1] == b"200":
            arns = [value for name, value in json.loads(content).items() if name.lower().endswith("arn")]
            self.created[operation, *arns] += 1


async def read(reader):
    """A message's head and body; nothing where the connection ended."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return None
    lines = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:] if b":" in line)
    if b"chunked" in lines.get(b"transfer-encoding", b""):
        body = b""
        while True:
            line = await reader.readuntil(b"\r\n")
            size = int(line.split(b";")[0], 16)
            chunk = await reader.readexactly(size + 2)
            body += line + chunk
            if not size:
                return head, body
    return head, await reader.readexactly(int(lines.get(b"content-length", 0)))


def operation_of(head, body):
    """The operation of a call in JSON or in a form; nothing for S3."""
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"x-amz-target:"):
            return line.rsplit(b".", 1)[1].decode()
    if b"x-www-form-urlencoded" in head.lower():
        return urllib.parse.parse_qs(body.decode()).get("Action", [""])[0]
    return ""


def throttle(head):
    if b"x-amz-target:" in head.lower():
        kind, body = "x-amz-json-1.1", json.dumps({"__type": "ThrottlingException", "message": "Rate exceeded"})
    else:
        kind = "xml"
        body = "<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>"
    text = f"HTTP/1.1 400 Bad Request\r\nContent-Type: application/{kind}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    return text.encode()


def reset(writer):
    """Breaks a connection, so that the other end is told at once."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    return False
