//! A `tar.gz` to files, for archives that anyone may have made.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use tar::{Archive, EntryType};

use super::path;

/// Most files of an archive.
const MOST_ENTRIES: usize = 1_000_000;

/// Why an archive was not unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// It is no `tar.gz`, or a broken one.
    #[error("it is not a valid tar.gz archive: {0}")]
    Format(io::Error),
    /// It holds more than allowed.
    #[error("it holds more than {0}")]
    TooLarge(String),
    /// A member leads out of the folder.
    #[error("its member '{0}' leads out of the folder")]
    Outside(String),
    /// The disk failed.
    #[error("cannot write {}: {why}", .path.display())]
    Disk {
        /// File or folder.
        path: PathBuf,
        /// Cause.
        why: io::Error,
    },
}

/// Unpacks into `folder`, which exists and is ours alone. At most `limit` bytes of content; returns how many there were.
///
/// Links are made only when they lead to a place inside, and nothing is ever written through one; devices and the like
/// are left out.
pub fn unpack(archive: File, folder: &Path, limit: u64) -> Result<u64, UnpackError> {
    let mut left = limit;
    let mut links = Vec::new();
    let mut archive = Archive::new(MultiGzDecoder::new(BufReader::with_capacity(128 * 1024, archive)));
    for (count, entry) in archive.entries().map_err(UnpackError::Format)?.enumerate() {
        let mut entry = entry.map_err(UnpackError::Format)?;
        if count >= MOST_ENTRIES {
            return Err(UnpackError::TooLarge(format!("{MOST_ENTRIES} members")));
        }
        let name = entry.path().map_err(UnpackError::Format)?.into_owned();
        // `tar -C model .` writes `./` before each name.
        let name: PathBuf = name.components().filter(|c| !matches!(c, std::path::Component::CurDir)).collect();
        if name.as_os_str().is_empty() {
            continue;
        }
        if !path::stays(&name) {
            return Err(UnpackError::Outside(name.display().to_string()));
        }
        let target = folder.join(&name);
        let disk = |why| UnpackError::Disk { path: target.clone(), why };
        match entry.header().entry_type() {
            EntryType::Directory => make_below(folder, &name).map_err(disk)?,
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                if entry.size() > left {
                    return Err(UnpackError::TooLarge(format!("{limit} bytes")));
                }
                if let Some(parent) = name.parent() {
                    make_below(folder, parent).map_err(disk)?;
                }
                // As `tar` does, a later member replaces an earlier one.
                if fs::symlink_metadata(&target).is_ok_and(|m| m.is_file()) {
                    fs::remove_file(&target).map_err(disk)?;
                }
                let mut file = File::create_new(&target).map_err(disk)?;
                let written = copy(&mut (&mut entry).take(left), &mut file).map_err(|e| match e {
                    Side::Read(e) => UnpackError::Format(e),
                    Side::Write(e) => disk(e),
                })?;
                left = left.saturating_sub(written);
                mark_executable(&file, entry.header().mode().unwrap_or(0o644));
            }
            EntryType::Symlink | EntryType::Link => {
                if let Some(to) = entry.link_name().map_err(UnpackError::Format)? {
                    links.push((name, to.into_owned(), entry.header().entry_type()));
                }
            }
            _ => {}
        }
    }
    // Links come last, so that no member can be written through one.
    for (name, to, kind) in links {
        link(folder, &name, &to, kind);
    }
    Ok(limit - left)
}

/// Makes folders below one that exists. Where that has been removed meanwhile, it is not made again.
fn make_below(folder: &Path, name: &Path) -> io::Result<()> {
    let mut made = folder.to_owned();
    for part in name.components() {
        made.push(part);
        match fs::create_dir(&made) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && made.is_dir() => {}
            other => other?,
        }
    }
    Ok(())
}

enum Side {
    Read(io::Error),
    Write(io::Error),
}

fn copy(from: &mut impl Read, to: &mut File) -> Result<u64, Side> {
    use std::io::Write;
    let (mut buffer, mut total) = (vec![0; 128 * 1024], 0);
    loop {
        let n = from.read(&mut buffer).map_err(Side::Read)?;
        if n == 0 {
            return Ok(total);
        }
        to.write_all(buffer.get(..n).unwrap_or_default()).map_err(Side::Write)?;
        total += n as u64;
    }
}

fn mark_executable(file: &File, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    if mode & 0o111 != 0 {
        // A model server that must run it says so itself if this failed.
        let _ = file.set_permissions(fs::Permissions::from_mode(0o755));
    }
}

/// Makes one link if it leads to a file or folder inside; a link that does not is left out.
fn link(folder: &Path, name: &Path, to: &Path, kind: EntryType) {
    let Ok(root) = fs::canonicalize(folder) else { return };
    let target = folder.join(name);
    let Some(parent) = target.parent() else { return };
    if fs::create_dir_all(parent).is_err() || !fs::canonicalize(parent).is_ok_and(|p| p.starts_with(&root)) {
        return;
    }
    let place = if kind == EntryType::Link { folder.join(to) } else { parent.join(to) };
    let Ok(place) = fs::canonicalize(place) else { return };
    if !place.starts_with(&root) {
        return;
    }
    let made =
        if kind == EntryType::Link { fs::hard_link(&place, &target) } else { std::os::unix::fs::symlink(to, &target) };
    if let Err(error) = made {
        tracing::debug!(name = %name.display(), %error, "a link of an archive was left out");
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use tar::{Builder, Header};

    use super::*;

    enum Member<'a> {
        File(&'a str, &'a [u8]),
        Link(&'a str, &'a str, EntryType),
    }

    fn archive(members: &[Member<'_>]) -> File {
        let mut builder = Builder::new(GzEncoder::new(tempfile::tempfile().unwrap(), Compression::fast()));
        for member in members {
            let mut header = Header::new_gnu();
            let (name, content) = match member {
                Member::File(name, content) => (name, *content),
                Member::Link(name, to, kind) => {
                    header.set_entry_type(*kind);
                    header.as_mut_bytes()[157..157 + to.len()].copy_from_slice(to.as_bytes());
                    (name, &b""[..])
                }
            };
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            // Names go in as bytes, because the builder refuses bad ones.
            header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            builder.append(&header, content).unwrap();
        }
        let mut file = builder.into_inner().unwrap().finish().unwrap();
        io::Seek::rewind(&mut file).unwrap();
        file
    }

    #[test]
    fn files_and_links_inside_come_out() {
        let dir = tempfile::tempdir().unwrap();
        let members = [
            Member::Link("alias", "model/x", EntryType::Symlink),
            Member::File("./model/x", b"one"),
            Member::File("./model/x", b"two"),
        ];
        unpack(archive(&members), dir.path(), 100).unwrap();
        assert_eq!(fs::read(dir.path().join("model/x")).unwrap(), b"two");
        assert_eq!(fs::read(dir.path().join("alias")).unwrap(), b"two");
    }

    #[test]
    fn nothing_is_written_outside() {
        let outer = tempfile::tempdir().unwrap();
        let inner = outer.path().join("inner");
        fs::create_dir(&inner).unwrap();
        for name in ["../evil", "a/../../evil"] {
            assert!(matches!(unpack(archive(&[Member::File(name, b"x")]), &inner, 100), Err(UnpackError::Outside(_))));
        }
        let outside = outer.path().to_str().unwrap();
        let through = [
            Member::Link("door", outside, EntryType::Symlink),
            Member::Link("up", "..", EntryType::Symlink),
            Member::File("door/evil", b"x"),
            Member::File("up/evil", b"x"),
        ];
        unpack(archive(&through), &inner, 100).unwrap();
        assert!(!outer.path().join("evil").exists());
        assert!(fs::symlink_metadata(inner.join("door")).unwrap().is_dir());
    }

    #[test]
    fn an_archive_over_the_limit_or_cut_short_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let big = archive(&[Member::File("a", &[0; 60]), Member::File("b", &[0; 60])]);
        assert!(matches!(unpack(big, dir.path(), 100), Err(UnpackError::TooLarge(_))));
        let cut = archive(&[Member::File("c", &[7; 60])]);
        cut.set_len(20).unwrap();
        assert!(matches!(unpack(cut, dir.path(), 100), Err(UnpackError::Format(_))));
    }
}
