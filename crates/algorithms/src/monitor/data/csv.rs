//! CSV, record by record: fields in quotes may hold commas, quotes and line ends.

use std::io::BufRead;

use super::line::{LONGEST, Lines};

/// Reads records of a stream.
pub(super) struct Records<R> {
    lines: Lines<R>,
}

impl<R: BufRead> Records<R> {
    pub fn new(input: R) -> Self {
        Self { lines: Lines::new(input) }
    }

    /// The next record; `None` at the end. Blank lines are no records.
    ///
    /// # Errors
    /// The stream cannot be read, is no UTF-8, or a field in quotes has no end.
    pub fn next(&mut self) -> Result<Option<Vec<Option<String>>>, String> {
        let mut record = Record::default();
        let mut length = 0;
        while let Some((number, line)) = self.lines.next()? {
            if !record.quoted && line.trim().is_empty() {
                continue;
            }
            length += line.len();
            if length > LONGEST {
                return Err(format!("line {}: a record is longer than {LONGEST} bytes", record.opened));
            }
            record.take(line, number);
            if !record.quoted {
                return Ok(Some(record.fields));
            }
        }
        if record.quoted {
            return Err(format!("line {}: a field in quotes has no end", record.opened));
        }
        Ok(None)
    }
}

/// A record that is read line by line.
#[derive(Debug, Default)]
struct Record {
    fields: Vec<Option<String>>,
    field: String,
    /// Within quotes, which go on over the end of a line.
    quoted: bool,
    /// The line at which they began.
    opened: u64,
}

impl Record {
    /// Takes a line with its end. A quote begins a field in quotes only where the field begins: within a field it is a character
    /// as any other.
    fn take(&mut self, line: &str, number: u64) {
        let text = line.trim_end_matches(['\n', '\r']);
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '"' if self.quoted && characters.peek() == Some(&'"') => {
                    characters.next();
                    self.field.push('"');
                }
                '"' if self.quoted => self.quoted = false,
                '"' if self.field.trim().is_empty() => {
                    self.field.clear();
                    (self.quoted, self.opened) = (true, number);
                }
                ',' if !self.quoted => self.end(),
                other => self.field.push(other),
            }
        }
        if self.quoted {
            self.field.push_str(&line[text.len()..]);
        } else {
            self.end();
        }
    }

    fn end(&mut self) {
        self.fields.push(cell(&std::mem::take(&mut self.field)));
    }
}

fn cell(field: &str) -> Option<String> {
    let trimmed = field.trim();
    (!trimmed.is_empty()).then(|| trimmed.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn records_are_split_outside_of_quotes() {
        let mut records = Records::new("a,\"b,\"\"c\"\"\n d\",\r\n\n 1 ,,2\n".as_bytes());
        assert_eq!(records.next().unwrap().unwrap(), [some("a"), some("b,\"c\"\n d"), None]);
        assert_eq!(records.next().unwrap().unwrap(), [some("1"), None, some("2")]);
        assert_eq!(records.next().unwrap(), None);
    }

    #[test]
    fn a_quote_within_a_field_is_a_character() {
        let mut records = Records::new("1,5\" pipe,2\n2,x\"y\"z, \"q\" \n".as_bytes());
        assert_eq!(records.next().unwrap().unwrap(), [some("1"), some("5\" pipe"), some("2")]);
        assert_eq!(records.next().unwrap().unwrap(), [some("2"), some("x\"y\"z"), some("q")]);
        assert_eq!(records.next().unwrap(), None);
    }

    #[test]
    fn a_field_without_an_end_is_told_with_its_line_however_long_the_file_is() {
        let text = format!("a,b\n1,\"x\n{}", "2,y\n".repeat(500_000));
        let mut records = Records::new(text.as_bytes());
        records.next().unwrap();
        assert_eq!(records.next().unwrap_err(), "line 2: a field in quotes has no end");
    }
}
