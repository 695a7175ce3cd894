"""Cleans the table and splits it: the label first, then numbers only, as the built-in XGBoost reads CSV."""

import os
import pathlib

import pandas

folder = pathlib.Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")) / "processing"
table = pandas.read_csv(folder / "input" / "penguins.csv").dropna(subset=["body_mass_g", "sex"])
features = pandas.get_dummies(table.drop(columns="body_mass_g"), columns=["species", "island", "sex"], dtype=int)
features.insert(0, "body_mass_g", table["body_mass_g"])
rows = features.sample(frac=1, random_state=7)
first, second = int(len(rows) * 0.7), int(len(rows) * 0.85)
for name, part in (("train", rows[:first]), ("validation", rows[first:second]), ("test", rows[second:])):
    (folder / name).mkdir(parents=True, exist_ok=True)
    part.to_csv(folder / name / f"{name}.csv", header=False, index=False)
    print(f"{name}: {len(part)} penguins")
