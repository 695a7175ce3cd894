"""`sagewright dataset mnist`: the digits of the XGBoost tutorials, in S3."""

import gzip
import struct

import pytest

import harness
from command import Cli


@pytest.fixture
def cli(cloud, account, tmp_path):
    return Cli(cloud, account, tmp_path)


@pytest.fixture
def s3(cli):
    return cli.cloud.client("s3", cli.account)


def _idx(path, images=None, labels=None):
    if images is None:
        content = struct.pack(">BBBBI", 0, 0, 8, 1, len(labels)) + bytes(labels)
    else:
        content = struct.pack(">BBBBIII", 0, 0, 8, 3, len(images), 28, 28) + b"".join(bytes(i) for i in images)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def _digit(value):
    return [value] + [0] * 782 + [128]


def _objects(s3, bucket, prefix):
    names = [f"{prefix}{part}/examples" for part in ("train", "validation", "test")]
    return [s3.get_object(Bucket=bucket, Key=name)["Body"].read().decode().splitlines() for name in names]


def test_published_files_become_three_objects(cli, s3, tmp_path):
    folder = tmp_path / "mnist"
    folder.mkdir()
    _idx(folder / "train-images-idx3-ubyte.gz", images=[_digit(n) for n in range(12)])
    _idx(folder / "train-labels.idx1-ubyte", labels=[n % 10 for n in range(12)])
    _idx(folder / "t10k-images-idx3-ubyte", images=[_digit(255)] * 3)
    _idx(folder / "t10k-labels-idx1-ubyte.gz", labels=[7, 8, 9])
    bucket = harness.unique("digits")
    place = ["--s3-bucket", bucket, "--s3-prefix", "xgboost-mnist/", "--from", str(folder)]
    assert "NoSuchBucket" in cli("dataset", "mnist", *place, code=1).err
    told = cli("dataset", "mnist", *place, "--make-bucket")
    assert told.lines[0] == f"train/examples → s3://{bucket}/xgboost-mnist/train/examples (15794 bytes)"
    train, validation, test = _objects(s3, bucket, "xgboost-mnist/")
    assert [len(train), len(validation), len(test)] == [10, 2, 3]
    zeros = ",0" * 782
    assert train[0] == f"0,0{zeros},0.5"
    assert train[9] == f"9,0.03515625{zeros},0.5"
    assert validation == [f"0,0.0390625{zeros},0.5", f"1,0.04296875{zeros},0.5"]
    assert test[0] == f"0.99609375{zeros},0.5", "digits to test have no label"
    assert "already" in cli("dataset", "mnist", *place).lines[0], "what is there is not sent again"


def test_without_files_it_is_a_sample(cli, s3):
    bucket = harness.unique("digits")
    told = cli("dataset", "mnist", "--s3-bucket", bucket, "--make-bucket")
    assert "a sample of 6000 digits (4000 to train, 1000 to validate, 1000 to test)" in told.err
    train, validation, test = _objects(s3, bucket, "")
    assert [len(part) for part in (train, validation, test)] == [4000, 1000, 1000]
    assert {line.count(",") for line in train + validation} == {784}
    assert {line.count(",") for line in test} == {783}


def test_what_cannot_be_read_is_told_and_nothing_is_uploaded(cli, s3, tmp_path):
    own_bucket = harness.unique("digits")
    s3.create_bucket(Bucket=own_bucket)

    def refused(source, code):
        return cli("dataset", "mnist", "--s3-bucket", own_bucket, "--from", str(source), code=code).err

    pickled = tmp_path / "mnist.pkl.gz"
    pickled.write_bytes(b"\x80")
    assert "is a pickle" in refused(pickled, 64) and "train-images-idx3-ubyte" in refused(pickled, 64)
    assert "is no folder" in refused(tmp_path / "nowhere", 64)
    folder = tmp_path / "mnist"
    folder.mkdir()
    assert "holds neither train-images-idx3-ubyte nor" in refused(folder, 1)
    _idx(folder / "train-images-idx3-ubyte", images=[_digit(1)] * 2)
    _idx(folder / "train-labels-idx1-ubyte", labels=[1])
    assert "2 images of 784 pixels and 1 labels" in refused(folder, 1)
    (folder / "train-labels-idx1-ubyte").write_bytes(b"<html>not here</html>")
    assert "not an IDX file" in refused(folder, 1)
    _idx(folder / "train-labels-idx1-ubyte", labels=[1, 2])
    (folder / "train-images-idx3-ubyte").write_bytes((folder / "train-images-idx3-ubyte").read_bytes()[:-1])
    _idx(folder / "t10k-images-idx3-ubyte", images=[_digit(1)])
    _idx(folder / "t10k-labels-idx1-ubyte", labels=[1])
    assert "cannot read" in refused(folder, 1)
    assert s3.list_objects_v2(Bucket=own_bucket)["KeyCount"] == 0
    assert "no name of a bucket" in cli("dataset", "mnist", "--s3-bucket", "a/b", code=64).err
