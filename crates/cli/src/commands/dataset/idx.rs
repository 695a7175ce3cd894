//! The IDX format, in which MNIST is published: a big-endian header (two zero bytes, type of the elements, number of
//! dimensions, size of each) and then the elements. Of types only unsigned bytes occur.

use std::io::{self, Read};

/// The most bytes that one element of the first dimension may have: images of MNIST have 784.
const LARGEST: usize = 1 << 20;

/// The elements of a file, one after the other; each a byte or a block of bytes.
pub(super) struct Idx<R> {
    from: R,
    /// Elements of the first dimension: images, or labels.
    pub count: u32,
    /// Bytes of each.
    pub size: usize,
}

impl<R: Read> Idx<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// It is cut off, or of something else than bytes with so many dimensions.
    pub fn new(mut from: R, dimensions: u8) -> io::Result<Self> {
        let mut magic = [0; 4];
        from.read_exact(&mut magic)?;
        if magic != [0, 0, 0x08, dimensions] {
            return Err(invalid(format!(
                "not an IDX file of bytes with {dimensions} dimensions: begins with {}",
                hex::encode(magic)
            )));
        }
        let mut sizes = (0..dimensions).map(|_| {
            let mut size = [0; 4];
            from.read_exact(&mut size).map(|()| u32::from_be_bytes(size))
        });
        let count = sizes.next().transpose()?.unwrap_or_default();
        let mut size = 1_usize;
        for each in sizes {
            size = usize::try_from(each?).ok().and_then(|each| size.checked_mul(each)).unwrap_or(usize::MAX);
        }
        if size == 0 || size > LARGEST {
            return Err(invalid(format!("elements of {size} bytes; at least 1 and at most {LARGEST} are read")));
        }
        Ok(Self { from, count, size })
    }

    /// Reads the next element.
    ///
    /// # Errors
    /// There is none.
    pub fn next(&mut self, element: &mut Vec<u8>) -> io::Result<()> {
        element.resize(self.size, 0);
        self.from.read_exact(element)
    }
}

fn invalid(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_follow_each_other_and_no_header_is_trusted() {
        let images = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2, 3, 4];
        let (mut file, mut element) = (Idx::new(&images[..], 3).unwrap(), Vec::new());
        assert_eq!((file.count, file.size), (2, 2));
        file.next(&mut element).unwrap();
        file.next(&mut element).unwrap();
        assert_eq!(element, [3, 4]);
        assert!(file.next(&mut element).is_err(), "there is no third");
        assert!(Idx::new(&images[..], 1).is_err(), "other dimensions");
        assert!(Idx::new(&images[..9], 3).is_err(), "a header that is cut off");
        let vast = [0, 0, 8, 3, 0, 0, 0, 1, 255, 255, 255, 255, 255, 255, 255, 255];
        assert!(Idx::new(&vast[..], 3).is_err());
        assert!(Idx::new(&[0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9][..], 3).is_err(), "empty images");
    }
}
