//! What is wrong in a file, with its place, and the lines around it.

use std::borrow::Cow;

use miette::{Diagnostic, LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};
use sagewright_model::{is_secret_key, without_logins};
use serde_saphyr::Location;

use crate::output::terminal::plain;

/// Characters of a line that are shown: a minified file has lines of megabytes.
const WIDEST: usize = 160;

/// A file's name and text.
#[derive(Debug)]
pub(crate) struct Source {
    /// As it was named, `<stdin>` for standard input.
    pub(crate) name: String,
    /// What is in it.
    pub(crate) text: String,
}

/// A file that cannot be read, or something wrong at a place inside it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct FileError {
    message: String,
    help: Option<String>,
    label: String,
    snippet: Option<Snippet>,
}

impl Diagnostic for FileError {
    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        self.help.as_ref().map(|h| Box::new(h) as Box<dyn std::fmt::Display>)
    }
    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.snippet.as_ref().map(|s| s as &dyn SourceCode)
    }
    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.snippet.as_ref()?.span;
        Some(Box::new(std::iter::once(LabeledSpan::new_with_span(Some(self.label.clone()), span))))
    }
}

impl FileError {
    /// An error about a whole file.
    pub(crate) fn whole(message: String, help: &str) -> Self {
        let message = plain(&message).into_owned();
        Self { message, help: Some(help.to_owned()), label: String::new(), snippet: None }
    }

    /// An error at a place in a file.
    pub(crate) fn at(source: &Source, location: Location, message: &str, label: &str, help: Option<String>) -> Self {
        let number = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).max(1);
        Self::at_line(source, number(location.line()), number(location.column()), message, label, help)
    }

    /// As [`FileError::at`], by line and column, both from 1.
    pub(crate) fn at_line(
        source: &Source,
        line: usize,
        column: usize,
        message: &str,
        label: &str,
        help: Option<String>,
    ) -> Self {
        Self {
            message: plain(&format!("{}:{line}:{column}: {message}", source.name)).into_owned(),
            help: help.map(|help| plain(&help).into_owned()),
            label: if label.is_empty() { "here".to_owned() } else { plain(label).into_owned() },
            snippet: Some(Snippet::new(source, line, column)),
        }
    }
}

/// The lines around a place: the others are empty, so that lines keep their numbers, and long ones are cut.
#[derive(Debug)]
struct Snippet {
    name: String,
    text: String,
    span: SourceSpan,
    column: usize,
}

impl Snippet {
    fn new(source: &Source, line: usize, column: usize) -> Self {
        let mut text = String::new();
        let mut span: SourceSpan = (0, 0).into();
        for (i, content) in source.text.lines().enumerate().take(line + 1) {
            let number = i + 1;
            let content = &without_secret(content);
            if number == line {
                let skipped = if column > WIDEST { column - WIDEST / 2 } else { 0 };
                let cut = cut(content, skipped);
                let mark = if skipped > 0 { 1 } else { 0 };
                let offset =
                    cut.char_indices().nth(column - 1 - skipped + mark).map_or(cut.trim_end().len(), |(at, _)| at);
                let length = cut.get(offset..).map_or(0, extent);
                span = (text.len() + offset, length).into();
                text.push_str(&cut);
            } else if number + 1 >= line {
                text.push_str(&cut(content, 0));
            }
            text.push('\n');
        }
        if span.is_empty() && span.offset() == 0 && line > 1 {
            span = (text.trim_end().len(), 0).into();
        }
        Self { name: source.name.clone(), text, span, column: column - 1 }
    }
}

/// A line without the value of a key that says that it is secret, and without logins in URLs.
fn without_secret(line: &str) -> Cow<'_, str> {
    if let Some((key, value)) = line.split_once(": ")
        && !value.trim().is_empty()
        && is_secret_key(key.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '-' | '{' | ',')))
    {
        return Cow::Owned(format!("{key}: (sensitive)"));
    }
    without_logins(line).map_or(Cow::Borrowed(line), Cow::Owned)
}

/// Length of the key or value that a text begins with, as far as its line shows.
fn extent(text: &str) -> usize {
    let whole = text.trim_end().len();
    let mut depth = 0_usize;
    let mut quote = None;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(q), c) if c == q && before != '\\' => {
                quote = None;
                if depth == 0 {
                    return at + 1;
                }
            }
            (Some(_), _) => {}
            (None, '"' | '\'') if at == 0 || depth > 0 => quote = Some(c),
            (None, '{' | '[') if at == 0 || depth > 0 => depth += 1,
            (None, '}' | ']') if depth > 0 => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            (None, '}' | ']' | ',') if depth == 0 => return at.max(1),
            (None, '#') if depth == 0 && before == ' ' && at > 0 => {
                return text.get(..at).map_or(at, |t| t.trim_end().len());
            }
            (None, ' ') if depth == 0 && before == ':' => return at - 1,
            _ => {}
        }
        before = c;
    }
    // A key with nothing after it.
    if depth == 0 && text.trim_end().ends_with(':') { whole - 1 } else { whole }
}

/// A window of a line.
fn cut(line: &str, skip: usize) -> String {
    let mut rest = line.chars().skip(skip);
    let mut out: String = if skip > 0 { "…".to_owned() } else { String::new() };
    out.extend(rest.by_ref().take(WIDEST));
    if rest.next().is_some() {
        out.push('…');
    }
    out
}

impl SourceCode for Snippet {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let inner = self.text.as_str().read_span(span, before, after)?;
        // Without lines before it, the place itself is asked for: its column is the file's, not the window's.
        let column = if before == 0 { self.column } else { inner.column() };
        let contents = MietteSpanContents::new_named(
            self.name.clone(),
            inner.data(),
            *inner.span(),
            inner.line(),
            column,
            inner.line_count(),
        );
        Ok(Box::new(contents.with_language("yaml")))
    }
}

#[cfg(test)]
mod tests {
    use super::extent;

    #[test]
    fn what_is_marked_ends_with_the_value() {
        let marked = |text: &str| text[..extent(text)].to_owned();
        assert_eq!(marked("20, deep: {x: 1}}"), "20");
        assert_eq!(marked("{x: [1, \"}\"]}, y: 2"), "{x: [1, \"}\"]}");
        assert_eq!(marked("\"a, b\", c"), "\"a, b\"");
        assert_eq!(marked("imge: x  # no"), "imge");
        assert_eq!(marked("spec:"), "spec");
        assert_eq!(marked("s3://a/b#c  # where"), "s3://a/b#c");
        assert_eq!(marked("two words"), "two words");
        assert_eq!(marked("}"), "}");
        assert_eq!(marked(""), "");
    }
}
