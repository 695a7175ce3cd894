//! The digits of `examples/mnist`, unpacked, and the embedded cloud's bucket with them.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use flate2::read::GzDecoder;
use serde_json::{Value, json};

use super::client::Client;
use super::peers::Server;

/// Bucket of the measurements.
pub const BUCKET: &str = "sagewright-bench";

/// Built-in algorithm under measurement.
pub const IMAGE: &str = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1";

/// Role of the jobs.
pub const ROLE: &str = "arn:aws:iam::000000000000:role/sagewright-execution";

/// One of `train`, `validation` and `test` as CSV; the first column is the label.
pub fn read(part: &str) -> Result<Vec<u8>> {
    let path = crate::root().join("examples/mnist").join(format!("{part}.csv.gz"));
    let file = File::open(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut bytes = Vec::new();
    GzDecoder::new(file).read_to_end(&mut bytes).with_context(|| format!("cannot unpack {}", path.display()))?;
    Ok(bytes)
}

/// Writes the training and the validation digits into a folder.
pub fn unpack(dir: &Path) -> Result<(PathBuf, PathBuf)> {
    let (train, validation) = (dir.join("train.csv"), dir.join("validation.csv"));
    fs::write(&train, read("train")?)?;
    fs::write(&validation, read("validation")?)?;
    Ok((train, validation))
}

/// Rows of the test digits without their labels, ready to be sent.
pub fn rows() -> Result<Vec<Vec<u8>>> {
    let bytes = read("test")?;
    let lines = bytes.split(|b| *b == b'\n').filter(|l| !l.is_empty());
    Ok(lines.filter_map(|l| l.iter().position(|b| *b == b',').map(|at| l[at + 1..].to_vec())).collect())
}

/// Puts the digits into the bucket of a server.
pub fn upload(server: &Server) -> Result<()> {
    let mut client = Client::connect(server.address)?;
    let s3 = server.signer.of("s3");
    client.signed(&s3, "PUT", &format!("/{BUCKET}"), &[], b"")?.must()?;
    for part in ["train", "validation"] {
        client.signed(&s3, "PUT", &format!("/{BUCKET}/{part}/{part}.csv"), &[], &read(part)?)?.must()?;
    }
    Ok(())
}

/// The parameters of the training, the same for the job and for the bare library.
pub fn parameters(rounds: u32) -> Value {
    json!({
        "objective": "multi:softmax",
        "num_class": "10",
        "max_depth": "6",
        "eta": "0.3",
        "nthread": "2",
        "num_round": rounds.to_string(),
    })
}
