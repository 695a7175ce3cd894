//! Augmented manifests: JSON Lines whose attributes are streamed.
//!
//! <https://docs.aws.amazon.com/sagemaker/latest/dg/augmented-manifest.html>

use std::io::{BufRead as _, BufReader, Read};

use sagewright_cloud_core::limits;
use serde_json::{Map, Value};

use super::content::Part;
use crate::job::location::Location;

/// Ends the name of an attribute that refers to an object.
const REFERENCE: &str = "-ref";

/// The wanted attributes of each line, in the order of their names. One line is in memory at a time.
///
/// # Errors
/// What is wrong with which line, to follow the manifest's name.
pub(in crate::training) fn read(manifest: impl Read, attributes: &[String]) -> Result<Vec<Vec<Part>>, String> {
    let mut manifest = BufReader::with_capacity(64 * 1024, manifest);
    let mut entries = Vec::new();
    let mut text = Vec::new();
    for number in 1.. {
        text.clear();
        let mut line = manifest.by_ref().take(limits::MANIFEST_LINE + 1);
        if line.read_until(b'\n', &mut text).map_err(|e| format!("cannot be read: {e}"))? == 0 {
            break;
        }
        let wrong = |why: String| format!("has a wrong line {number}: {why}");
        if text.strip_suffix(b"\n").unwrap_or(&text).len() as u64 > limits::MANIFEST_LINE {
            return Err(wrong(format!("it has more than {} bytes", limits::MANIFEST_LINE)));
        }
        let line = if number == 1 { text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&text) } else { &text };
        if line.trim_ascii().is_empty() {
            continue;
        }
        if entries.len() >= limits::FILES {
            return Err(format!("has more than {} lines", limits::FILES));
        }
        let line: Map<String, Value> =
            serde_json::from_slice(line).map_err(|e| wrong(format!("it is not a JSON object: {e}")))?;
        entries.push(attributes.iter().map(|name| part(&line, name).map_err(wrong)).collect::<Result<_, _>>()?);
    }
    if entries.is_empty() { Err("has no lines".into()) } else { Ok(entries) }
}

fn part(line: &Map<String, Value>, name: &str) -> Result<Part, String> {
    let value = line.get(name).ok_or_else(|| format!("it has no attribute '{name}'"))?;
    if !name.ends_with(REFERENCE) {
        // Text as it is, without quotes; all else as JSON.
        return Ok(Part::Text(value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
    }
    let location = value.as_str().and_then(|uri| Location::parse(uri).ok()).filter(|at| !at.key.is_empty());
    location.map(Part::Object).ok_or_else(|| format!("its attribute '{name}' is {value}, which is no object's S3 URI"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn attributes_come_in_the_order_of_their_names_as_objects_or_text() {
        let text = "\u{feff}{\"label\": 1, \"image-ref\": \"s3://b/1.png\", \"more\": 0}\r\n\n\
            {\"image-ref\": \"s3://b/2.png\", \"label\": {\"b\": [1.5, null], \"a\": \"x\"}}\n\
            {\"image-ref\": \"s3://b/2.png\", \"label\": \"a \\\"cat\\\"\"}";
        let object = |key: &str| Part::Object(Location { bucket: "b".into(), key: key.into() });
        let said = |text: &str| Part::Text(text.to_owned());
        assert_eq!(
            read(text.as_bytes(), &names(&["label", "image-ref"])).unwrap(),
            [
                vec![said("1"), object("1.png")],
                vec![said("{\"b\":[1.5,null],\"a\":\"x\"}"), object("2.png")],
                vec![said("a \"cat\""), object("2.png")],
            ]
        );
    }

    #[test]
    fn a_manifest_has_bounded_lines_and_not_too_many() {
        let line = |length: usize| format!("{{\"a\": \"{}\"}}\n", "x".repeat(length - 9));
        let longest = usize::try_from(limits::MANIFEST_LINE).unwrap();
        assert_eq!(read(line(longest).as_bytes(), &names(&["a"])).unwrap().len(), 1);
        let told = read(("\n".to_owned() + &line(longest + 1)).as_bytes(), &names(&["a"])).unwrap_err();
        assert_eq!(told, "has a wrong line 2: it has more than 4194304 bytes");
        let endless = std::io::repeat(b' ');
        assert!(read(endless, &names(&["a"])).unwrap_err().contains("line 1: it has more than"));
        let many = |count: usize| std::io::Cursor::new("{}\n".repeat(count).into_bytes());
        assert_eq!(read(many(limits::FILES), &[]).unwrap().len(), limits::FILES);
        assert_eq!(read(many(limits::FILES + 1), &[]).unwrap_err(), "has more than 1000000 lines");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, why) in [
            ("", "has no lines"),
            ("\n \n", "has no lines"),
            (
                "{\"a\": 1, \"x-ref\": \"s3://b/k\"}\n{\"x-ref\": \"s3://b/k\"}",
                "has a wrong line 2: it has no attribute 'a'",
            ),
            ("{\"a\": 1, \"x-ref\": 5}", "has a wrong line 1: its attribute 'x-ref' is 5, which is no object's S3 URI"),
            ("{\"a\": 1, \"x-ref\": \"s3://b\"}", "is \"s3://b\", which is no object's S3 URI"),
            ("{\"a\": 1, \"x-ref\": \"https://b/k\"}", "is \"https://b/k\", which is no object's S3 URI"),
            ("[1]", "has a wrong line 1: it is not a JSON object"),
            ("{\"a\": ", "has a wrong line 1: it is not a JSON object"),
        ] {
            let told = read(text.as_bytes(), &names(&["a", "x-ref"])).unwrap_err();
            assert!(told.contains(why), "{text}: {told}");
        }
        assert!(read(&b"{\"a\": \"\xff\"}"[..], &names(&["a"])).unwrap_err().contains("line 1"));
    }
}
