//! `sagewright local logs`

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::json;

use crate::args::{Global, LocalLogs};
use crate::exit::{Exit, Failure};
use crate::local::{self, log};
use crate::output::Printer;
use crate::paths;

/// How often a log that is followed is looked at.
const PAUSE: Duration = Duration::from_millis(200);

/// Shows the log of the embedded cloud itself.
pub(crate) async fn run(args: &LocalLogs, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    if args.follow && printer.for_programs() {
        return Err(Failure::new(Exit::Usage, "--follow gives lines as they come, and -o json or yaml one document")
            .help("leave one of the two out")
            .into());
    }
    let data = paths::data(global.data.as_ref());
    let path = data.join(log::NAME);
    let cannot_read = || format!("cannot read {}", path.display());
    // Opened before the older one is read: lines that move there meanwhile are shown once.
    let Some(mut file) = open(&path).with_context(cannot_read)? else {
        printer.note(&format!("there is no log in {}: only `sagewright local up --detach` writes one", data.display()));
        return Ok(Exit::Done);
    };
    let mut text = read(open(&data.join(log::OLDER)).with_context(cannot_read)?)?;
    text.push_str(&read(Some(&mut file))?);
    let text = last(&text, args.tail);
    if printer.for_programs() {
        printer.document(&json!({"data": data, "lines": text.lines().collect::<Vec<_>>()}))?;
        return Ok(Exit::Done);
    }
    printer.log(text)?;
    while args.follow && !printer.reader_is_gone() {
        // Asked before reading, so that nothing written before the end is missed.
        let ended = local::running(&data).is_none();
        let more = read(Some(&mut file))?;
        printer.log(&more)?;
        if !more.is_empty() {
            continue;
        }
        // A new file has taken its place, and nothing is written to this one any more.
        let next = open(&path).with_context(cannot_read)?;
        match next {
            Some(next) if next.metadata()?.ino() != file.metadata()?.ino() => {
                printer.log(&read(Some(&mut file))?)?;
                file = next;
            }
            _ if ended => break,
            _ => tokio::time::sleep(PAUSE).await,
        }
    }
    Ok(Exit::Done)
}

fn open(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The rest of a file, as far as it is written now.
fn read(file: Option<impl io::Read>) -> io::Result<String> {
    let mut bytes = Vec::new();
    if let Some(mut file) = file {
        file.read_to_end(&mut bytes)?;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The last lines of a text.
fn last(text: &str, lines: Option<usize>) -> &str {
    let Some(lines) = lines else { return text };
    let skipped = text.lines().count().saturating_sub(lines);
    let start: usize = text.split_inclusive('\n').take(skipped).map(str::len).sum();
    text.get(start..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::last;

    #[test]
    fn the_last_lines_are_whole() {
        assert_eq!(last("a\nb\nc\n", Some(2)), "b\nc\n");
        assert_eq!(last("a\nb", Some(1)), "b");
        assert_eq!(last("a\n", Some(5)), "a\n");
        assert_eq!(last("a\n", Some(0)), "");
        assert_eq!(last("a\nb\n", None), "a\nb\n");
    }
}
