"""The benchmark of the operator: it measures, whatever the figures are."""

import json
import subprocess
import sys
import tempfile

import harness
import kube_tools


def measure(*arguments):
    program = [sys.executable, str(harness.ROOT / "tests" / "kube" / "operator_costs.py")]
    program += ["--programs", str(kube_tools.programs()), "--sagewright", str(harness.binary()), *arguments]
    # Paths of sockets are bounded: pytest's own folders are too deep.
    with tempfile.TemporaryDirectory(prefix="costs-") as folder:
        environment = {**harness.clean_environment(), "TMPDIR": folder, "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(program, capture_output=True, text=True, env=environment, timeout=280)


def test_each_operator_is_measured_with_the_same_fleet(tmp_path):
    # In ACK's place another start of ours, with ACK's flags.
    ack = tmp_path / "ack"
    ack.write_text(f'#!/bin/sh\nexec "{harness.binary()}" controller "$@"\n')
    ack.chmod(0o755)
    done = measure("--ack", str(ack), "--rest", "2", "--endpoints", "2", "5")
    assert done.returncode == 0, done.stderr
    ours, other = map(json.loads, done.stdout.splitlines())
    assert (ours["operator"], other["operator"]) == ("sagewright", "ack")
    for fleet in ours, other:
        assert (fleet["models"], fleet["endpoints"]) == (5, 2)
        assert set(fleet["operations"]) == {"converge", "rest", "restart"}
        assert fleet["operations"]["converge"]["sagemaker.CreateModel"] == 5
        assert fleet["callsEach"] >= 1 and fleet["writesEach"] >= 2
        # What was settled is not looked at again, whether it has a status or not.
        assert {"sts.GetCallerIdentity"} < set(fleet["operations"]["restart"]) <= {
            "sts.GetCallerIdentity", "sagemaker.ListModels", "sagemaker.ListEndpointConfigs", "sagemaker.ListEndpoints",
        }
        assert fleet["writesAtRest"] == fleet["writesAfterRestart"] == 0
        for value in ("readySeconds", "cpuSeconds", "emptyMegabytes", "restMegabytes", "firstReconcileSeconds"):
            assert fleet[value] > 0, value
        assert fleet["peakMegabytes"] >= fleet["restMegabytes"]


def test_an_operator_that_ends_is_told_with_its_last_words(tmp_path):
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho no cluster >&2\nexit 9\n")
    broken.chmod(0o755)
    done = measure("--ack", str(broken), "--rest", "0.1", "1")
    assert done.returncode == 1
    assert "error: the operator ended with 9:\nno cluster" in done.stderr
