//! Rows of CSV, whose columns are taken as they are written: quotes stay.

use std::ops::Range;

use super::path::Path;

/// The rows that have something in them. A row is a line: line ends inside quotes are not supported, as in AWS.
pub(super) fn rows(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    lines(text).filter(|row| !is_blank(row))
}

/// The rows of an answer to so many records. A blank one answers its record; what a container ends its answer with does not.
pub(super) fn answers(text: &[u8], records: usize) -> Vec<&[u8]> {
    let mut rows: Vec<&[u8]> = lines(text).collect();
    // Behind the last line end there is no row.
    rows.pop_if(|row| row.is_empty());
    while rows.len() > records && rows.pop_if(|row| is_blank(row)).is_some() {}
    rows
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

fn is_blank(row: &[u8]) -> bool {
    row.trim_ascii().is_empty()
}

/// Appends the columns of a row that a path selects.
///
/// # Errors
/// The row does not have them.
pub(super) fn select(row: &[u8], path: &Path, to: &mut Vec<u8>) -> Result<(), String> {
    let columns = columns(row);
    let mut first = true;
    for place in path.columns(columns.len())? {
        if !first {
            to.push(b',');
        }
        first = false;
        to.extend_from_slice(columns.get(place).and_then(|column| row.get(column.clone())).unwrap_or_default());
    }
    Ok(())
}

fn columns(row: &[u8]) -> Vec<Range<usize>> {
    let mut columns = Vec::new();
    let (mut begin, mut quoted) = (0, false);
    for (at, byte) in row.iter().enumerate() {
        match byte {
            // Only a column that begins with a quote is quoted. A quote inside is doubled: it ends and begins quoting.
            b'"' if row.get(begin) == Some(&b'"') => quoted = !quoted,
            b',' if !quoted => {
                columns.push(begin..at);
                begin = at + 1;
            }
            _ => {}
        }
    }
    columns.push(begin..row.len());
    columns
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(row: &str) -> Vec<&str> {
        columns(row.as_bytes()).into_iter().map(|range| &row[range]).collect()
    }

    #[test]
    fn commas_end_columns_outside_quotes() {
        for (row, expected) in [
            ("", vec![""]),
            ("a,b,,", vec!["a", "b", "", ""]),
            ("\"a,b\",c", vec!["\"a,b\"", "c"]),
            ("\"a\"\",\"\"b\",c", vec!["\"a\"\",\"\"b\"", "c"]),
            ("5\",6\"", vec!["5\"", "6\""]),
            ("\"\",x", vec!["\"\"", "x"]),
            ("x\"\",y", vec!["x\"\"", "y"]),
        ] {
            assert_eq!(texts(row), expected, "{row}");
        }
    }

    #[test]
    fn rows_are_lines_with_content() {
        assert_eq!(rows(b"a,b\r\n\n \r\nc").collect::<Vec<_>>(), [&b"a,b"[..], b"c"]);
    }

    #[test]
    fn blank_lines_are_answers_where_there_are_records_for_them() {
        for (text, records, expected) in [
            ("1\n\n3\n", 3, vec!["1", "", "3"]),
            ("1\r\n\r\n", 2, vec!["1", ""]),
            ("1\n\n\n", 1, vec!["1"]),
            ("1\n2", 1, vec!["1", "2"]),
            ("", 1, vec![]),
        ] {
            let expected: Vec<_> = expected.into_iter().map(str::as_bytes).collect();
            assert_eq!(answers(text.as_bytes(), records), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn columns_come_back_as_they_were_written(values in proptest::collection::vec("[a-z,\" ]{0,6}", 1..6)) {
            let written: Vec<_> = values.iter().map(|v| format!("\"{}\"", v.replace('"', "\"\""))).collect();
            let row = written.join(",");
            prop_assert_eq!(texts(&row), written);
        }

        #[test]
        fn the_columns_are_the_row(row in "[a,\"]{0,12}") {
            prop_assert_eq!(texts(&row).join(","), row);
        }
    }
}
