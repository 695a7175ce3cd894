//! `awsQuery`: form parameters in, XML out.

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sagewright_model::{Member, Operation, Service, Shape, ShapeType};
use serde_json::{Map, Value};

use super::scalar::{self, join, wrong};
use super::timestamp::Format;
use super::{
    AnswerError, InputError, WireRequest, WireResponse, input_shape, output_shape, unknown_member, xml, xml_read,
};

/// Everything but RFC 3986's unreserved characters.
pub(super) const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

pub(super) fn encode(
    service: &'static Service,
    operation: &'static Operation,
    input: &Value,
) -> Result<WireRequest, InputError> {
    let mut form = Form { service, pairs: Vec::new() };
    form.push("Action", &operation.name);
    form.push("Version", &service.metadata.api_version);
    if let Some(shape) = input_shape(service, operation) {
        form.structure(shape, input, "", "")?;
    }
    let body: Vec<String> = form
        .pairs
        .iter()
        .map(|(k, v)| format!("{}={}", utf8_percent_encode(k, ESCAPED), utf8_percent_encode(v, ESCAPED)))
        .collect();
    Ok(WireRequest {
        method: "POST".to_owned(),
        path: "/".to_owned(),
        headers: vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())],
        body: Bytes::from(body.join("&")),
        ..WireRequest::default()
    })
}

pub(super) fn decode(
    service: &'static Service,
    operation: &'static Operation,
    response: &WireResponse,
) -> Result<Value, AnswerError> {
    let Some(shape) = output_shape(service, operation) else { return Ok(Value::Object(Map::new())) };
    let root = xml::parse(&response.body)?;
    let wrapper = operation.output.as_ref().and_then(|o| o.result_wrapper.as_deref());
    let result = match wrapper {
        // Taken for an answer, another document would say that there is nothing.
        Some(wrapper) if root.name != wrapper => root.child(wrapper).ok_or_else(|| {
            AnswerError::new("XML", &format!("it is a <{}> without <{wrapper}>", root.name), &response.body)
        })?,
        _ => &root,
    };
    Ok(xml_read::read(service, shape, result))
}

struct Form {
    service: &'static Service,
    pairs: Vec<(String, String)>,
}

impl Form {
    fn push(&mut self, key: &str, value: &str) {
        self.pairs.push((key.to_owned(), value.to_owned()));
    }

    fn structure(&mut self, shape: &'static Shape, value: &Value, prefix: &str, path: &str) -> Result<(), InputError> {
        let object = value.as_object().ok_or_else(|| wrong(value, path, "an object"))?;
        for (name, item) in object.iter().filter(|(_, v)| !v.is_null()) {
            let member = shape.members.get(name.as_str()).ok_or_else(|| unknown_member(name, path, shape))?;
            let target = scalar::target(self.service, member)?;
            let key = join(prefix, member.location_name.as_deref().unwrap_or(name));
            self.value(target, member, item, &key, &join(path, name))?;
        }
        Ok(())
    }

    fn value(
        &mut self,
        shape: &'static Shape,
        member: &Member,
        value: &Value,
        prefix: &str,
        path: &str,
    ) -> Result<(), InputError> {
        match shape.kind {
            ShapeType::Structure => self.structure(shape, value, prefix, path),
            ShapeType::List => self.list(shape, member, value, prefix, path),
            ShapeType::Map => self.map(shape, member, value, prefix, path),
            _ => {
                let format = member.timestamp_format.as_deref();
                let text = scalar::to_text(shape, format, Format::Iso8601, value, path)?;
                self.push(prefix, &text);
                Ok(())
            }
        }
    }

    fn list(
        &mut self,
        shape: &'static Shape,
        member: &Member,
        value: &Value,
        prefix: &str,
        path: &str,
    ) -> Result<(), InputError> {
        let items = value.as_array().ok_or_else(|| wrong(value, path, "a list"))?;
        let Some(element) = &shape.member else { return Ok(()) };
        let target = scalar::target(self.service, element)?;
        if items.is_empty() {
            // The protocol's way to say "an empty list", as opposed to "not given".
            self.push(prefix, "");
            return Ok(());
        }
        let flattened = shape.flattened || member.flattened;
        let stem = match (flattened, element.location_name.as_deref()) {
            (true, Some(name)) => match prefix.rsplit_once('.') {
                Some((parent, _)) => join(parent, name),
                None => name.to_owned(),
            },
            (true, None) => prefix.to_owned(),
            (false, name) => join(prefix, name.unwrap_or("member")),
        };
        for (i, item) in items.iter().enumerate() {
            self.value(target, element, item, &format!("{stem}.{}", i + 1), &format!("{path}[{i}]"))?;
        }
        Ok(())
    }

    fn map(
        &mut self,
        shape: &'static Shape,
        member: &Member,
        value: &Value,
        prefix: &str,
        path: &str,
    ) -> Result<(), InputError> {
        let object = value.as_object().ok_or_else(|| wrong(value, path, "an object"))?;
        let (Some(key), Some(element)) = (&shape.key, &shape.value) else { return Ok(()) };
        let target = scalar::target(self.service, element)?;
        let stem = if shape.flattened || member.flattened { prefix.to_owned() } else { join(prefix, "entry") };
        let key_name = key.location_name.as_deref().unwrap_or("key");
        let value_name = element.location_name.as_deref().unwrap_or("value");
        for (i, (name, item)) in object.iter().enumerate() {
            self.push(&format!("{stem}.{}.{key_name}", i + 1), name);
            self.value(target, element, item, &format!("{stem}.{}.{value_name}", i + 1), &join(path, name))?;
        }
        Ok(())
    }
}
