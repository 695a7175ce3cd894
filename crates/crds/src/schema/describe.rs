//! Sentences for `kubectl explain`, from facts.

use sagewright_kinds::row::DeleteHow;
use sagewright_kinds::{Kind, Path};
use sagewright_model::{Shape, ShapeType};
use serde_json::Value;

use crate::words::{capital, sentence};

/// Allowed values that are told at most: a schema has them all.
const MOST_VALUES: usize = 8;

/// A field to describe.
pub(super) struct Field<'a> {
    pub kind: &'static Kind,
    /// AWS's member.
    pub name: &'a str,
    pub shape: &'static Shape,
    pub path: &'a Path,
    pub spec: bool,
    /// No update can change it.
    pub fixed: bool,
}

/// A kind: what it is, and what becomes of it.
pub(crate) fn kind(kind: &Kind) -> String {
    let row = kind.row();
    let service = if kind.service().id == "sagemaker" { "Amazon SageMaker" } else { "Application Auto Scaling" };
    let words = capital(&kind.words());
    let changes = match &row.operations.update {
        None => " Once it exists, nothing of it but its tags can be changed.",
        Some(_) => "",
    };
    let end = match row.delete.how {
        DeleteHow::Delete => "",
        DeleteHow::Stop => " Deleting the object stops it; its record stays in AWS.",
        DeleteHow::Deregister => " Deleting the object deregisters it.",
        DeleteHow::Retain => " Deleting the object leaves it in AWS.",
    };
    format!("{words} in {service}, as declared.{changes}{end}")
}

/// The spec of a kind.
pub(crate) fn spec(kind: &Kind) -> String {
    format!("What the {} is to be.", kind.words())
}

/// The status of a kind.
pub(crate) fn status(kind: &Kind) -> String {
    format!("What was last seen of the {} in AWS.", kind.words())
}

/// A field: its name in words, then what it takes.
pub(super) fn field(field: &Field) -> String {
    let mut said = vec![format!("{}.", sentence(field.name))];
    if !field.spec {
        return said.remove(0);
    }
    said.extend(values(field.kind, field.shape));
    said.extend(name(field));
    said.extend(default(field));
    said.extend(union(field.shape));
    let refs = field.kind.refs().iter().find(|r| r.path == *field.path);
    said.extend(refs.map(|r| format!("Or {}.", r.field)));
    if field.kind.row().spec.unordered.keys().any(|path| Path::parse(path) == *field.path) {
        said.push("Its order means nothing.".to_owned());
    }
    if field.shape.sensitive || field.kind.row().spec.secret.iter().any(|path| Path::parse(path) == *field.path) {
        said.push("Never shown in logs or events.".to_owned());
    }
    // Of a kind that cannot be changed at all, the kind says so.
    if field.fixed && field.kind.row().operations.update.is_some() {
        said.push("Cannot be changed once the resource exists.".to_owned());
    }
    said.join(" ")
}

/// What a value may be.
fn values(kind: &Kind, shape: &Shape) -> Option<String> {
    use ShapeType as T;
    let element = |member: Option<&sagewright_model::Member>| {
        let shape = member.and_then(|m| kind.service().target(m))?;
        (!shape.enumeration.is_empty()).then(|| values(kind, shape)).flatten()
    };
    match shape.kind {
        T::String if !shape.enumeration.is_empty() => Some(match shape.enumeration.as_slice() {
            [one] => format!("Always {one}."),
            all if all.len() <= MOST_VALUES => format!("One of {}.", all.join(", ")),
            all => format!("One of {} values, such as {}.", all.len(), all.first().map_or("", AsRef::as_ref)),
        }),
        T::String => range(shape, "character"),
        T::List | T::Map => {
            let of =
                element(shape.member.as_ref().or(shape.value.as_ref())).map(|text| format!(" Each: {}", lower(&text)));
            let many = if shape.kind == T::List { "element" } else { "entry" };
            match (range(shape, many), of) {
                (None, None) => None,
                (range, of) => {
                    Some(format!("{}{}", range.unwrap_or_default(), of.unwrap_or_default()).trim_start().to_owned())
                }
            }
        }
        T::Structure | T::Boolean | T::Blob | T::Character => None,
        T::Timestamp => Some("A time, such as 2030-01-31T12:00:00Z.".to_owned()),
        _ => range(shape, ""),
    }
}

fn range(shape: &Shape, of: &str) -> Option<String> {
    let unit = |n: f64| match of {
        "" => String::new(),
        "entry" if n != 1.0 => " entries".to_owned(),
        _ if n == 1.0 => format!(" {of}"),
        _ => format!(" {of}s"),
    };
    let min = shape.min.filter(|min| *min > 0.0 || of.is_empty());
    // AWS's way to say that there is no bound.
    let max = shape.max.filter(|max| *max < 2_147_483_647.0);
    Some(match (min, max) {
        (None, None) => return None,
        (Some(min), None) if of.is_empty() => format!("At least {min}."),
        // Text and lists that are not empty are what everyone writes.
        (Some(1.0), None) => return None,
        (Some(min), None) => format!("At least {min}{}.", unit(min)),
        (None, Some(max)) => format!("At most {max}{}.", unit(max)),
        (Some(min), Some(max)) if min == max => format!("{min}{}.", unit(max)),
        (Some(1.0), Some(max)) if !of.is_empty() => format!("At most {max}{}.", unit(max)),
        (Some(min), Some(max)) => format!("{min} to {max}{}.", unit(max)),
    })
}

/// The name of the resource stands for the object's own.
fn name(field: &Field) -> Option<String> {
    let top = field.path.0.len() == 1;
    (top && field.kind.own_name() == Some(field.name)).then(|| "Its name in AWS; metadata.name without it.".to_owned())
}

fn default(field: &Field) -> Option<String> {
    let (_, value) = field.kind.row().spec.defaults.iter().find(|(path, _)| Path::parse(path) == *field.path)?;
    Some(match value {
        Value::String(text) if text.is_empty() => "AWS chooses one where it is not given.".to_owned(),
        Value::String(text) => format!("{text} where it is not given."),
        other => format!("{other} where it is not given."),
    })
}

fn union(shape: &Shape) -> Option<String> {
    (shape.union && shape.members.len() > 1).then(|| "One of its fields is given, and only one.".to_owned())
}

fn lower(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}
