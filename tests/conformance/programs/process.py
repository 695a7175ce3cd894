"""A processing container of the tests: sums the first column of all CSV files of its input.

Follows SageMaker's container contract: files below /opt/ml or, where that cannot be shown, below SAGEMAKER_BASE_DIR.
"""

import json
import os
import pathlib
import signal
import sys
import time

base = pathlib.Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
data, out = base / "processing/input", base / "processing/output"


def stopped(*_):
    (out / "stopped").write_text("heard")
    (base / "output/message").write_text("stopped in time")
    sys.exit(1)


signal.signal(signal.SIGTERM, stopped)
job = json.loads((base / "config/processingjobconfig.json").read_text())
host = json.loads((base / "config/resourceconfig.json").read_text())["current_host"]
rows = [float(line.split(",")[0]) for file in sorted(data.rglob("*.csv")) for line in file.read_text().split()]
print(f"{job['ProcessingJobName']} on {host}: {len(rows)} rows, arguments {sys.argv[1:]}", flush=True)
(out / f"{host}.json").write_text(json.dumps({"rows": len(rows), "sum": sum(rows), "scale": os.environ.get("SCALE")}))
(base / "output/message").write_text(f"{host} is done")
if "--wait" in sys.argv:
    (out / "ready").write_text("")
    time.sleep(1000)
if "--fail" in sys.argv:
    sys.exit("no such column")
