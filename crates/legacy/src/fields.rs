//! The fields of the legacy kinds, as the operator of those kinds defined them: `fields.txt` has them all.

use std::sync::LazyLock;

use serde_json::Value;

/// A line of the table and the lines that are indented below it.
#[derive(Debug)]
pub struct Line {
    /// A field with its type and limits, or the name of a type or kind.
    pub text: &'static str,
    /// The fields of a structure.
    pub below: Vec<Line>,
}

impl Line {
    /// The field.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.text.split(' ').next().unwrap_or_default()
    }

    /// Its type, without the mark of what has to be given.
    #[must_use]
    pub fn of(&self) -> &'static str {
        self.marked().trim_end_matches('!')
    }

    /// Whether it has to be given.
    #[must_use]
    pub fn is_required(&self) -> bool {
        self.marked().ends_with('!')
    }

    /// Its limits: `min=1` as `("min", "1")`.
    pub fn limits(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.text.split(' ').skip(2).filter_map(|word| word.split_once('='))
    }

    /// The fields of its structure, which may be a type of the table; none of what has no structure.
    #[must_use]
    pub fn fields(&self) -> &[Self] {
        match self.of().trim_start_matches("[]") {
            "object" => &self.below,
            named => named_line("type", named).map_or(&[], |line| &line.below),
        }
    }

    fn marked(&self) -> &'static str {
        self.text.split(' ').nth(1).unwrap_or_default()
    }

    fn read(lines: &[(usize, &'static str)], depth: usize) -> Vec<Self> {
        let starts: Vec<usize> = (0..lines.len()).filter(|i| lines[*i].0 == depth).collect();
        let ends = starts.iter().skip(1).copied().chain([lines.len()]);
        starts
            .iter()
            .zip(ends)
            .map(|(start, end)| Self { text: lines[*start].1, below: Self::read(&lines[start + 1..end], depth + 1) })
            .collect()
    }
}

static TABLE: LazyLock<Vec<Line>> = LazyLock::new(|| {
    let lines: Vec<(usize, &str)> = include_str!("fields.txt")
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        .map(|line| (line.len() - line.trim_start().len(), line.trim()))
        .collect();
    Line::read(&lines, 0)
});

fn named_line(word: &str, name: &str) -> Option<&'static Line> {
    TABLE.iter().find(|line| line.text.strip_prefix(word).is_some_and(|rest| rest.trim_start() == name))
}

/// The `spec` or `status` of a kind.
#[must_use]
pub fn part(kind: &str, part: &str) -> Option<&'static Line> {
    named_line("kind", kind)?.below.iter().find(|line| line.name() == part)
}

/// Removes what the definition of the kind would not keep of a status: the API server drops unknown fields, and a status that
/// is compared with what was written before must not have them.
pub(crate) fn keep(kind: &str, status: &mut Value) {
    keep_part(kind, "status", status);
}

/// The same of a part of a kind.
pub(crate) fn keep_part(kind: &str, of: &str, value: &mut Value) {
    if let Some(line) = part(kind, of) {
        keep_fields(line, value);
    }
}

fn keep_fields(line: &Line, value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| keep_fields(line, item)),
        Value::Object(map) => {
            map.retain(|name, value| {
                let field = line.fields().iter().find(|field| field.name() == name);
                if let Some(field) = field {
                    keep_fields(field, value);
                }
                field.is_some() && !value.is_null()
            });
        }
        _ => {}
    }
}
