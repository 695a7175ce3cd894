//! The installation that a command works for.

use sagewright_engine::Installation;

use super::project::Project;
use crate::exit::{Exit, Failure};

/// Variable that names it.
const VARIABLE: &str = "SAGEWRIGHT_INSTALLATION";

/// The installation that this command works for: a variable goes before the project's file; `default` without either.
pub(crate) fn installation(project: &Project) -> Result<Installation, Failure> {
    let Some(text) = std::env::var_os(VARIABLE) else {
        return Ok(project.installation.clone().unwrap_or_default());
    };
    let text = text.to_string_lossy();
    text.parse().map_err(|why| {
        // One that is empty may have lost what it was to hold.
        Failure::new(Exit::Usage, format!("{VARIABLE} is '{text}': {why}; nothing was done"))
            .help("correct it, or unset it to use the name of .sagewright.toml")
    })
}
