//! What a container writes, cut into lines.

/// Longest text of a CloudWatch event: 256 KB, of which 26 bytes are overhead.
const LONGEST: usize = 262_144 - 26;

/// Collects bytes until a line is complete or too long.
#[derive(Debug, Default)]
pub struct Cutter {
    pending: Vec<u8>,
}

impl Cutter {
    /// Takes bytes, and gives the sink each line that they complete.
    pub fn feed(&mut self, bytes: &[u8], sink: &(dyn Fn(&str) + Send + Sync)) {
        let mut pieces = bytes.split(|b| *b == b'\n').peekable();
        while let Some(piece) = pieces.next() {
            let complete = pieces.peek().is_some();
            if complete && self.pending.is_empty() && piece.len() <= LONGEST {
                emit(piece, sink);
                continue;
            }
            self.pending.extend_from_slice(piece);
            while self.pending.len() > LONGEST {
                let rest = self.pending.split_off(boundary(&self.pending));
                emit(&self.pending, sink);
                self.pending = rest;
            }
            if complete {
                emit(&self.pending, sink);
                self.pending.clear();
            }
        }
    }

    /// Gives the sink what is left at the end.
    pub fn finish(&mut self, sink: &(dyn Fn(&str) + Send + Sync)) {
        if !self.pending.is_empty() {
            emit(&self.pending, sink);
            self.pending.clear();
        }
    }
}

/// The last place at or before [`LONGEST`] that does not cut a character.
fn boundary(bytes: &[u8]) -> usize {
    let inside = |at: &usize| bytes.get(*at).is_some_and(|b| b & 0xc0 == 0x80);
    (LONGEST - 3..=LONGEST).rev().find(|at| !inside(at)).unwrap_or(LONGEST)
}

fn emit(line: &[u8], sink: &(dyn Fn(&str) + Send + Sync)) {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    sink(&String::from_utf8_lossy(line));
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    fn cut(pieces: &[&[u8]]) -> Vec<String> {
        let seen = Mutex::new(Vec::new());
        let sink = |line: &str| seen.lock().unwrap().push(line.to_owned());
        let mut cutter = Cutter::default();
        pieces.iter().for_each(|p| cutter.feed(p, &sink));
        cutter.finish(&sink);
        seen.into_inner().unwrap()
    }

    #[test]
    fn lines_are_the_same_however_the_bytes_arrive() {
        let text = "one\r\n\nthr\u{e9}e\nfour".as_bytes();
        let whole = cut(&[text]);
        assert_eq!(whole, ["one", "", "thr\u{e9}e", "four"]);
        for at in 0..text.len() {
            let (a, b) = text.split_at(at);
            assert_eq!(cut(&[a, b]), whole, "cut at {at}");
        }
    }

    #[test]
    fn a_line_too_long_for_one_event_is_split_between_characters_and_bad_bytes_are_replaced() {
        let long = "\u{1f980}".repeat(LONGEST / 4 + 10);
        let lines = cut(&[long.as_bytes(), b"\n\xffx\n"]);
        assert_eq!(lines.len(), 3);
        assert!(lines[0].len() <= LONGEST && lines[0].len() > LONGEST - 4);
        assert_eq!(lines[0].clone() + &lines[1], long);
        assert_eq!(lines[2], "\u{fffd}x");
    }
}
