"""A short kill sweep, and the proof that a sweep sees what is wrong. `cargo xtask chaos` runs the long one."""

import contextlib
import sys

import harness

sys.path.insert(0, str(harness.ROOT / "tests"))

from chaos.journal import DOUBLED, HALF, LOST  # noqa: E402
from chaos.sweep import Sweep  # noqa: E402


def test_nothing_acknowledged_is_lost_and_nothing_done_twice(tmp_path):
    with Sweep(tmp_path, seed=9) as sweep:
        sweep.run(kills=8)
        assert not sweep.report(), sweep.report()


def test_a_sweep_sees_what_was_lost_doubled_and_halved(tmp_path):
    with Sweep(tmp_path, seed=9) as sweep:
        damage(sweep)


def damage(sweep):
    victim = sweep.victim
    actors = {str(actor): actor for actor in sweep.actors}
    records, objects, events = actors["records-a"], actors["objects-a"], actors["events"]

    def enough():
        kinds = {register.kind for register in records.registers.values() if register.state}
        return "Model" in kinds and objects.registers and all(events.streams.values()) and actors["jobs"].ended

    sweep.traffic.flow()
    harness.wait(enough, "all that is to be damaged is written")
    sweep.traffic.rest()
    sweep.settle_and_check()
    assert not sweep.report(), sweep.report()

    victim.leave()
    model = next(r.name for r in records.registers.values() if r.kind == "Model" and r.state)
    job = actors["jobs"].ended[-1]
    with contextlib.closing(victim.state()) as state, state:
        # A model is lost to those who ask for it, and still listed.
        state.execute("UPDATE record SET name = name || '0', arn = arn || '0' WHERE kind = 'model' AND name = ?", (model,))
    with open(job.ledger, "a") as ledger:
        ledger.write("begin 2\n")
    first, second, _ = sorted(victim.data.glob("logs/*/*/*events/stream-?.jsonl"))
    lines = first.read_bytes().splitlines(keepends=True)
    first.write_bytes(b"".join(lines[:-1]))
    with open(second, "ab") as stream:
        stream.write(second.read_bytes().splitlines(keepends=True)[-1])
    for index in victim.data.glob("logs/*/*/*events/*.index"):
        index.unlink()
    victim.start()
    register = next(iter(objects.registers.values()))
    victim.client("s3").put_object(**objects.place(register), Body=b"not its own")
    sweep.settle_and_check()
    found = {kind: "\n".join(sweep.journal.found(kind)) for kind in (LOST, DOUBLED, HALF)}
    assert f"Model {model}: " in found[LOST] and f"the list shows {model}, which was deleted" in found[DOUBLED]
    assert "log stream stream-0" in found[LOST] and "log stream stream-1" in found[DOUBLED]
    assert f"job {job.name}" in found[DOUBLED]
    assert str(register) in found[HALF]
