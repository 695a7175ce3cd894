//! The owner's mark on a resource: which object, of which installation, it belongs to.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::keys::OWNER;
use crate::object::ObjectId;

/// Longest name of an installation.
pub const LONGEST_INSTALLATION: usize = 32;

/// The name of an installation: whoever applies under one name owns the same resources. Two people who apply the same
/// files share one; two clusters each have their own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Installation(Arc<str>);

/// A text that is no name of an installation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a valid installation name: use 1 to 32 lower-case letters, digits, `-` and `.`, starting and ending with a letter or digit"
)]
pub struct NotAnInstallation(String);

impl FromStr for Installation {
    type Err = NotAnInstallation;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let fits = (1..=LONGEST_INSTALLATION).contains(&text.len())
            && text.starts_with(plain)
            && text.ends_with(plain)
            && text.chars().all(|c| plain(c) || matches!(c, '-' | '.'));
        if fits { Ok(Self(Arc::from(text))) } else { Err(NotAnInstallation(text.to_owned())) }
    }
}

impl TryFrom<String> for Installation {
    type Error = NotAnInstallation;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Installation> for String {
    fn from(installation: Installation) -> Self {
        installation.to_string()
    }
}

impl fmt::Display for Installation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Default for Installation {
    /// Without a configured name everybody is one installation, so that a file means the same from every laptop.
    fn default() -> Self {
        Self(Arc::from("default"))
    }
}

/// The owner of a resource: an object of an installation. As text, in a tag or at the end of a description: `installation/namespace/name`. Marks of before
/// installations had names are `namespace/name`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Owner {
    /// The installation; `None` in an old mark.
    pub installation: Option<Installation>,
    /// Namespace of the object.
    pub namespace: String,
    /// Name of the object.
    pub name: String,
}

/// A mark that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an owner: use NAMESPACE/NAME or INSTALLATION/NAMESPACE/NAME")]
pub struct NotAnOwner(String);

impl Owner {
    /// The mark of an object in an installation.
    #[must_use]
    pub fn new(installation: &Installation, id: &ObjectId) -> Self {
        Self { installation: Some(installation.clone()), namespace: id.namespace.clone(), name: id.name.clone() }
    }

    /// Whether a mark says the same owner. An old mark names no installation, so it is everybody's of that object.
    #[must_use]
    pub fn is(&self, mark: &Self) -> bool {
        self.same_object(mark) && (mark.installation.is_none() || mark.installation == self.installation)
    }

    /// Whether a mark names the same object, in whichever installation.
    #[must_use]
    pub fn same_object(&self, mark: &Self) -> bool {
        self.namespace == mark.namespace && self.name == mark.name
    }

    /// Whether the text of a mark says the same owner.
    #[must_use]
    pub fn is_text(&self, text: &str) -> bool {
        text.parse().is_ok_and(|mark| self.is(&mark))
    }

    /// The texts that a mark of this owner can have: the present one first, then the old one.
    #[must_use]
    pub fn texts(&self) -> [String; 2] {
        [self.to_string(), format!("{}/{}", self.namespace, self.name)]
    }

    /// The owner with its installation: an old mark, and whoever names none, mean the one that is here.
    #[must_use]
    pub fn within(&self, here: &Installation) -> Self {
        let installation = self.installation.clone().unwrap_or_else(|| here.clone());
        Self { installation: Some(installation), ..self.clone() }
    }

    /// The owner as text, which names the installation only where that is another one.
    #[must_use]
    pub fn short(&self, here: &Installation) -> String {
        let installation = self.installation.clone().filter(|other| other != here);
        Self { installation, ..self.clone() }.to_string()
    }

    /// The owner in words, for whoever is of an installation.
    #[must_use]
    pub fn words(&self, here: &Installation) -> String {
        let object = format!("the object {}/{}", self.namespace, self.name);
        match self.installation.as_ref().filter(|other| *other != here) {
            Some(other) => format!("{object} of the installation `{other}`"),
            None => object,
        }
    }

    /// The object, under a kind.
    #[must_use]
    pub fn object(&self, kind: &str) -> ObjectId {
        ObjectId::new(kind, Some(&self.namespace), &self.name)
    }
}

impl FromStr for Owner {
    type Err = NotAnOwner;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || NotAnOwner(text.to_owned());
        let part = |part: &str| !part.is_empty() && !part.contains(['[', ']']) && !part.contains(char::is_whitespace);
        let parts: Vec<&str> = text.split('/').collect();
        let (installation, namespace, name) = match parts.as_slice() {
            [namespace, name] => (None, *namespace, *name),
            [installation, namespace, name] => (Some(installation.parse().map_err(|_| wrong())?), *namespace, *name),
            _ => return Err(wrong()),
        };
        if !part(namespace) || !part(name) {
            return Err(wrong());
        }
        Ok(Self { installation, namespace: namespace.to_owned(), name: name.to_owned() })
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(installation) = &self.installation {
            write!(f, "{installation}/")?;
        }
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// The text that ends a description that carries the mark.
#[must_use]
pub fn suffix(owner: &str) -> String {
    format!("[{OWNER}={owner}]")
}

/// A text with the mark at its end. [`split_suffix`] takes off this mark and no more, whatever the text itself ends in.
#[must_use]
pub fn with_suffix(text: &str, owner: &str) -> String {
    if text.is_empty() { suffix(owner) } else { format!("{text} {}", suffix(owner)) }
}

/// Parts a text from the mark at its end. What only looks like a mark is text.
#[must_use]
pub fn split_suffix(text: &str) -> (&str, Option<Owner>) {
    let lead = format!("[{OWNER}=");
    let parts = text.strip_suffix(']').and_then(|rest| {
        let (head, owner) = rest.split_at_checked(rest.rfind(&lead)?)?;
        Some((head, owner.strip_prefix(&lead)?.parse::<Owner>().ok()?))
    });
    match parts {
        Some((head, owner)) => (head.strip_suffix(' ').unwrap_or(head), Some(owner)),
        None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(text: &str) -> Owner {
        text.parse().unwrap()
    }

    #[test]
    fn a_mark_at_the_end_of_a_text_comes_off_again_and_nothing_else_does() {
        let forged = suffix("other/team/run");
        let long = "x".repeat(3000);
        for text in ["", "nightly", "ends in a space ", " ", "[x]", "[sagewright.dev/owner=]", &forged, &long] {
            let marked = with_suffix(text, "prod/default/run");
            assert_eq!(split_suffix(&marked), (text, Some(owner("prod/default/run"))), "{text}");
        }
        let old = format!("nightly {}", suffix("default/run"));
        assert_eq!(split_suffix(&old), ("nightly", Some(owner("default/run"))));
        for text in
            ["nightly [x]", "[sagewright.dev/owner=]", "[sagewright.dev/owner=a b/c]", "[sagewright.dev/owner=a"]
        {
            assert_eq!(split_suffix(text), (text, None));
        }
    }

    #[test]
    fn marks_are_read_in_the_present_form_and_in_the_old_one() {
        let ours = owner("prod/default/fraud");
        assert_eq!(ours.to_string(), "prod/default/fraud");
        // (mark, is ours, is the same object)
        for (mark, is, same) in [
            ("prod/default/fraud", true, true),
            ("default/fraud", true, true),
            ("test/default/fraud", false, true),
            ("prod/default/spam", false, false),
            ("prod/other/fraud", false, false),
            ("other/fraud", false, false),
            ("default/spam", false, false),
        ] {
            assert_eq!((ours.is(&owner(mark)), ours.same_object(&owner(mark))), (is, same), "{mark}");
            assert_eq!(ours.is_text(mark), is, "{mark}");
        }
        for text in ["", "fraud", "/fraud", "default/", "a/b/c/d", "Prod/default/fraud", "a//b", "[/b", "a/b c"] {
            assert!(text.parse::<Owner>().is_err(), "{text}");
        }
    }

    #[test]
    fn names_of_installations_fit_a_mark() {
        for good in ["default", "a", "prod.eu-west-1", &"x".repeat(LONGEST_INSTALLATION)] {
            assert_eq!(good.parse::<Installation>().unwrap().to_string(), good);
            // In a document, too.
            let document = serde_json::Value::from(good);
            let read: Installation = serde_json::from_value(document.clone()).unwrap();
            assert_eq!(serde_json::to_value(read).unwrap(), document);
        }
        for bad in ["", "-a", "a-", "a/b", "A", "a b", "ä", &"x".repeat(LONGEST_INSTALLATION + 1)] {
            assert!(bad.parse::<Installation>().is_err(), "{bad}");
            assert!(serde_json::from_value::<Installation>(bad.into()).is_err(), "{bad}");
        }
    }
}
