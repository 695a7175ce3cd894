"""A cloud that is killed and started again."""

import contextlib
import pathlib
import random
import socket
import subprocess
import time

import harness

# Processes of containers are known by it.
VARIABLE = b"SAGEWRIGHT_CONTAINER="


class Victim(harness.Cloud):
    """One cloud with its lives."""

    def __init__(self, folder, images):
        # Grows with each life; while `ending`, calls may be left without an answer.
        self.life = 0
        self.ending = True
        # Kills, and ends in order.
        self.deaths = self.stops = 0
        self.restarts = []
        super().__init__(folder, images, listen=f"127.0.0.1:{free_port()}")

    # Life

    def launch(self):
        self.launched = time.monotonic()
        super().launch()

    def await_ready(self):
        super().await_ready()
        self.restarts.append(time.monotonic() - self.launched)
        self.life += 1
        self.ending = False

    def excuses(self, life):
        """Whether a call that began in a life may have gone without an answer."""
        return self.ending or self.life != life

    def die(self):
        """Kills the cloud as a crash does."""
        self.ending = True
        self.kill()
        self.deaths += 1

    def die_starting(self, seconds):
        """Starts the cloud and kills it on the way, or just when it is up."""
        self.launch()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
        if self.process.poll() is not None:
            raise AssertionError(f"the cloud ended by itself while it started:\n{self.log()[-10_000:]}")
        self.die()

    def leave(self):
        """Stops the cloud by a signal; gives its exit code."""
        self.ending = True
        code = self.stop()
        self.stops += 1
        return code

    def leave_by_command(self):
        """Stops the cloud by `local down`; gives an exit code."""
        self.ending = True
        command = [harness.binary(), "local", "down", "--data", str(self.data)]
        done = subprocess.run(command, capture_output=True, text=True, env=harness.clean_environment(), timeout=harness.PATIENCE)
        code = self.process.wait(60)
        self.stops += 1
        return done.returncode or code

    def die_leaving(self, seconds):
        """Kills the cloud while it stops."""
        self.ending = True
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
        if self.process.poll() is None:
            self.die()
        else:
            self.stops += 1

    def tear_log(self, rng):
        """Leaves a part of a line at the end of the log file that was written last, as a kill within a write does."""
        files = sorted(self.data.glob("logs/**/*.jsonl"), key=lambda path: path.stat().st_mtime)
        if files:
            line = '{"t":1,"i":1,"m":"torn é'.encode()
            with open(files[-1], "ab") as file:
                file.write(line[: rng.randrange(1, len(line))])

    # Processes

    def workers(self):
        """Processes of this cloud's containers, with what they are marked by."""
        id = (self.data / "cloud-id").read_text().split()[0].encode()
        found = {}
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                for variable in (process / "environ").read_bytes().split(b"\0"):
                    if variable.startswith(VARIABLE + id + b"/"):
                        found[int(process.name)] = variable.decode(errors="replace")
        return {pid: mark for pid, mark in found.items() if harness.alive(pid)}


def free_port():
    """A port that no outgoing connection takes while the cloud is down."""
    for _ in range(1000):
        port = random.SystemRandom().randrange(10_000, 30_000)
        with socket.socket() as one, contextlib.suppress(OSError):
            one.bind(("127.0.0.1", port))
            return port
    raise AssertionError("this machine has no free port")
