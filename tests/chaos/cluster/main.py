"""The operator's fault campaigns: `python tests/chaos/cluster/main.py --seed 1`, as `cargo xtask chaos operator` runs it.

The seed chooses which calls fail, and which old news are told. Which write a number means depends on the machine's speed too, as
objects are worked on at the same time: all numbers are tried.
"""

import argparse
import concurrent.futures
import pathlib
import random
import shutil
import sys
import tempfile
import time
import traceback

if __name__ == "__main__":
    tests = pathlib.Path(__file__).resolve().parents[2]
    sys.path[:] = [str(tests), str(tests / "conformance"), *sys.path[1:]]
    __package__ = "chaos.cluster"
    import chaos.cluster  # noqa: F401 - the parent of the relative imports below

from .campaigns import intermediate, stale, unobserved  # noqa: E402
from .run import Violation, World  # noqa: E402
from .troubles import account, admission, clash, errors, network, outage, replicas  # noqa: E402

CAMPAIGNS = {
    "intermediate": intermediate, "stale": stale, "unobserved": unobserved, "network": network, "errors": errors,
    "outage": outage, "clash": clash, "account": account, "admission": admission, "replicas": replicas,
}
# Runs at the same time: they wait for most of their time.
AT_ONCE = 4


def without_faults(world, times=2):
    """What the story comes to without faults, and that it comes to the same each time."""
    told = []
    for _ in range(times):
        with world.run("without faults") as run:
            told.append(run.tell(told[0] if told else None))
    return told[0]


class Result:
    """What a campaign came to: points that were tried, and violations."""

    def __init__(self):
        self.tried, self.violations = 0, []


def attempt(world, reference, point, name, seed):
    """Runs one point; gives how many were tried, and the violation where there is one."""
    try:
        with world.run(name, seed=seed, **point.options) as run:
            try:
                return point.do(run, reference), None
            except Violation as violation:
                return 1, f"{name}: {violation} (logs: {run.folder})"
    except Exception:
        # A campaign that breaks has shown nothing.
        return 0, f"{name} broke:\n{traceback.format_exc()}"


def run(world, reference, campaigns, seed, only=lambda point: True):
    """Runs campaigns; gives their results by name."""
    points = [(name, point) for name in campaigns for point in CAMPAIGNS[name](reference, seed) if only(point)]

    def one(campaign, point):
        name = f"{campaign} {point.name}"
        tried, violation = attempt(world, reference, point, name, f"{seed}/{name}")
        world.log(violation or f"{name}: ok, {tried} tried")
        return campaign, tried, violation

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        done = list(pool.map(lambda of: one(*of), [of for of in points if not of[1].alone]))
    done += [one(*of) for of in points if of[1].alone]
    results = {name: Result() for name in campaigns}
    for campaign, tried, violation in done:
        results[campaign].tried += tried
        results[campaign].violations += [violation] if violation else []
    for result in results.values():
        if not result.tried and not result.violations:
            result.violations.append("nothing was tried")
    return results


def table(results):
    lines = [f"{'campaign':16}{'points':>8}{'violations':>12}"]
    lines += [f"{name:16}{of.tried:>8}{len(of.violations):>12}" for name, of in results.items()]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description="Tells a story to the operator under faults, and compares how it ends.")
    parser.add_argument("--seed", type=int, default=None, help="a random one without it")
    parser.add_argument("--only", choices=CAMPAIGNS, action="append", help="one campaign, or several")
    parser.add_argument("--point", default="", help="only points whose names contain this")
    arguments = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if arguments.seed is None else arguments.seed
    folder = tempfile.mkdtemp(prefix="sagewright-chaos-")
    print(f"seed {seed}, folder {folder}", flush=True)
    begun = time.monotonic()
    world = World(folder, log=lambda text: print(text, flush=True))
    try:
        reference = without_faults(world)
        results = run(world, reference, arguments.only or CAMPAIGNS, seed, lambda point: arguments.point in point.name)
    finally:
        world.close()
    violations = [violation for result in results.values() for violation in result.violations]
    print(table(results), f"seed {seed}, {time.monotonic() - begun:.0f} s", *violations, sep="\n", flush=True)
    if violations:
        sys.exit(f"The logs are in {folder}")
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
