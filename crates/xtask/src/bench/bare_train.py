"""The bare library doing what a training job does: read CSV, train with evaluation, save the model.

Arguments: training CSV, validation CSV, where to save, parameters as JSON. The first column is the label.
"""

import json
import sys

import numpy as np
import xgboost as xgb

train, validation, model, parameters = sys.argv[1:]
parameters = json.loads(parameters)
rounds = int(parameters.pop("num_round"))


def matrix(path):
    # Faster than XGBoost's own reading of text, which is deprecated besides.
    rows = np.loadtxt(path, delimiter=",", dtype=np.float32)
    return xgb.DMatrix(rows[:, 1:], label=rows[:, 0])


data, held_out = matrix(train), matrix(validation)
booster = xgb.train(parameters, data, rounds, evals=[(data, "train"), (held_out, "validation")])
booster.save_model(model)
