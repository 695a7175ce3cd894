//! Bytes read one after the other, each step within what is there.

/// The bytes end before what they announce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cut;

/// What is still to be read.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.0
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Cut> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Cut)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Cut> {
        Ok(self.take(1)?[0])
    }

    /// A number of up to eight bytes, the lowest first.
    pub(super) fn number(&mut self, width: usize) -> Result<u64, Cut> {
        Ok(self.take(width)?.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
    }

    pub(super) fn length(&mut self) -> Result<usize, Cut> {
        self.number(8).and_then(|length| usize::try_from(length).map_err(|_| Cut))
    }

    /// A text with its length before it.
    pub(super) fn text(&mut self) -> Result<&'a [u8], Cut> {
        let length = self.length()?;
        self.take(length)
    }

    /// A list of elements of `width` bytes.
    pub(super) fn list(&mut self, width: usize) -> Result<&'a [u8], Cut> {
        let length = self.length()?;
        self.take(length.checked_mul(width).ok_or(Cut)?)
    }

    /// Up to the next line feed, which is left out.
    pub(super) fn line(&mut self) -> Result<&'a [u8], Cut> {
        let end = memchr::memchr(b'\n', self.0).ok_or(Cut)?;
        let line = self.take(end)?;
        self.take(1)?;
        Ok(line)
    }
}

/// Appends a text with its length.
pub(super) fn push_text(out: &mut Vec<u8>, text: &[u8]) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text);
}
