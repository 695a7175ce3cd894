//! A `tar.gz` to files, for archives that anyone may have made.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use sagewright_cloud_core::limits;
use tar::EntryType;

use super::gunzip::{Expands, Gunzip};
use super::links::{self, Link};
use super::members::{Member, Members};
use super::path;
use super::sparse::Map;

/// Why an archive was not unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// It is no `tar.gz`, or a broken one.
    #[error("it is not a valid tar.gz archive: {0}")]
    Format(io::Error),
    /// It holds more bytes than allowed.
    #[error("it holds more than {0}")]
    TooLarge(String),
    /// It is beyond another limit.
    #[error("it has {0}")]
    Beyond(String),
    /// A member leads out of the folder.
    #[error("its member '{0}' leads out of the folder")]
    Outside(String),
    /// No file can have a member's name.
    #[error("its member '{name}' cannot be a file: {why}")]
    Name {
        /// Name.
        name: String,
        /// Cause.
        why: io::Error,
    },
    /// The disk failed.
    #[error("cannot write its member '{name}' to disk: {why}")]
    Disk {
        /// Name.
        name: String,
        /// Cause.
        why: io::Error,
    },
}

impl UnpackError {
    /// What an archive could not be read for.
    pub(crate) fn read(error: io::Error) -> Self {
        match Expands::of(&error) {
            Some(expands) => Self::Beyond(expands.to_string()),
            None => Self::Format(error),
        }
    }

    fn write(name: &Path, why: io::Error) -> Self {
        match why.kind() {
            // Two members that cannot both be, a name that is too long or has a zero.
            ErrorKind::AlreadyExists
            | ErrorKind::NotADirectory
            | ErrorKind::IsADirectory
            | ErrorKind::InvalidFilename
            | ErrorKind::InvalidInput => Self::Name { name: name.display().to_string(), why },
            _ => Self::Disk { name: name.display().to_string(), why },
        }
    }
}

/// Most of what one archive may hold.
#[derive(Debug, Clone, Copy)]
struct Most {
    /// Bytes of content.
    bytes: u64,
    /// Files, folders and links.
    files: usize,
    /// Links.
    links: usize,
}

/// Unpacks into `folder`, which exists and is ours alone. At most `limit` bytes of content; returns how many there were.
///
/// Links are made only when they lead to a place inside, and nothing is ever written through one; devices and the like
/// are left out.
///
/// # Errors
/// The archive is broken, holds more than the limits allow, or cannot be written.
pub fn unpack(archive: File, folder: &Path, limit: u64) -> Result<u64, UnpackError> {
    let most = Most { bytes: limit, files: limits::FILES, links: limits::LINKS };
    // Headers, padding and members that are left out are read too.
    let all = limit.saturating_add(limits::UNPACKED_FREELY);
    let members = Members::new(Bounded { reader: Gunzip::new(archive), left: all });
    Unpacking { folder, most, members, bytes: 0, files: 0, links: Vec::new() }.run()
}

/// Ends with an error behind so many bytes.
struct Bounded<R> {
    reader: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| {
            io::Error::new(ErrorKind::InvalidData, "headers and members that are left out take more than its files")
        })?;
        Ok(read)
    }
}

struct Unpacking<'a, R> {
    folder: &'a Path,
    most: Most,
    members: Members<R>,
    bytes: u64,
    files: usize,
    links: Vec<Link>,
}

impl<R: Read> Unpacking<'_, R> {
    fn run(mut self) -> Result<u64, UnpackError> {
        while let Some(member) = self.members.next()? {
            // `tar -C model .` writes `./` before each name; `/` is what the SageMaker SDK calls the folder that it packs.
            let name = Path::new(OsStr::from_bytes(&member.name));
            if member.kind == EntryType::Directory && name == Path::new("/") {
                continue;
            }
            let name: PathBuf = name.components().filter(|part| !matches!(part, Component::CurDir)).collect();
            if name.as_os_str().is_empty() {
                continue;
            }
            if !path::stays(&name) {
                return Err(UnpackError::Outside(name.display().to_string()));
            }
            if name.components().count() > limits::DEPTH {
                return Err(UnpackError::Beyond(format!("a path of more than {} folders", limits::DEPTH)));
            }
            match member.kind {
                EntryType::Directory => self.make_folders(&name)?,
                EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => self.file(&name, &member)?,
                EntryType::Symlink | EntryType::Link => self.link(name, &member)?,
                _ => self.count()?,
            }
        }
        links::make(self.folder, self.links);
        Ok(self.bytes)
    }

    /// Counts a file, folder or link, or a member that is left out.
    fn count(&mut self) -> Result<(), UnpackError> {
        self.files += 1;
        let most = self.most.files;
        if self.files > most { Err(UnpackError::Beyond(format!("more than {most} files"))) } else { Ok(()) }
    }

    /// Makes folders below one that exists. Where that has been removed meanwhile, it is not made again.
    fn make_folders(&mut self, name: &Path) -> Result<(), UnpackError> {
        let mut made = self.folder.to_owned();
        for part in name.components() {
            made.push(part);
            match fs::create_dir(&made) {
                Ok(()) => self.count()?,
                Err(error) if error.kind() == ErrorKind::AlreadyExists && made.is_dir() => {}
                Err(error) => return Err(UnpackError::write(name, error)),
            }
        }
        Ok(())
    }

    fn file(&mut self, name: &Path, member: &Member) -> Result<(), UnpackError> {
        self.count()?;
        let holes = match member.kind {
            EntryType::GNUSparse => Some(Map::read(member, &mut self.members)?),
            _ => None,
        };
        let size = holes.as_ref().map_or(member.size, |map| map.size);
        if size > self.most.bytes - self.bytes {
            return Err(UnpackError::TooLarge(format!("{} bytes", self.most.bytes)));
        }
        self.bytes += size;
        if let Some(parent) = name.parent() {
            self.make_folders(parent)?;
        }
        let target = self.folder.join(name);
        let write = |why| UnpackError::write(name, why);
        // As `tar` does, a later member replaces an earlier one.
        if fs::symlink_metadata(&target).is_ok_and(|m| m.is_file()) {
            fs::remove_file(&target).map_err(write)?;
        }
        let mut file = File::create_new(&target).map_err(write)?;
        let mut source = Source { members: &mut self.members, failed: None };
        let copied = match &holes {
            Some(map) => map.write(&mut source, &mut file),
            None => io::copy(&mut source, &mut file)
                .and_then(|n| if n < size { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(()) }),
        };
        if let Err(error) = copied {
            let cut = error.kind() == ErrorKind::UnexpectedEof;
            return Err(match source.failed {
                Some(error) => UnpackError::read(error),
                None if cut => UnpackError::Format(error),
                None => write(error),
            });
        }
        mark_executable(&file, member.header.mode().unwrap_or(0o644));
        Ok(())
    }

    fn link(&mut self, name: PathBuf, member: &Member) -> Result<(), UnpackError> {
        self.count()?;
        if self.links.len() >= self.most.links {
            return Err(UnpackError::Beyond(format!("more than {} links", self.most.links)));
        }
        if !member.link.is_empty() {
            let to = PathBuf::from(OsStr::from_bytes(&member.link));
            self.links.push(Link { name, to, hard: member.kind == EntryType::Link });
        }
        Ok(())
    }
}

/// Keeps the archive's own errors apart from those of the file that it is copied to.
struct Source<'m, R> {
    members: &'m mut Members<R>,
    failed: Option<io::Error>,
}

impl<R: Read> Read for Source<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.members.read(buffer) {
            Err(error) if error.kind() != ErrorKind::Interrupted => {
                let kind = error.kind();
                self.failed = Some(error);
                Err(kind.into())
            }
            other => other,
        }
    }
}

fn mark_executable(file: &File, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    if mode & 0o111 != 0 {
        // A model server that must run it says so itself if this failed.
        let _ = file.set_permissions(fs::Permissions::from_mode(0o755));
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

    #[test]
    fn files_folders_and_what_is_left_out_count() {
        let members = [Member::File("a/b", b"x"), Member::Link("l", "a/b", EntryType::Symlink)];
        let run = |files| {
            let dir = tempfile::tempdir().unwrap();
            let most = Most { bytes: 1, files, links: 1 };
            let members = Members::new(Gunzip::new(archive(&members)));
            Unpacking { folder: dir.path(), most, members, bytes: 0, files: 0, links: Vec::new() }.run()
        };
        assert_eq!(run(3).unwrap(), 1);
        assert_eq!(run(2).unwrap_err().to_string(), "it has more than 2 files");
    }

    #[test]
    fn what_is_left_out_does_not_go_on_for_ever() {
        let mut reader = Bounded { reader: io::repeat(0), left: 10 };
        assert!(io::copy(&mut reader, &mut io::sink()).is_err());
        let mut reader = Bounded { reader: io::repeat(0).take(10), left: 10 };
        assert_eq!(io::copy(&mut reader, &mut io::sink()).unwrap(), 10);
    }
}
