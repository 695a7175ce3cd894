//! A manifest's spec under AWS names, its references taken out.

use std::collections::BTreeMap;

use sagewright_kinds::{Kind, Path, PathSegment, RefField, RefTarget, get, get_mut, values};
use sagewright_model::crd;
use serde_json::{Map, Value};

use super::suggest::suggest;

/// A reference as it stands in a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefUse {
    /// The member that it fills, under AWS names.
    pub path: Path,
    /// Where it stands, under Kubernetes names, from `spec`.
    pub at: Path,
    /// What it may refer to, as the row says.
    pub target: RefTarget,
    /// Name of the object.
    pub name: String,
    /// Namespace of the object, where it is given.
    pub namespace: Option<String>,
    /// Further fields, for the template.
    pub with: BTreeMap<String, String>,
}

/// References to kinds of other API groups. Only a Kubernetes cluster that has them knows their values.
pub fn foreign(kind: &Kind, converted: &Converted) -> Vec<FieldError> {
    let of = |reference: &RefUse| {
        let group = reference.target.group.as_ref()?;
        let member = kind.spec_path_to_crd(&reference.path);
        Some(FieldError {
            path: reference.at.clone(),
            message: format!(
                "`{}` refers to a {} of {group}, which only a Kubernetes cluster that holds it can tell",
                reference.at.last().unwrap_or_default(),
                reference.target.kind
            ),
            expected: Some(format!("the value itself in `{}`", member.last().unwrap_or_default())),
        })
    };
    converted.refs.iter().filter_map(of).collect()
}

impl RefUse {
    /// The value for the member, from the value of the other object's field.
    #[must_use]
    pub fn compose(&self, value: &str) -> String {
        let Some(template) = &self.target.template else { return value.to_owned() };
        let text = template.replace("{}", value);
        self.with.iter().fold(text, |text, (key, value)| text.replace(&format!("{{{key}}}"), value))
    }
}

/// Something wrong with a spec. The path starts inside `spec`, under Kubernetes names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// The field.
    pub path: Path,
    /// What is wrong with it.
    pub message: String,
    /// What was expected.
    pub expected: Option<String>,
}

/// A spec under AWS names, and the references that were in it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Converted {
    /// The spec, without the references.
    pub spec: Value,
    /// The references.
    pub refs: Vec<RefUse>,
    /// Members that a reference would fill if it could be read.
    pub claimed: Vec<Path>,
    /// Fields that a mistyped name stands for, under Kubernetes names: they are not missing as well.
    pub meant: Vec<Path>,
    /// What is wrong with it.
    pub errors: Vec<FieldError>,
}

/// Converts a spec.
pub fn convert(kind: &Kind, spec: &Value) -> Converted {
    let mut spec = spec.clone();
    drop_nulls(&mut spec);
    let mut out = Converted::default();
    for field in kind.refs() {
        take_refs(field, &mut spec, &mut out);
    }
    let mut aws = Map::new();
    for (name, value) in spec.as_object().into_iter().flatten() {
        let Some(info) = kind.spec_fields().get(name) else {
            let expected = expected_at(kind, &Path::default(), kind.spec_fields().keys().cloned().collect());
            out.unknown(Path::default(), name, &expected);
            continue;
        };
        let Some(shape) = kind.service().shape(info.shape) else { continue };
        match crd::to_aws(kind.service(), shape, value) {
            Ok(value) => {
                aws.insert(info.member.to_owned(), value);
            }
            Err(fields) => {
                // What is known of it is checked all the same.
                let mut known = value.clone();
                for field in &fields {
                    remove(&mut known, &field.path);
                }
                if let Ok(value) = crd::to_aws(kind.service(), shape, &known) {
                    aws.insert(info.member.to_owned(), value);
                }
                for field in fields {
                    let mut path = exact(value, &field.path);
                    let last = match path.0.pop() {
                        Some(PathSegment::Member(name)) => name,
                        _ => continue,
                    };
                    path.0.insert(0, PathSegment::Member(name.clone()));
                    let expected = expected_at(kind, &path.general(), field.expected);
                    out.unknown(path, &last, &expected);
                }
            }
        }
    }
    out.spec = Value::Object(aws);
    out
}

fn remove(value: &mut Value, steps: &[String]) {
    let Some((last, parents)) = steps.split_last() else { return };
    let mut at = Some(value);
    for step in parents {
        at = match at {
            Some(Value::Array(items)) => step.parse::<usize>().ok().and_then(|i| items.get_mut(i)),
            Some(Value::Object(map)) => map.get_mut(step),
            _ => None,
        };
    }
    if let Some(Value::Object(map)) = at {
        map.shift_remove(last);
    }
}

/// The model's steps as a path: a number is a position where the value is a list.
fn exact(value: &Value, steps: &[String]) -> Path {
    let mut at = Some(value);
    let steps = steps.iter().map(|step| {
        let here = at;
        match (here, step.parse::<usize>()) {
            (Some(Value::Array(items)), Ok(n)) => {
                at = items.get(n);
                PathSegment::Index(n)
            }
            _ => {
                at = here.and_then(|v| v.get(step));
                PathSegment::Member(step.clone())
            }
        }
    });
    Path(steps.collect())
}

/// Fields and references that a place can have.
fn expected_at(kind: &Kind, parent: &Path, mut fields: Vec<String>) -> Vec<String> {
    fields.extend(kind.refs().iter().filter(|r| r.parent == *parent).map(|r| r.field.clone()));
    fields
}

impl Converted {
    fn unknown(&mut self, parent: Path, name: &str, expected: &[String]) {
        let message = match suggest(name, expected.iter().map(String::as_str)) {
            Some(close) => {
                self.meant.push(parent.join(PathSegment::Member(close.to_owned())));
                format!("there is no field `{name}` here; did you mean `{close}`?")
            }
            None => format!("there is no field `{name}` here"),
        };
        let mut sorted: Vec<_> = expected.to_vec();
        sorted.sort();
        self.errors.push(FieldError {
            path: parent.join(PathSegment::Member(name.to_owned())),
            message,
            expected: (!sorted.is_empty()).then(|| format!("one of {}", sorted.join(", "))),
        });
    }
}

fn take_refs(field: &RefField, spec: &mut Value, out: &mut Converted) {
    let parents: Vec<Path> = values(spec, &field.parent).into_iter().map(|(path, _)| path).collect();
    for parent in parents {
        let Some(Value::Object(map)) = get_mut(spec, &parent) else { continue };
        let Some(value) = map.shift_remove(&field.field) else { continue };
        let at = field.at(&parent);
        let member = field.crd.last().unwrap_or_default().to_owned();
        if map.contains_key(&member) {
            out.errors.push(FieldError {
                path: at.clone(),
                message: format!("`{member}` and `{}` say the same thing: keep one of them", field.field),
                expected: None,
            });
            continue;
        }
        let path = field.path.placed(&parent);
        if !field.list {
            match parse_reference(field, &value, &at, path) {
                Ok(reference) => out.refs.push(reference),
                Err(error) => {
                    out.claimed.push(field.path.placed(&parent));
                    out.errors.push(error);
                }
            }
            continue;
        }
        let Some(items) = value.as_array() else {
            out.errors.push(FieldError {
                path: at,
                message: format!("`{}` is a list of references", field.field),
                expected: Some(shape_of(field)),
            });
            continue;
        };
        // The member becomes a list with one place for each reference.
        map.insert(member, Value::Array(vec![Value::String(String::new()); items.len()]));
        for (i, item) in items.iter().enumerate() {
            match parse_reference(field, item, &at.join(PathSegment::Index(i)), path.join(PathSegment::Index(i))) {
                Ok(reference) => out.refs.push(reference),
                Err(error) => out.errors.push(error),
            }
        }
    }
}

fn shape_of(field: &RefField) -> String {
    let with: String = field.with.iter().map(|(key, _)| format!(", {key}: …")).collect();
    format!("{}: {{from: {{name: NAME}}{with}}}", field.field)
}

fn parse_reference(field: &RefField, value: &Value, at: &Path, path: Path) -> Result<RefUse, FieldError> {
    let error = |path: Path, message: String| FieldError { path, message, expected: Some(shape_of(field)) };
    let Some(map) = value.as_object() else {
        return Err(error(at.clone(), format!("`{}` is a reference, not a plain value", field.field)));
    };
    let with_names: Vec<&str> = field.with.iter().map(|(key, _)| key.as_str()).collect();
    let from_at = at.join(PathSegment::Member("from".to_owned()));
    for key in map.keys() {
        if key != "from" && !with_names.contains(&key.as_str()) {
            return Err(error(at.join(PathSegment::Member(key.clone())), format!("a reference has no field `{key}`")));
        }
    }
    let Some(from) = map.get("from").and_then(Value::as_object) else {
        return Err(error(from_at, "`from` is missing: it names the object".to_owned()));
    };
    let text = |key: &str| from.get(key).and_then(Value::as_str).filter(|t| !t.is_empty());
    let Some(name) = text("name") else {
        return Err(error(
            from_at.join(PathSegment::Member("name".to_owned())),
            "`name` of the object is missing".to_owned(),
        ));
    };
    if let Some(key) = from.keys().find(|k| !matches!(k.as_str(), "name" | "namespace" | "kind")) {
        return Err(error(from_at.join(PathSegment::Member(key.clone())), format!("`from` has no field `{key}`")));
    }
    let target = match text("kind") {
        None => field.targets.first(),
        Some(kind) => field.targets.iter().find(|t| t.kind.eq_ignore_ascii_case(kind)),
    };
    let Some(target) = target else {
        let kinds: Vec<_> = field.targets.iter().map(|t| t.kind.as_str()).collect();
        return Err(error(
            from_at.join(PathSegment::Member("kind".to_owned())),
            format!("`{}` refers to {}", field.field, kinds.join(" or ")),
        ));
    };
    let mut with: BTreeMap<String, String> = field.with.iter().cloned().collect();
    for (key, value) in &mut with {
        if let Some(given) = map.get(key) {
            *value = given.as_str().map_or_else(|| given.to_string(), str::to_owned);
        }
    }
    Ok(RefUse {
        path,
        at: at.clone(),
        target: target.clone(),
        name: name.to_owned(),
        namespace: text("namespace").map(str::to_owned),
        with,
    })
}

/// Takes out what is null: AWS reads it as absent.
pub fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, v| !v.is_null());
            map.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

/// The value at a path, as text for a message.
pub fn shown(value: &Value, path: &Path) -> String {
    match get(value, path) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    }
}
