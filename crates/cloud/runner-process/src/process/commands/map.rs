//! The file that says which command stands for which function and queue.
//!
//! ```toml
//! [[lambda]]
//! match = "arn:aws:lambda:.*:function:notify"    # the whole ARN, or a pattern for all of it
//! command = ["python3", "notify.py"]             # reads the event from its input, writes the result to its output
//! env = { GREETING = "hello" }
//! directory = "."                                # relative to this file
//!
//! [[callback]]
//! match = "https://sqs.*/approvals"              # the whole URL of the queue, or a pattern
//! command = ["./approve"]
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sagewright_cloud_core::runner::Called;
use serde::Deserialize;
use toml::Spanned;

use crate::map_file::{self, Match, Problem};

/// The table of the entries, and what is called, as messages have it.
const fn words(called: Called) -> (&'static str, &'static str) {
    match called {
        Called::Function => ("lambda", "function"),
        Called::Queue => ("callback", "queue"),
    }
}

/// The commands of a file.
#[derive(Debug)]
pub struct CommandMap {
    entries: Vec<Entry>,
    path: PathBuf,
}

/// A command.
#[derive(Debug)]
pub(super) struct Entry {
    called: Called,
    target: Match,
    /// Program and arguments.
    pub command: Vec<String>,
    /// Variables.
    pub env: BTreeMap<String, String>,
    /// Working directory.
    pub directory: PathBuf,
}

/// What is wrong with the file.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommandMapError {
    /// It is there and cannot be read.
    #[error("cannot read {path}: {why}")]
    Read {
        /// File.
        path: String,
        /// Cause.
        why: String,
    },
    /// Its content is wrong.
    #[error("{path}, line {line}: {why}")]
    Content {
        /// File.
        path: String,
        /// Line, from 1.
        line: usize,
        /// What is wrong and what was expected.
        why: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    lambda: Vec<Spanned<Written>>,
    #[serde(default)]
    callback: Vec<Spanned<Written>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    r#match: Spanned<String>,
    command: Spanned<Vec<String>>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    directory: Option<PathBuf>,
}

impl CommandMap {
    /// Reads a file; a missing one has no commands.
    ///
    /// # Errors
    /// It cannot be read, or says something wrong in a line.
    pub fn load(path: &Path) -> Result<Self, CommandMapError> {
        match map_file::read(path) {
            Ok(Some(text)) => Self::parse(&text, path),
            Ok(None) => Ok(Self { entries: Vec::new(), path: path.to_path_buf() }),
            Err(e) => Err(CommandMapError::Read { path: path.display().to_string(), why: e.to_string() }),
        }
    }

    fn parse(text: &str, path: &Path) -> Result<Self, CommandMapError> {
        let wrong = |(at, why): Problem| CommandMapError::Content {
            path: path.display().to_string(),
            line: map_file::line(text, at),
            why,
        };
        let document: Document = map_file::document(text).map_err(wrong)?;
        let folder = map_file::folder(path);
        let all = [(Called::Function, document.lambda), (Called::Queue, document.callback)];
        let mut entries = Vec::new();
        for (called, written) in
            all.into_iter().flat_map(|(called, list)| list.into_iter().map(move |one| (called, one)))
        {
            let Written { r#match: target, command, env, directory } = written.into_inner();
            let target = Match::read(&target).map_err(wrong)?;
            let command = map_file::command(command).map_err(wrong)?;
            let directory = directory.map_or_else(|| folder.clone(), |given| folder.join(given));
            entries.push(Entry { called, target, command, env, directory });
        }
        Ok(Self { entries, path: path.to_path_buf() })
    }

    /// The first entry for a function or queue.
    pub(super) fn find(&self, called: Called, target: &str) -> Result<&Entry, String> {
        let fits = |entry: &&Entry| entry.called == called && entry.target.fits(target);
        self.entries.iter().find(fits).ok_or_else(|| {
            let (table, noun) = words(called);
            format!(
                "no command stands for the {noun} '{target}'. Add one to {}: [[{table}]] match = \"{target}\" command = [\"PROGRAM\", \"ARGUMENT\"]",
                self.path.display()
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<CommandMap, CommandMapError> {
        CommandMap::parse(text, Path::new("/maps/functions.toml"))
    }

    #[test]
    fn functions_and_queues_are_found_by_name_or_pattern() {
        let map = parse(concat!(
            "[[lambda]]\nmatch = \"arn:a+b\"\ncommand = [\"one\"]\n",
            "[[lambda]]\nmatch = \"arn:.*\"\ncommand = [\"two\"]\ndirectory = \"sub\"\n",
            "[[callback]]\nmatch = \"https://q\"\ncommand = [\"three\"]\n"
        ))
        .unwrap();
        let found = |called, target| map.find(called, target).map(|entry| entry.command[0].clone());
        assert_eq!(found(Called::Function, "arn:a+b").unwrap(), "one");
        assert_eq!(found(Called::Function, "arn:c").unwrap(), "two");
        assert_eq!(map.find(Called::Function, "arn:c").unwrap().directory, Path::new("/maps/sub"));
        assert_eq!(found(Called::Queue, "https://q").unwrap(), "three");
        let missing = found(Called::Queue, "arn:c").unwrap_err();
        for part in ["the queue 'arn:c'", "/maps/functions.toml", "[[callback]] match = \"arn:c\""] {
            assert!(missing.contains(part), "{missing}");
        }
    }

    #[test]
    fn a_wrong_file_is_told_with_its_line() {
        for (text, line, part) in [
            ("[[lambda]]\nmatch = \"x\"\n", 1, "missing field `command`"),
            ("[[lambda]]\nmatch = \"(\"\ncommand = [\"a\"]\n", 2, "not a valid pattern"),
            ("[[callback]]\nmatch = \"x\"\ncommand = []\n", 3, "command is empty"),
            ("[[image]]\n", 1, "unknown field `image`"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("/maps/functions.toml, line {line}: ")) && error.contains(part),
                "{error}"
            );
        }
    }
}
