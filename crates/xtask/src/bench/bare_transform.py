"""The bare library doing what a transform job does: read CSV, predict, write a prediction a line.

Arguments: model, CSV without labels, where to write.
"""

import sys

import numpy as np
import xgboost as xgb

model, source, target = sys.argv[1:]
booster = xgb.Booster(model_file=model)
rows = np.loadtxt(source, delimiter=",", dtype=np.float32)
np.savetxt(target, booster.predict(xgb.DMatrix(rows)), fmt="%s")
