//! What a channel's epochs carry.

use std::fs::File;
use std::io::{Read, Seek};
use std::sync::Arc;

use super::order::{is_dealt, order};
use super::recordio;
use crate::job::location::Location;
use sagewright_cloud_core::objects::{ObjectError, Objects};
use sagewright_cloud_transfer::fetch::{FetchError, unpacking};
use sagewright_cloud_transfer::gunzip::Gunzip;

/// Bytes that are read at once: what a pipe holds.
const CHUNK: usize = 64 * 1024;

/// A piece of an entry.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::training) enum Part {
    /// An object's content.
    Object(Location),
    /// A value of an augmented manifest.
    Text(String),
}

/// The entries of a channel and how they are written.
#[derive(Debug)]
pub(in crate::training) struct Contents {
    /// In key order: one object each, or a manifest's line.
    pub entries: Vec<Vec<Part>>,
    pub gunzip: bool,
    pub record_io: bool,
    pub seed: Option<i64>,
    /// Each host gets its share of the entries.
    pub sharded: bool,
}

/// Why an epoch is not written to its end.
#[derive(Debug)]
pub(super) enum Interrupt {
    /// The program has closed its end.
    Closed,
    /// The job has ended.
    Ended,
    /// The data cannot be had.
    Failed(FetchError),
}

impl From<FetchError> for Interrupt {
    fn from(error: FetchError) -> Self {
        Self::Failed(error)
    }
}

/// Where an epoch goes.
pub(super) trait Sink {
    /// Writes all bytes.
    fn write(&mut self, bytes: &[u8]) -> Result<(), Interrupt>;
    /// Fails once the job has ended.
    fn check(&self) -> Result<(), Interrupt>;
}

/// Objects as an account sees them.
#[derive(Clone)]
pub(in crate::training) struct Origin {
    pub objects: Arc<dyn Objects>,
    pub account: String,
}

impl Contents {
    /// Writes one epoch of one of the hosts.
    pub(super) fn write(
        &self,
        origin: &Origin,
        epoch: u64,
        (host, hosts): (usize, usize),
        sink: &mut impl Sink,
    ) -> Result<(), Interrupt> {
        // Shuffled first and dealt then: in another epoch a host gets other entries.
        for (place, entry) in order(self.entries.len(), self.seed, epoch).into_iter().enumerate() {
            if self.sharded && !is_dealt(place, host, hosts) {
                continue;
            }
            for part in self.entries.get(entry).into_iter().flatten() {
                match part {
                    Part::Object(location) => self.object(origin, location, sink)?,
                    Part::Text(text) => self.text(text, sink)?,
                }
            }
        }
        Ok(())
    }

    fn text(&self, text: &str, sink: &mut impl Sink) -> Result<(), Interrupt> {
        if !self.record_io {
            return sink.write(text.as_bytes());
        }
        let length = text.len() as u64;
        // A manifest's lines are far shorter: what is read of a manifest is less than a record can hold.
        sink.write(&recordio::header(length).unwrap_or_default())?;
        sink.write(text.as_bytes())?;
        sink.write(recordio::padding(length))
    }

    fn object(&self, origin: &Origin, location: &Location, sink: &mut impl Sink) -> Result<(), Interrupt> {
        let Location { bucket, key } = location;
        let (info, mut file) = origin.objects.open(&origin.account, bucket, key).map_err(FetchError::Object)?;
        if !self.record_io {
            return self.content(&file, location, |bytes| sink.write(bytes));
        }
        let length = if self.gunzip {
            // The length goes first, and only the content tells it: it is unpacked twice, and never kept.
            let mut length = 0;
            let counted = self.content(&file, location, |bytes| {
                length += bytes.len() as u64;
                sink.check()?;
                if length > recordio::LONGEST { Err(too_long(location)) } else { Ok(()) }
            });
            counted.and_then(|()| file.rewind().map_err(|e| unreadable(location, e)))?;
            length
        } else {
            info.size
        };
        sink.write(&recordio::header(length).ok_or_else(|| too_long(location))?)?;
        let mut written = 0;
        self.content(&file, location, |bytes| {
            written += bytes.len() as u64;
            sink.write(bytes)
        })?;
        if written != length {
            return Err(unreadable(location, format!("it had {length} bytes, and then {written}")));
        }
        sink.write(recordio::padding(length))
    }

    fn content(
        &self,
        file: &File,
        location: &Location,
        mut take: impl FnMut(&[u8]) -> Result<(), Interrupt>,
    ) -> Result<(), Interrupt> {
        let mut reader: Box<dyn Read + '_> = if self.gunzip { Box::new(Gunzip::new(file)) } else { Box::new(file) };
        let mut buffer = vec![0; CHUNK];
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(length) => take(buffer.get(..length).unwrap_or_default())?,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) if self.gunzip => {
                    return Err(unpacking(&location.bucket, &location.key, &e).into());
                }
                Err(e) => return Err(unreadable(location, e)),
            }
        }
    }
}

fn unreadable(Location { bucket, key }: &Location, why: impl ToString) -> Interrupt {
    let (bucket, key) = (bucket.clone(), key.clone());
    FetchError::Object(ObjectError::Storage { bucket, key, why: why.to_string() }).into()
}

fn too_long(location: &Location) -> Interrupt {
    let Location { bucket, key } = location.clone();
    FetchError::TooLong { bucket, key, longest: recordio::LONGEST }.into()
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::Path;

    use super::*;
    use sagewright_cloud_core::objects::ObjectInfo;

    /// One object whose size is told apart from its content.
    struct One(u64, &'static [u8]);

    impl Objects for One {
        fn head(&self, _: &str, _: &str, key: &str) -> Result<ObjectInfo, ObjectError> {
            Ok(ObjectInfo { key: key.into(), size: self.0, etag: String::new() })
        }

        fn open(&self, account: &str, bucket: &str, key: &str) -> Result<(ObjectInfo, File), ObjectError> {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(self.1).unwrap();
            file.rewind().unwrap();
            Ok((self.head(account, bucket, key)?, file))
        }

        fn list(&self, _: &str, _: &str, _: &str) -> Result<Vec<ObjectInfo>, ObjectError> {
            Ok(Vec::new())
        }

        fn put_file(&self, _: &str, bucket: &str, _: &str, _: &Path) -> Result<ObjectInfo, ObjectError> {
            Err(ObjectError::AccessDenied(bucket.into()))
        }
    }

    impl Sink for Vec<u8> {
        fn write(&mut self, bytes: &[u8]) -> Result<(), Interrupt> {
            self.extend_from_slice(bytes);
            Ok(())
        }

        fn check(&self) -> Result<(), Interrupt> {
            Ok(())
        }
    }

    fn framed(object: One) -> Result<Vec<u8>, String> {
        let location = Location { bucket: "b".into(), key: "k".into() };
        let entries = vec![vec![Part::Object(location)]];
        let contents = Contents { entries, gunzip: false, record_io: true, seed: None, sharded: false };
        let origin = Origin { objects: Arc::new(object), account: "1".into() };
        let mut written = Vec::new();
        match contents.write(&origin, 0, (0, 1), &mut written) {
            Ok(()) => Ok(written),
            Err(Interrupt::Failed(error)) => Err(error.to_string()),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_record_is_never_longer_or_shorter_than_it_says() {
        assert_eq!(framed(One(3, b"abc")).unwrap(), b"\x0a\x23\xd7\xce\x03\0\0\0abc\0");
        let told = framed(One(recordio::LONGEST + 1, b"")).unwrap_err();
        assert!(told.starts_with("s3://b/k has more than 536870911 bytes, the longest record of RecordIO"), "{told}");
        for size in [2, 4] {
            let told = framed(One(size, b"abc")).unwrap_err();
            assert!(told.contains(&format!("s3://b/k: it had {size} bytes, and then 3")), "{told}");
        }
    }
}
