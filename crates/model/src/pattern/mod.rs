//! Service-model patterns are Java regular expressions that must match the whole text.

mod counted;
mod re2;

use fancy_regex::{Regex, RegexBuilder};

use counted::{Counted, LARGE};
pub use re2::{Re2, re2};

/// Steps back that a pattern may take on a text. Those of the models take less on every text that they match: their texts
/// are short, and few of them look around.
const STEPS: usize = 100_000;

/// Bytes that the regex engine may take for a pattern. Those of the models with large repeats are not compiled by it.
const REGEX_SIZE: usize = 1 << 20;

/// A compiled pattern: the parts that each match the whole text.
#[derive(Debug)]
pub(crate) struct Pattern(Vec<Part>);

#[derive(Debug)]
enum Part {
    Counted(Counted),
    Regex(Regex),
}

impl Pattern {
    /// Compiles a model's pattern; `None` where it is not a regular expression that can be run.
    pub(crate) fn new(pattern: &str) -> Option<Self> {
        let pattern = ascii_classes(&characters_above_ffff(pattern));
        let (length, rest) = split_length(&pattern);
        length.into_iter().chain([rest]).map(Part::new).collect::<Option<_>>().map(Self)
    }

    /// Whether the pattern matches the whole text. A text that makes it run away is refused: it matches none that AWS would
    /// take so long for.
    pub(crate) fn is_match(&self, text: &str) -> bool {
        self.0.iter().all(|part| match part {
            Part::Counted(counted) => counted.is_match(text),
            Part::Regex(regex) => regex.is_match(text).unwrap_or(false),
        })
    }
}

impl Part {
    fn new(pattern: &str) -> Option<Self> {
        Counted::new(pattern, LARGE).map(Self::Counted).or_else(|| regex(pattern).map(Self::Regex))
    }
}

fn regex(pattern: &str) -> Option<Regex> {
    RegexBuilder::new(&format!(r"\A(?:{pattern})\z"))
        .delegate_size_limit(REGEX_SIZE)
        .backtrack_limit(STEPS)
        .build()
        .ok()
}

/// Java writes the characters above U+FFFF as a range of surrogate pairs.
fn characters_above_ffff(pattern: &str) -> String {
    pattern.replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\x{10000}-\x{10FFFF}")
}

/// Takes `(?=.{1,1024}$)`, which bounds the length of the whole text, off the start of a pattern.
fn split_length(pattern: &str) -> (Option<&str>, &str) {
    let split = || {
        let (length, rest) = pattern.strip_prefix("(?=")?.split_once("$)")?;
        let bounds = length.strip_prefix(".{")?.strip_suffix('}')?;
        // In `(?=.{1,9}$)a|b` it bounds `a` alone.
        (bounds.bytes().all(|b| b.is_ascii_digit() || b == b',') && !rest.contains('|')).then_some((length, rest))
    };
    split().map_or((None, pattern), |(length, rest)| (Some(length), rest))
}

/// In Java `\w`, `\d` and `\s` are ASCII unless asked otherwise; the regex engine's are Unicode,
/// and their tables make long counted repeats very large.
fn ascii_classes(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut in_class = 0_u32;
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(class @ ('w' | 'd' | 's')) => {
                    let set = match class {
                        'w' => "a-zA-Z0-9_",
                        'd' => "0-9",
                        _ => r" \t\n\x0B\f\r",
                    };
                    if in_class > 0 {
                        out.push_str(set);
                        // No range begins with a class: Java reads `[\w-/]` as three things.
                        if chars.next_if_eq(&'-').is_some() {
                            out.push_str(r"\-");
                        }
                    } else {
                        out.push('[');
                        out.push_str(set);
                        out.push(']');
                    }
                }
                Some(other) => {
                    out.push('\\');
                    out.push(other);
                }
                None => out.push('\\'),
            },
            // A `[` inside a class is literal in these models; the engine would open a nested class.
            '[' if in_class > 0 => out.push_str(r"\["),
            '[' => {
                in_class += 1;
                out.push('[');
                if chars.peek() == Some(&'^') {
                    chars.next();
                    out.push('^');
                }
                if chars.peek() == Some(&']') {
                    chars.next();
                    out.push_str(r"\]");
                }
            }
            ']' if in_class > 0 => {
                in_class -= 1;
                out.push(']');
            }
            // Set operators of the engine that the models use as plain characters.
            '&' | '~' | '-' if in_class > 0 && chars.peek() == Some(&c) && c != '-' => {
                out.push('\\');
                out.push(c);
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests;
