//! Lines of a file, none of which is longer than a bound.

use std::io::{BufRead, Read as _};

/// Longest line or record that is read, in bytes.
pub(super) const LONGEST: usize = 64 << 20;

/// Reads lines.
pub(super) struct Lines<R> {
    input: R,
    line: String,
    /// Of the line that was read last.
    number: u64,
}

impl<R: BufRead> Lines<R> {
    pub fn new(input: R) -> Self {
        Self { input, line: String::new(), number: 0 }
    }

    /// The next line with its end, and its number from 1 on; `None` behind the last one.
    ///
    /// # Errors
    /// The file cannot be read or is no UTF-8, or the line is too long.
    pub fn next(&mut self) -> Result<Option<(u64, &str)>, String> {
        self.line.clear();
        self.number += 1;
        let most = u64::try_from(LONGEST).unwrap_or(u64::MAX);
        let read = self.input.by_ref().take(most + 1).read_line(&mut self.line);
        let read = read.map_err(|error| format!("line {}: {error}", self.number))?;
        if read > LONGEST {
            return Err(format!("line {} is longer than {LONGEST} bytes", self.number));
        }
        Ok((read > 0).then_some((self.number, &*self.line)))
    }
}
