//! What is in a data folder: the cloud's own, and the user's.

use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::own::{OWN, below, is};
use super::tree::weigh;

/// One of the cloud's own files or folders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Its name in the data folder.
    pub name: String,
    /// Files in it, itself included; links are not followed.
    pub files: u64,
    /// What they take on the disk.
    pub bytes: u64,
    /// Where it leads, where it is a link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<PathBuf>,
}

/// The content of a data folder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Inventory {
    /// What the cloud made, in the order of removal.
    pub own: Vec<Found>,
    /// What it did not make, as paths below the folder.
    pub kept: Vec<String>,
}

impl Inventory {
    /// Looks at a folder, whether or not a cloud is up on it.
    ///
    /// # Errors
    /// It cannot be read. One that does not exist is empty.
    pub fn of(data: &Path) -> io::Result<Self> {
        let mut out = Self::default();
        for (name, below) in OWN {
            let path = data.join(name);
            let parts = Parts::of(&path, below)?;
            if parts.own.is_empty() && parts.folders.is_empty() {
                continue;
            }
            let mut found = Found { name: (*name).to_owned(), files: 0, bytes: 0, link: fs::read_link(&path).ok() };
            for part in &parts.own {
                let (files, bytes) = weigh(part);
                found.files += files;
                found.bytes += bytes;
            }
            out.own.push(found);
        }
        for name in names(data)? {
            match below(&name) {
                Some(below) => out.kept.extend(Parts::of(&data.join(&name), below)?.others),
                None => out.kept.push(name),
            }
        }
        Ok(out)
    }

    /// Bytes that the cloud's own files take on the disk.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.own.iter().map(|found| found.bytes).sum()
    }
}

/// An entry of the data folder under one of the cloud's names, divided into what is removed and what is not.
#[derive(Default)]
pub(super) struct Parts {
    /// Files and whole trees.
    pub own: Vec<PathBuf>,
    /// Folders that may hold other things as well, the innermost first.
    pub folders: Vec<PathBuf>,
    /// Paths in it that are not the cloud's, from the entry on.
    pub others: Vec<String>,
}

impl Parts {
    pub(super) fn of(path: &Path, below: &[&str]) -> io::Result<Self> {
        let mut out = Self::default();
        out.add(path, &path.file_name().unwrap_or_default().to_string_lossy(), below)?;
        Ok(out)
    }

    fn add(&mut self, path: &Path, shown: &str, below: &[&str]) -> io::Result<()> {
        let Some(entry) = there(path)? else { return Ok(()) };
        let (is_file, is_tree) = (below.is_empty(), below.contains(&""));
        // A link stands for what it leads to, and is never followed.
        if entry.is_symlink() || (is_file && !entry.is_dir()) || (is_tree && entry.is_dir()) {
            self.own.push(path.to_owned());
            return Ok(());
        }
        if is_file || is_tree || !entry.is_dir() {
            self.others.push(shown.to_owned());
            return Ok(());
        }
        for name in names(path)? {
            let ways: Vec<_> = below.iter().filter_map(|way| rest(way, &name)).collect();
            let (path, shown) = (path.join(&name), format!("{shown}/{name}"));
            if ways.is_empty() {
                self.others.push(shown);
            } else {
                self.add(&path, &shown, &ways.into_iter().flatten().collect::<Vec<_>>())?;
            }
        }
        self.folders.push(path.to_owned());
        Ok(())
    }
}

/// What is the cloud's below this name, on one way of the table; `None` where the way does not lead there, and
/// `Some(None)` where it ends there.
#[allow(clippy::option_option)]
fn rest<'a>(way: &'a str, name: &str) -> Option<Option<&'a str>> {
    let (part, rest) = way.split_once('/').map_or((way, None), |(part, rest)| (part, Some(rest)));
    is(name, part).then_some(rest)
}

/// An entry without following it; `None` where there is none.
pub(super) fn there(path: &Path) -> io::Result<Option<Metadata>> {
    match fs::symlink_metadata(path) {
        Ok(entry) => Ok(Some(entry)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Names in a folder, sorted; none where there is no folder.
pub(super) fn names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let names = entries.map(|entry| entry.map(|e| e.file_name().to_string_lossy().into_owned()));
    let mut names = names.collect::<io::Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

/// The first few names, and how many there are besides.
pub(super) fn listed(names: &[String]) -> String {
    const SHOWN: usize = 3;
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
