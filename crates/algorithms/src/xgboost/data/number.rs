//! Numbers in text.

use fast_float2::parse;

/// Parses a whole field, spaces around it allowed. `None` when it is no number. An empty field is
/// the caller's: it means "missing" in CSV and nothing elsewhere.
pub(super) fn parse_number(field: &[u8]) -> Option<f32> {
    parse::<f32, _>(field.trim_ascii()).ok()
}

/// Parses an index or a small integer: digits only.
pub(super) fn parse_index(field: &[u8]) -> Option<u32> {
    if field.is_empty() || field.len() > 10 {
        return None;
    }
    let mut value: u64 = 0;
    for byte in field {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u64::from(digit);
    }
    u32::try_from(value).ok()
}

/// A field as an error message shows it: short, and printable.
pub(super) fn shown(field: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(&field[..field.len().min(40)]).chars().take(30).collect();
    if field.len() > 30 { format!("'{}...'", text.escape_debug()) } else { format!("'{}'", text.escape_debug()) }
}
