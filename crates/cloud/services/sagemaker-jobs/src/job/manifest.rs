//! Manifests: `[{"prefix": "s3://bucket/folder/"}, "a.csv", "b/c.csv"]`.

use std::fmt;
use std::io::{BufReader, Read};
use std::path::PathBuf;

use sagewright_cloud_core::limits;
use sagewright_cloud_core::objects::parse_s3_uri;
use sagewright_cloud_transfer::path;
use serde::Deserialize;
use serde::de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// What a manifest lists.
#[derive(Debug, PartialEq, Eq)]
pub struct Manifest {
    pub bucket: String,
    /// Begins every key.
    pub folder: String,
    /// The rest of each key, and the file that it becomes.
    pub names: Vec<(String, PathBuf)>,
}

impl Manifest {
    /// Reads a manifest entry by entry, and no more entries than a channel may have files.
    ///
    /// # Errors
    /// What is wrong, to follow the manifest's name.
    pub fn read(reader: impl Read) -> Result<Self, String> {
        let mut deserializer = serde_json::Deserializer::from_reader(without_mark(reader)?);
        let manifest = Self::deserialize(&mut deserializer);
        manifest.and_then(|manifest| deserializer.end().map(|()| manifest)).map_err(|error| {
            if error.is_data() {
                // What this file says of it; the place follows.
                error.to_string()
            } else {
                format!("is not valid JSON: {error}")
            }
        })
    }
}

/// Passes over the mark that some editors put before UTF-8.
fn without_mark(mut reader: impl Read) -> Result<impl Read, String> {
    const MARK: &[u8] = "\u{feff}".as_bytes();
    let mut begin = Vec::new();
    reader.by_ref().take(MARK.len() as u64).read_to_end(&mut begin).map_err(|e| format!("cannot be read: {e}"))?;
    if begin == MARK {
        begin.clear();
    }
    Ok(BufReader::with_capacity(64 * 1024, std::io::Cursor::new(begin).chain(reader)))
}

impl<'de> Deserialize<'de> for Manifest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Entries)
    }
}

struct Entries;

impl<'de> Visitor<'de> for Entries {
    type Value = Manifest;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Manifest, A::Error> {
        let none = || A::Error::custom("does not begin with {\"prefix\": \"s3://…\"}");
        let Some(Entry::Prefix(prefix)) = entries.next_element()? else { return Err(none()) };
        let prefix = prefix.ok_or_else(none)?;
        let (bucket, folder) = parse_s3_uri(&prefix)
            .ok_or_else(|| A::Error::custom(format!("has the prefix '{prefix}', which is not an S3 URI")))?;
        let mut names = Vec::new();
        while let Some(entry) = entries.next_element()? {
            let name = match entry {
                Entry::Name(name) => name,
                Entry::Prefix(_) => return Err(A::Error::custom("has an entry which is not text")),
                Entry::Other(entry) => {
                    return Err(A::Error::custom(format!("has the entry {entry}, which is not text")));
                }
            };
            if names.len() >= limits::FILES {
                return Err(A::Error::custom(format!("has more than {} entries", limits::FILES)));
            }
            let path = path::inside(&name).map_err(|why| A::Error::custom(format!("is refused: {why}")))?;
            let no_file = || A::Error::custom(format!("has the entry '{name}', which names no file"));
            let path = path.ok_or_else(no_file)?;
            names.push((name, path));
        }
        Ok(Manifest { bucket: bucket.to_owned(), folder: folder.to_owned(), names })
    }
}

/// One entry, of which no more is kept than can be used.
enum Entry {
    Name(String),
    /// An object, and its prefix if it has one.
    Prefix(Option<String>),
    Other(String),
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Entry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_str<E>(self, text: &str) -> Result<Entry, E> {
        Ok(Entry::Name(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Entry, E> {
        Ok(Entry::Name(text))
    }

    fn visit_unit<E>(self) -> Result<Entry, E> {
        Ok(Entry::Other("null".to_owned()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Entry, E> {
        Ok(Entry::Other(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Entry, E> {
        Ok(Entry::Other(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Entry, E> {
        Ok(Entry::Other(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Entry, E> {
        Ok(Entry::Other(value.to_string()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Entry, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Entry::Other("[…]".to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entry, A::Error> {
        let mut prefix = None;
        while let Some(key) = map.next_key::<String>()? {
            if key == "prefix" {
                prefix = match map.next_value()? {
                    Self::Value::Name(text) => Some(text),
                    _ => None,
                };
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Entry::Prefix(prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> String {
        Manifest::read(text.as_bytes()).unwrap_err()
    }

    #[test]
    fn a_manifest_lists_files_below_its_prefix() {
        let text = "\u{feff}[{\"more\": [1, {}], \"prefix\": \"s3://b/f/\"}, \"a.csv\", \"b/c.csv\"]\n";
        let names = [("a.csv", "a.csv"), ("b/c.csv", "b/c.csv")].map(|(n, p)| (n.to_owned(), PathBuf::from(p)));
        let expected = Manifest { bucket: "b".into(), folder: "f/".into(), names: names.to_vec() };
        assert_eq!(Manifest::read(text.as_bytes()), Ok(expected));
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (text, why) in [
            ("", "is not valid JSON"),
            ("[", "is not valid JSON"),
            ("[{\"prefix\": \"s3://b/f/\"}] x", "is not valid JSON"),
            ("{}", "a JSON array"),
            ("5", "a JSON array"),
            ("[]", "does not begin with {\"prefix\": \"s3://…\"}"),
            ("[\"a\"]", "does not begin with"),
            ("[{\"prefix\": 5}]", "does not begin with"),
            ("[{\"prefix\": \"http://b\"}]", "has the prefix 'http://b', which is not an S3 URI"),
            ("[{\"prefix\": \"s3://b/\"}, 5]", "has the entry 5, which is not text"),
            ("[{\"prefix\": \"s3://b/\"}, {}]", "has an entry which is not text"),
            ("[{\"prefix\": \"s3://b/\"}, \"../x\"]", "is refused: '../x' leads out of its folder"),
            ("[{\"prefix\": \"s3://b/\"}, \"a/\"]", "has the entry 'a/', which names no file"),
        ] {
            let told = wrong(text);
            assert!(told.contains(why), "{text}: {told}");
        }
    }

    #[test]
    fn a_manifest_has_as_many_entries_as_a_channel_has_files() {
        let head = std::io::Cursor::new(b"[{\"prefix\": \"s3://b/\"}".to_vec());
        let entries = |count: usize| std::io::Cursor::new(",\"a\"".repeat(count).into_bytes());
        let read = |count| Manifest::read(head.clone().chain(entries(count)).chain(&b"]"[..]));
        assert_eq!(read(limits::FILES).unwrap().names.len(), limits::FILES);
        let told = read(limits::FILES + 1).unwrap_err();
        assert!(told.starts_with("has more than 1000000 entries"), "{told}");
    }
}
