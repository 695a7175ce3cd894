//! What a kind is and what a field takes, as data for `explain KIND[.field…]`.

use sagewright_model::{Shape, ShapeType};
use serde::Serialize;
use serde_json::Value;

use crate::kind::Kind;
use crate::path::{Path, PathSegment};

/// An answer of [`explain`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", tag = "of")]
pub enum Explanation {
    /// A kind: its resolved row and its fields.
    #[serde(rename_all = "camelCase")]
    Kind {
        /// `sagemaker.services.k8s.aws/v1alpha1`.
        api_version: String,
        /// `TrainingJob`.
        kind: String,
        /// `trainingjobs`.
        plural: String,
        /// The row with the service's defaults, as JSON.
        row: Value,
        /// Fields of the spec, references among them.
        spec: Vec<FieldInfo>,
        /// Fields of the status.
        status: Vec<FieldInfo>,
    },
    /// A field.
    #[serde(rename_all = "camelCase")]
    Field {
        /// The field itself.
        field: FieldInfo,
        /// Its members, for structures, lists and maps of structures.
        members: Vec<FieldInfo>,
    },
    /// There is no such field.
    #[serde(rename_all = "camelCase")]
    Unknown {
        /// The part of the path that exists.
        known: String,
        /// The name that does not.
        name: String,
        /// What could stand there.
        expected: Vec<String>,
    },
}

/// One field.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldInfo {
    /// Kubernetes name.
    pub name: String,
    /// Full path from `spec` or `status`.
    pub path: String,
    /// AWS's member; empty for references.
    pub member: String,
    /// `string`, `integer`, `[]object`, `map[string]string`, ….
    #[serde(rename = "type")]
    pub kind: String,
    /// It has to be given.
    pub required: bool,
    /// It cannot be changed once the resource is there.
    pub immutable: bool,
    /// Smallest value or length.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// Largest value or length.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// Pattern of the whole text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// Allowed values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    /// What the service uses when it is unset, where that is known. Empty text: the service chooses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// Reference that can stand in its place: `modelRef`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// For a reference: kinds it may name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refers_to: Vec<String>,
    /// Exactly one of its members is given.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub union: bool,
    /// Order of its elements means nothing.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unordered: bool,
    /// Values are not shown.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub sensitive: bool,
}

/// Explains a kind (empty path) or a field: `spec.productionVariants.modelName`, with or without `spec.` and `[]`.
#[must_use]
pub fn explain(kind: &Kind, path: &str) -> Explanation {
    let path = Path::parse(path);
    let names: Vec<&str> = path
        .0
        .iter()
        .filter_map(|s| if let PathSegment::Member(name) = s { Some(name.as_str()) } else { None })
        .collect();
    let (part, names) = match names.split_first() {
        None => return whole(kind),
        Some((&"spec", rest)) => ("spec", rest),
        Some((&"status", rest)) => ("status", rest),
        // A field that only the status has is meant there.
        Some((first, _)) => {
            let spec = kind.spec_fields().contains_key(*first) || kind.refs().iter().any(|r| r.field == *first);
            let status = kind.status_fields().contains_key(*first)
                || Place::top(kind, "status").own_members(kind).iter().any(|(info, _)| info.name == **first);
            (if !spec && status { "status" } else { "spec" }, names.as_slice())
        }
    };
    let mut at = Place::top(kind, part);
    let mut field = None;
    for name in names {
        let members = at.members(kind);
        match members.iter().find(|(info, _)| info.name == *name) {
            Some((info, next)) => {
                field = Some(info.clone());
                at = next.clone();
            }
            None => {
                return Explanation::Unknown {
                    known: at.crd,
                    name: (*name).to_owned(),
                    expected: members.into_iter().map(|(info, _)| info.name).collect(),
                };
            }
        }
    }
    let members = at.members(kind).into_iter().map(|(info, _)| info).collect();
    let top =
        FieldInfo { name: part.to_owned(), path: part.to_owned(), kind: "object".to_owned(), ..FieldInfo::default() };
    Explanation::Field { field: field.unwrap_or(top), members }
}

fn whole(kind: &Kind) -> Explanation {
    let fields = |part| Place::top(kind, part).members(kind).into_iter().map(|(info, _)| info).collect();
    let mut row = serde_json::to_value(kind.row()).unwrap_or_default();
    strip(&mut row);
    if let Some(map) = row.as_object_mut() {
        let mut errors = serde_json::to_value(kind.errors()).unwrap_or_default();
        strip(&mut errors);
        map.insert("errors".to_owned(), errors);
        if let Some(operations) = kind.tag_operations() {
            map.insert("tag_operations".to_owned(), serde_json::to_value(operations).unwrap_or_default());
        }
    }
    Explanation::Kind {
        api_version: kind.api_version(),
        kind: kind.name().to_owned(),
        plural: kind.plural().to_owned(),
        row,
        spec: fields("spec"),
        status: fields("status"),
    }
}

/// Takes out what a row does not say.
fn strip(value: &mut Value) {
    let nothing = |v: &Value| {
        v.is_null()
            || *v == Value::Bool(false)
            || v.as_array().is_some_and(Vec::is_empty)
            || v.as_object().is_some_and(serde_json::Map::is_empty)
    };
    match value {
        Value::Object(map) => {
            map.values_mut().for_each(strip);
            // A default of `false` is said; a setting that is off is not.
            map.retain(|key, v| {
                !nothing(v) || key.contains('.') || key.starts_with(char::is_uppercase) && v.is_boolean()
            });
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

/// A place in a kind's document.
#[derive(Clone)]
struct Place {
    part: &'static str,
    /// Path under Kubernetes names, from `spec` or `status`.
    crd: String,
    /// Path under AWS names.
    aws: Path,
    /// What stands there; nothing at the top.
    shape: Option<&'static Shape>,
    /// A reference stands there.
    reference: bool,
    /// A field stands there that every kind has, or that whoever reconciles writes: the model knows nothing of it.
    own: bool,
}

/// Status fields of every kind, with their types.
const COMMON: &[(&str, &str)] = &[
    ("ackResourceMetadata", "object"),
    ("ackResourceMetadata.arn", "string"),
    ("ackResourceMetadata.ownerAccountID", "string"),
    ("ackResourceMetadata.partition", "string"),
    ("ackResourceMetadata.region", "string"),
    ("conditions", "[]object"),
    ("conditions.lastTransitionTime", "date-time"),
    ("conditions.message", "string"),
    ("conditions.reason", "string"),
    ("conditions.status", "string"),
    ("conditions.type", "string"),
];

impl Place {
    fn top(_: &Kind, part: &str) -> Self {
        let part = if part == "status" { "status" } else { "spec" };
        Self { part, crd: part.to_owned(), aws: Path::default(), shape: None, reference: false, own: false }
    }

    /// Fields of this place that the model does not know.
    fn own_members(&self, kind: &Kind) -> Vec<(FieldInfo, Self)> {
        let own = kind.row().status.own.iter().map(|(path, of)| (path.as_str(), of.as_str()));
        let all = COMMON.iter().copied().chain(own);
        all.filter(|_| self.part == "status" && !self.reference)
            .filter_map(|(path, of)| {
                let crd = format!("status.{path}");
                let (parent, name) = crd.rsplit_once('.')?;
                let name = (parent == self.crd).then(|| name.to_owned())?;
                let place = Self { crd: crd.clone(), own: true, ..self.clone() };
                Some((FieldInfo { name, path: crd, kind: of.to_owned(), ..FieldInfo::default() }, place))
            })
            .collect()
    }

    /// Fields of this place, and what stands at each.
    fn members(&self, kind: &Kind) -> Vec<(FieldInfo, Self)> {
        let service = kind.service();
        let mut out = self.own_members(kind);
        if self.reference || self.own {
            return out;
        }
        let mut shape = self.shape;
        let mut aws = self.aws.clone();
        // Lists and maps of structures are looked through.
        while let Some(current) = shape {
            let (inner, step) = match current.kind {
                ShapeType::List => (current.member.as_ref(), PathSegment::Each),
                ShapeType::Map => (current.value.as_ref(), PathSegment::Member("*".to_owned())),
                _ => break,
            };
            shape = inner.and_then(|m| service.target(m));
            aws = aws.join(step);
        }
        let names: Vec<(String, &'static str, &'static Shape, bool)> = match (shape, self.part) {
            (Some(shape), _) => shape
                .members
                .iter()
                .filter_map(|(name, m)| {
                    let required = shape.is_required(name);
                    Some((sagewright_model::name::to_crd(name), *name, service.target(m)?, required))
                })
                .collect(),
            (None, "spec") => kind
                .spec_fields()
                .iter()
                .filter_map(|(field, info)| {
                    Some((field.clone(), info.member, service.shape(info.shape)?, info.required))
                })
                .collect(),
            (None, _) => kind
                .status_fields()
                .iter()
                .filter_map(|(field, member)| {
                    let target = service.target(kind.read_shape().members.get(*member)?)?;
                    Some((field.clone(), *member, target, false))
                })
                .collect(),
        };
        for (name, member, target, required) in names {
            let path = aws.join(PathSegment::Member(member.to_owned()));
            let place = Self {
                part: self.part,
                crd: format!("{}.{name}", self.crd),
                aws: path.clone(),
                shape: Some(target),
                reference: false,
                own: false,
            };
            out.push((info(kind, &place, name, member, required), place));
        }
        if self.part == "spec" {
            for field in kind.refs().iter().filter(|r| parent(&r.path) == aws) {
                let place = Self { crd: format!("{}.{}", self.crd, field.field), reference: true, ..self.clone() };
                let info = FieldInfo {
                    name: field.field.clone(),
                    path: place.crd.clone(),
                    kind: if field.list { "[]reference".to_owned() } else { "reference".to_owned() },
                    refers_to: field.targets.iter().map(|t| t.kind.clone()).collect(),
                    ..FieldInfo::default()
                };
                out.push((info, place));
            }
        }
        out
    }
}

fn parent(path: &Path) -> Path {
    Path(path.0.iter().take(path.0.len().saturating_sub(1)).cloned().collect())
}

fn info(kind: &Kind, place: &Place, name: String, member: &str, required: bool) -> FieldInfo {
    let row = kind.row();
    let shape = place.shape;
    let spec = place.part == "spec";
    let is = |p: &String| Path::parse(p) == place.aws;
    let first = place.aws.first().unwrap_or_default();
    let tags = kind.tags_member() == Some(first);
    // A structure is not fixed where a part of it can be changed.
    let sent = kind.is_mutable(&place.aws) || row.update.sends.iter().any(|s| place.aws.leads_to(&Path::parse(s)));
    FieldInfo {
        name,
        path: place.crd.clone(),
        member: member.to_owned(),
        kind: shape.map(|s| type_of(kind, s)).unwrap_or_default(),
        required,
        immutable: spec && !tags && !sent,
        min: shape.and_then(|s| s.min),
        max: shape.and_then(|s| s.max),
        pattern: shape.and_then(|s| s.pattern.as_ref()).map(|p| p.as_str().to_owned()),
        values: shape.map(|s| s.enumeration.iter().map(|e| e.as_str().to_owned()).collect()).unwrap_or_default(),
        default: spec
            .then(|| row.spec.defaults.iter().find(|(p, _)| Path::parse(p) == place.aws).map(|(_, v)| v.clone()))
            .flatten(),
        reference: spec.then(|| kind.refs().iter().find(|r| r.path == place.aws).map(|r| r.field.clone())).flatten(),
        refers_to: Vec::new(),
        union: shape.is_some_and(|s| s.union),
        unordered: spec && row.spec.unordered.keys().any(is),
        sensitive: shape.is_some_and(|s| s.sensitive) || row.spec.secret.iter().any(is),
    }
}

/// A shape in a few words: `string`, `[]object`, `map[string]string`.
fn type_of(kind: &Kind, shape: &Shape) -> String {
    use ShapeType as T;
    let inner = |m: Option<&sagewright_model::Member>| {
        m.and_then(|m| kind.service().target(m)).map_or_else(|| "any".to_owned(), |s| type_of(kind, s))
    };
    match shape.kind {
        T::Structure => "object".to_owned(),
        T::List => format!("[]{}", inner(shape.member.as_ref())),
        T::Map => format!("map[string]{}", inner(shape.value.as_ref())),
        T::String | T::Character | T::Blob => "string".to_owned(),
        T::Integer | T::Long | T::Short | T::Byte | T::BigInteger => "integer".to_owned(),
        T::Float | T::Double | T::BigDecimal => "number".to_owned(),
        T::Boolean => "boolean".to_owned(),
        T::Timestamp => "date-time".to_owned(),
    }
}
