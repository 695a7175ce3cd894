//! Bounds of what is read from outside.

/// Whether a text has more values than are to be read into memory, where each takes many times its own length. What begins
/// or separates values is counted wherever it stands, inside texts too.
#[must_use]
pub fn has_more(text: &[u8], marks: &[u8], most: usize) -> bool {
    text.len() > most && text.iter().filter(|byte| marks.contains(byte)).count() > most
}
