//! The caller's values as XML (`restXml` bodies).

use quick_xml::escape::escape;
use sagewright_model::{Member, Service, Shape, ShapeType};
use serde_json::Value;

use super::scalar::{self, join, wrong};
use super::timestamp::Format;
use super::{InputError, unknown_member};

/// A document with one root element.
pub(super) fn document(
    service: &'static Service,
    shape: &'static Shape,
    root: &str,
    namespace: Option<&str>,
    value: &Value,
) -> Result<String, InputError> {
    let mut out = String::new();
    let namespace = namespace.map(|uri| format!(" xmlns=\"{}\"", escape(uri))).unwrap_or_default();
    let object = value.as_object().ok_or_else(|| wrong(value, root, "an object"))?;
    out.push_str(&format!("<{root}{namespace}>"));
    for (name, item) in object.iter().filter(|(_, v)| !v.is_null()) {
        let member = shape.members.get(name.as_str()).ok_or_else(|| unknown_member(name, root, shape))?;
        if member.location.is_none() {
            write(service, member, name, item, &join(root, name), &mut out)?;
        }
    }
    out.push_str(&format!("</{root}>"));
    Ok(out)
}

fn write(
    service: &'static Service,
    member: &'static Member,
    name: &str,
    value: &Value,
    path: &str,
    out: &mut String,
) -> Result<(), InputError> {
    let shape = scalar::target(service, member)?;
    let wire = member.location_name.as_deref().unwrap_or(name);
    match shape.kind {
        ShapeType::List => {
            let items = value.as_array().ok_or_else(|| wrong(value, path, "a list"))?;
            let Some(element) = &shape.member else { return Ok(()) };
            let flattened = shape.flattened || member.flattened;
            let item_name = element.location_name.as_deref().unwrap_or(if flattened { wire } else { "member" });
            if !flattened {
                out.push_str(&format!("<{wire}>"));
            }
            for (i, item) in items.iter().enumerate() {
                write_as(service, element, item_name, item, &format!("{path}[{i}]"), out)?;
            }
            if !flattened {
                out.push_str(&format!("</{wire}>"));
            }
            Ok(())
        }
        ShapeType::Map => {
            let object = value.as_object().ok_or_else(|| wrong(value, path, "an object"))?;
            let (Some(key), Some(element)) = (&shape.key, &shape.value) else { return Ok(()) };
            let flattened = shape.flattened || member.flattened;
            let entry = if flattened { wire } else { "entry" };
            let key_name = key.location_name.as_deref().unwrap_or("key");
            if !flattened {
                out.push_str(&format!("<{wire}>"));
            }
            for (name, item) in object {
                out.push_str(&format!("<{entry}><{key_name}>{}</{key_name}>", escape(name.as_str())));
                write(service, element, "value", item, &join(path, name), out)?;
                out.push_str(&format!("</{entry}>"));
            }
            if !flattened {
                out.push_str(&format!("</{wire}>"));
            }
            Ok(())
        }
        _ => write_as(service, member, wire, value, path, out),
    }
}

/// Writes a structure or scalar under a given element name.
fn write_as(
    service: &'static Service,
    member: &'static Member,
    wire: &str,
    value: &Value,
    path: &str,
    out: &mut String,
) -> Result<(), InputError> {
    let shape = scalar::target(service, member)?;
    match shape.kind {
        ShapeType::Structure => {
            let object = value.as_object().ok_or_else(|| wrong(value, path, "an object"))?;
            let mut attributes = String::new();
            let mut inner = String::new();
            for (name, item) in object.iter().filter(|(_, v)| !v.is_null()) {
                let member = shape.members.get(name.as_str()).ok_or_else(|| unknown_member(name, path, shape))?;
                match member.location_name.as_deref() {
                    // The type of an S3 grantee is an attribute of XML Schema's namespace.
                    Some(attribute @ "xsi:type") => attributes.push_str(&format!(
                        " xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" {attribute}=\"{}\"",
                        escape(scalar::plain(item).as_str())
                    )),
                    _ => write(service, member, name, item, &join(path, name), &mut inner)?,
                }
            }
            out.push_str(&format!("<{wire}{attributes}>{inner}</{wire}>"));
            Ok(())
        }
        ShapeType::List | ShapeType::Map => write(service, member, wire, value, path, out),
        _ => {
            let format = member.timestamp_format.as_deref();
            let text = scalar::to_text(shape, format, Format::Iso8601, value, path)?;
            out.push_str(&format!("<{wire}>{}</{wire}>", escape(text.as_str())));
            Ok(())
        }
    }
}
