//! What reaches the two standard streams as text for people. All of it passes here: names, reasons and messages are others',
//! and a terminal does what control characters say.

use std::borrow::Cow;

use super::Style;

/// Ends a style. This and the marks of styles are noncharacters, which are for use inside a program alone.
pub(super) const PLAIN: char = '\u{fdd0}';

impl Style {
    /// What begins the style in a text that is not written yet.
    pub(super) fn mark(self) -> char {
        match self {
            Self::Bold => '\u{fdd1}',
            Self::Dim => '\u{fdd2}',
            Self::Good => '\u{fdd3}',
            Self::Warn => '\u{fdd4}',
            Self::Bad => '\u{fdd5}',
        }
    }
}

/// The terminal's command for a mark.
fn command(mark: char) -> Option<&'static str> {
    Some(match mark {
        PLAIN => "\u{1b}[0m",
        '\u{fdd1}' => "\u{1b}[1m",
        '\u{fdd2}' => "\u{1b}[2m",
        '\u{fdd3}' => "\u{1b}[32m",
        '\u{fdd4}' => "\u{1b}[33m",
        '\u{fdd5}' => "\u{1b}[31m",
        _ => return None,
    })
}

/// Whether a character steers what shows it: control characters, and those that end lines or turn the text around them.
pub(super) fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Text as it is written: what steers is shown by its number, line ends and tabs are kept, styles are set where they are
/// wanted.
pub(super) fn written(text: &str, color: bool) -> Cow<'_, str> {
    escaped(text, &|c| match c {
        '\n' | '\t' => None,
        c => match command(c) {
            Some(command) => Some(if color { command.into() } else { String::new() }),
            None => steers(c).then(|| c.escape_unicode().to_string()),
        },
    })
}

/// Foreign text of several lines: what steers a terminal is shown by its number, and there are no styles.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    written(text, false)
}

/// Foreign text that has to stay on the line where it is put, and cannot end that or begin another.
pub(crate) fn on_line(text: &str) -> Cow<'_, str> {
    escaped(text, &|c| match c {
        '\n' => Some("\\n".to_owned()),
        '\t' => Some(" ".to_owned()),
        c => (steers(c) || command(c).is_some()).then(|| c.escape_unicode().to_string()),
    })
}

/// JSON, whose texts may hold any character: what steers is escaped as JSON does it.
pub(super) fn json(text: &str) -> Cow<'_, str> {
    escaped(text, &|c| {
        let code = u32::from(c);
        (steers(c) && c != '\n').then(|| format!("\\u{code:04x}"))
    })
}

fn escaped<'t>(text: &'t str, escape: &dyn Fn(char) -> Option<String>) -> Cow<'t, str> {
    let mut out = String::new();
    let mut kept = 0;
    for (at, c) in text.char_indices() {
        if let Some(other) = escape(c) {
            out.push_str(text.get(kept..at).unwrap_or_default());
            out.push_str(&other);
            kept = at + c.len_utf8();
        }
    }
    if kept == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(text.get(kept..).unwrap_or_default());
    Cow::Owned(out)
}

/// Lines of a program's log, as a terminal gets them: of what steers it only colors are kept, where they are wanted.
pub(crate) fn log(text: &str, color: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| steers(c) && !matches!(c, '\n' | '\t')) {
        let (clean, marked) = rest.split_at(at);
        out.push_str(clean);
        let sequence = marked.strip_prefix("\u{1b}[").and_then(|s| {
            let end = s.find(|c: char| !c.is_ascii_digit() && c != ';')?;
            s[end..].starts_with('m').then(|| marked.split_at("\u{1b}[".len() + end + 1))
        });
        rest = match sequence {
            Some((sequence, after)) => {
                out.push_str(if color { sequence } else { "" });
                after
            }
            None => marked.get(marked.chars().next().map_or(0, char::len_utf8)..).unwrap_or_default(),
        };
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_does_not_steer_the_terminal() {
        let text = "a\u{1b}[31mred\u{1b}[2J\u{1b}]0;title\u{7}\r\u{9b}5m\tb\nc\u{202e}\0";
        let shown = "a\\u{1b}[31mred\\u{1b}[2J\\u{1b}]0;title\\u{7}\\u{d}\\u{9b}5m\tb\nc\\u{202e}\\u{0}";
        assert_eq!((written(text, true).as_ref(), written(text, false).as_ref()), (shown, shown));
        assert_eq!(on_line("a\nb\tc\u{1b}é"), "a\\nb c\\u{1b}é");
        let told: serde_json::Value = serde_json::from_str(&json("[\"\u{9b}x\u{7f}\"]")).unwrap();
        assert_eq!(told, serde_json::json!(["\u{9b}x\u{7f}"]));
        assert!(!json("[\"\u{9b}x\u{7f}\"]").chars().any(steers));
    }

    #[test]
    fn our_own_styles_are_set_where_they_are_wanted() {
        let text = format!("{}good{PLAIN} plain", Style::Good.mark());
        assert_eq!(written(&text, true), "\u{1b}[32mgood\u{1b}[0m plain");
        assert_eq!(written(&text, false), "good plain");
        assert_eq!(on_line(&text), "\\u{fdd3}good\\u{fdd0} plain", "they are no foreign text's");
    }

    #[test]
    fn lines_of_a_log_keep_their_colors_alone() {
        let text = "a\u{1b}[31mred\u{1b}[0m\u{1b}[2J\u{1b}]0;title\u{7}\r\u{9b}5m\tb\nc\u{1b}[";
        assert_eq!(log(text, true), "a\u{1b}[31mred\u{1b}[0m[2J]0;title5m\tb\nc[");
        assert_eq!(log(text, false), "ared[2J]0;title5m\tb\nc[");
    }
}
