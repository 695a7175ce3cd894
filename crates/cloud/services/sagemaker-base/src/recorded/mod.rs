//! What all kinds share: they are created, described, listed, updated and deleted by the service model and by what a row
//! says of them. Recorded kinds have nothing else; of the others, these are the operations that their crates leave out.

pub mod create;
pub mod delete;
pub mod describe;
pub mod life;
pub mod list;
pub mod rows;
pub mod update;

use std::collections::HashMap;

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::Key;
use sagewright_model::{Member, Service, Shape, ShapeType};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::kind::{Kind, Naming};
use crate::resource::{self, required};
use crate::{Answer, SageMaker, refuse};

/// What an operation does to a recorded kind.
pub type Verb = for<'a> fn(&'a SageMaker, &'a Call, Kind) -> Answer<'a>;

/// The operations that are the same for all kinds, by name.
#[must_use]
pub fn operations() -> HashMap<String, (Kind, Verb)> {
    let mut out: HashMap<String, (Kind, Verb)> = HashMap::new();
    for kind in Kind::all() {
        let noun = kind.0.noun;
        let verbs: [(&str, Verb); 6] = [
            ("Create", |sm, call, kind| Box::pin(create::create(sm, call, kind))),
            ("Describe", |sm, call, kind| Box::pin(describe::describe(sm, call, kind))),
            ("Update", |sm, call, kind| Box::pin(update::update(sm, call, kind))),
            ("Delete", |sm, call, kind| Box::pin(delete::delete(sm, call, kind))),
            ("Start", |sm, call, kind| Box::pin(life::start(sm, call, kind))),
            ("Stop", |sm, call, kind| Box::pin(life::stop(sm, call, kind))),
        ];
        out.extend(verbs.map(|(verb, run)| (format!("{verb}{noun}"), (kind, run))));
        if !kind.0.list.is_empty() {
            out.insert(kind.0.list.to_owned(), (kind, |sm, call, kind| Box::pin(list::list(sm, call, kind))));
        }
    }
    out
}

/// Refuses to create what nothing here would run; its reads find nothing.
///
/// # Errors
/// The refusal; `None` where the operation is none of such a kind's.
pub fn refused(call: &Call) -> Option<Result<Value, ApiError>> {
    let name = &*call.operation.name;
    let (noun, _, instead) = rows::REFUSED.iter().find(|(noun, list, _)| {
        *list == name || ["Create", "Describe"].iter().any(|verb| name.strip_prefix(verb) == Some(*noun))
    })?;
    if name.starts_with("Create") {
        return Some(Err(refuse::instead(&format!("Create{noun}"), instead)));
    }
    if name.starts_with("Describe") {
        return Some(Err(ApiError::not_found("Requested resource not found.")));
    }
    let result = call.service.output(name).and_then(|o| list::result(call, o))?;
    Some(Ok(Value::Object(Map::from_iter([(result.0.to_owned(), Value::Array(Vec::new()))]))))
}

/// Key and ARN of the resource that a request names.
async fn located(sm: &SageMaker, call: &Call, kind: Kind) -> Result<(Key, String), ApiError> {
    let members = match kind.0.naming {
        Naming::Members(members) => members,
        Naming::Id { member, .. } => &[member][..],
    };
    let (last, parents) = match members {
        [parents @ .., last] => (*last, parents),
        [] => return Err(ApiError::internal(format!("{} has no name", kind.0.noun))),
    };
    let given = text(call, last)?;
    // An ARN that ends with an id of its own is found by what was recorded with it.
    if given.starts_with("arn:") && kind.0.arn_id {
        let found = sm.of_arn(call, kind, "", &given).await?;
        return Ok((found.key, found.arn));
    }
    if parents.is_empty() {
        return resource::locate(call, kind, &given);
    }
    let (name, arn_name) = names(call, kind, members)?;
    Ok((resource::key(call, kind, &name), resource::arn(call, kind, &arn_name)))
}

/// The name that a request's members make: as the key has it, and as the ARN does. All but the last may be missing.
fn names(call: &Call, kind: Kind, members: &[&str]) -> Result<(String, String), ApiError> {
    let (mut in_key, mut in_arn) = (Vec::new(), Vec::new());
    for (at, member) in members.iter().enumerate() {
        if at + 1 < members.len() && call.input.get(*member).is_none_or(Value::is_null) {
            continue;
        }
        let part = text(call, member)?;
        in_key.push(if kind.0.marked.contains(member) { format!("{member}:{part}") } else { part.clone() });
        in_arn.push(part);
    }
    Ok((in_key.join("/"), in_arn.join("/")))
}

/// A naming member as text; a number is written out.
fn text(call: &Call, member: &str) -> Result<String, ApiError> {
    match call.input.get(member) {
        Some(Value::Number(n)) => Ok(n.to_string()),
        _ => required(call, member).map(str::to_owned),
    }
}

/// A new id: a prefix and twelve letters and digits.
fn new_id(prefix: &str) -> String {
    let random = Uuid::new_v4().simple().to_string();
    let id = random.get(..12).unwrap_or(&random);
    // AWS writes the ids of some kinds in capitals, prefix excepted.
    if prefix == "app-" { format!("{prefix}{}", id.to_ascii_uppercase()) } else { format!("{prefix}{id}") }
}

/// What an output's shape has of a resource.
fn answer(call: &Call, kind: Kind, shown: Map<String, Value>) -> Value {
    let Some(shape) = call.service.output(&call.operation.name) else { return Value::Object(Map::new()) };
    match shape.members.get(kind.0.wrapper).and_then(|inner| call.service.target(inner)) {
        Some(inner) => Map::from_iter([(kind.0.wrapper.to_owned(), known(call.service, inner, shown))]).into(),
        None => known(call.service, shape, shown),
    }
}

/// The members of a structure that its shape has, in its order. What a request gave may have others, below its top, too.
#[must_use]
pub fn known(service: &Service, shape: &Shape, mut value: Map<String, Value>) -> Value {
    let members = shape.members.iter().filter_map(|(name, member)| {
        let (name, mut value) = value.swap_remove_entry(*name)?;
        within(service, Some(member), &mut value);
        Some((name, value))
    });
    Value::Object(members.collect())
}

fn within(service: &Service, member: Option<&Member>, value: &mut Value) {
    // Texts and numbers, the most there is, have no members.
    if !value.is_object() && !value.is_array() {
        return;
    }
    let Some(shape) = member.and_then(|member| service.target(member)) else { return };
    match value {
        Value::Object(map) if shape.kind == ShapeType::Structure => *value = known(service, shape, std::mem::take(map)),
        Value::Object(map) => map.values_mut().for_each(|value| within(service, shape.value.as_ref(), value)),
        Value::Array(list) => list.iter_mut().for_each(|value| within(service, shape.member.as_ref(), value)),
        _ => {}
    }
}
