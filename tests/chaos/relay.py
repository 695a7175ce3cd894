"""A server on loopback that passes HTTP messages on, in a thread of its own."""

import asyncio
import socket
import struct
import threading


class Relay:
    """What proxies have in common: connections of clients, read message by message."""

    def __init__(self):
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
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()

    async def _serve(self, reader, writer):
        try:
            while request := await read(reader):
                if not await self._answer(*request, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        writer.close()

    async def _answer(self, head, body, writer):
        """Answers a call; false where the connection is to end."""
        raise NotImplementedError


async def read(reader):
    """A message's head and body; nothing where the connection ended."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return None
    if is_chunked(head):
        body = b""
        while True:
            chunk = await read_chunk(reader)
            body += chunk
            if chunk.startswith(b"0\r\n"):
                return head, body
    return head, await reader.readexactly(int(header(head, b"content-length") or 0))


async def read_chunk(reader):
    """One chunk of a body, with its length before it."""
    line = await reader.readuntil(b"\r\n")
    return line + await reader.readexactly(int(line.split(b";")[0], 16) + 2)


def header(head, name):
    """The value of a header, in small letters."""
    lines = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:] if b":" in line)
    return lines.get(name, b"").strip()


def is_chunked(head):
    return b"chunked" in header(head, b"transfer-encoding")


def reset(writer):
    """Breaks a connection, so that the other end is told at once."""
    if not writer.transport.is_closing():
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
    return False
