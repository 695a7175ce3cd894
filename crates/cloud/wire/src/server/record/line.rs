//! A request as a line: decoded, with its secrets masked.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sagewright_model::{Operation, Service, mask};
use serde_json::{Map, Value, json};

use super::entry::{Answer, Asked, Finished};
use super::s3;
use super::tap::Taken;

/// Longest answer, in bytes of JSON, that is kept.
const LONGEST_OUTPUT: usize = 256 * 1024;

pub(super) fn of(finished: Finished, bodies: bool) -> Value {
    let Finished { entry, account, what, status, headers, milliseconds, whole } = finished;
    let mut line = Map::new();
    line.insert("n".to_owned(), entry.number.into());
    line.insert("time".to_owned(), entry.time.to_string().into());
    line.insert("account".to_owned(), account.into());
    line.insert("region".to_owned(), entry.region.into());
    line.insert("principal".to_owned(), entry.principal.into());
    line.insert("status".to_owned(), status.into());
    line.insert("milliseconds".to_owned(), milliseconds.into());
    if !whole {
        line.insert("cutOff".to_owned(), true.into());
    }
    let answered = match entry.answer {
        Answer::S3(tap) => Some(tap.take()),
        Answer::Code(code) => {
            line.insert("code".to_owned(), code.into());
            None
        }
        Answer::Output(output) => {
            if let Asked::Operation(service, operation, ..) = &entry.asked {
                add_output(&mut line, service, operation, output);
            }
            None
        }
        Answer::OutputLeftOut => {
            leave_out_output(&mut line);
            None
        }
        Answer::None => None,
    };
    match entry.asked {
        Asked::Unknown => {
            line.insert("request".to_owned(), what.into());
        }
        Asked::Operation(service, operation, input, payload) => {
            name(&mut line, service.id, operation);
            match input {
                Some(input) => add_input(&mut line, service, operation, input),
                None => drop(line.insert("inputLeftOut".to_owned(), "it is long".into())),
            }
            if payload > 0 {
                line.insert("body".to_owned(), json!({"bytes": payload}));
            }
        }
        Asked::S3(parts, tap) => {
            let seen = tap.take();
            let failed = status >= 400;
            let answer = answered.as_ref().and_then(|taken| taken.kept.as_deref()).unwrap_or_default();
            if let Some(code) = s3::code(answer).filter(|_| failed) {
                line.insert("code".to_owned(), code.into());
            }
            let Some(service) = sagewright_model::service("s3") else { return line.into() };
            let framed =
                parts.headers.get("x-amz-content-sha256").is_some_and(|v| v.as_bytes().starts_with(b"STREAMING-"));
            let mut kept = seen.kept.clone();
            if framed {
                kept = kept.as_deref().and_then(s3::unchunked);
            }
            let Some(read) = s3::read(service, &parts, kept.as_deref()) else {
                line.insert("service".to_owned(), "s3".into());
                line.insert("request".to_owned(), what.into());
                return line.into();
            };
            name(&mut line, "s3", read.operation);
            add_input(&mut line, service, read.operation, s3::as_meant(read.input));
            if s3::takes_content(service, read.operation) {
                line.insert("body".to_owned(), content(&seen, kept.filter(|_| bodies)));
            }
            if !failed {
                let out = s3::output(service, read.operation, &headers, answer);
                add_output(&mut line, service, read.operation, out);
                if let Some(taken) = answered.filter(|_| s3::gives_content(service, read.operation)) {
                    line.insert("answer".to_owned(), json!({"bytes": taken.bytes, "sha256": taken.sha256}));
                }
            }
        }
    }
    line.into()
}

fn content(seen: &Taken, kept: Option<Vec<u8>>) -> Value {
    match kept {
        Some(kept) => json!({"bytes": seen.bytes, "sha256": seen.sha256, "base64": STANDARD.encode(kept)}),
        None => json!({"bytes": seen.bytes, "sha256": seen.sha256}),
    }
}

fn name(line: &mut Map<String, Value>, service: &str, operation: &Operation) {
    line.insert("service".to_owned(), service.into());
    line.insert("operation".to_owned(), operation.name.as_str().into());
}

fn add_input(line: &mut Map<String, Value>, service: &Service, operation: &Operation, mut input: Value) {
    let shape = operation.input.as_ref().and_then(|i| service.shape(&i.shape));
    let masked = shape.map(|shape| mask(service, shape, &mut input)).unwrap_or_default();
    line.insert("input".to_owned(), input);
    if !masked.is_empty() {
        line.insert("masked".to_owned(), masked.into());
    }
}

fn add_output(line: &mut Map<String, Value>, service: &Service, operation: &Operation, mut output: Value) {
    let Some(shape) = operation.output.as_ref().and_then(|o| service.shape(&o.shape)) else { return };
    mask(service, shape, &mut output);
    if is_short(&output) {
        line.insert("output".to_owned(), output);
    } else {
        leave_out_output(line);
    }
}

fn leave_out_output(line: &mut Map<String, Value>) {
    line.insert("outputLeftOut".to_owned(), "it is long".into());
}

/// Whether an output is short enough to be kept. Long ones are not read to their end.
pub(super) fn is_short(output: &Value) -> bool {
    serde_json::to_writer(Room(LONGEST_OUTPUT), output).is_ok()
}

/// Takes so many bytes, and keeps none.
struct Room(usize);

impl io::Write for Room {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(data.len()).ok_or(io::ErrorKind::WriteZero)?;
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
