//! XML bodies of `restXml` to input, as they are read: no tree of the document is held, and declarations of types are refused.

use quick_xml::Reader as Events;
use quick_xml::escape::{resolve_predefined_entity, unescape};
use quick_xml::events::{BytesStart, Event};
use sagewright_model::{Member, Service, Shape, ShapeType};
use serde_json::{Map, Value};

use super::text;
use crate::protocol::bounds::Bounds;
use crate::protocol::serialization;
use crate::protocol::time::Format;
use sagewright_cloud_core::api::ApiError;

/// Reads the value in a document's root, whose name is checked where the model has one.
pub(super) fn read(service: &Service, shape: &Shape, root: Option<&str>, body: &[u8]) -> Result<Value, ApiError> {
    let text = std::str::from_utf8(body).map_err(|error| broken(&error))?;
    let mut events = Events::from_str(text.trim_start_matches('\u{feff}'));
    events.config_mut().expand_empty_elements = true;
    let mut reader = Reader { service, events, bounds: Bounds::default() };
    let start = loop {
        match reader.next()? {
            Event::Start(start) => break start,
            Event::Eof => return Err(serialization("The request body is not XML: it has no element")),
            other => blank(&other)?,
        }
    };
    let found = start.local_name().as_ref().to_owned();
    if let Some(root) = root.filter(|root| *root != found) {
        return Err(serialization(format!("The request body has to be an element {root}, and is {found}")));
    }
    let value = reader.value(None, shape, &start, 0)?;
    loop {
        match reader.next()? {
            Event::Eof => return Ok(value),
            other => blank(&other)?,
        }
    }
}

struct Reader<'b> {
    service: &'b Service,
    events: Events<&'b [u8]>,
    bounds: Bounds,
}

fn broken(error: &dyn std::fmt::Display) -> ApiError {
    serialization(format!("The request body is not XML: {error}"))
}

/// What may stand between elements.
fn blank(event: &Event<'_>) -> Result<(), ApiError> {
    match event {
        Event::Text(text) if text.trim_ascii().is_empty() => Ok(()),
        Event::Comment(_) | Event::Decl(_) | Event::PI(_) => Ok(()),
        Event::DocType(_) => Err(broken(&"a document type is declared, which is not supported")),
        Event::Eof => Err(broken(&"it ends within an element")),
        Event::Start(start) => {
            Err(serialization(format!("Element {} found where not expected", start.name().as_ref())))
        }
        _ => Err(serialization("Text found where an element is expected")),
    }
}

impl<'b> Reader<'b> {
    fn next(&mut self) -> Result<Event<'b>, ApiError> {
        self.events.read_event().map_err(|error| broken(&error))
    }

    /// The value of an element whose start has been read; its end is read as well.
    fn value(
        &mut self,
        member: Option<&Member>,
        shape: &Shape,
        start: &BytesStart<'b>,
        depth: usize,
    ) -> Result<Value, ApiError> {
        self.bounds.take(depth)?;
        match shape.kind {
            ShapeType::Structure => self.structure(shape, start, depth),
            ShapeType::List => {
                let mut items = Vec::new();
                let name = shape.member.as_ref().and_then(|m| m.location_name.as_deref()).unwrap_or("member");
                self.children(|this, child| {
                    if child.local_name().as_ref() == name {
                        this.item(shape, &mut items, &child, depth)
                    } else {
                        this.skip(&child)
                    }
                })?;
                Ok(Value::Array(items))
            }
            ShapeType::Map => {
                let mut map = Map::new();
                self.children(|this, child| {
                    if child.local_name().as_ref() == "entry" {
                        this.entry(shape, &mut map, depth)
                    } else {
                        this.skip(&child)
                    }
                })?;
                Ok(Value::Object(map))
            }
            _ => {
                let found = self.text()?;
                // Blobs and timestamps may be indented; other text is as it stands.
                let found =
                    if matches!(shape.kind, ShapeType::Blob | ShapeType::Timestamp) { found.trim() } else { &found };
                text::read(member, shape, found, Format::Iso8601)
            }
        }
    }

    fn structure(&mut self, shape: &Shape, start: &BytesStart<'b>, depth: usize) -> Result<Value, ApiError> {
        let mut map = Map::new();
        for (name, member) in shape.members.iter().filter(|(_, m)| m.xml_attribute) {
            let wire = member.location_name.as_deref().unwrap_or(name);
            // Not checked for duplicates, which takes the square of their number.
            for attribute in start.attributes().with_checks(false) {
                let attribute = attribute.map_err(|error| broken(&error))?;
                if attribute.key.as_ref() == wire {
                    let value = unescape(&attribute.value).map_err(|error| broken(&error))?;
                    map.insert((*name).to_owned(), value.into_owned().into());
                }
            }
        }
        let service = self.service;
        self.children(|this, child| {
            let member = shape.members.iter().find(|(name, m)| {
                m.location.is_none()
                    && !m.xml_attribute
                    && m.location_name.as_deref().unwrap_or(name) == child.local_name().as_ref()
            });
            let Some((name, member, target)) = member.and_then(|(n, m)| Some((*n, m, service.target(m)?))) else {
                return this.skip(&child);
            };
            match target.kind {
                ShapeType::List if target.flattened || member.flattened => {
                    let items = map.entry(name).or_insert_with(|| Value::Array(Vec::new()));
                    items.as_array_mut().map_or(Ok(()), |items| this.item(target, items, &child, depth))
                }
                ShapeType::Map if target.flattened || member.flattened => {
                    let entries = map.entry(name).or_insert_with(|| Value::Object(Map::new()));
                    entries.as_object_mut().map_or(Ok(()), |entries| this.entry(target, entries, depth))
                }
                _ => {
                    let value = this.value(Some(member), target, &child, depth + 1)?;
                    map.insert(name.to_owned(), value);
                    Ok(())
                }
            }
        })?;
        Ok(Value::Object(map))
    }

    /// An item of a list.
    fn item(
        &mut self,
        list: &Shape,
        items: &mut Vec<Value>,
        start: &BytesStart<'b>,
        depth: usize,
    ) -> Result<(), ApiError> {
        let item = list.member.as_ref().and_then(|m| Some((m, self.service.target(m)?)));
        let Some((member, target)) = item else { return self.skip(start) };
        items.push(self.value(Some(member), target, start, depth + 1)?);
        Ok(())
    }

    /// A key and its value, in the element of an entry.
    fn entry(&mut self, shape: &Shape, map: &mut Map<String, Value>, depth: usize) -> Result<(), ApiError> {
        self.bounds.take(depth)?;
        let (mut key, mut value) = (None, None);
        let service = self.service;
        self.children(|this, child| {
            let is = |member: Option<&Member>, usual: &str| {
                member.and_then(|m| m.location_name.as_deref()).unwrap_or(usual) == child.local_name().as_ref()
            };
            if is(shape.key.as_ref(), "key") {
                key = Some(this.text()?);
                return Ok(());
            }
            match shape.value.as_ref().and_then(|m| Some((m, service.target(m)?))) {
                Some((member, target)) if is(Some(member), "value") => {
                    value = Some(this.value(Some(member), target, &child, depth + 1)?);
                    Ok(())
                }
                _ => this.skip(&child),
            }
        })?;
        match key {
            Some(key) => drop(map.insert(key, value.unwrap_or(Value::Null))),
            None => return Err(serialization("An entry of a map has no key")),
        }
        Ok(())
    }

    /// Calls for each element in the open one, up to its end.
    fn children(
        &mut self,
        mut each: impl FnMut(&mut Self, BytesStart<'b>) -> Result<(), ApiError>,
    ) -> Result<(), ApiError> {
        loop {
            match self.next()? {
                Event::Start(start) => each(self, start)?,
                Event::End(_) => return Ok(()),
                other => blank(&other)?,
            }
        }
    }

    /// The text of the open element, up to its end.
    fn text(&mut self) -> Result<String, ApiError> {
        let mut out = String::new();
        loop {
            match self.next()? {
                Event::Text(part) => out.push_str(&part.xml10_content()),
                Event::CData(part) => out.push_str(&part.xml10_content()),
                Event::GeneralRef(name) => match name.resolve_char_ref().map_err(|error| broken(&error))? {
                    Some(character) => out.push(character),
                    None => {
                        let name = name.xml10_content();
                        let known = resolve_predefined_entity(&name);
                        out.push_str(known.ok_or_else(|| broken(&format!("it has the unknown entity '{name}'")))?);
                    }
                },
                Event::End(_) => return Ok(out),
                other => blank(&other)?,
            }
        }
    }

    /// Passes over an element that the model does not have.
    fn skip(&mut self, start: &BytesStart<'b>) -> Result<(), ApiError> {
        self.events.read_to_end(start.name()).map(drop).map_err(|error| broken(&error))
    }
}
