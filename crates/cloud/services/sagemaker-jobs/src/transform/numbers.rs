//! Numbers of JSON that no double holds as they are written, such as ids of 20 digits: they go through as marked texts, so that
//! records are joined and filtered without a change of theirs.

use serde_json::Number;

/// Numbers that are shorter are written as they were read, or as an equal one.
const SHORTEST: usize = 16;

/// Begins a text that stands for a number, as JSON has it.
const MARK: &[u8] = b"\"\\u0000number:";

fn is_part(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')
}

/// JSON with marked texts in place of numbers that would change; `None` where there are none.
pub(super) fn guarded(json: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let (mut done, mut at) = (0, 0);
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => at = end_of_text(json, at),
            b'-' | b'0'..=b'9' => {
                let end = json[at..].iter().position(|byte| !is_part(*byte)).map_or(json.len(), |length| at + length);
                if changes(&json[at..end]) {
                    out.extend_from_slice(&json[done..at]);
                    out.extend_from_slice(MARK);
                    out.extend_from_slice(&json[at..end]);
                    out.push(b'"');
                    done = end;
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    (done > 0).then(|| {
        out.extend_from_slice(&json[done..]);
        out
    })
}

/// The place behind a text that begins here.
fn end_of_text(json: &[u8], begin: usize) -> usize {
    let mut at = begin + 1;
    while let Some(byte) = json.get(at) {
        at += match byte {
            b'"' => return at + 1,
            b'\\' => 2,
            _ => 1,
        };
    }
    json.len()
}

fn changes(number: &[u8]) -> bool {
    let text =
        Some(number).filter(|number| number.len() >= SHORTEST).and_then(|number| std::str::from_utf8(number).ok());
    text.is_some_and(|text| serde_json::from_str::<Number>(text).is_ok_and(|read| read.to_string() != text))
}

/// Puts the numbers back into JSON that was written from a place on.
pub(super) fn restore(json: &mut Vec<u8>, from: usize) {
    let written = json.split_off(from);
    let mut rest = &written[..];
    while let Some(at) = rest.windows(MARK.len()).position(|window| window == MARK) {
        let (before, marked) = (&rest[..at], &rest[at + MARK.len()..]);
        json.extend_from_slice(before);
        let end = marked.iter().position(|byte| !is_part(*byte)).unwrap_or(marked.len());
        json.extend_from_slice(&marked[..end]);
        rest = marked[end..].strip_prefix(b"\"").unwrap_or(&marked[end..]);
    }
    json.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_that_would_change_are_guarded_and_all_come_back() {
        let same = br#"{"a": 12345678901234567, "b": [0.1, 1.10, -2e5], "c": "12345678901234567890123", "d": "\"1.00000000000000000000001"}"#;
        assert_eq!(guarded(same), None);
        let json = br#"{"id":12345678901234567890123,"x":[-0.15838287025480557123,"\\",1.00000000000000000001e3]}"#;
        let guarded = guarded(json).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&guarded).unwrap();
        assert!(value["id"].is_string());
        let mut out = b"before ".to_vec();
        serde_json::to_writer(&mut out, &value).unwrap();
        restore(&mut out, 7);
        assert_eq!(out, [b"before ", &json[..]].concat());
    }
}
