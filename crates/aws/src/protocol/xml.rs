//! A small XML tree.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::AnswerError;
use super::error::has_too_many;

/// An element.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Node {
    /// Name without its prefix.
    pub name: String,
    /// Attributes with their prefixes.
    pub attributes: Vec<(String, String)>,
    /// Text directly inside.
    pub text: String,
    /// Elements inside.
    pub children: Vec<Node>,
}

impl Node {
    /// The first element of this name.
    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|c| c.name == name)
    }

    /// Text of the first element of this name.
    pub(super) fn child_text(&self, name: &str) -> Option<&str> {
        self.child(name).map(|c| c.text.as_str())
    }

    /// The value of an attribute.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

/// Depth at which an answer is refused.
const MAX_DEPTH: usize = 100;

/// Reads a document.
pub(super) fn parse(body: &[u8]) -> Result<Node, AnswerError> {
    let text = std::str::from_utf8(body).map_err(|e| AnswerError::new("XML", &e, body))?;
    if has_too_many(body, b"<&=") {
        return Err(AnswerError::too_large("XML", body));
    }
    let fail = |e: &dyn std::fmt::Display| AnswerError::new("XML", e, body);
    let mut reader = Reader::from_str(text);
    let mut stack: Vec<Node> = Vec::new();
    let mut root = None;
    loop {
        let done = match reader.read_event().map_err(|_| fail(&wrong_at(reader.error_position())))? {
            Event::Start(start) => {
                if stack.len() >= MAX_DEPTH {
                    return Err(fail(&format!("nested more than {MAX_DEPTH} deep")));
                }
                stack.push(open(&start).map_err(|_| fail(&wrong_at(reader.buffer_position())))?);
                None
            }
            Event::Empty(start) => Some(open(&start).map_err(|_| fail(&wrong_at(reader.buffer_position())))?),
            Event::End(_) => stack.pop(),
            Event::Text(part) => {
                append(&mut stack, &part.xml10_content());
                None
            }
            Event::CData(part) => {
                append(&mut stack, &part.xml10_content());
                None
            }
            Event::GeneralRef(reference) => {
                let name = reference.xml10_content();
                let resolved =
                    match reference.resolve_char_ref().map_err(|_| fail(&wrong_at(reader.buffer_position())))? {
                        Some(character) => character.to_string(),
                        None => quick_xml::escape::resolve_predefined_entity(&name)
                            .map_or_else(|| format!("&{name};"), str::to_owned),
                    };
                append(&mut stack, &resolved);
                None
            }
            Event::Eof => break,
            _ => None,
        };
        if let Some(node) = done {
            match stack.last_mut() {
                Some(parent) => parent.children.push(node),
                None if root.is_none() => root = Some(node),
                None => {}
            }
        }
    }
    if !stack.is_empty() {
        return Err(fail(&"the document ends inside an element"));
    }
    match root {
        // A page of something that stands between, which happens to be well-formed.
        Some(page) if page.name.eq_ignore_ascii_case("html") => Err(fail(&"it is an HTML page")),
        Some(root) => Ok(root),
        None => Err(fail(&"there is no element")),
    }
}

/// What the reader says of a mistake holds names and values of the document, which are nobody's business.
fn wrong_at(position: u64) -> String {
    format!("it is not well-formed at byte {position}")
}

fn open(start: &BytesStart<'_>) -> Result<Node, quick_xml::Error> {
    let name = start.local_name().as_ref().to_owned();
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(quick_xml::Error::from)?;
        let key = attribute.key.as_ref().to_owned();
        let raw: &str = &attribute.value;
        let value = quick_xml::escape::unescape(raw).map_or_else(|_| raw.to_owned(), std::borrow::Cow::into_owned);
        attributes.push((key, value));
    }
    Ok(Node { name, attributes, ..Node::default() })
}

fn append(stack: &mut [Node], text: &str) {
    if let Some(node) = stack.last_mut() {
        node.text.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_attributes_and_prefixes_are_read() {
        let node = parse(
            br#"<?xml version="1.0"?><a:R xmlns:a="u"><K x:t="1 &lt; 2">a &amp; b &#65;<![CDATA[<c>]]></K><E/></a:R>"#,
        )
        .unwrap();
        assert_eq!(node.name, "R");
        assert_eq!(node.child_text("K"), Some("a & b A<c>"));
        assert_eq!(node.child("K").unwrap().attribute("x:t"), Some("1 < 2"));
        assert_eq!(node.child_text("E"), Some(""));
    }

    #[test]
    fn broken_documents_are_errors() {
        for text in [
            "",
            "plain",
            "<html><body/></html>",
            "<!DOCTYPE html><HTML/>",
            "<a>",
            "<a></b>",
            "\u{0}<",
            &"<a>".repeat(200),
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
