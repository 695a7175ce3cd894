"""Predicts penguins that the training has not seen, and writes the report that the pipeline decides by."""

import json
import os
import pathlib
import tarfile

import pandas
import xgboost

folder = pathlib.Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")) / "processing"
with tarfile.open(folder / "model" / "model.tar.gz") as archive:
    archive.extract("xgboost-model", folder)
model = xgboost.Booster(model_file=str(folder / "xgboost-model"))
rows = pandas.read_csv(folder / "test" / "test.csv", header=None)
weights, predictions = rows[0], model.predict(xgboost.DMatrix(rows.drop(columns=0).values))
squares = ((weights - predictions) ** 2).mean()
share = 1 - squares / weights.var(ddof=0)
metrics = {"mse": {"value": float(squares)}, "rmse": {"value": float(squares**0.5)}, "r2": {"value": float(share)}}
(folder / "evaluation").mkdir(parents=True, exist_ok=True)
(folder / "evaluation" / "evaluation.json").write_text(json.dumps({"regression_metrics": metrics}))
print(f"{len(rows)} penguins: wrong by {squares**0.5:.0f} g (root mean square), r2 {share:.2f}")
