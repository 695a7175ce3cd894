//! What differs between a declared spec and what is there. Only declared fields count.

use std::collections::BTreeSet;

use jiff::Timestamp;
use sagewright_kinds::{Kind, Path, PathSegment};
use sagewright_model::{Member, Shape, ShapeType};
use sagewright_objects::manifest::convert::drop_nulls;
use sagewright_objects::secrets::masked;
use sagewright_objects::{keys, mark};
use serde_json::{Map, Value};

use crate::arn::name_in_arn;

/// One difference. The path is exact, under AWS names.
#[derive(Debug, Clone, PartialEq)]
pub struct Diff {
    /// The member.
    pub path: Path,
    /// What is there.
    pub from: Option<Value>,
    /// What is declared.
    pub to: Option<Value>,
    /// The values must not be shown.
    pub sensitive: bool,
}

/// Compares a declared spec with what a read gave, both under AWS names.
pub fn diff(kind: &Kind, desired: &Value, output: &Value) -> Vec<Diff> {
    let observed = observed_spec(kind, output);
    walk(kind, desired, &observed).diffs
}

/// What is declared and no read shows, where the row does not say that this is how it should be.
pub fn unseen(kind: &Kind, desired: &Value) -> Vec<Path> {
    let unread = |member: &str| kind.row().spec.unread.iter().any(|u| u == member);
    let mut paths = walk(kind, desired, &Value::Null).unseen;
    paths.retain(|path| !path.first().is_some_and(unread));
    paths
}

fn walk<'k>(kind: &'k Kind, desired: &Value, observed: &Value) -> Walk<'k> {
    let mut walk = Walk { kind, diffs: Vec::new(), unseen: Vec::new() };
    for (member, value) in desired.as_object().into_iter().flatten() {
        let path = Path::parse(member);
        let Some(info) = kind.spec_member(member) else { continue };
        if info.idempotency_token {
            continue;
        }
        if !walk.is_read(&path) {
            walk.cannot_see(&path, value);
            continue;
        }
        let read = kind.read_shape().members.get(member.as_str()).and_then(|m| kind.service().target(m));
        walk.member(&path, info, read, value, observed.get(member));
    }
    // What AWS never sets by itself is to be empty where it is not declared.
    for member in kind.row().update.clear.keys().filter(|m| desired.get(m.as_str()).is_none_or(Value::is_null)) {
        if let Some(there) = observed.get(member).filter(|v| !plain(v).is_empty()) {
            let sensitive = kind.spec_shape(&Path::parse(member)).is_some_and(|s| s.sensitive);
            walk.push(&Path::parse(member), Some(there), None, sensitive);
        }
    }
    walk
}

/// The spec in a read's output, without Sagewright's own keys.
pub fn observed_spec(kind: &Kind, output: &Value) -> Value {
    let mut spec = kind.spec_of(output);
    drop_nulls(&mut spec);
    let Some(map) = spec.as_object_mut() else { return spec };
    if let Some(member) = &kind.row().tags.mark {
        let empty = match map.get_mut(member.as_str()) {
            Some(Value::Object(keys)) => {
                keys.retain(|key, _| !key.starts_with(keys::PREFIX));
                keys.is_empty()
            }
            Some(Value::String(text)) => {
                *text = mark::split_suffix(text).0.to_owned();
                text.is_empty()
            }
            _ => false,
        };
        if empty {
            map.shift_remove(member.as_str());
        }
    }
    spec
}

struct Walk<'k> {
    kind: &'k Kind,
    diffs: Vec<Diff>,
    /// What is declared and no read shows.
    unseen: Vec<Path>,
}

impl<'k> Walk<'k> {
    /// Whether a read shows what stands at this top-level place.
    fn is_read(&self, path: &Path) -> bool {
        let row = &self.kind.row().spec;
        let general = path.general();
        if row.unread.iter().any(|u| Path::parse(u) == general) {
            return false;
        }
        let shown = path.first().is_some_and(|m| self.kind.read_shape().members.contains_key(m));
        shown || self.is_observed(&general)
    }

    fn cannot_see(&mut self, path: &Path, value: &Value) {
        let at = path.general();
        if !plain(value).is_empty() && !self.unseen.contains(&at) {
            self.unseen.push(at);
        }
    }

    fn is_observed(&self, general: &Path) -> bool {
        self.kind.row().spec.observe.keys().any(|to| {
            let to = Path::parse(to);
            to.leads_to(general) || general.leads_to(&to)
        })
    }

    fn member(
        &mut self,
        path: &Path,
        member: &Member,
        read: Option<&'k Shape>,
        desired: &Value,
        observed: Option<&Value>,
    ) {
        if let Some(shape) = self.kind.service().target(member) {
            self.value(path, shape, read, desired, observed.filter(|v| !v.is_null()));
        }
    }

    fn value(
        &mut self,
        path: &Path,
        shape: &'k Shape,
        read: Option<&'k Shape>,
        desired: &Value,
        observed: Option<&Value>,
    ) {
        match (shape.kind, desired) {
            (_, Value::Null) => {}
            (ShapeType::Structure, Value::Object(map)) => {
                for (name, value) in map {
                    let at = path.join(PathSegment::Member(name.clone()));
                    let Some(member) = shape.members.get(name.as_str()) else { continue };
                    let shown = read.and_then(|r| r.members.get(name.as_str()));
                    // A member that reads never show cannot be compared.
                    if read.is_some() && shown.is_none() && !self.is_observed(&at.general()) {
                        self.cannot_see(&at, value);
                        continue;
                    }
                    if self.kind.row().spec.unread.iter().any(|u| Path::parse(u) == at.general()) {
                        continue;
                    }
                    let read = shown.and_then(|m| self.kind.service().target(m));
                    self.member(&at, member, read, value, observed.and_then(|o| o.get(name)));
                }
            }
            (ShapeType::List, Value::Array(items)) => self.list(path, shape, read, items, observed),
            (ShapeType::Map, Value::Object(map)) => self.map(path, shape, map, observed),
            _ => {
                if !self.same(path, shape, desired, observed) {
                    self.push(path, observed, Some(desired), shape.sensitive);
                }
            }
        }
    }

    fn list(
        &mut self,
        path: &Path,
        shape: &'k Shape,
        read: Option<&'k Shape>,
        desired: &[Value],
        observed: Option<&Value>,
    ) {
        let empty = Vec::new();
        let there = observed.and_then(Value::as_array).unwrap_or(&empty);
        let Some(element) = shape.member.as_ref().and_then(|m| self.kind.service().target(m)) else { return };
        let read = read.and_then(|r| r.member.as_ref()).and_then(|m| self.kind.service().target(m));
        let whole = |this: &mut Self| {
            this.push(path, observed, Some(&Value::Array(desired.to_vec())), shape.sensitive);
        };
        if desired.len() != there.len() {
            whole(self);
            return;
        }
        match rule_at(&self.kind.row().spec.unordered, &path.general()).map(String::as_str) {
            // The order means nothing and elements have no name: compare as sets.
            Some("") => {
                let set = |items: &[Value]| {
                    let mut all: Vec<String> = items.iter().map(|i| plain(i).to_lowercase()).collect();
                    all.sort();
                    all
                };
                if set(desired) != set(there) {
                    whole(self);
                }
            }
            Some(key) => {
                let name = |v: &Value| v.get(key).cloned();
                let names =
                    |items: &[Value]| items.iter().filter_map(|i| Some(plain(&name(i)?))).collect::<BTreeSet<_>>();
                let (mine, theirs) = (names(desired), names(there));
                // Names that do not tell elements apart leave their places to do so.
                let told_apart = mine.len() == desired.len() && theirs.len() == there.len();
                if told_apart && mine != theirs {
                    whole(self);
                    return;
                }
                for (i, item) in desired.iter().enumerate() {
                    let same = there.iter().find(|o| told_apart && name(o) == name(item));
                    self.value(&path.join(PathSegment::Index(i)), element, read, item, same.or_else(|| there.get(i)));
                }
            }
            None => {
                for (i, (item, other)) in desired.iter().zip(there).enumerate() {
                    self.value(&path.join(PathSegment::Index(i)), element, read, item, Some(other));
                }
            }
        }
    }

    /// Maps that users fill are compared whole: a key that is not declared is one to take away.
    fn map(&mut self, path: &Path, shape: &Shape, desired: &Map<String, Value>, observed: Option<&Value>) {
        let empty = Map::new();
        let there = observed.and_then(Value::as_object).unwrap_or(&empty);
        let prefix = rule_at(&self.kind.row().spec.server_keys, &path.general());
        for (key, value) in desired {
            let other = there.get(key);
            if other.is_none_or(|o| o != value && plain(o) != plain(value)) {
                self.push(&path.join(PathSegment::Member(key.clone())), other, Some(value), shape.sensitive);
            }
        }
        for (key, value) in there {
            let added = prefix.is_some_and(|p| key.starts_with(p.as_str())) || key.starts_with(keys::PREFIX);
            if !desired.contains_key(key) && !added {
                self.push(&path.join(PathSegment::Member(key.clone())), Some(value), None, shape.sensitive);
            }
        }
    }

    fn same(&self, path: &Path, shape: &Shape, desired: &Value, observed: Option<&Value>) -> bool {
        let row = &self.kind.row().spec;
        let general = path.general();
        let is = |paths: &[String]| paths.iter().any(|p| Path::parse(p) == general);
        let Some(observed) = observed else {
            // Absent on the other side is the same as empty, and as what the service takes anyway.
            return match rule_at(&row.defaults, &general) {
                Some(default) if !plain(default).is_empty() => plain(default) == plain(desired),
                // A switch that reads leave out is off.
                _ => plain(desired).is_empty() || *desired == Value::Bool(false),
            };
        };
        if desired == observed || plain(desired) == plain(observed) {
            return true;
        }
        if let (Some(a), Some(b)) = (desired.as_f64(), observed.as_f64()) {
            // SageMaker keeps weights and targets in single precision.
            let close = (a - b).abs() <= f64::from(f32::EPSILON) * a.abs().max(b.abs());
            return close && matches!(shape.kind, ShapeType::Float | ShapeType::Double);
        }
        let (a, b) = (plain(desired), plain(observed));
        if is(&row.json) {
            let parse = |text: &str| serde_json::from_str::<Value>(text).ok();
            return parse(&a).is_some_and(|v| Some(v) == parse(&b));
        }
        if is(&row.name_or_arn) {
            // AWS writes the names in some ARNs in lower case.
            return match (a.starts_with("arn:"), b.starts_with("arn:")) {
                (true, false) => name_in_arn(&a).eq_ignore_ascii_case(&b),
                (false, true) => a.eq_ignore_ascii_case(name_in_arn(&b)),
                (both, _) => both && a.eq_ignore_ascii_case(&b),
            };
        }
        if is(&row.any_case) {
            return a.eq_ignore_ascii_case(&b);
        }
        if shape.kind == ShapeType::Timestamp {
            let read = |text: &str| text.parse::<Timestamp>().ok();
            return read(&a).is_some_and(|t| Some(t) == read(&b));
        }
        false
    }

    fn push(&mut self, path: &Path, from: Option<&Value>, to: Option<&Value>, sensitive: bool) {
        let secret = self.kind.row().spec.secret.iter().any(|s| Path::parse(s).leads_to(path));
        let shown = |value: Option<&Value>| value.map(|v| masked(self.kind, path, v));
        let (from, to) = (shown(from), shown(to));
        self.diffs.push(Diff { path: path.clone(), from, to, sensitive: sensitive || secret });
    }
}

/// What a row's table says of a path.
pub fn rule_at<'r, V>(rules: impl IntoIterator<Item = (&'r String, &'r V)>, path: &Path) -> Option<&'r V> {
    rules.into_iter().find(|(at, _)| Path::parse(at) == *path).map(|(_, rule)| rule)
}

/// A plain value as text: `1`, `1.0` and `"1"` are the same.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(n) => match n.as_f64() {
            Some(x) if x.fract() == 0.0 && x.abs() < 1e15 => format!("{x:.0}"),
            _ => n.to_string(),
        },
        Value::Null => String::new(),
        Value::Array(items) if items.is_empty() => String::new(),
        Value::Object(map) if map.is_empty() => String::new(),
        other => other.to_string(),
    }
}
