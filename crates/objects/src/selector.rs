//! Sets of objects, by a label that all of them bear.

use std::fmt;
use std::str::FromStr;

use crate::object::{Object, is_dns_subdomain};

/// Characters that a tag's value has at most.
const LONGEST_TAG: usize = 256;
/// Characters that a name in a label has at most, and its value.
const LONGEST: usize = 63;

/// A label with its value: what bears it is of one set. As text `KEY=VALUE`, which the resources of the set bear as a tag.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Selector {
    key: String,
    value: String,
}

/// A text that selects nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no selector: {why}")]
pub struct NotASelector {
    text: String,
    why: &'static str,
}

impl Selector {
    /// Whether an object bears the label.
    #[must_use]
    pub fn selects(&self, object: &Object) -> bool {
        object.metadata.labels.get(&self.key) == Some(&self.value)
    }

    /// The label, and its value.
    #[must_use]
    pub fn label(self) -> (String, String) {
        (self.key, self.value)
    }
}

impl FromStr for Selector {
    type Err = NotASelector;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = |why| NotASelector { text: text.to_owned(), why };
        let (key, value) = text.split_once('=').ok_or_else(|| error("it is one label, KEY=VALUE"))?;
        let value = value.strip_prefix('=').unwrap_or(value);
        let (prefix, name) = match key.split_once('/') {
            Some((prefix, name)) => (Some(prefix), name),
            None => (None, key),
        };
        let plain = |c: char| c.is_ascii_alphanumeric();
        let part = |text: &str| {
            (1..=LONGEST).contains(&text.len())
                && text.starts_with(plain)
                && text.ends_with(plain)
                && text.chars().all(|c| plain(c) || matches!(c, '-' | '_' | '.'))
        };
        if !part(name) || !prefix.is_none_or(is_dns_subdomain) {
            return Err(error("its key is no label's, [PREFIX/]NAME"));
        }
        if !part(value) {
            return Err(error("its value takes 1 to 63 letters, digits, `-`, `_` and `.`"));
        }
        if key.len() + 1 + value.len() > LONGEST_TAG {
            return Err(error("with its value it has more than the 256 characters of a tag"));
        }
        Ok(Self { key: key.to_owned(), value: value.to_owned() })
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.key, self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_is_one_label_that_fits_a_tag() {
        for (text, is) in [
            ("app=fraud", "app=fraud"),
            ("app==fraud", "app=fraud"),
            ("example.com/team_1=A-b.9", "example.com/team_1=A-b.9"),
            ("a-1.example.com/app=a", "a-1.example.com/app=a"),
        ] {
            let selector: Selector = text.parse().unwrap();
            assert_eq!(selector.to_string(), is);
            let (key, value) = selector.label();
            assert_eq!(format!("{key}={value}"), is);
        }
        // The longest of each part, and of all: 63 characters, 253 and 256.
        let (name, value) = ("n".repeat(63), "v".repeat(63));
        let whole = format!("{}/n={}", "p".repeat(256 - 3 - 63), value);
        for text in [format!("{name}={value}"), format!("{}/n=v", "p".repeat(252)), whole.clone()] {
            assert_eq!(text.parse::<Selector>().unwrap().to_string(), text);
        }
        for (text, why) in [
            (format!("n{name}=v"), "its key"),
            (format!("n=v{value}"), "its value"),
            (format!("{}/n=v", "p".repeat(254)), "its key"),
            (format!("{}/n=v", "p".repeat(253)), "256 characters"),
            (format!("p{whole}"), "256 characters"),
        ] {
            let told = text.parse::<Selector>().unwrap_err().to_string();
            assert!(told.contains(why), "{told}");
        }
        let long = format!("{}/name=value", ["x".repeat(63), "y".repeat(63), "z".repeat(63), "w".repeat(60)].join("."));
        for (text, why) in [
            ("app", "KEY=VALUE"),
            ("app=", "its value"),
            ("app=a,team=b", "its value"),
            ("app!=a", "its key"),
            ("=a", "its key"),
            ("Example.com/app=a", "its key"),
            ("-a.example.com/app=a", "its key"),
            ("/app=a", "its key"),
            ("a/b/c=a", "its key"),
            ("app=-a", "its value"),
            ("app=ä", "its value"),
            (&*long, "256 characters"),
        ] {
            let told = text.parse::<Selector>().unwrap_err().to_string();
            assert!(told.contains(why), "{told}");
        }
    }
}
