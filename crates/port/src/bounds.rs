//! Bounds of what is read from outside.

/// Whether a text has more values than are to be read into memory, where each takes many times its own length. What begins
/// or separates values is counted wherever it stands, inside texts too.
#[must_use]
pub fn has_more(text: &[u8], marks: &[u8], most: usize) -> bool {
    text.len() > most && text.iter().filter(|byte| marks.contains(byte)).count() > most
}

#[cfg(test)]
mod tests {
    use super::has_more;

    #[test]
    fn marks_are_counted_wherever_they_stand() {
        assert!(has_more(b"[1,2,3]", b",[", 2));
        assert!(!has_more(b"[1,2,3]", b",[", 3), "as many as allowed");
        assert!(!has_more(b"[123456789]", b",[", 2), "a long text of one value");
        assert!(has_more(b"\",,,\"", b",", 2), "inside a text, too");
        assert!(!has_more(b",,", b",", 2) && !has_more(b"", b",", 0));
    }
}
