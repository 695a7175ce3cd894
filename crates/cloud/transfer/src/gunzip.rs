//! gzip data of unknown origin: a few bytes can become very many.

use std::io::{self, BufReader, Read};

use flate2::read::MultiGzDecoder;
use sagewright_cloud_core::limits;

/// The data unpacks to more than [`limits::RATIO`] allows.
#[derive(Debug, thiserror::Error)]
#[error("more than {ratio} times its compressed size")]
pub struct Expands {
    ratio: u64,
}

impl Expands {
    /// Whether this is what an error of [`Gunzip`] says.
    #[must_use]
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

/// Unpacks gzip data as long as it does not become too much.
pub struct Gunzip<R> {
    decoder: MultiGzDecoder<BufReader<Counted<R>>>,
    given: u64,
    freely: u64,
    ratio: u64,
}

impl<R: Read> Gunzip<R> {
    /// Reads compressed data from `reader`.
    pub fn new(reader: R) -> Self {
        Self::within(reader, limits::UNPACKED_FREELY, limits::RATIO)
    }

    fn within(reader: R, freely: u64, ratio: u64) -> Self {
        let reader = BufReader::with_capacity(128 * 1024, Counted { reader, taken: 0 });
        Self { decoder: MultiGzDecoder::new(reader), given: 0, freely, ratio }
    }
}

impl<R: Read> Read for Gunzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.decoder.read(buffer)?;
        self.given += read as u64;
        let taken = self.decoder.get_ref().get_ref().taken;
        if self.given > self.freely.saturating_add(taken.saturating_mul(self.ratio)) {
            return Err(io::Error::other(Expands { ratio: self.ratio }));
        }
        Ok(read)
    }
}

struct Counted<R> {
    reader: R,
    taken: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.taken += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    #[test]
    fn data_unpacks_up_to_its_ratio_and_what_is_free() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&vec![0; 300_000]).unwrap();
        let packed = encoder.finish().unwrap();
        let size = packed.len() as u64;
        let unpack = |freely, ratio| {
            let mut reader = Gunzip::within(packed.as_slice(), freely, ratio);
            io::copy(&mut reader, &mut io::sink())
        };
        assert_eq!(unpack(300_000 - 10 * size, 10).unwrap(), 300_000);
        let error = unpack(300_000 - 10 * size - 1, 10).unwrap_err();
        assert_eq!(Expands::of(&error).unwrap().to_string(), "more than 10 times its compressed size");
        assert_eq!(unpack(300_000, 0).unwrap(), 300_000);
        assert!(Expands::of(&unpack(299_999, 0).unwrap_err()).is_some());
    }
}
