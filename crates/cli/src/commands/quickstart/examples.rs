//! Where the tutorial's manifests and data are: the checkout's, or a copy that this program carries.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::exit::{Exit, Failure};

macro_rules! carried {
    ($($name:literal),* $(,)?) => {
        const FILES: &[(&str, &[u8])] = &[$(($name, include_bytes!(concat!("../../../../../examples/mnist/", $name)))),*];
    };
}

carried![
    "01-training-job.yaml",
    "02-model-package.yaml",
    "03-endpoint.yaml",
    "README.md",
    "digit.csv",
    "test.csv.gz",
    "train.csv.gz",
    "validation.csv.gz",
];

/// The chosen folder; else `examples/mnist` below the current one; else a copy beside the embedded cloud's state, made
/// where it is missing and never overwritten.
pub(super) fn find(chosen: Option<&Path>, data: &Path) -> anyhow::Result<PathBuf> {
    if let Some(dir) = chosen {
        return if dir.join(FILES[0].0).is_file() {
            Ok(dir.to_path_buf())
        } else {
            Err(Failure::new(Exit::Usage, format!("{} does not hold the tutorial's manifests", dir.display()))
                .help("point --examples at a copy of examples/mnist, or leave it out")
                .into())
        };
    }
    let here = Path::new("examples/mnist");
    if here.join(FILES[0].0).is_file() {
        return Ok(here.to_path_buf());
    }
    let dir = data.with_file_name("examples").join("mnist");
    fs::create_dir_all(&dir).with_context(|| format!("cannot make the folder {}", dir.display()))?;
    for (name, content) in FILES {
        let path = dir.join(name);
        if !path.exists() {
            fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    Ok(dir)
}
