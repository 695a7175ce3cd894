//! CSV, record by record: fields in quotes may hold commas, quotes and line ends.

use std::io::{self, BufRead};

/// Longest record that is read, in bytes.
const LONGEST: usize = 64 << 20;

/// Reads records of a stream.
pub(super) struct Records<R> {
    input: R,
    line: String,
}

impl<R: BufRead> Records<R> {
    pub fn new(input: R) -> Self {
        Self { input, line: String::new() }
    }

    /// The next record; `None` at the end. Blank lines are no records.
    ///
    /// # Errors
    /// The stream cannot be read, is no UTF-8, or a record has no end.
    pub fn next(&mut self) -> io::Result<Option<Vec<Option<String>>>> {
        self.line.clear();
        loop {
            let read = self.input.read_line(&mut self.line)?;
            let open = quotes(&self.line) % 2 == 1;
            if read > 0 && open {
                if self.line.len() > LONGEST {
                    return Err(io::Error::other("a field in quotes has no end"));
                }
                continue;
            }
            let text = self.line.trim_end_matches(['\n', '\r']);
            if text.trim().is_empty() {
                if read == 0 {
                    return Ok(None);
                }
                self.line.clear();
                continue;
            }
            return Ok(Some(fields(text)));
        }
    }
}

fn quotes(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'"').count()
}

/// The fields of one record; empty ones are missing.
pub(super) fn fields(record: &str) -> Vec<Option<String>> {
    let (mut out, mut field, mut quoted) = (Vec::new(), String::new(), false);
    let mut characters = record.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => out.push(cell(&std::mem::take(&mut field))),
            other => field.push(other),
        }
    }
    out.push(cell(&field));
    out
}

fn cell(field: &str) -> Option<String> {
    let trimmed = field.trim();
    (!trimmed.is_empty()).then(|| trimmed.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_split_outside_of_quotes() {
        let mut records = Records::new("a,\"b,\"\"c\"\"\n d\",\r\n\n 1 ,,2\n".as_bytes());
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(records.next().unwrap().unwrap(), [some("a"), some("b,\"c\"\n d"), None]);
        assert_eq!(records.next().unwrap().unwrap(), [some("1"), None, some("2")]);
        assert_eq!(records.next().unwrap(), None);
        assert_eq!(Records::new("a,\"b".as_bytes()).next().unwrap().unwrap(), [some("a"), some("b")]);
    }
}
