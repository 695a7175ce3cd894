//! Service-model patterns are Java regular expressions that must match the whole text.

use fancy_regex::{Regex, RegexBuilder};

/// Steps back that a pattern may take on a text. Those of the models take less on every text that they match: their texts
/// are short, and few of them look around.
const STEPS: usize = 100_000;

/// Compiles a model's pattern; `None` where it is not a regular expression that can be run.
pub(crate) fn compile(pattern: &str) -> Option<Regex> {
    // Java writes the characters above U+FFFF as a range of surrogate pairs.
    let pattern = pattern.replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\x{10000}-\x{10FFFF}");
    RegexBuilder::new(&format!(r"\A(?:{})\z", ascii_classes(&pattern)))
        .delegate_size_limit(64 << 20)
        .backtrack_limit(STEPS)
        .build()
        .ok()
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
mod tests {
    use super::*;

    #[test]
    fn every_pattern_of_every_model_compiles() {
        let mut failed = Vec::new();
        for id in crate::SERVICES {
            for (name, shape) in &crate::service(id).unwrap().shapes {
                if let Some(p) = &shape.pattern
                    && compile(p).is_none()
                {
                    failed.push(format!("{id} {name}: {p}"));
                }
            }
        }
        assert!(failed.is_empty(), "{}", failed.join("\n"));
    }

    #[test]
    fn no_pattern_that_looks_around_runs_away_on_a_text_of_its_length() {
        for id in crate::SERVICES {
            for (name, shape) in &crate::service(id).unwrap().shapes {
                let looks_around = |p: &&str| ["(?=", "(?!", "(?<"].iter().any(|mark| p.contains(mark));
                let Some(pattern) = shape.pattern.as_deref().filter(looks_around) else { continue };
                let regex = compile(pattern).unwrap();
                let length = shape.max.map_or(4096, |max| max as usize);
                for part in ["a", "a-", "-", " ", "a.", "/", "a:", "https://a/"] {
                    for end in ["", "!", "-", "\u{e9}"] {
                        let text: String = part.chars().cycle().take(length).collect::<String>() + end;
                        assert!(regex.is_match(&text).is_ok(), "{id} {name}: {pattern} on {length} times {part:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn word_class_is_ascii_and_look_around_works() {
        assert!(compile(r"[\w-]+").unwrap().is_match("ab_9-").unwrap());
        assert!(compile(r"[\w-\/.]+").unwrap().is_match("a-/.").unwrap());
        assert!(!compile(r"\w+").unwrap().is_match("é").unwrap());
        assert!(!compile(r"(?!aws:)[a-z:]+").unwrap().is_match("aws:x").unwrap());
        assert!(compile(r"(?!aws:)[a-z:]+").unwrap().is_match("mine:x").unwrap());
    }
}
