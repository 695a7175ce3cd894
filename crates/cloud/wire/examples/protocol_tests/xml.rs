//! XML as a tree, without what carries no meaning between elements.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// An element: name with attributes in order, its elements, its text.
#[derive(Debug, PartialEq, Default)]
pub struct Element {
    name: String,
    /// The namespace of names without a prefix.
    namespace: String,
    elements: Vec<Element>,
    text: String,
}

/// The tree of a document, without the elements that each of our answers has for its request id.
pub fn tree(document: &str) -> Result<Element, String> {
    let mut reader = Reader::from_str(document);
    let mut open = vec![Element::default()];
    loop {
        let event = reader.read_event().map_err(|error| error.to_string())?;
        match event {
            Event::Start(start) => {
                let element = head(&start, open.last())?;
                open.push(element);
            }
            Event::Empty(start) => {
                let element = head(&start, open.last())?;
                close(&mut open, element);
            }
            Event::End(_) => {
                let mut done = open.pop().ok_or("an end without a start")?;
                if !done.elements.is_empty() {
                    done.text.clear();
                }
                close(&mut open, done);
            }
            Event::Text(text) => push(&mut open, &text),
            Event::GeneralRef(entity) => {
                let raw = format!("&{};", &*entity);
                push(&mut open, &quick_xml::escape::unescape(&raw).map_err(|error| error.to_string())?);
            }
            Event::Eof => return Ok(open.pop().and_then(|mut top| top.elements.pop()).unwrap_or_default()),
            _ => {}
        }
    }
}

fn push(open: &mut [Element], text: &str) {
    if let Some(top) = open.last_mut() {
        top.text.push_str(text);
    }
}

fn close(open: &mut [Element], mut done: Element) {
    done.elements.sort_by(|a, b| a.name.cmp(&b.name));
    if let Some(top) = open.last_mut()
        && !matches!(&*done.name, "ResponseMetadata" | "RequestId")
        && !(done.name == "Message" && done.text.is_empty())
    {
        top.elements.push(done);
    }
}

fn head(start: &BytesStart<'_>, around: Option<&Element>) -> Result<Element, String> {
    let mut namespace = around.map(|element| element.namespace.clone()).unwrap_or_default();
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        match attribute.key.as_ref() {
            "xmlns" => namespace = attribute.value.into_owned(),
            name => attributes.push(format!(" {name}={}", attribute.value)),
        }
    }
    attributes.sort();
    // AWS's services write their namespace there, and the suite has none.
    if start.name().as_ref() == "ErrorResponse" {
        namespace.clear();
    }
    let name = start.name().as_ref().to_owned() + &attributes.concat();
    Ok(Element { name, namespace, ..Element::default() })
}
