//! The intercept of models that XGBoost 3.1 and newer wrote: a list, which every older version reads as 0.5 without a word.

use std::borrow::Cow;

const NAME: &[u8] = b"base_score";

/// A JSON or UBJSON model with its intercept as one number. `true` beside it when it was a list. The error is a sentence.
pub(super) fn as_number(model: &[u8]) -> Result<(Cow<'_, [u8]>, bool), String> {
    let Some(text) = find(model) else { return Ok((Cow::Borrowed(model), false)) };
    let list = String::from_utf8_lossy(&model[text.start..text.end]).into_owned();
    let Some(inner) = list.strip_prefix('[').and_then(|list| list.strip_suffix(']')) else {
        return Ok((Cow::Borrowed(model), false));
    };
    let mut values = inner.split(',').map(str::trim);
    let first = values.next().unwrap_or_default();
    if values.any(|value| value != first) {
        return Err(
            "it was written by XGBoost 3.1 or newer and has an intercept for each class, which no image's library \
                    reads; train it again with an older version, or set base_score"
                .to_owned(),
        );
    }
    let mut out = Vec::with_capacity(model.len());
    out.extend(&model[..text.before]);
    out.extend(text.length(first.len()));
    out.extend(first.as_bytes());
    out.extend(&model[text.end..]);
    Ok((Cow::Owned(out), true))
}

/// Where the intercept's text is.
struct Text {
    /// Where the mark and number of its length start.
    before: usize,
    start: usize,
    end: usize,
}

impl Text {
    /// What comes before a text of another length: nothing in JSON beside its quote, a 64-bit number in UBJSON.
    fn length(&self, length: usize) -> Vec<u8> {
        if self.before == self.start {
            return Vec::new();
        }
        [b"L".as_slice(), &(length as u64).to_be_bytes()].concat()
    }
}

fn find(model: &[u8]) -> Option<Text> {
    let after = memchr::memmem::find(model, NAME)? + NAME.len();
    if let Some(rest) = model[after..].strip_prefix(b"\"") {
        let mut start = model.len() - rest.len();
        for wanted in [b':', b'"'] {
            start += model[start..].iter().position(|byte| !byte.is_ascii_whitespace())?;
            if model[start] != wanted {
                return None;
            }
            start += 1;
        }
        let end = start + memchr::memchr(b'"', &model[start..])?;
        return Some(Text { before: start, start, end });
    }
    // UBJSON: `S`, the width of the length, the length with its highest byte first.
    let (before, width) = match (model.get(after)?, model.get(after + 1)?) {
        (b'S', b'L') => (after + 1, 8),
        (b'S', b'l') => (after + 1, 4),
        (b'S', b'I') => (after + 1, 2),
        (b'S', b'i' | b'U') => (after + 1, 1),
        _ => return None,
    };
    let start = before + 1 + width;
    let length = model.get(before + 1..start)?.iter().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
    let end = start.checked_add(length).filter(|end| *end <= model.len())?;
    Some(Text { before, start, end })
}

#[cfg(test)]
mod tests {
    use super::as_number;

    #[test]
    fn a_list_of_one_or_of_equal_numbers_becomes_a_number() {
        for (model, expected) in [
            (&br#"{"base_score":"[5.4E-1]","x":1}"#[..], &br#"{"base_score":"5.4E-1","x":1}"#[..]),
            (br#"{"base_score" : "[1E0, 1E0]"}"#, br#"{"base_score" : "1E0"}"#),
            (br#"{"base_score":"5E-1"}"#, br#"{"base_score":"5E-1"}"#),
            (b"base_scoreSL\0\0\0\0\0\0\0\x05[1E0]L", b"base_scoreSL\0\0\0\0\0\0\0\x031E0L"),
            (b"base_scoreSi\x05[1E0]L", b"base_scoreSL\0\0\0\0\0\0\0\x031E0L"),
            (b"base_scoreSL\xff\xff\xff\xff\xff\xff\xff\xff[1", b"base_scoreSL\xff\xff\xff\xff\xff\xff\xff\xff[1"),
            (b"base_score", b"base_score"),
            (b"nothing", b"nothing"),
        ] {
            let (found, changed) = as_number(model).expect("it is read");
            assert_eq!(found, expected, "{}", String::from_utf8_lossy(model));
            assert_eq!(changed, model != expected);
        }
        let error = as_number(br#"{"base_score":"[1E0,2E0]"}"#).expect_err("two numbers");
        assert!(error.contains("an intercept for each class"), "{error}");
    }
}
