//! Files with holes, in GNU tar's format.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};

use sagewright_cloud_core::limits;
use tar::GnuExtSparseHeader;

use super::members::{Member, Members};
use super::unpack::UnpackError;

/// Where the content of a file with holes goes.
pub(crate) struct Map {
    /// Places and lengths, in order.
    pieces: Vec<(u64, u64)>,
    /// Bytes of the file with its holes.
    pub size: u64,
}

impl Map {
    /// The map of a member, which may go on behind its header.
    pub fn read<R: Read>(member: &Member, members: &mut Members<R>) -> Result<Self, UnpackError> {
        let header = member.header.as_gnu().ok_or_else(wrong)?;
        let mut pieces = Vec::new();
        let mut add = |sparse: &tar::GnuSparseHeader| {
            if !sparse.is_empty() {
                pieces.push((sparse.offset()?, sparse.length()?));
            }
            Ok(())
        };
        header.sparse.iter().try_for_each(&mut add).map_err(UnpackError::Format)?;
        let mut more = header.is_extended();
        let mut count = 0;
        while more {
            count += 1;
            if count > limits::FILES / 21 {
                return Err(UnpackError::Beyond(format!("a file of more than {} pieces", limits::FILES)));
            }
            let mut extended = GnuExtSparseHeader::new();
            members.beside(extended.as_mut_bytes())?;
            extended.sparse().iter().try_for_each(&mut add).map_err(UnpackError::Format)?;
            more = extended.is_extended();
        }
        let size = header.real_size().map_err(UnpackError::Format)?;
        let mut end = 0_u64;
        let mut content = 0_u64;
        for (offset, length) in &pieces {
            if *offset < end {
                return Err(wrong());
            }
            end = offset.checked_add(*length).ok_or_else(wrong)?;
            content = content.saturating_add(*length);
        }
        if end > size || content != member.size { Err(wrong()) } else { Ok(Self { pieces, size }) }
    }

    /// Writes the content at its places.
    pub fn write(&self, content: &mut impl Read, file: &mut File) -> io::Result<()> {
        file.set_len(self.size)?;
        for (offset, length) in &self.pieces {
            file.seek(SeekFrom::Start(*offset))?;
            if io::copy(&mut content.by_ref().take(*length), file)? < *length {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        file.flush()
    }
}

fn wrong() -> UnpackError {
    UnpackError::Format(io::Error::new(ErrorKind::InvalidData, "the map of a file with holes is wrong"))
}
