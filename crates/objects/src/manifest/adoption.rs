//! The annotation that says what to adopt: by what the kind is known by, as ACK's `adoption-fields`.

use indexmap::IndexMap;
use sagewright_kinds::Kind;
use sagewright_model::{Arn, name::to_crd};
use serde_json::{Map, Value};

use super::convert::convert;
use crate::keys;
use crate::object::Object;

/// The fields that say what to adopt.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AdoptionFields {
    /// The ARN, where it is given.
    pub arn: Option<String>,
    /// Members that address the resource, under AWS names.
    pub members: Map<String, Value>,
    /// The name that the ARN says, where the kind has one: the member, and the name as the ARN spells it.
    pub named: Option<(String, String)>,
}

/// What is wrong, and what was expected.
type Problem = (String, String);

impl AdoptionFields {
    /// Reads an object's annotation; what is wrong with it is reported when manifests are checked.
    pub fn read(kind: &Kind, object: &Object) -> Self {
        // Few objects have it, and the names of fields take a while to make.
        let Some(fields) = object.annotation(keys::ADOPTION_FIELDS) else { return Self::default() };
        let fields: Map<String, Value> = serde_json::from_str(fields).unwrap_or_default();
        let arn = fields.get("arn").and_then(Value::as_str).map(str::to_owned);
        let members =
            known_by(kind).into_iter().filter_map(|(field, member)| Some((member, fields.get(&field)?.clone())));
        let named = match (&arn, kind.row().identity.name.as_slice()) {
            (Some(arn), [member]) => name_in(arn).map(|name| (member.clone(), name.to_owned())),
            _ => None,
        };
        Self { arn, members: members.collect(), named }
    }
}

/// The last part of an ARN: the name of a kind that has one name.
fn name_in(arn: &str) -> Option<&str> {
    arn.rsplit(['/', ':']).next().filter(|name| !name.is_empty())
}

/// The fields that a kind is known by besides its ARN, with their members: the parts of its name, what it is inside of, and
/// what its read takes.
fn known_by(kind: &Kind) -> IndexMap<String, String> {
    let row = kind.row();
    let read = row.operations.input.get("read").filter(|_| row.operations.read_items.is_none());
    let identity = row.identity.name.iter().chain(&row.identity.within).chain(read.into_iter().flat_map(|r| r.keys()));
    let arn = row.identity.arn.as_deref();
    identity.filter(|member| arn != Some(member)).map(|member| (to_crd(member), member.clone())).collect()
}

/// What is wrong with an object's annotation.
pub(super) fn check(kind: &Kind, object: &Object) -> Option<Problem> {
    let text = object.annotation(keys::ADOPTION_FIELDS)?;
    let fields: Map<String, Value> = match serde_json::from_str(text) {
        Ok(fields) => fields,
        Err(error) => {
            let expected = "a JSON map of fields and their values, as in {\"arn\": \"arn:aws:…\"}".to_owned();
            return Some((format!("this is no JSON map: {error}"), expected));
        }
    };
    let known = known_by(kind);
    let takes_arn = kind.row().identity.arn.is_some() && kind.row().identity.name.len() < 2;
    let names: Vec<&str> = known.keys().map(String::as_str).chain(takes_arn.then_some("arn")).collect();
    let expected = || names.join(", ");
    if let Some(unknown) = fields.keys().find(|field| !names.contains(&field.as_str())) {
        let close = super::suggest(unknown, names.iter().copied());
        let hint = close.map(|close| format!("; did you mean `{close}`?")).unwrap_or_default();
        return Some((format!("`{unknown}` does not say which {}{hint}", kind.words()), expected()));
    }
    let is_text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    if let Some((field, _)) = fields.iter().find(|(_, value)| !is_text(value)) {
        return Some((format!("`{field}` has no text"), "text, in quotes".to_owned()));
    }
    let arn = fields.get("arn").and_then(Value::as_str);
    if let Some(arn) = arn.filter(|arn| arn.parse::<Arn>().is_err()) {
        return Some((format!("`{arn}` is no ARN"), "an ARN, as in arn:aws:sagemaker:us-east-1:…".to_owned()));
    }
    other_than_spec(kind, object, &fields).or_else(|| incomplete(kind, object, &fields).map(|why| (why, expected())))
}

/// A field that says another resource than the spec does.
fn other_than_spec(kind: &Kind, object: &Object, fields: &Map<String, Value>) -> Option<Problem> {
    let adopts = AdoptionFields::read(kind, object);
    let spec = convert(kind, &object.spec).spec;
    let declared = |member: &str| spec.get(member).and_then(Value::as_str);
    let same = |member: &str, said: &str| declared(member).is_none_or(|declared| declared == said);
    let other = known_by(kind).into_iter().find_map(|(field, member)| {
        let said = fields.get(&field)?.as_str()?;
        (!same(&member, said)).then(|| (field, member, said.to_owned()))
    });
    let named =
        adopts.named.filter(|(member, said)| declared(member).is_some_and(|name| !name.eq_ignore_ascii_case(said)));
    let (field, member, said) = other.or_else(|| named.map(|(member, said)| ("arn".to_owned(), member, said)))?;
    let field_of_spec = to_crd(&member);
    let declared = declared(&member).unwrap_or_default();
    Some((
        format!("`{field}` says `{said}`, and spec.{field_of_spec} is `{declared}`"),
        format!("one resource: the same in both, or no spec.{field_of_spec}"),
    ))
}

/// What is missing before the fields and the spec together say one resource.
fn incomplete(kind: &Kind, object: &Object, fields: &Map<String, Value>) -> Option<String> {
    object.annotation(keys::ADOPTION_POLICY)?;
    if fields.contains_key("arn") {
        return None;
    }
    let converted = convert(kind, &object.spec);
    let said = |member: &String| {
        fields.contains_key(&to_crd(member))
            || converted.spec.get(member).is_some()
            || converted.refs.iter().any(|r| r.path.first() == Some(member.as_str()))
    };
    let row = kind.row();
    let quoted = |members: Vec<&String>| members.iter().map(|m| format!("`{}`", to_crd(m))).collect::<Vec<_>>();
    let what = kind.words();
    if kind.is_arn_identified() {
        let read: Vec<&String> = row.operations.input.get("read").into_iter().flat_map(|read| read.keys()).collect();
        return (!read.iter().any(|member| said(member))).then(|| format!("this does not say which {what}"));
    }
    let missing: Vec<&String> = row.identity.name.iter().filter(|member| !said(member)).collect();
    (!missing.is_empty()).then(|| format!("this does not say which {what}: {} is missing", quoted(missing).join(", ")))
}
