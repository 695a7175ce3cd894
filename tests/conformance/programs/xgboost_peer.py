"""XGBoost as it is published, of whatever version is installed: predicts with models, and makes some.

`predict ROWS MODEL…` prints the predictions of each model. `train DATA ROWS FOLDER` reads names of models with their parameters
as JSON from standard input, trains each on DATA (CSV, the label first), saves it as FOLDER/NAME and, pickled, as
FOLDER/NAME.pickle, and prints its predictions. Models load as the image's server loads them: a pickle or else a file of the library.
"""

import json
import pickle
import sys

import numpy as np
import xgboost as xgb

OLD = tuple(int(part) for part in xgb.__version__.split(".")[:2]) < (1, 4)


def read(path):
    with open(path) as file:
        return np.array([[float(field or "nan") for field in line.strip().split(",")] for line in file])


def load(path):
    try:
        with open(path, "rb") as file:
            return pickle.load(file)
    except pickle.UnpicklingError:
        booster = xgb.Booster()
        booster.load_model(path)
        return booster


def kind(booster):
    # Pickles of old versions keep it in Python, files of others in the configuration.
    known = getattr(booster, "booster", None)
    return known or json.loads(booster.save_config())["learner"]["gradient_booster"]["name"]


def predict(booster, rows):
    # As the image's server calls it. Old versions drop trees of a dart model when no limit is given, and refuse one for a linear.
    limit = getattr(booster, "best_ntree_limit", 10_000 if OLD and kind(booster) == "dart" else 0)
    limit = limit if OLD and kind(booster) != "gblinear" else 0
    return np.asarray(booster.predict(xgb.DMatrix(rows), **({"ntree_limit": limit} if limit else {}))).tolist()


def main(command, *arguments):
    if command == "predict":
        rows, *models = arguments
        return [predict(load(model), read(rows)) for model in models]
    data, rows, folder = arguments
    table, found = read(data), {}
    for name, parameters in json.load(sys.stdin).items():
        # Python computes with whole numbers.
        parameters = {key: int(value) if value.isdigit() else value for key, value in parameters.items()}
        booster = xgb.train({"max_depth": 3, "nthread": 1, **parameters}, xgb.DMatrix(table[:, 1:], label=table[:, 0]), 5)
        booster.save_model(f"{folder}/{name}")
        with open(f"{folder}/{name}.pickle", "wb") as file:
            pickle.dump(booster, file, protocol=3)
        found[name] = predict(booster, read(rows))
    return found


print(json.dumps({"version": xgb.__version__, "result": main(*sys.argv[1:])}))
