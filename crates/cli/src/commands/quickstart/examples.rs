//! Where the tutorial's manifests and data are: the checkout's, or a copy that this program carries.

use std::fs::{self, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::exit::{Exit, Failure};

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        const FILES: &[(&str, &[u8])] = &[$(($name, include_bytes!(concat!("../../../../../examples/mnist/", $name)))),*];
    };
}

files![
    "01-training-job.yaml",
    "02-model-package.yaml",
    "03-endpoint.yaml",
    "README.md",
    "digit.csv",
    "test.csv.gz",
    "train.csv.gz",
    "validation.csv.gz",
];

/// The chosen folder; else `examples/mnist` below the current one; else a copy that is made where it is missing and
/// never overwritten: in the data folder where one was chosen, else beside the default one.
pub(super) fn find(chosen: Option<&Path>, data: &Path, data_chosen: bool) -> Result<PathBuf, Failure> {
    if let Some(dir) = chosen {
        complete(dir)?;
        return Ok(dir.to_path_buf());
    }
    let here = Path::new("examples/mnist");
    if here.join(FILES[0].0).is_file() {
        complete(here)?;
        return Ok(here.to_path_buf());
    }
    let dir = if data_chosen { data.join("examples") } else { data.with_file_name("examples") }.join("mnist");
    unpack(&dir).map_err(|error| {
        let why = if error.kind() == io::ErrorKind::StorageFull {
            "no space is left on its disk".to_owned()
        } else {
            error.to_string()
        };
        Failure::new(Exit::Failed, format!("cannot write the tutorial's files to {}: {why}", dir.display()))
            .help("choose another folder with --data, or point --examples at a copy of examples/mnist")
    })?;
    Ok(dir)
}

/// A file of the tutorial, as this program carries it.
pub(crate) fn carried(name: &str) -> Option<&'static [u8]> {
    FILES.iter().find(|(other, _)| *other == name).map(|(_, content)| *content)
}

fn complete(dir: &Path) -> Result<(), Failure> {
    let needed = FILES.iter().map(|(name, _)| *name).filter(|name| *name != "README.md");
    let missing: Vec<_> = needed.filter(|name| !dir.join(name).is_file()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Failure::new(Exit::Usage, format!("{} does not hold {}", dir.display(), missing.join(", "))).help(
        "point --examples at a whole copy of examples/mnist; without it, and in another folder, a fresh copy is made",
    ))
}

/// Each file appears whole or not at all, so that a run that was cut off leaves none that looks right.
fn unpack(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    let permissions = Permissions::from_mode(0o644);
    for (name, content) in FILES {
        let path = dir.join(name);
        if path.exists() {
            continue;
        }
        // Under a name that nobody else has, and never in place of a file.
        let mut partial =
            tempfile::Builder::new().prefix(".partial-").permissions(permissions.clone()).tempfile_in(dir)?;
        partial.write_all(content)?;
        match partial.persist_noclobber(&path) {
            Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => return Err(error.error),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_there_are_kept_and_missing_ones_come_back() {
        let dir = tempfile::tempdir().unwrap();
        unpack(dir.path()).unwrap();
        fs::write(dir.path().join("03-endpoint.yaml"), "mine").unwrap();
        fs::remove_file(dir.path().join("digit.csv")).unwrap();
        assert!(complete(dir.path()).unwrap_err().message.contains("digit.csv"));
        unpack(dir.path()).unwrap();
        assert!(complete(dir.path()).is_ok());
        assert_eq!(fs::read_to_string(dir.path().join("03-endpoint.yaml")).unwrap(), "mine");
    }
}
