//! The installation that a command works for.

use sagewright_engine::Installation;

use crate::exit::{Exit, Failure};

/// Variable that names it.
const VARIABLE: &str = "SAGEWRIGHT_INSTALLATION";

/// The installation that the variable names, which goes before the one of the project's file.
pub(crate) fn named_installation() -> Result<Option<Installation>, Failure> {
    let Some(text) = std::env::var_os(VARIABLE) else { return Ok(None) };
    let text = text.to_string_lossy();
    text.parse().map(Some).map_err(|why| {
        // One that is empty may have lost what it was to hold.
        Failure::new(Exit::Usage, format!("{VARIABLE} is '{text}': {why}; nothing was done"))
            .help("correct it, or unset it to use the name of .sagewright.toml")
    })
}
