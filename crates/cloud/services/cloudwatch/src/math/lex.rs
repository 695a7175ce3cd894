//! The words of an expression.

use super::{MathError, wrong};

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Number(f64),
    Name(String),
    Text(String),
    /// An operator, a bracket or a comma.
    Sign(&'static str),
}

/// Longer ones first.
const SIGNS: [&str; 20] =
    ["==", "!=", "<=", ">=", "&&", "||", "+", "-", "*", "/", "^", "(", ")", "[", "]", ",", "<", ">", "{", "}"];

pub(super) fn tokens(text: &str) -> Result<Vec<Token>, MathError> {
    let mut out = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let take = |is: fn(char) -> bool| rest.split_at(rest.find(|c| !is(c)).unwrap_or(rest.len()));
        let (token, left) = if first.is_ascii_digit() || first == '.' {
            number(rest)?
        } else if first.is_ascii_alphabetic() || first == '_' {
            let (name, left) = take(|c| c.is_ascii_alphanumeric() || c == '_');
            (Token::Name(name.to_owned()), left)
        } else if first == '"' || first == '\'' {
            let Some((content, left)) = rest[1..].split_once(first) else {
                return wrong("a text has no end");
            };
            (Token::Text(content.to_owned()), left)
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            (Token::Sign(sign), &rest[sign.len()..])
        } else {
            return wrong(format!("'{first}' is not expected"));
        };
        out.push(token);
        rest = left.trim_start();
    }
    Ok(out)
}

fn number(rest: &str) -> Result<(Token, &str), MathError> {
    let bytes = rest.as_bytes();
    let mut end = 0;
    while let Some(byte) = bytes.get(end) {
        let exponent = matches!(byte, b'+' | b'-') && matches!(bytes.get(end.wrapping_sub(1)), Some(b'e' | b'E'));
        if !(byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E') || exponent) {
            break;
        }
        end += 1;
    }
    let (text, left) = rest.split_at(end);
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok((Token::Number(number), left)),
        _ => wrong(format!("'{text}' is no number")),
    }
}
