"""A network that fails: a proxy in front of a cloud that throttles, breaks connections and garbles answers.

It sees each call and what the service answered, whatever the client was told, so that it can say what took effect.
"""

import asyncio
import collections
import json
import random
import urllib.parse

from .relay import Relay, read, reset

# Shares of calls.
FAULTS = {"throttled": 0.30, "reset before": 0.05, "reset after": 0.05, "garbled": 0.02}
CREATES = ("Create", "Start", "Register", "Put")
GARBAGE = b"<html>502? 200! \xff\xfe"


class Proxy(Relay):
    """A proxy for the calls of the services that speak JSON or XML; S3 passes as it is."""

    def __init__(self, upstream, seed, faults=FAULTS):
        url = urllib.parse.urlsplit(upstream)
        self.upstream = (url.hostname, url.port)
        self.rng, self.faults = random.Random(seed), faults
        # Calls by what came of them, and the ARNs that the service gave for creates: (operation, ARN) → answers.
        self.calls, self.created = collections.Counter(), collections.Counter()
        super().__init__()

    def fault(self):
        drawn = self.rng.random()
        for fault, share in self.faults.items():
            if drawn < share:
                return fault
            drawn -= share
        return "passed"

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
        self._saw(operation, body, answer, content)
        if fault == "reset after":
            return reset(writer)
        if fault == "garbled":
            content = GARBAGE
            answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: %d\r\n\r\n" % len(content)
        writer.write(answer + content)
        await writer.drain()
        return b"connection: close" not in answer.lower()

    def _saw(self, operation, request, answer, content):
        if operation and operation.startswith(CREATES) and answer.split(b" ", 2)[1] == b"200":
            arns = [value for name, value in json.loads(content).items() if name.lower().endswith("arn")]
            self.created[operation, *arns] += 1


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
