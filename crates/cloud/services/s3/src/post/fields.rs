//! The fields of a form, and where its file begins.

use bytes::{Buf as _, BytesMut};
use http_body_util::BodyExt as _;
use s3s::{S3Error, S3ErrorCode, S3Result};

use super::super::body::Incoming;
use super::super::error::{custom, message, plain, wrong_argument};

/// The most that comes before the file, in bytes.
const MAX_FIELDS: usize = 20 * 1024;

/// The fields that come before the file; what comes after it is ignored.
#[derive(Debug, Default)]
pub(crate) struct Form {
    /// Names in small letters.
    fields: Vec<(String, String)>,
}

/// The rest of a body: the file and what follows it.
pub(crate) struct Rest {
    pub(crate) body: Incoming,
    /// What was read of it already.
    pub(crate) begun: BytesMut,
    /// What ends the file.
    pub(crate) delimiter: Vec<u8>,
}

/// What the headers of a part say.
struct Head {
    name: String,
    file_name: Option<String>,
}

impl Form {
    /// Reads up to the file.
    pub(crate) async fn read(mut body: Incoming, boundary: &str) -> S3Result<(Self, Rest)> {
        let delimiter = format!("\r\n--{boundary}").into_bytes();
        // The first boundary has no line before it.
        let mut buffer = BytesMut::from("\r\n");
        let mut form = Self::default();
        let mut size = 0;
        loop {
            let before = buffer.len();
            match form.take_part(&mut buffer, &delimiter)? {
                Part::File(name) => {
                    form.expand(&name);
                    return Ok((form, Rest { body, begun: buffer, delimiter }));
                }
                Part::Field => size += before - buffer.len(),
                Part::Unfinished => {
                    if size + buffer.len() > MAX_FIELDS {
                        let code = "MaxPostPreDataLengthExceededError";
                        return Err(custom(code, http::StatusCode::BAD_REQUEST, message(code).unwrap_or(code)));
                    }
                    match body.frame().await {
                        Some(Ok(frame)) => buffer.extend_from_slice(frame.data_ref().map_or(&[], |data| data)),
                        Some(Err(error)) => {
                            return Err(S3Error::with_source(S3ErrorCode::IncompleteBody, error));
                        }
                        None => return Err(malformed()),
                    }
                }
            }
        }
    }

    /// The value of a field; names are in small letters.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The value of a field that a form has to have.
    pub(crate) fn required(&self, name: &str) -> S3Result<&str> {
        self.get(name).filter(|value| !value.is_empty()).ok_or_else(|| {
            let message = format!(
                "Bucket POST must contain a field named '{name}'.  If it is specified, please check the order of the fields."
            );
            wrong_argument(message, name, "")
        })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Every field may name the file that is uploaded.
    fn expand(&mut self, file_name: &str) {
        for (_, value) in &mut self.fields {
            if value.contains("${filename}") {
                *value = value.replace("${filename}", file_name);
            }
        }
    }

    /// Takes one field off the buffer, or the head of the file.
    fn take_part(&mut self, buffer: &mut BytesMut, delimiter: &[u8]) -> S3Result<Part> {
        if buffer.len() < delimiter.len() + 2 {
            return Ok(Part::Unfinished);
        }
        if !buffer.starts_with(delimiter) {
            return Err(malformed());
        }
        let after = buffer.get(delimiter.len()..).unwrap_or_default();
        if after.starts_with(b"--") {
            let message = "POST requires exactly one file upload per request.";
            return Err(wrong_argument(message, "file", 0));
        }
        if !after.starts_with(b"\r\n") {
            return Err(malformed());
        }
        let Some(end) = find(after, b"\r\n\r\n") else { return Ok(Part::Unfinished) };
        let head = read_head(after.get(..end).unwrap_or_default())?;
        let content = delimiter.len() + end + 4;
        if head.name == "file" {
            buffer.advance(content);
            return Ok(Part::File(head.file_name.unwrap_or_default()));
        }
        let Some(length) = buffer.get(content..).and_then(|rest| find(rest, delimiter)) else {
            return Ok(Part::Unfinished);
        };
        let value = buffer.get(content..content + length).unwrap_or_default();
        self.fields.push((head.name, String::from_utf8(value.to_vec()).map_err(|_| malformed())?));
        buffer.advance(content + length);
        Ok(Part::Field)
    }
}

enum Part {
    Field,
    /// The file's name, without folders.
    File(String),
    /// More has to be read first.
    Unfinished,
}

fn malformed() -> S3Error {
    plain(S3ErrorCode::MalformedPOSTRequest)
}

/// Reads `Content-Disposition: form-data; name="…"; filename="…"`.
fn read_head(head: &[u8]) -> S3Result<Head> {
    let head = std::str::from_utf8(head).map_err(|_| malformed())?;
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    let (_, disposition) =
        lines.find(|(name, _)| name.trim().eq_ignore_ascii_case("content-disposition")).ok_or_else(malformed)?;
    let name = parameter(disposition, "name").ok_or_else(malformed)?.to_ascii_lowercase();
    let file_name = parameter(disposition, "filename").map(|path| {
        // Some clients send the whole path.
        path.rsplit(['/', '\\']).next().unwrap_or_default().to_owned()
    });
    Ok(Head { name, file_name })
}

/// A parameter of a header, in quotes or without.
fn parameter(header: &str, name: &str) -> Option<String> {
    let mut rest = header;
    while let Some((_, parameters)) = rest.split_once(';') {
        let (found, value) = parameters.split_once('=')?;
        let value = value.trim_start();
        let (text, after) = match value.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => value.split_at(value.find(';').unwrap_or(value.len())),
        };
        if found.trim().eq_ignore_ascii_case(name) {
            return Some(text.trim().to_owned());
        }
        rest = after;
    }
    None
}

/// Where `wanted` begins.
pub(crate) fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = *wanted.first()?;
    let mut from = 0;
    while let Some(at) = bytes.get(from..)?.iter().position(|byte| *byte == first) {
        if bytes.get(from + at..)?.starts_with(wanted) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_found() {
        let header = " form-data; name=\"a;b\"; filename=plain.txt";
        assert_eq!(parameter(header, "name").as_deref(), Some("a;b"));
        assert_eq!(parameter(header, "filename").as_deref(), Some("plain.txt"));
        assert_eq!(parameter(header, "other"), None);
        assert_eq!(parameter("form-data; name", "name"), None);
    }

    #[test]
    fn bytes_are_found() {
        assert_eq!(find(b"aab", b"ab"), Some(1));
        assert_eq!(find(b"aa", b"ab"), None);
        assert_eq!(find(b"", b"ab"), None);
    }
}
