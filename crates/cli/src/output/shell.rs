//! Command lines as a user would type them.

use std::fmt::Write as _;
use std::path::Path;

/// A word as a shell takes it.
pub(crate) fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// A path as a shell takes it.
pub(crate) fn path(path: &Path) -> String {
    quote(&path.to_string_lossy())
}

/// `sagewright` with its arguments.
pub(crate) fn line(words: &[String]) -> String {
    words.iter().fold("sagewright".to_owned(), |mut line, word| {
        // Writing to a String does not fail.
        let _ = write!(line, " {}", quote(word));
        line
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn words_that_a_shell_would_take_apart_are_quoted() {
        let words = ["apply", "-f", "Application Support/it's"].map(str::to_owned);
        assert_eq!(super::line(&words), r"sagewright apply -f 'Application Support/it'\''s'");
    }
}
