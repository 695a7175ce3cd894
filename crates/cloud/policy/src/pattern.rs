//! Patterns: text in which `*` stands for any text and `?` for one character, where the policy's author wrote them.

/// One character of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Glyph {
    character: char,
    /// Stands in the policy itself. What a variable or an escape gave is never a wildcard, nor does it part an ARN.
    written: bool,
}

impl Glyph {
    fn means(self, special: char) -> bool {
        self.written && self.character == special
    }
}

/// The parts of an ARN: five with a colon after each, and the rest.
const ARN_PARTS: usize = 6;

/// A pattern whose variables have been replaced.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Glyph>);

impl Pattern {
    /// Text that stands in a policy, wildcards included.
    pub(super) fn written(text: &str) -> Self {
        let mut out = Self::default();
        out.push(text, true);
        out
    }

    /// Adds text of the policy (`written`), or of a variable or an escape.
    pub(super) fn push(&mut self, text: &str, written: bool) {
        self.0.extend(text.chars().map(|character| Glyph { character, written }));
    }

    /// Whether it is this text, wildcards taken as they stand.
    pub(super) fn equals(&self, text: &str) -> bool {
        self.0.iter().map(|g| g.character).eq(text.chars())
    }

    /// As [`Pattern::equals`], whatever the case of letters.
    pub(super) fn equals_in_any_case(&self, text: &str) -> bool {
        let folded = self.0.iter().flat_map(|g| g.character.to_lowercase());
        folded.eq(text.chars().flat_map(char::to_lowercase))
    }

    /// Whether text matches it.
    pub(super) fn like(&self, text: &str) -> bool {
        matches(&self.0, &text.chars().collect::<Vec<_>>())
    }

    /// Whether an ARN matches it, part by part: a `*` does not reach over one of the first five colons.
    pub(super) fn arn_like(&self, text: &str) -> bool {
        let wanted: Vec<&[Glyph]> = self.0.splitn(ARN_PARTS, |g| g.means(':')).collect();
        let found: Vec<&str> = text.splitn(ARN_PARTS, ':').collect();
        wanted.len() == found.len()
            && wanted.iter().zip(&found).all(|(w, f)| matches(w, &f.chars().collect::<Vec<_>>()))
    }

    /// Whether a policy's `Resource` is about a resource.
    pub(super) fn resource(&self, text: &str) -> bool {
        let all = matches!(self.0.as_slice(), [one] if one.means('*'));
        all || self.arn_like(text)
    }
}

fn matches(pattern: &[Glyph], text: &[char]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where the last `*` was, and what of the text it has taken so far.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(glyph) if glyph.means('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(glyph) if glyph.means('?') || glyph.character == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    p = at + 1;
                    t = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|glyph| glyph.means('*'))
}

/// Whether text matches a pattern in which `*` stands for any text and `?` for one character.
#[must_use]
pub fn wildcard(pattern: &str, text: &str) -> bool {
    Pattern::written(pattern).like(text)
}
