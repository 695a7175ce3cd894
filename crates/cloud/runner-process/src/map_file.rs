//! What the user's files of programs share: entries by a whole name or a pattern, errors by their place, and folders.

use std::io;
use std::path::{Path, PathBuf};

use regex::Regex;
use serde::de::DeserializeOwned;
use toml::Spanned;

/// What is wrong with a file, and at which byte.
pub(crate) type Problem = (usize, String);

/// The text of a file; `None` where there is no such file.
pub(crate) fn read(path: &Path) -> io::Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// The document of a text.
pub(crate) fn document<T: DeserializeOwned>(text: &str) -> Result<T, Problem> {
    toml::from_str(text).map_err(|e| (e.span().map_or(0, |s| s.start), e.message().to_owned()))
}

/// The line of a byte, from 1.
pub(crate) fn line(text: &str, at: usize) -> usize {
    text.get(..at).map_or(1, |before| before.matches('\n').count() + 1)
}

/// The folder that the relative paths of a file begin at.
pub(crate) fn folder(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf())
}

/// What an entry stands for: a whole name, or a pattern for all of it.
#[derive(Debug, Clone)]
pub(crate) struct Match {
    exact: String,
    pattern: Regex,
}

impl Match {
    pub(crate) fn read(written: &Spanned<String>) -> Result<Self, Problem> {
        let exact = written.get_ref().clone();
        let pattern = Regex::new(&format!("^(?:{exact})$"))
            .map_err(|e| (written.span().start, format!("match '{exact}' is not a valid pattern: {e}")))?;
        Ok(Self { exact, pattern })
    }

    pub(crate) fn fits(&self, name: &str) -> bool {
        self.exact == name || self.pattern.is_match(name)
    }
}

impl PartialEq for Match {
    fn eq(&self, other: &Self) -> bool {
        self.exact == other.exact
    }
}

/// A program and its arguments.
pub(crate) fn command(written: Spanned<Vec<String>>) -> Result<Vec<String>, Problem> {
    if written.get_ref().first().is_none_or(String::is_empty) {
        return Err((written.span().start, "command is empty; expected a program and its arguments".to_owned()));
    }
    Ok(written.into_inner())
}
