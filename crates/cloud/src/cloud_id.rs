//! The id of a data folder, which the processes of its jobs and servers bear. A copy of the folder is another cloud: what
//! it does with its processes must not reach the original's. So the id holds only for the folder that it was made in.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

const FILE: &str = "cloud-id";

/// The id of a data folder; made at its first use, and anew in a copy.
///
/// # Errors
/// The folder cannot be read or written.
pub(crate) fn of(data: &Path) -> io::Result<String> {
    let folder = folder(data)?;
    if let Some(id) = read(data, &folder)? {
        return Ok(id);
    }
    let id = uuid::Uuid::new_v4().to_string();
    // Whole or not at all: half an id would be that of many.
    let partial = data.join("cloud-id.partial");
    let mut file = fs::File::create(&partial)?;
    writeln!(file, "{id} {folder}")?;
    fs::rename(partial, data.join(FILE))?;
    Ok(id)
}

/// The id of a data folder that has one.
///
/// # Errors
/// As [`of`].
pub(crate) fn known(data: &Path) -> io::Result<Option<String>> {
    read(data, &folder(data)?)
}

fn read(data: &Path, folder: &str) -> io::Result<Option<String>> {
    let text = match fs::read_to_string(data.join(FILE)) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) => return Ok(None),
        Err(error) => return Err(error),
    };
    let (id, of) = text.trim().split_once(' ').unwrap_or_default();
    Ok((!id.is_empty() && of == folder).then(|| id.to_owned()))
}

/// What a copy of the folder does not share with it. One that is moved keeps it, on the same disk.
fn folder(data: &Path) -> io::Result<String> {
    let facts = fs::metadata(data)?;
    Ok(format!("{}:{}", facts.dev(), facts.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_keeps_its_id_and_a_copy_gets_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let [one, copy, moved] = ["one", "copy", "moved"].map(|name| dir.path().join(name));
        fs::create_dir(&one).unwrap();
        assert_eq!(known(&one).unwrap(), None);
        let id = of(&one).unwrap();
        assert_eq!((of(&one).unwrap(), known(&one).unwrap()), (id.clone(), Some(id.clone())));
        fs::create_dir(&copy).unwrap();
        fs::copy(one.join(FILE), copy.join(FILE)).unwrap();
        assert_eq!(known(&copy).unwrap(), None);
        let other = of(&copy).unwrap();
        assert_ne!(other, id);
        assert_eq!((of(&copy).unwrap(), of(&one).unwrap()), (other, id.clone()));
        fs::rename(&one, &moved).unwrap();
        assert_eq!(of(&moved).unwrap(), id);
        // As older versions wrote it, a torn one, and what is none.
        for text in [id.as_bytes(), b"", b"0b\n", b"\xff\xfe"] {
            fs::write(moved.join(FILE), text).unwrap();
            assert_ne!(of(&moved).unwrap(), id);
        }
    }
}
