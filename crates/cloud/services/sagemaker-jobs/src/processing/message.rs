//! `ExitMessage`: what the programs wrote to `output/message`.

use std::fs;
use std::io::{self, Read as _};

use sagewright_cloud_core::limits;
use sagewright_cloud_transfer::plain;

use crate::job::hosts::HostFolder;

/// The file below `/opt/ml`.
const MESSAGE: &str = "output/message";

/// The beginning of the messages of all hosts together; `None` where there is none.
///
/// # Errors
/// The message of this host is not UTF-8.
pub(super) fn read(hosts: &[HostFolder]) -> Result<Option<String>, String> {
    let mut all: Option<String> = None;
    for host in hosts {
        // A link or a pipe in the file's place could tell of other files, or never end: it is no message.
        let Ok(bytes) = beginning(host) else { continue };
        let text = text(&bytes).ok_or_else(|| host.name.clone())?;
        all.get_or_insert_default().push_str(text);
    }
    Ok(all.map(|text| text[..text.floor_char_boundary(limits::EXIT_MESSAGE)].to_owned()))
}

/// One byte more than a message has tells that there is more.
fn beginning(host: &HostFolder) -> io::Result<Vec<u8>> {
    let file = plain::open(&fs::canonicalize(&host.base)?.join(MESSAGE))?;
    let mut bytes = Vec::new();
    file.take(limits::EXIT_MESSAGE as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The text of a file's beginning, whose last character may be cut off.
fn text(bytes: &[u8]) -> Option<&str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) if error.error_len().is_none() && bytes.len() > limits::EXIT_MESSAGE => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()
        }
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(folder: &std::path::Path, name: &str, message: &[u8]) -> HostFolder {
        let base = folder.join(name);
        fs::create_dir_all(base.join("output")).unwrap();
        fs::write(base.join(MESSAGE), message).unwrap();
        HostFolder { name: name.to_owned(), base }
    }

    #[test]
    fn messages_are_joined_and_cut_between_characters() {
        let folder = tempfile::tempdir().unwrap();
        let long = "é".repeat(4 * limits::EXIT_MESSAGE);
        for (messages, expected) in [
            (vec![&b"one "[..], b"two"], Some("one two".to_owned())),
            (vec![b""], Some(String::new())),
            (vec![b"x", long.as_bytes()], Some(format!("x{}", "é".repeat(511)))),
            (vec![long.as_bytes(), b"more"], Some("é".repeat(512))),
            (vec![], None),
        ] {
            let hosts: Vec<_> =
                (1..).zip(messages).map(|(n, m)| host(folder.path(), &format!("algo-{n}"), m)).collect();
            assert_eq!(read(&hosts), Ok(expected));
        }
    }

    #[test]
    fn other_bytes_are_no_message() {
        let folder = tempfile::tempdir().unwrap();
        for bytes in [&b"a\xff"[..], b"a\xc3", &[0xff; 5000]] {
            let hosts = [host(folder.path(), "algo-1", b"good"), host(folder.path(), "algo-2", bytes)];
            assert_eq!(read(&hosts), Err("algo-2".to_owned()));
        }
        let link = host(folder.path(), "algo-3", b"");
        fs::remove_file(link.base.join(MESSAGE)).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", link.base.join(MESSAGE)).unwrap();
        assert_eq!(read(&[link]), Ok(None));
    }
}
