"""A kill sweep: `python tests/chaos/sweep.py --kills 300 --seed 1`, as `cargo xtask chaos` runs it.

The seed decides what is written, and how and after how long the cloud is killed. What a kill hits depends on the machine's
speed, too, so that a seed makes a failure likely to come again and not certain.
"""

import argparse
import os
import pathlib
import random
import shutil
import sys
import tempfile
import time
import traceback

if __name__ == "__main__":
    tests = pathlib.Path(__file__).resolve().parents[1]
    sys.path[:0] = [str(tests), str(tests / "conformance")]
    __package__ = "chaos"
    import chaos  # noqa: F401 - the parent of the relative imports below

import harness  # noqa: E402

from .actors import endpoints, everyone  # noqa: E402
from .actors.base import Unseen  # noqa: E402
from .actors.jobs import Jobs  # noqa: E402
from .actors.objects import BUCKET  # noqa: E402
from .journal import ANSWERED, KINDS, ORPHAN, REFUSED, STUCK, UNANSWERED, WRONG, Journal  # noqa: E402
from .traffic import Traffic  # noqa: E402
from .victim import Victim  # noqa: E402

IMAGE = "111122223333.dkr.ecr.us-east-1.amazonaws.com/chaos:1"
PROGRAM = pathlib.Path(__file__).with_name("program.py")
# Kills between two looks at all that was written.
STRETCH = 25
# How often the cloud ends in which way.
WAYS = {"kill": 70, "torn": 8, "starting": 12, "signal": 4, "command": 2, "leaving": 4}


class Sweep:
    """One cloud, its actors, and the account of what they saw."""

    def __init__(self, folder, seed):
        self.folder, self.seed = pathlib.Path(folder), seed
        self.rng = random.Random(f"{seed}/kills")
        self.image, self.role = IMAGE, harness.role()
        (self.folder / "ledgers").mkdir(parents=True)
        python = os.environ.get("SAGEWRIGHT_TEST_PYTHON", sys.executable)
        images = f'[[image]]\nmatch = "{IMAGE}"\ncommand = ["{python}", "-S", "-E", "{PROGRAM}"]\n'
        self.victim = Victim(self.folder, images)
        self.journal = Journal(self.victim)
        self.traffic = None
        self.clients = {}
        try:
            self.prepare()
        except BaseException:
            self.victim.kill()
            raise

    def prepare(self):
        for service in ("sagemaker", "sagemaker-runtime", "s3", "iam", "sts", "logs"):
            self.clients[service] = self.victim.client(service, max_pool_connections=32)
        self.client("s3").create_bucket(Bucket=BUCKET)
        self.actors = everyone(self)
        endpoints.prepare(self)
        for actor in self.actors:
            getattr(actor, "prepare", lambda: None)()
        self.traffic = Traffic(self.actors, self.journal, self.victim)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.victim.ending = True
        self.victim.kill()
        self.traffic.end()

    def client(self, service):
        return self.clients[service]

    # The sweep

    def run(self, kills, stretch=STRETCH, told=print):
        """Kills the cloud so often, with a look at everything after each stretch and at the end."""
        while self.victim.deaths < kills:
            goal = min(kills, self.victim.deaths + stretch)
            self.traffic.flow()
            while self.victim.deaths < goal:
                self.flow()
                self.end_life()
            self.flow()
            self.traffic.rest()
            self.settle_and_check()
            told(f"{self.victim.deaths} kills, {len(self.journal.violations)} violations, {self.journal.now()}")
        # What was seen once stays, though nothing is written any more.
        self.victim.die()
        self.victim.start()
        self.settle_and_check()
        self.finish()

    def flow(self):
        """Lets traffic flow until a random moment: mostly soon, when work has just begun."""
        time.sleep(self.rng.choice([0.1, 0.1, 0.3, 1, 2, 4]) * self.rng.random() + 0.005)

    def end_life(self):
        victim, rng = self.victim, self.rng
        way = rng.choices(list(WAYS), WAYS.values())[0]
        if way == "signal":
            self.ended_well(way, victim.leave())
        elif way == "command":
            self.ended_well(way, victim.leave_by_command())
        elif way == "leaving":
            victim.die_leaving(rng.random())
        else:
            victim.die()
        if way == "torn":
            victim.tear_log(rng)
        if way == "starting":
            for _ in range(rng.randrange(1, 4)):
                victim.die_starting(rng.random() * 1.5 * victim.restarts[-1])
        victim.start()

    def ended_well(self, way, code):
        if code:
            self.journal.violate(WRONG, f"the end by {way} had the exit code {code}:\n{self.victim.log()[-2000:]}")

    # Looks

    def settle_and_check(self):
        for actor in self.actors:
            try:
                harness.wait(actor.settled, f"{actor} settles", delay=0.2)
            except AssertionError as error:
                self.journal.violate(STUCK, str(error))
                continue
            except Unseen:
                continue
            try:
                actor.check()
            except Unseen:
                self.journal.violate(WRONG, f"{actor}: a call was not answered, though the cloud is up")
            except Exception:
                self.journal.violate(WRONG, f"{actor} cannot look:\n{traceback.format_exc()}")
        self.check_workers()

    def check_workers(self):
        """What runs belongs to an endpoint that is there."""
        if sys.platform != "linux":
            return
        names = [item["EndpointName"] for item in self.client("sagemaker").list_endpoints(MaxResults=100)["Endpoints"]]

        def strays():
            workers = self.victim.workers().items()
            return {pid: mark for pid, mark in workers if not any(mark.endswith(f"endpoint/{name}") for name in names)}

        self.expect_none(strays, "serve no endpoint and belong to no job")

    def expect_none(self, strays, what):
        try:
            harness.wait(lambda: not strays(), "no process is left", 30)
        except AssertionError:
            self.journal.violate(ORPHAN, f"processes {strays()} {what}")

    def finish(self):
        """Stops the cloud, which leaves nothing behind."""
        self.ended_well("signal", self.victim.leave())
        if sys.platform == "linux":
            self.expect_none(self.victim.workers, "outlived the cloud")

    # The summary

    def table(self):
        counts, victim = self.journal.counts, self.victim
        lines = [f"{'':22}{'acknowledged':>14}{'refused':>10}{'unanswered':>12}"]
        for kind in sorted(counts):
            of = counts[kind]
            lines.append(f"{kind:22}{of[ANSWERED]:>14}{of[REFUSED]:>10}{of[UNANSWERED]:>12}")
        restarts = sorted(victim.restarts)
        jobs = [actor for actor in self.actors if isinstance(actor, Jobs)]
        ended, given_up = (sum(counts) for counts in zip(*((len(of.names), of.given_up) for of in jobs)))
        lines += [
            "",
            f"{victim.deaths} kills, {victim.stops} ends in order, seed {self.seed}, {time.monotonic() - self.journal.begun:.0f} s",
            f"restarts: {len(restarts)}, median {restarts[len(restarts) // 2]:.3f} s, longest {restarts[-1]:.3f} s",
            f"jobs: {ended} ended; with {given_up} failed because the cloud died over them twice in a row",
            ", ".join(f"{kind} {len(self.journal.found(kind))}" for kind in KINDS),
        ]
        return "\n".join(lines)

    def report(self):
        """Every violation by its kind; empty where there is none."""
        return "\n".join(f"{kind}: {text}" for kind, text in self.journal.violations)


def main():
    parser = argparse.ArgumentParser(description="Kills an embedded cloud under traffic and looks what is left.")
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=None, help="a random one without it")
    arguments = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if arguments.seed is None else arguments.seed
    folder = tempfile.mkdtemp(prefix="sagewright-chaos-")
    print(f"seed {seed}, folder {folder}", flush=True)
    with Sweep(folder, seed) as sweep:
        try:
            sweep.run(arguments.kills, told=lambda text: print(text, flush=True))
        finally:
            print(sweep.table(), sweep.report(), sep="\n", flush=True)
    if sweep.report():
        sys.exit(f"The cloud's data and log are in {folder}")
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
