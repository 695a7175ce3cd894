//! Values that are secret by the names of their keys: whoever sees a plan in a log does not see them.

use std::collections::BTreeMap;

use sagewright_kinds::{Kind, Path, PathSegment, get, values};
use sagewright_model::{MASK, Member, Shape, ShapeType, is_secret_key, is_secret_text, mask, without_logins};
use serde_json::Value;

use crate::manifest::convert::convert;

/// What stands in the place of a value that is not shown.
pub const HIDDEN: &str = "(sensitive)";

/// The secrets of specs under AWS names.
#[derive(Debug, Default)]
pub struct Secrets(Vec<Path>);

impl Secrets {
    /// What the service models and [`mask`] hide in a spec.
    pub fn of(kind: &Kind, spec: &Value) -> Self {
        let mut masked = spec.clone();
        let places = mask(kind.service(), kind.create_shape(), &mut masked);
        // Of a text that has a login in it only that is hidden, wherever it is shown.
        let whole = places.iter().filter(|place| masked.pointer(place).is_some_and(|value| value == MASK));
        Self(whole.map(|place| path(spec, place)).collect())
    }

    /// With those of another spec.
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// The secrets in what stands at a path, as JSON pointers from there; the empty one for all of it.
    pub fn at(&self, at: &Path) -> Vec<String> {
        self.pointers(at, |path| path.clone())
    }

    /// As [`Secrets::at`], for a value under the names of a manifest.
    pub fn in_manifest(&self, kind: &Kind, at: &Path) -> Vec<String> {
        self.pointers(at, |path| kind.spec_path_to_crd(path))
    }

    fn pointers(&self, at: &Path, named: impl Fn(&Path) -> Path) -> Vec<String> {
        let mut pointers: Vec<String> = Vec::new();
        for secret in &self.0 {
            let pointer = if at.0.starts_with(&secret.0) {
                String::new()
            } else if secret.0.starts_with(&at.0) {
                named(secret).0.iter().skip(at.0.len()).map(token).collect()
            } else {
                continue;
            };
            if !pointers.contains(&pointer) {
                pointers.push(pointer);
            }
        }
        pointers
    }
}

/// Whether what stands at a path of a spec under AWS names must not be shown.
#[must_use]
pub fn is_secret(kind: &Kind, spec: &Value, path: &Path) -> bool {
    let value = get(spec, path).unwrap_or(&Value::Null);
    masked(kind, path, value) != *value || !Secrets::of(kind, spec).at(path).is_empty()
}

/// Hides what must not be shown in the spec of a manifest.
pub fn hide_in_manifest(kind: &Kind, spec: &mut Value) {
    let aws = convert(kind, spec).spec;
    let marked = kind.row().spec.secret.iter().flat_map(|secret| values(&aws, &Path::parse(secret)));
    let secrets = Secrets(marked.map(|(path, _)| path).collect()).and(Secrets::of(kind, &aws));
    hide_at(spec, &secrets.in_manifest(kind, &Path::default()));
}

/// Hides what must not be shown in the input of an operation.
pub fn hide_in_input(kind: &Kind, operation: &str, input: &mut Value) {
    let mut masked = input.clone();
    let shape = kind.service().input(operation);
    let mut places = shape.map(|shape| mask(kind.service(), shape, &mut masked)).unwrap_or_default();
    places.retain(|place| masked.pointer(place).is_some_and(|value| value == MASK));
    let marked = kind.row().spec.secret.iter().flat_map(|secret| values(input, &Path::parse(secret)));
    let marked: Vec<String> = marked.map(|(path, _)| path.0.iter().map(token).collect()).collect();
    places.extend(marked);
    hide_at(input, &places);
}

/// Hides what must not be shown in tags.
pub fn hide_in_tags(tags: &mut BTreeMap<String, String>) {
    for (key, value) in tags {
        if is_secret_key(key) || is_secret_text(value) {
            HIDDEN.clone_into(value);
        } else if let Some(shown) = without_logins(value) {
            *value = shown;
        }
    }
}

/// Hides what stands at places, given as JSON pointers; and elsewhere what is a secret by its form.
pub fn hide_at(value: &mut Value, pointers: &[String]) {
    for pointer in pointers {
        if let Some(secret) = value.pointer_mut(pointer) {
            *secret = Value::from(HIDDEN);
        }
    }
    hide_by_form(value);
}

fn hide_by_form(value: &mut Value) {
    match value {
        Value::Object(map) => map.values_mut().for_each(hide_by_form),
        Value::Array(items) => items.iter_mut().for_each(hide_by_form),
        Value::String(text) if is_secret_text(text) => *value = Value::from(HIDDEN),
        Value::String(text) => {
            if let Some(shown) = without_logins(text) {
                *text = shown;
            }
        }
        _ => {}
    }
}

/// A value of the spec without what must not be shown in it.
#[must_use]
pub fn masked(kind: &Kind, path: &Path, value: &Value) -> Value {
    let mut value = value.clone();
    if let Some(shape) = kind.spec_shape(path) {
        hide(kind, path, shape, &mut value);
    }
    value
}

fn hide(kind: &Kind, path: &Path, shape: &Shape, value: &mut Value) {
    let secret = kind.row().spec.secret.iter().any(|s| Path::parse(s).leads_to(path));
    if shape.sensitive || secret {
        *value = Value::from(HIDDEN);
        return;
    }
    let target = |member: Option<&Member>| member.and_then(|m| kind.service().target(m));
    match value {
        Value::Object(map) => {
            for (name, value) in map.iter_mut() {
                let member =
                    if shape.kind == ShapeType::Map { shape.value.as_ref() } else { shape.members.get(name.as_str()) };
                if let Some(shape) = target(member) {
                    hide(kind, &path.join(PathSegment::Member(name.clone())), shape, value);
                }
            }
        }
        Value::Array(items) => {
            if let Some(shape) = target(shape.member.as_ref()) {
                for (i, item) in items.iter_mut().enumerate() {
                    hide(kind, &path.join(PathSegment::Index(i)), shape, item);
                }
            }
        }
        _ => {}
    }
}

/// The path of a JSON pointer into a value.
fn path(value: &Value, pointer: &str) -> Path {
    let mut path = Path::default();
    for token in pointer.split('/').skip(1) {
        let name = token.replace("~1", "/").replace("~0", "~");
        let is_list = get(value, &path).is_some_and(Value::is_array);
        let step = name.parse().ok().filter(|_| is_list).map(PathSegment::Index);
        path = path.join(step.unwrap_or(PathSegment::Member(name)));
    }
    path
}

fn token(step: &PathSegment) -> String {
    match step {
        PathSegment::Member(name) => format!("/{}", name.replace('~', "~0").replace('/', "~1")),
        PathSegment::Index(i) => format!("/{i}"),
        PathSegment::Each => "/*".to_owned(),
    }
}
