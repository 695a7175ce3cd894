//! Model patterns as Kubernetes checks them: RE2 as Go has it, found anywhere in the text unless anchored.

use regex_syntax::hir::{Hir, HirKind};

use super::{ascii_classes, characters_above_ffff, split_length};

/// The largest count of a repeat, and of repeats inside of each other, that Go compiles.
const MOST_REPEATS: u32 = 1000;

/// Unicode categories that Go knows under these names as well.
const CATEGORIES: &[&str] = &["L", "M", "N", "P", "S", "Z"];

/// A pattern for RE2, and what it says of the length, which is not in it any more.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Re2 {
    /// Anchored at both ends. `None` where the pattern says nothing but a length.
    pub pattern: Option<String>,
    /// Fewest characters.
    pub min: Option<u32>,
    /// Most characters.
    pub max: Option<u32>,
}

/// A model's pattern for RE2, which takes the same texts. `None` where RE2 cannot say it: look-around, repeats above 1,000
/// that are a part of the pattern, and Java's own names of classes.
#[must_use]
pub fn re2(pattern: &str) -> Option<Re2> {
    let pattern = ascii_classes(&characters_above_ffff(pattern));
    let (length, rest) = split_length(&pattern);
    let mut out = Re2::default();
    if let Some(bounds) = length.and_then(|l| l.strip_prefix(".{")).and_then(|l| l.strip_suffix('}')) {
        let (min, max) = bounds.split_once(',').unwrap_or((bounds, bounds));
        out.min = min.parse().ok();
        out.max = max.parse().ok();
    }
    let mut text = code_points(rest)?;
    let hir = regex_syntax::parse(&text).ok()?;
    if let Some((min, max)) = one_class(&hir) {
        // Its length is told apart, so that the count is not compiled.
        if let Some(body) = text.rfind('{').filter(|_| text.ends_with('}') && (min > 1 || max.is_some())) {
            text.truncate(body);
            text.push(if min == 0 { '*' } else { '+' });
            out.min = out.min.max((min > 0).then_some(min));
            out.max = match (out.max, max) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
    }
    if !repeats_within(&regex_syntax::parse(&text).ok()?, MOST_REPEATS) {
        return None;
    }
    let open = text.contains('|');
    let bare = if open { &text } else { text.strip_prefix('^').unwrap_or(&text) };
    out.pattern = Some(if open { format!("^(?:{bare})$") } else { format!("^{bare}$") });
    Some(out)
}

/// Java's `\u0020` as RE2 writes it; `None` for classes that RE2 does not know.
fn code_points(pattern: &str) -> Option<String> {
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let mut chars = rest[at + 1..].chars();
        let escaped = chars.next()?;
        rest = chars.as_str();
        match escaped {
            'u' => {
                let digits = rest.get(..4).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
                out.push_str(&format!("\\x{{{digits}}}"));
                rest = &rest[4..];
            }
            'p' => {
                let (name, after) = rest.strip_prefix('{')?.split_once('}')?;
                CATEGORIES.contains(&name).then_some(())?;
                out.push_str(&format!("\\p{{{name}}}"));
                rest = after;
            }
            other => {
                out.push('\\');
                out.push(other);
            }
        }
    }
    out.push_str(rest);
    Some(out)
}

/// The bounds of a pattern that is one class, repeated.
fn one_class(hir: &Hir) -> Option<(u32, Option<u32>)> {
    let HirKind::Repetition(repeat) = hir.kind() else { return None };
    let mut sub = &*repeat.sub;
    while let HirKind::Capture(capture) = sub.kind() {
        sub = &capture.sub;
    }
    matches!(sub.kind(), HirKind::Class(_)).then_some((repeat.min, repeat.max))
}

/// Whether no count is larger than `most`, nor the product of counts inside of each other. An assertion is not repeated.
fn repeats_within(hir: &Hir, most: u32) -> bool {
    match hir.kind() {
        HirKind::Repetition(repeat) => {
            let count = match repeat.max {
                Some(max) => max,
                None if repeat.min > 1 => repeat.min,
                None => 1,
            };
            !matches!(repeat.sub.kind(), HirKind::Look(_))
                && count <= most
                && repeats_within(&repeat.sub, most / count.max(1))
        }
        HirKind::Capture(capture) => repeats_within(&capture.sub, most),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().all(|part| repeats_within(part, most)),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_written_as_re2_reads_them() {
        let table = [
            ("[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", Some("^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$"), None, None),
            ("^a|b$", Some("^(?:^a|b$)$"), None, None),
            (".{0,4096}", Some("^.*$"), None, Some(4096)),
            ("[a-z]{3,9}", Some("^[a-z]+$"), Some(3), Some(9)),
            ("[\\w-/]+", Some("^[a-zA-Z0-9_\\-/]+$"), None, None),
            ("(?=.{1,32}$)[a-z]+", Some("^[a-z]+$"), Some(1), Some(32)),
            ("[\\u0020-\\uD7FF]*", Some("^[\\x{0020}-\\x{D7FF}]*$"), None, None),
            ("[\\p{L}\\p{Z}]*", Some("^[\\p{L}\\p{Z}]*$"), None, None),
        ];
        for (from, pattern, min, max) in table {
            let expected = Re2 { pattern: pattern.map(str::to_owned), min, max };
            assert_eq!(re2(from), Some(expected), "{from}");
        }
    }

    #[test]
    fn what_re2_cannot_say_is_left_out() {
        for pattern in ["(?!a)b", "a(?<!-)", "a[b]{1,2048}", "(a{1,100}){1,100}", "\\p{Alnum}+", "(a)\\1", "(a)$*"] {
            assert_eq!(re2(pattern), None, "{pattern}");
        }
    }
}
