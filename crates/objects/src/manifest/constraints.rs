//! The service model's constraints, reported on the manifest's own fields.

use sagewright_kinds::{Kind, Path, PathSegment, get, get_mut, values};
use sagewright_model::name::to_crd;
use sagewright_model::without_logins;
use sagewright_model::{Invalid, Segment, Shape, ShapeType, Violation, validate};
use serde_json::{Map, Value};

use super::convert::{Converted, FieldError, shown};
use super::suggest::suggest;
use crate::keys;
use crate::mark;
use crate::object::ObjectId;
use crate::secrets::is_secret;

/// Values of the wrong type that are reported at once.
const MOST_TYPE_ERRORS: usize = 20;
/// Allowed values that are listed in an error.
const MOST_VALUES: usize = 12;

/// Checks a converted spec; a partial one may leave out what a create needs.
pub fn check(kind: &Kind, id: &ObjectId, converted: &Converted, partial: bool) -> Vec<FieldError> {
    let mut errors: Vec<FieldError> = identity(kind, converted).filter(|_| !partial).into_iter().collect();
    errors.extend(tags(kind, converted));
    errors.extend(reserved(kind, converted));
    errors.extend(description(kind, id, converted));
    let service = kind.service();
    let mut spec = converted.spec.clone();
    // Members that only the update takes are checked against their own shape.
    let mut extra = Map::new();
    if let Some(map) = spec.as_object_mut() {
        for field in kind.spec_fields().values().filter(|f| f.update_only) {
            if let Some(value) = map.shift_remove(field.member) {
                extra.insert(field.member.to_owned(), value);
            }
        }
    }
    all(kind, kind.create_shape(), spec, &Path::default(), converted, partial, &mut errors);
    for (member, value) in extra {
        if let Some(shape) = kind.spec_member(&member).and_then(|m| service.target(m)) {
            all(kind, shape, value, &Path(vec![PathSegment::Member(member)]), converted, partial, &mut errors);
        }
    }
    for member in &kind.row().spec.json {
        for (path, value) in values(&converted.spec, &Path::parse(member)) {
            if let Some(Err(error)) = value.as_str().map(serde_json::from_str::<Value>) {
                errors.push(FieldError {
                    path: kind.spec_path_to_crd(&path),
                    message: format!("this is not JSON: {error}"),
                    expected: Some("JSON text".to_owned()),
                });
            }
        }
    }
    errors
}

/// Kinds that AWS names are found inside something that the manifest has to name.
fn identity(kind: &Kind, converted: &Converted) -> Option<FieldError> {
    let within = &kind.row().identity.within;
    let given = |member: &String| {
        converted.spec.get(member).is_some() || converted.refs.iter().any(|r| r.path.first() == Some(member.as_str()))
    };
    let first = within.first()?;
    // What the model asks for is told with its other constraints.
    if within.iter().any(|member| given(member) || kind.create_shape().is_required(member)) {
        return None;
    }
    let names: Vec<_> = within.iter().map(|m| format!("`{}`", to_crd(m))).collect();
    Some(FieldError {
        path: Path(vec![PathSegment::Member(to_crd(within.last().unwrap_or(first)))]),
        message: format!("{} is missing", names.join(" or ")),
        expected: None,
    })
}

fn tags(kind: &Kind, converted: &Converted) -> Option<FieldError> {
    let unless = kind.row().tags.unless.as_deref()?;
    let member = kind.tags_member()?;
    converted.spec.get(member)?;
    let given = converted.spec.get(unless).is_some() || converted.refs.iter().any(|r| r.path.first() == Some(unless));
    given.then(|| FieldError {
        path: Path(vec![PathSegment::Member(to_crd(member))]),
        message: format!("AWS takes no tags for a {} with `{}`", kind.words(), to_crd(unless)),
        expected: Some("tags on the group instead".to_owned()),
    })
}

/// Keys that are reserved for Sagewright's own tags and properties, and room for them.
fn reserved(kind: &Kind, converted: &Converted) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for member in kind.tags_member().into_iter().chain(kind.row().tags.mark.as_deref()) {
        let top = Path::parse(member);
        let keys: Vec<(Path, &str)> = match converted.spec.get(member) {
            Some(Value::Object(map)) => {
                map.keys().map(|k| (top.join(PathSegment::Member(k.clone())), k.as_str())).collect()
            }
            Some(Value::Array(items)) => {
                let key = |(i, item)| {
                    let key = Value::get(item, "Key")?.as_str()?;
                    Some((top.join(PathSegment::Index(i)).join(PathSegment::Member("Key".to_owned())), key))
                };
                items.iter().enumerate().filter_map(key).collect()
            }
            _ => continue,
        };
        for (i, (path, key)) in keys.iter().enumerate() {
            if keys.iter().take(i).any(|(_, before)| before == key) {
                errors.push(FieldError {
                    path: kind.spec_path_to_crd(path),
                    message: format!("`{key}` stands here a second time"),
                    expected: Some("one tag of each key".to_owned()),
                });
            }
        }
        for (path, key) in keys.iter().filter(|(_, key)| key.starts_with(keys::PREFIX)) {
            errors.push(FieldError {
                path: kind.spec_path_to_crd(path),
                message: format!("`{key}` is Sagewright's own: it says whose a resource is"),
                expected: Some(format!("a key that does not start with {}", keys::PREFIX)),
            });
        }
        // The mark, the declared keys, the set, the last update, and what was declared for autoscaling.
        let row = kind.row();
        let remembered = usize::from(row.update.remember) + usize::from(!row.spec.scaled.is_empty());
        let own = if kind.tags_member() == Some(member) { 3 + remembered } else { 1 };
        let most = kind.spec_shape(&top).and_then(|s| s.max).map(|most| most as usize);
        if let Some(most) = most.filter(|most| (most.saturating_sub(own) + 1..=*most).contains(&keys.len())) {
            errors.push(FieldError {
                path: kind.spec_path_to_crd(&top),
                message: format!("{} leave no room: AWS takes {most}, and Sagewright needs {own} of them", keys.len()),
                expected: Some(format!("at most {}", most.saturating_sub(own))),
            });
        }
    }
    errors
}

/// The mark at the end of a description has to fit beside the text.
fn description(kind: &Kind, id: &ObjectId, converted: &Converted) -> Option<FieldError> {
    let member = kind.row().tags.mark.as_deref().filter(|_| kind.tags_member().is_none())?;
    let text = converted.spec.get(member)?.as_str()?;
    let path = Path::parse(member);
    let most = kind.spec_shape(&path)?.max? as usize;
    let mark = mark::suffix(&format!("{}/{}", id.namespace, id.name)).chars().count();
    let own = mark + mark::LONGEST_INSTALLATION + 2;
    let length = text.chars().count();
    (length <= most && length + own > most).then(|| FieldError {
        path: kind.spec_path_to_crd(&path),
        message: format!(
            "{length} characters leave no room: AWS takes {most}, and Sagewright needs {own} of them to say whose it is"
        ),
        expected: Some(format!("at most {} characters", most.saturating_sub(own))),
    })
}

fn all(
    kind: &Kind,
    shape: &Shape,
    mut value: Value,
    base: &Path,
    converted: &Converted,
    partial: bool,
    errors: &mut Vec<FieldError>,
) {
    let service = kind.service();
    let mut reported: Vec<Path> = Vec::new();
    for _ in 0..MOST_TYPE_ERRORS {
        match validate(service, shape, &value) {
            Ok(()) => return,
            Err(Invalid::Type { path, .. }) => {
                let path = from_segments(&path);
                let full = Path(base.0.iter().chain(&path.0).cloned().collect());
                let found = get(&value, &path).unwrap_or(&Value::Null);
                errors.push(type_error(kind, &full, found, &converted.spec));
                // Without the value the rest can be read.
                let Some(place) = get_mut(&mut value, &path) else { return };
                *place = Value::Null;
                reported.push(full);
            }
            Err(Invalid::Constraints(list)) => {
                for violation in list {
                    let path = from_segments(&violation.path);
                    let full = Path(base.0.iter().chain(&path.0).cloned().collect());
                    let filled = violation.value.is_none()
                        && (partial
                            || converted.claimed.contains(&full)
                            || converted.meant.contains(&kind.spec_path_to_crd(&full))
                            || converted.refs.iter().any(|r| r.path == full)
                            || is_token(kind, &full));
                    // A list of references holds empty places until they are resolved.
                    let list =
                        converted.refs.iter().any(|r| full.leads_to(&r.path) && r.path.0.len() == full.0.len() + 1);
                    if !filled && !list && !reported.contains(&full) {
                        errors.push(violated(kind, &full, &violation, converted));
                    }
                }
                return;
            }
        }
    }
}

fn is_token(kind: &Kind, path: &Path) -> bool {
    path.first().filter(|_| path.0.len() == 1).and_then(|m| kind.spec_member(m)).is_some_and(|m| m.idempotency_token)
}

fn from_segments(path: &[Segment]) -> Path {
    Path(
        path.iter()
            .map(|segment| match segment {
                Segment::Member(name) | Segment::Key(name) => PathSegment::Member(name.clone()),
                Segment::Index(i) => PathSegment::Index(*i),
            })
            .collect(),
    )
}

fn type_error(kind: &Kind, path: &Path, value: &Value, spec: &Value) -> FieldError {
    let crd = kind.spec_path_to_crd(path);
    let name = crd.last().map_or_else(|| crd.to_string(), str::to_owned);
    let expected = kind.spec_shape(path).map_or("another type", |s| type_words(s.kind));
    let found = match value {
        Value::Null => "nothing".to_owned(),
        // A secret is not repeated.
        Value::Bool(_) | Value::Number(_) | Value::String(_) if is_secret(kind, spec, path) => {
            format!("not {expected}")
        }
        Value::Bool(b) => format!("the truth value {b}"),
        Value::Number(n) => format!("the number {n}"),
        Value::String(s) => format!("the text \"{}\"", without_logins(s).as_deref().unwrap_or(s)),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a map".to_owned(),
    };
    let quotes = expected == "text" && (value.is_number() || value.is_boolean());
    // YAML reads `yes` as a truth value and `1.10` as 1.1: what stands there is meant, not what became of it.
    let hint = if quotes { "; write what stands there in quotes" } else { "" };
    FieldError { path: crd, message: format!("`{name}` is {found}{hint}"), expected: Some(expected.to_owned()) }
}

fn type_words(kind: ShapeType) -> &'static str {
    use ShapeType as T;
    match kind {
        T::Structure => "a map of fields",
        T::List => "a list",
        T::Map => "a map",
        T::String | T::Character => "text",
        T::Integer | T::Long | T::Short | T::Byte | T::BigInteger => "a whole number",
        T::Float | T::Double | T::BigDecimal => "a number",
        T::Boolean => "true or false",
        T::Blob => "base64 text",
        T::Timestamp => "a time, as in 2026-01-31T12:00:00Z",
    }
}

fn violated(kind: &Kind, path: &Path, violation: &Violation, converted: &Converted) -> FieldError {
    let crd = kind.spec_path_to_crd(path);
    let shape = kind.spec_shape(path);
    let name = crd.last().unwrap_or_default().to_owned();
    let Some(_) = &violation.value else {
        let reference = kind.refs().iter().find(|r| r.path == path.general()).map(|r| r.field.clone());
        let hint = reference.map(|r| format!(", or `{r}` in its place")).unwrap_or_default();
        let expected = shape.map(|s| format!("{}{}", type_words(s.kind), limits(s)));
        return FieldError { path: crd, message: format!("`{name}` is missing{hint}"), expected };
    };
    let is_secret = is_secret(kind, &converted.spec, path);
    let value = shown(&converted.spec, path);
    let value = without_logins(&value).unwrap_or(value);
    if let Some(shape) = shape.filter(|s| !s.enumeration.is_empty() && violation.constraint.contains("enum value set"))
    {
        let close = suggest(&value, shape.enumeration.iter().map(AsRef::as_ref));
        let hint = close.map(|c| format!("; did you mean `{c}`?")).unwrap_or_default();
        let expected = if shape.enumeration.len() <= MOST_VALUES {
            format!("one of {}", shape.enumeration.join(", "))
        } else {
            format!("one of {} values: see `explain {}.{}`", shape.enumeration.len(), kind.name(), path_words(&crd))
        };
        return FieldError {
            path: crd,
            message: format!("`{value}` is not a value of `{name}`{hint}"),
            expected: Some(expected),
        };
    }
    let constraint = violation.constraint.strip_prefix("Member ").unwrap_or(&violation.constraint);
    let shown = if is_secret || value.len() > 80 { String::new() } else { format!(" `{value}`") };
    FieldError {
        path: crd,
        message: format!("`{name}`{shown} {constraint}"),
        expected: shape.map(|s| format!("{}{}", type_words(s.kind), limits(s))),
    }
}

fn path_words(path: &Path) -> String {
    path.general().to_string().replace("[]", "")
}

fn limits(shape: &Shape) -> String {
    let unit = match shape.kind {
        ShapeType::String => " characters",
        ShapeType::List | ShapeType::Map => " elements",
        _ => "",
    };
    match (shape.min, shape.max) {
        (Some(min), Some(max)) => format!(", {min} to {max}{unit}"),
        (None, Some(max)) => format!(", at most {max}{unit}"),
        (Some(min), None) => format!(", at least {min}{unit}"),
        (None, None) => String::new(),
    }
}
