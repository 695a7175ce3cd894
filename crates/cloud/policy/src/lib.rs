//! Policy documents: their grammar, and whether one allows a principal an action.

mod condition;
mod document;
mod evaluate;
mod principal;

pub use condition::{Condition, Context, Operator, Quantifier};
pub use document::{Document, Effect, Kind, PolicyError, Statement};
pub use evaluate::{Decision, Question, trust_decision};
pub use principal::{Asker, Principals};

/// Whether text matches a pattern in which `*` stands for any text and `?` for one character.
#[must_use]
pub fn wildcard(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where the last `*` was, and what of the text it has taken so far.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => {
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
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests;
