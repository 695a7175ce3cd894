//! Content files: how they are named, written and removed.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use md5::{Digest as _, Md5};

use super::super::checksum::{Algorithm, Checksums, Hasher};
use super::{Store, StoreError};

/// How many bits of an id count the files of one run.
const COUNTER_BITS: u32 = 40;

/// Whether the MD5 that becomes an ETag is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Digest {
    Md5,
    None,
}

/// The number of a content file. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ContentId(pub(crate) i64);

impl ContentId {
    /// The run that made the file.
    pub(crate) fn run(self) -> u64 {
        self.0.cast_unsigned() >> COUNTER_BITS
    }

    /// Reads an id from the name of its file.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        i64::from_str_radix(name, 16).ok().map(Self)
    }

    fn path(self, root: &Path) -> PathBuf {
        root.join("objects").join(format!("{:02x}", self.0 & 0xff)).join(format!("{:x}", self.0))
    }
}

impl Store {
    pub(crate) fn content_path(&self, id: ContentId) -> PathBuf {
        id.path(&self.0.root)
    }

    fn new_content_id(&self) -> ContentId {
        let count = self.0.next.fetch_add(1, Ordering::Relaxed);
        ContentId(((self.0.run << COUNTER_BITS) | count).cast_signed())
    }

    /// Starts a content file whose checksums by `algorithms` are computed on the way.
    pub(crate) fn new_content(&self, digest: Digest, algorithms: &[Algorithm]) -> Result<ContentWriter, StoreError> {
        let id = self.new_content_id();
        let path = self.content_path(id);
        let create = || File::options().write(true).create_new(true).open(&path);
        let file = match create() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                // The shard is new.
                path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| create())
            }
            other => other,
        }
        .map_err(|source| StoreError::io("create", &path, source))?;
        Ok(ContentWriter {
            draft: Draft { id, path, kept: false },
            file,
            size: 0,
            md5: match digest {
                Digest::Md5 => Some(Md5::new()),
                Digest::None => None,
            },
            checksums: (!algorithms.is_empty()).then(|| Hasher::new(algorithms)),
        })
    }

    /// Gives the content of `id` a second name, without copying it where the file system can.
    pub(crate) fn link_content(&self, id: ContentId) -> Result<Draft, StoreError> {
        let writer = self.new_content(Digest::None, &[])?;
        let draft = writer.draft;
        let source = self.content_path(id);
        std::fs::remove_file(&draft.path)
            .and_then(|()| match std::fs::hard_link(&source, &draft.path) {
                Ok(()) => Ok(()),
                Err(error) if error.kind() == ErrorKind::NotFound => Err(error),
                // Not every file system links, and those that do have a limit.
                Err(_) => std::fs::copy(&source, &draft.path).map(drop),
            })
            .map_err(|error| StoreError::io("copy", &source, error))?;
        Ok(draft)
    }

    /// To be called before the row that makes a draft exist is committed.
    pub(super) fn persist(&self, draft: &Draft) -> Result<(), StoreError> {
        let folders = draft.path.ancestors().skip(1).take(2);
        let failed = |source| StoreError::io("write to the disk", &draft.path, source);
        self.0.durability.persist(&draft.path, folders).map_err(failed)
    }

    /// Removes the file of content that no row refers to any more. One that stays behind is
    /// removed by the sweep of the next start, so a failure is only logged.
    pub(crate) fn discard(&self, id: ContentId) {
        let path = self.content_path(id);
        if let Err(error) = std::fs::remove_file(&path)
            && error.kind() != ErrorKind::NotFound
        {
            tracing::warn!(path = %path.display(), %error, "cannot remove unused content");
        }
    }
}

/// A content file being written. Dropped unfinished, it leaves nothing behind.
pub(crate) struct ContentWriter {
    draft: Draft,
    file: File,
    size: u64,
    md5: Option<Md5>,
    checksums: Option<Hasher>,
}

impl ContentWriter {
    pub(crate) fn write(&mut self, data: &[u8]) -> Result<(), StoreError> {
        self.file.write_all(data).map_err(|source| StoreError::io("write", &self.draft.path, source))?;
        if let Some(md5) = &mut self.md5 {
            md5.update(data);
        }
        if let Some(checksums) = &mut self.checksums {
            checksums.update(data);
        }
        self.size += data.len() as u64;
        Ok(())
    }

    /// The MD5 so far, for who goes on with it while [`ContentWriter::write`] does the rest.
    pub(crate) fn take_md5(&mut self) -> Option<Md5> {
        self.md5.take()
    }

    /// The MD5 of all that was written.
    pub(crate) fn put_md5(&mut self, md5: Option<Md5>) {
        self.md5 = md5;
    }

    /// Appends the next `length` bytes of `source`, inside the kernel where nothing is computed.
    pub(crate) fn append(&mut self, mut source: File, length: u64) -> Result<(), StoreError> {
        let short = |path: &Path| {
            let reason = std::io::Error::from(ErrorKind::UnexpectedEof);
            StoreError::io("copy content to", path, reason)
        };
        if self.md5.is_none() && self.checksums.is_none() {
            let copied = std::io::copy(&mut source.take(length), &mut self.file)
                .map_err(|error| StoreError::io("copy content to", &self.draft.path, error))?;
            self.size += copied;
            return if copied == length { Ok(()) } else { Err(short(&self.draft.path)) };
        }
        let mut buffer = vec![0; 256 * 1024];
        let mut left = length;
        while left > 0 {
            let room = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
            let read = source
                .read(&mut buffer[..room])
                .map_err(|error| StoreError::io("read content for", &self.draft.path, error))?;
            if read == 0 {
                return Err(short(&self.draft.path));
            }
            self.write(&buffer[..read])?;
            left -= read as u64;
        }
        Ok(())
    }

    /// The bytes written so far.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn finish(self) -> (Draft, Digests) {
        let digests = Digests {
            size: self.size,
            md5: self.md5.map(|md5| md5.finalize().into()).unwrap_or_default(),
            checksums: self.checksums.map(Hasher::finish).unwrap_or_default(),
        };
        (self.draft, digests)
    }
}

/// What was learnt about content while it was written.
#[derive(Debug, Clone)]
pub(crate) struct Digests {
    pub(crate) size: u64,
    /// Zeros when it was not asked for.
    pub(crate) md5: [u8; 16],
    pub(crate) checksums: Checksums,
}

/// A complete content file that no row refers to yet. Dropped without [`Draft::keep`], it is removed.
#[derive(Debug)]
pub(crate) struct Draft {
    id: ContentId,
    path: PathBuf,
    kept: bool,
}

impl Draft {
    pub(crate) fn id(&self) -> ContentId {
        self.id
    }

    /// To be called once the row is committed.
    pub(crate) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.kept {
            // What cannot be removed now is removed by the sweep of the next start.
            drop(std::fs::remove_file(&self.path));
        }
    }
}
