//! RecordIO, the framing of MXNet that SageMaker's algorithms read: a magic number, flags and length, the content,
//! and zeros up to the next multiple of four bytes. All numbers are little-endian.
//!
//! <https://mxnet.apache.org/api/architecture/note_data_loading#data-format>

/// Begins each record.
const MAGIC: u32 = 0xced7_230a;
/// Length of the longest record: the upper three bits of its word are flags, here always those of a whole record.
pub(super) const LONGEST: u64 = (1 << 29) - 1;

/// What goes before a record's content; `None` if the content is too long for one record. The parts that a long
/// record can be cut into are no way out: readers put the magic number between them.
pub(super) fn header(length: u64) -> Option<[u8; 8]> {
    let length = u32::try_from(length).ok().filter(|length| u64::from(*length) <= LONGEST)?;
    let [a, b, c, d] = MAGIC.to_le_bytes();
    let [e, f, g, h] = length.to_le_bytes();
    Some([a, b, c, d, e, f, g, h])
}

/// What goes behind a record's content.
pub(super) fn padding(length: u64) -> &'static [u8] {
    match length % 4 {
        0 => &[],
        1 => &[0; 3],
        2 => &[0; 2],
        _ => &[0; 1],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_has_its_length_and_ends_at_a_multiple_of_four() {
        for length in 0..64 {
            let [m0, m1, m2, m3, rest @ ..] = header(length).unwrap();
            assert_eq!([m0, m1, m2, m3], [0x0a, 0x23, 0xd7, 0xce]);
            assert_eq!(u64::from(u32::from_le_bytes(rest)), length);
            let padding = padding(length);
            assert_eq!((length + padding.len() as u64) % 4, 0);
            assert!(padding.len() < 4 && padding.iter().all(|byte| *byte == 0), "{length}");
        }
    }

    #[test]
    fn a_length_never_reaches_the_flags() {
        assert_eq!(header(LONGEST).unwrap()[7] >> 5, 0);
        for length in [LONGEST + 1, 1 << 32, u64::MAX] {
            assert_eq!(header(length), None);
        }
    }
}
