//! The changes that no test notices, each with its reason: the table in `docs/testing.md`.

use std::fs;

use anyhow::{Context, Result};

/// The page that lists them.
pub const PAGE: &str = "docs/testing.md";

/// Stands before the table.
const MARK: &str = "<!-- survivors -->";

/// Files and changes; `*` in a change stands for any text.
pub struct Survivors(Vec<(String, String)>);

impl Survivors {
    /// Reads the page.
    pub fn load() -> Result<Self> {
        let text = fs::read_to_string(crate::root().join(PAGE)).with_context(|| format!("cannot read {PAGE}"))?;
        Ok(Self::parse(&text))
    }

    pub fn parse(page: &str) -> Self {
        let table = page.split_once(MARK).map_or("", |(_, table)| table);
        let row = |line: &str| {
            let mut cells = line.strip_prefix("| `")?.split("` | `");
            let (file, change) = (cells.next()?, cells.next()?);
            let (change, reason) = change.split_once("` | ")?;
            (reason.trim_end_matches('|').trim().len() > 2).then(|| (file.to_owned(), change.replace("\\|", "|")))
        };
        Self(table.lines().filter_map(row).collect())
    }

    /// Whether a missed change, as `file:line:column: change`, is listed.
    pub fn holds(&self, missed: &str) -> bool {
        let mut parts = missed.splitn(4, ':');
        let (file, change) = (parts.next().unwrap_or_default(), parts.nth(2).unwrap_or_default().trim());
        self.0.iter().any(|(f, c)| f == file && fits(c, change))
    }
}

fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            (0..=text.len()).filter(|at| text.is_char_boundary(*at)).any(|at| fits(rest, &text[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_page_has_a_table_that_is_read() {
        let page = fs::read_to_string(crate::root().join(PAGE)).unwrap();
        let rows = page.split_once(MARK).unwrap().1.lines().filter(|l| l.starts_with("| `")).count();
        assert!(rows > 0);
        assert_eq!(Survivors::parse(&page).0.len(), rows, "a row has a file, a change and a reason");
    }

    #[test]
    fn a_change_is_found_by_its_file_and_its_words() {
        let page = "| `a.rs` | `before the mark` | why |\n<!-- survivors -->\n| file | change | why |\n| --- | --- | --- |\n\
            | `a.rs` | `replace f -> * with *` | same answer |\n| `b.rs` | `replace \\|\\| with &&*` | slower |\n| `c.rs` | `x` | |\n";
        let listed = Survivors::parse(page);
        assert!(listed.holds("a.rs:1:2: replace f -> &str with \"\""));
        assert!(listed.holds("b.rs:10:20: replace || with && in g"));
        assert!(!listed.holds("b.rs:1:2: replace f -> &str with \"\""));
        assert!(!listed.holds("a.rs:1:2: replace g -> &str with \"\""));
        assert!(!listed.holds("a.rs:1:2: before the mark") && !listed.holds("c.rs:1:2: x"), "no reason is given");
    }
}
