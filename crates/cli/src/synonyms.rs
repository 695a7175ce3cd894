//! What other tools call a command: whoever types their word is told ours.

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Their word, and ours.
const WORDS: [(&str, &str); 22] = [
    ("cat", "logs"),
    ("copy", "cp"),
    ("create", "apply"),
    ("deploy", "apply"),
    ("describe", "get"),
    ("destroy", "delete"),
    ("diff", "plan"),
    ("halt", "down"),
    ("import", "adopt"),
    ("kill", "down"),
    ("list", "get"),
    ("ls", "get"),
    ("preview", "plan"),
    ("prune", "reset"),
    ("ps", "status"),
    ("remove", "delete"),
    ("restart", "up"),
    ("rm", "delete"),
    ("serve", "up"),
    ("show", "get"),
    ("start", "up"),
    ("stop", "down"),
];

/// Adds our word to the error about a command that does not exist.
pub(crate) fn suggest(error: &mut clap::Error) {
    if error.kind() != ErrorKind::InvalidSubcommand {
        return;
    }
    let Some(ContextValue::String(typed)) = error.get(ContextKind::InvalidSubcommand) else { return };
    let Some((_, ours)) = WORDS.iter().find(|(theirs, _)| theirs == typed) else { return };
    // `stop` is meant for the embedded cloud wherever it stands.
    let embedded = matches!(*ours, "down" | "reset" | "status" | "up");
    let ours = if embedded { format!("local {ours}") } else { (*ours).to_owned() };
    let tip = format!("`sagewright {ours}` does that");
    error.remove(ContextKind::SuggestedSubcommand);
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
}
