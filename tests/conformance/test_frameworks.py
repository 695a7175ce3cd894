"""Scripts for PyTorch and Hugging Face, trained and served with the packages of their images.

Their environments are gigabytes: `cargo xtask conformance frameworks` installs them and runs these tests.
"""

import os

import pytest

from harness import role
from script_tools import installed, sdk

pytestmark = [
    pytest.mark.frameworks,
    pytest.mark.skipif("SAGEWRIGHT_FRAMEWORKS" not in os.environ, reason="gigabytes: cargo xtask conformance frameworks"),
]

# y = 3 x + 1, which one linear layer learns.
LINE = """
import argparse, json, os
import torch

def model_fn(model_dir):
    layer = torch.nn.Linear(1, 1)
    layer.load_state_dict(torch.load(os.path.join(model_dir, "model.pth"), map_location="cpu"))
    return layer.eval()

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int)
    arguments = parser.parse_args()
    torch.manual_seed(7)
    with open(os.path.join(os.environ["SM_CHANNEL_TRAIN"], "line.csv")) as file:
        rows = torch.tensor([[float(v) for v in line.split(",")] for line in file])
    layer = torch.nn.Linear(1, 1)
    steps = torch.optim.Adam(layer.parameters(), lr=0.1)
    for _ in range(arguments.epochs):
        steps.zero_grad()
        loss = torch.nn.functional.mse_loss(layer(rows[:, :1]), rows[:, 1:])
        loss.backward()
        steps.step()
    print(f"loss={loss.item():.6f};")
    torch.save(layer.state_dict(), os.path.join(os.environ["SM_MODEL_DIR"], "model.pth"))
"""

PYTORCH = """
import json, sys, numpy, sagemaker
from sagemaker.pytorch import PyTorch

role, bucket, version = sys.argv[1:]
session = sagemaker.Session(default_bucket=bucket)
estimator = PyTorch(
    entry_point="line.py", source_dir="source", framework_version=version, py_version="py310", role=role,
    instance_type="ml.m5.large", instance_count=1, sagemaker_session=session, hyperparameters={"epochs": 400},
    metric_definitions=[{"Name": "loss", "Regex": "loss=(.*?);"}],
)
estimator.fit({"train": f"s3://{bucket}/line"}, logs=False)
job = estimator.latest_training_job.describe()
print("JSON", json.dumps(job["FinalMetricDataList"][0]["Value"]))
predictor = estimator.deploy(initial_instance_count=1, instance_type="ml.m5.large")
print("JSON", json.dumps(predictor.predict(numpy.array([[2.0], [10.0]], dtype="float32")).tolist()))
predictor.delete_endpoint()
"""

# A model of a few thousand weights with eight words, made here: nothing is fetched. It has no functions of its own, so that
# the framework's serve it.
TINY = """
import os
import torch
from transformers import BertConfig, BertForSequenceClassification, BertTokenizer, Trainer, TrainingArguments

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film"]

class Rows(torch.utils.data.Dataset):
    def __init__(self, tokenizer):
        self.tokens = tokenizer(["bad film", "good film"])["input_ids"]

    def __len__(self):
        return 64

    def __getitem__(self, i):
        return {"input_ids": torch.tensor(self.tokens[i % 2]), "labels": torch.tensor(i % 2)}

if __name__ == "__main__":
    folder = os.environ["SM_MODEL_DIR"]
    with open(os.path.join(folder, "vocab.txt"), "w") as file:
        file.write("\\n".join(WORDS))
    tokenizer = BertTokenizer(file.name)
    config = BertConfig(vocab_size=8, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    arguments = TrainingArguments(
        os.environ["SM_OUTPUT_DATA_DIR"], num_train_epochs=30, learning_rate=0.01, per_device_train_batch_size=16,
        save_strategy="no", report_to=[], use_cpu=True, seed=7,
    )
    trainer = Trainer(model=BertForSequenceClassification(config), args=arguments, train_dataset=Rows(tokenizer))
    print(f"loss={trainer.train().training_loss:.6f};")
    trainer.save_model(folder)
    tokenizer.save_pretrained(folder)
"""

HUGGING_FACE = """
import json, sys, sagemaker
from sagemaker.huggingface import HuggingFace

role, bucket, transformers, pytorch = sys.argv[1:]
session = sagemaker.Session(default_bucket=bucket)
estimator = HuggingFace(
    entry_point="tiny.py", source_dir="source", transformers_version=transformers, pytorch_version=pytorch, py_version="py310",
    role=role, instance_type="ml.m5.large", instance_count=1, sagemaker_session=session, image_uri=(
        "763104351884.dkr.ecr.us-east-1.amazonaws.com/huggingface-pytorch-training:"
        f"{pytorch}-transformers{transformers}-cpu-py310-ubuntu22.04"
    ),
)
estimator.fit(logs=False)
print("JSON", json.dumps(estimator.latest_training_job.describe()["TrainingJobStatus"]))
predictor = estimator.deploy(
    initial_instance_count=1, instance_type="ml.m5.large", image_uri=(
        "763104351884.dkr.ecr.us-east-1.amazonaws.com/huggingface-pytorch-inference:"
        f"{pytorch}-transformers{transformers}-cpu-py310-ubuntu22.04"
    ),
)
print("JSON", json.dumps(predictor.predict({"inputs": ["good film", "bad film"]})))
predictor.delete_endpoint()
"""


def source(folder, name, text):
    (folder / "source").mkdir(parents=True)
    (folder / "source" / name).write_text(text)
    return folder


def named(framework):
    """The version of the framework that was asked for."""
    (wanted,) = [name for name in os.environ["SAGEWRIGHT_FRAMEWORKS"].split(",") if name.startswith(f"{framework}:")]
    return installed(wanted)


def test_a_pytorch_estimator_trains_and_serves(cloud, s3, bucket, tmp_path):
    rows = "".join(f"{x / 10},{3 * x / 10 + 1}\n" for x in range(-20, 20))
    s3.put_object(Bucket=bucket, Key="line/line.csv", Body=rows)
    folder = source(tmp_path / "run", "line.py", LINE)
    loss, predictions = sdk(cloud, folder, PYTORCH, role(), bucket, named("pytorch"))
    assert loss < 0.01
    assert [round(row[0]) for row in predictions] == [7, 31]


def test_a_hugging_face_estimator_trains_and_serves(cloud, bucket, tmp_path):
    pytorch, transformers = named("huggingface").split("-transformers")
    folder = source(tmp_path / "run", "tiny.py", TINY)
    status, told = sdk(cloud, folder, HUGGING_FACE, role(), bucket, transformers, pytorch)
    assert status == "Completed"
    assert [row["label"] for row in told] == ["LABEL_1", "LABEL_0"]
