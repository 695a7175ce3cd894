"""A script as users write them for the framework images: trains a tree, and serves it."""

import argparse
import json
import os
import sys

import joblib
import numpy
import sklearn
from sagemaker_containers.beta.framework import encoders, worker
from sklearn.tree import DecisionTreeClassifier


def model_fn(model_dir):
    return joblib.load(os.path.join(model_dir, "model.joblib"))


def output_fn(prediction, accept):
    """Says what the default would not."""
    if accept == "application/x-sentence":
        return worker.Response(f"{len(prediction)} rows", mimetype=accept)
    return worker.Response(encoders.encode(prediction, accept), mimetype=accept)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--max-depth", type=int, default=1)
    parser.add_argument("--fail", default="")
    parser.add_argument("--exit", type=int, default=0)
    parser.add_argument("--import-module", default="")
    parser.add_argument("--model-dir", default=os.environ["SM_MODEL_DIR"])
    parser.add_argument("--train", default=os.environ["SM_CHANNEL_TRAIN"])
    args = parser.parse_args()
    if args.fail:
        raise ValueError("asked to fail: " + args.fail)
    if args.exit:
        sys.exit(args.exit)
    rows = numpy.loadtxt(os.path.join(args.train, "rows.csv"), delimiter=",")
    tree = DecisionTreeClassifier(max_depth=args.max_depth).fit(rows[:, 1:], rows[:, 0])
    print("accuracy=%.3f;" % tree.score(rows[:, 1:], rows[:, 0]))
    joblib.dump(tree, os.path.join(args.model_dir, "model.joblib"))
    imported = __import__(args.import_module).VALUE if args.import_module else None
    seen = {
        "sklearn": sklearn.__version__, "cwd": os.path.basename(os.getcwd()), "argv": sys.argv[1:], "imported": imported,
        **{name: os.environ.get(name) for name in ("SM_HPS", "SM_HOSTS", "SM_CHANNELS", "SM_USER_ENTRY_POINT", "SM_NUM_GPUS")},
    }
    with open(os.path.join(os.environ["SM_OUTPUT_DATA_DIR"], "seen.json"), "w") as file:
        json.dump(seen, file)
