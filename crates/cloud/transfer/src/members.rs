//! The members of a tar archive that anyone may have made.
//!
//! Names and extended headers are bounded before they are read: the reader of the `tar` crate takes them whole, and a
//! few megabytes of gzip can hold a name of gigabytes.

use std::io::{self, ErrorKind, Read};

use sagewright_cloud_core::limits;
use tar::{EntryType, Header, PaxExtensions};

use super::unpack::UnpackError;

/// Bytes of a header, to a multiple of which content is padded.
pub(crate) const BLOCK: usize = 512;

/// One member, without its content.
pub(crate) struct Member {
    pub header: Header,
    /// Its name, as bytes: it may be no text.
    pub name: Vec<u8>,
    /// Where a link leads.
    pub link: Vec<u8>,
    pub kind: EntryType,
    /// Bytes of its content in the archive.
    pub size: u64,
}

/// What extended headers say of the member that follows them.
#[derive(Default)]
struct Extension {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
}

/// Reads an archive member by member. As a reader it is the current member's content.
pub(crate) struct Members<R> {
    reader: R,
    /// Bytes of the current content that are not read yet, and of the padding behind it.
    content: u64,
    padding: u64,
}

impl<R: Read> Members<R> {
    pub fn new(reader: R) -> Self {
        Self { reader, content: 0, padding: 0 }
    }

    /// The next member; `None` at the end.
    pub fn next(&mut self) -> Result<Option<Member>, UnpackError> {
        let mut extension = Extension::default();
        loop {
            self.skip()?;
            let Some(header) = self.header()? else { return Ok(None) };
            let size = header.entry_size().map_err(UnpackError::Format)?;
            self.content = size;
            self.padding = padding(size);
            match header.entry_type() {
                EntryType::GNULongName => extension.name = Some(self.text(limits::NAME, "a name")?),
                EntryType::GNULongLink => extension.link = Some(self.text(limits::NAME, "a link")?),
                EntryType::XHeader => self.extended(&mut extension)?,
                EntryType::XGlobalHeader => {}
                kind => return self.member(header, kind, extension).map(Some),
            }
        }
    }

    /// Reads what stands between a member's header and its content.
    pub fn beside(&mut self, block: &mut [u8]) -> Result<(), UnpackError> {
        self.reader.read_exact(block).map_err(UnpackError::read)
    }

    fn member(&mut self, header: Header, kind: EntryType, extension: Extension) -> Result<Member, UnpackError> {
        if let Some(size) = extension.size {
            self.content = size;
            self.padding = padding(size);
        }
        let name = extension.name.unwrap_or_else(|| header.path_bytes().into_owned());
        let link = extension.link.or_else(|| header.link_name_bytes().map(std::borrow::Cow::into_owned));
        // Before POSIX, a folder was a file whose name ends so.
        let kind = if kind.is_file() && name.ends_with(b"/") { EntryType::Directory } else { kind };
        Ok(Member { header, name, link: link.unwrap_or_default(), kind, size: self.content })
    }

    /// Reads past what is left of the current content.
    fn skip(&mut self) -> Result<(), UnpackError> {
        let left = self.content.saturating_add(self.padding);
        let skipped = io::copy(&mut (&mut self.reader).take(left), &mut io::sink()).map_err(UnpackError::read)?;
        (self.content, self.padding) = (0, 0);
        if skipped < left { Err(UnpackError::Format(ErrorKind::UnexpectedEof.into())) } else { Ok(()) }
    }

    /// The next header; `None` at the end of the archive, where zeros or nothing stand.
    fn header(&mut self) -> Result<Option<Header>, UnpackError> {
        let mut header = Header::new_old();
        let block = header.as_mut_bytes();
        let mut length = 0;
        while let Some(room) = block.get_mut(length..).filter(|room| !room.is_empty()) {
            match self.reader.read(room) {
                Ok(0) if length == 0 => return Ok(None),
                Ok(0) => return Err(UnpackError::Format(ErrorKind::UnexpectedEof.into())),
                Ok(read) => length += read,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(UnpackError::read(e)),
            }
        }
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let sum: u32 = block
            .iter()
            .enumerate()
            .map(|(at, byte)| u32::from(if (148..156).contains(&at) { b' ' } else { *byte }))
            .sum();
        if header.cksum().ok() != Some(sum) {
            let why = "a member's header is broken: its checksum does not match";
            return Err(UnpackError::Format(io::Error::new(ErrorKind::InvalidData, why)));
        }
        Ok(Some(header))
    }

    /// The current content as text, which may end with a zero.
    fn text(&mut self, most: u64, what: &str) -> Result<Vec<u8>, UnpackError> {
        let mut text = self.whole(most + 1, most, what)?;
        if text.last() == Some(&0) {
            text.pop();
        }
        if text.len() as u64 > most { Err(longer(what, most)) } else { Ok(text) }
    }

    fn whole(&mut self, most: u64, told: u64, what: &str) -> Result<Vec<u8>, UnpackError> {
        if self.content > most {
            return Err(longer(what, told));
        }
        let mut bytes = Vec::new();
        self.read_to_end(&mut bytes).map_err(UnpackError::read)?;
        if self.content > 0 { Err(UnpackError::Format(ErrorKind::UnexpectedEof.into())) } else { Ok(bytes) }
    }

    fn extended(&mut self, extension: &mut Extension) -> Result<(), UnpackError> {
        let most = limits::EXTENDED_HEADER;
        let bytes = self.whole(most, most, "an extended header")?;
        let bounded = |value: &[u8], what: &str| {
            if value.len() as u64 > limits::NAME { Err(longer(what, limits::NAME)) } else { Ok(Some(value.to_vec())) }
        };
        for record in PaxExtensions::new(&bytes) {
            let record = record.map_err(UnpackError::Format)?;
            match record.key_bytes() {
                b"path" => extension.name = bounded(record.value_bytes(), "a name")?,
                b"linkpath" => extension.link = bounded(record.value_bytes(), "a link")?,
                b"size" => {
                    let size = record.value().ok().and_then(|size| size.parse().ok());
                    let wrong = || io::Error::new(ErrorKind::InvalidData, "a member's size is not a number");
                    extension.size = Some(size.ok_or_else(|| UnpackError::Format(wrong()))?);
                }
                key if key.starts_with(b"GNU.sparse.") => {
                    return Err(UnpackError::Beyond(
                        "sparse files in the POSIX format, which are not supported; make it with tar --format=gnu"
                            .to_owned(),
                    ));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = (&mut self.reader).take(self.content).read(buffer)?;
        self.content -= read as u64;
        Ok(read)
    }
}

fn padding(size: u64) -> u64 {
    let block = BLOCK as u64;
    (block - size % block) % block
}

fn longer(what: &str, most: u64) -> UnpackError {
    UnpackError::Beyond(format!("{what} of more than {most} bytes"))
}
