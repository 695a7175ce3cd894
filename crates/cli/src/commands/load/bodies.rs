//! What the requests carry.

use std::path::Path;

use anyhow::Context as _;
use bytes::Bytes;

use crate::args::Load;
use crate::commands::invoke;
use crate::exit::{Exit, Failure};
use crate::output::amount;

/// Bytes of all bodies, which are held in memory.
const MOST: u64 = 1 << 30;

/// The bodies, which are sent in turn: a file, each file of a folder in the order of their names, or each line of one.
pub(super) async fn read(args: &Load) -> anyhow::Result<Vec<Bytes>> {
    let path = &args.body;
    let usage = |message: String| Failure::new(Exit::Usage, message);
    let files = match tokio::fs::metadata(path).await {
        Ok(found) if found.is_dir() => files(path).await.with_context(|| format!("cannot read {}", path.display()))?,
        _ => vec![path.clone()],
    };
    let mut bodies = Vec::new();
    let mut size: u64 = 0;
    for file in files {
        // What is no plain file says so when it is read.
        size += tokio::fs::metadata(&file).await.map_or(0, |found| found.len());
        if size > MOST {
            let most = amount::bytes(MOST);
            return Err(usage(format!("the bodies in {} are larger than {most} together", path.display()))
                .help("give fewer of them: they are sent in turn")
                .into());
        }
        let content = Bytes::from(invoke::read(&file).await?);
        if args.lines {
            bodies.extend(lines(&content));
        } else {
            bodies.push(content);
        }
    }
    if bodies.is_empty() {
        return Err(usage(format!("there is nothing to send in {}", path.display())).into());
    }
    Ok(bodies)
}

/// The files of a folder, in the order of their names; hidden ones are left out.
async fn files(folder: &Path) -> std::io::Result<Vec<std::path::PathBuf>> {
    let mut entries = tokio::fs::read_dir(folder).await?;
    let mut files = Vec::new();
    while let Some(entry) = entries.next_entry().await? {
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if !hidden && tokio::fs::metadata(entry.path()).await?.is_file() {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

/// The lines of a file that are not empty.
fn lines(content: &Bytes) -> Vec<Bytes> {
    content
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .filter(|line| !line.is_empty())
        .map(|line| content.slice_ref(line))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_bodies_without_their_ends() {
        let told = lines(&Bytes::from_static(b"1,2\r\n\n3\n4"));
        assert_eq!(told, ["1,2", "3", "4"]);
        assert!(lines(&Bytes::from_static(b"\n\r\n")).is_empty());
    }
}
