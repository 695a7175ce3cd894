//! Where this program keeps what outlives a command.

use std::path::PathBuf;

use crate::args::Global;
use crate::output::shell;

/// The embedded cloud's state, where `--data` does not say otherwise: `$XDG_DATA_HOME/sagewright/local`, by default
/// `~/.local/share/sagewright/local`; on macOS `~/Library/Application Support/sagewright/local`.
pub(crate) fn data(chosen: Option<&PathBuf>) -> PathBuf {
    if let Some(dir) = chosen {
        // The embedded cloud hands the folder to child processes with another working directory.
        return std::path::absolute(dir).unwrap_or_else(|_| dir.clone());
    }
    let home = std::env::home_dir().unwrap_or_else(|| PathBuf::from("/"));
    let base = if cfg!(target_os = "macos") {
        home.join("Library/Application Support")
    } else {
        std::env::var_os("XDG_DATA_HOME")
            .filter(|v| !v.is_empty())
            .map_or_else(|| home.join(".local/share"), PathBuf::from)
    };
    base.join("sagewright").join("local")
}

/// The option that makes another command find the same embedded cloud, for a command line that is shown.
pub(crate) fn data_option(global: &Global) -> String {
    global.data.as_ref().map_or_else(String::new, |data| format!(" --data {}", shell::path(data)))
}
