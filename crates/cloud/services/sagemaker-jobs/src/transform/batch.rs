//! Records put together to payloads.

use std::io::Read;

use bytes::Bytes;

use super::processing::Processing;
use super::split::{BadRecord, Records};

/// What one request carries.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Payload {
    pub body: Bytes,
    /// The records as they were before a filter, where answers are joined with them.
    pub raw: Bytes,
}

/// The payloads of one object.
pub(super) struct Payloads<'p, R> {
    pub records: Records<R>,
    /// Each carries one record.
    pub single: bool,
    /// Most bytes of one.
    pub longest: usize,
    /// Most bytes of its records before a filter.
    pub room: usize,
    pub processing: Option<&'p Processing>,
    /// A record that was too much for the last one.
    pub held: Option<Pair>,
}

/// Bytes of a payload, and those of its records where a filter takes something away from them.
#[derive(Debug, Default)]
pub(super) struct Pair {
    body: Vec<u8>,
    raw: Vec<u8>,
}

impl<R: Read> Payloads<'_, R> {
    /// The next payload; `None` at the end of the object.
    pub fn next(&mut self) -> Result<Option<Payload>, BadRecord> {
        let mut any = self.held.is_some();
        let mut pair = self.held.take().unwrap_or_default();
        while !(any && self.single) {
            let (body, raw) = (pair.body.len(), pair.raw.len());
            if !self.record(&mut pair)? {
                break;
            }
            if pair.body.len() - body > self.longest {
                return Err(BadRecord::TooLong);
            }
            if any && (pair.body.len() > self.longest || pair.raw.len() > self.room) {
                self.held = Some(Pair { body: pair.body.split_off(body), raw: pair.raw.split_off(raw) });
                break;
            }
            any = true;
        }
        let Pair { body, raw } = pair;
        let body = Bytes::from(body);
        let filtered = self.processing.is_some_and(Processing::filters_input);
        let raw = if filtered { Bytes::from(raw) } else { body.clone() };
        Ok(any.then_some(Payload { body, raw }))
    }

    /// Adds the next record; `false` where there is none.
    fn record(&mut self, pair: &mut Pair) -> Result<bool, BadRecord> {
        let Some(processing) = self.processing else { return self.records.next(&mut pair.body) };
        loop {
            let mut record = Vec::new();
            if !self.records.next(&mut record)? {
                return Ok(false);
            }
            // Models answer nothing to an empty line, so that no answer could be joined with it.
            if record.trim_ascii().is_empty() {
                continue;
            }
            if processing.joins() && processing.filters_input() {
                pair.raw.extend_from_slice(&record);
                processing.end_line(&mut pair.raw);
            }
            processing.input(&record, &mut pair.body).map_err(BadRecord::Unusable)?;
            return Ok(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::split::Split;
    use super::*;

    fn all(content: &[u8], single: bool, longest: usize) -> Result<Vec<Bytes>, String> {
        let records = Records::new(content, Split::Line, !single, longest);
        let mut payloads = Payloads { records, single, longest, room: longest, processing: None, held: None };
        let mut out = Vec::new();
        while let Some(payload) = payloads.next().map_err(|e| e.to_string())? {
            out.push(payload.body);
        }
        Ok(out)
    }

    #[test]
    fn a_payload_has_as_many_records_as_fit() {
        assert_eq!(all(b"1\n22\n333\n4\n", false, 5).unwrap(), [&b"1\n22\n"[..], b"333\n", b"4\n"]);
        assert_eq!(all(b"1\n22\n333\n", true, 5).unwrap(), [&b"1\n"[..], b"22\n", b"333\n"]);
        assert_eq!(all(b"1\n22\n333\n", false, 3).unwrap_err(), "Too much data for max payload size");
        assert!(all(b"", false, 3).unwrap().is_empty());
    }

    proptest! {
        #[test]
        fn payloads_are_the_object_and_each_is_as_long_as_can_be(
            lines in proptest::collection::vec("[a-z]{0,9}\n", 0..60), longest in 10usize..40,
        ) {
            let content = lines.concat();
            let payloads = all(content.as_bytes(), false, longest).unwrap();
            prop_assert_eq!(payloads.concat(), content.as_bytes());
            for pair in payloads.windows(2) {
                let first = pair[1].iter().position(|b| *b == b'\n').unwrap() + 1;
                prop_assert!(pair[0].len() <= longest && pair[0].len() + first > longest);
            }
            let single = all(content.as_bytes(), true, longest).unwrap();
            prop_assert_eq!(single, lines.iter().map(|l| Bytes::from(l.clone())).collect::<Vec<_>>());
        }
    }
}
