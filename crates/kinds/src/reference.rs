//! Fields that refer to other resources: `modelRef: {from: {name: mnist}}` instead of `modelName: …`.

use sagewright_model::name::to_crd;
use sagewright_model::{Shape, ShapeType};

use crate::path::{Path, PathSegment};
use crate::row::Ref;

/// One reference field of a kind, resolved against the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefField {
    /// Path of the member that the reference fills, under AWS names.
    pub path: Path,
    /// The same under Kubernetes names.
    pub crd: Path,
    /// Path of the structure that holds both, under Kubernetes names.
    pub parent: Path,
    /// Kubernetes name of the reference: `modelRef`.
    pub field: String,
    /// The member is a list, and so is the reference.
    pub list: bool,
    /// What may be referred to; the first is the default.
    pub targets: Vec<RefTarget>,
    /// Further fields of the reference, with defaults, that templates use.
    pub with: Vec<(String, String)>,
}

/// A kind that a reference may name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefTarget {
    /// Kind.
    pub kind: String,
    /// Group, where the kind is not one of ours.
    pub group: Option<String>,
    /// Field of the other resource that gives the value, from `spec` or `status`.
    pub value: String,
    /// Text around the value.
    pub template: Option<String>,
}

impl RefField {
    /// A row's reference to the member at a path, of which the model gives the shape and the Kubernetes path.
    pub(crate) fn new(row: &Ref, shape: &Shape, crd: Path, path: Path) -> Option<Self> {
        let list = shape.kind == ShapeType::List;
        let parent = Path(crd.0.get(..crd.0.len().checked_sub(1)?)?.to_vec());
        let field = row.name.clone().unwrap_or_else(|| field_name(path.last().unwrap_or_default(), list));
        Some(Self { path, crd, parent, field, list, targets: targets(row), with: pairs(row) })
    }

    /// Where the reference stands for one exact place of the parent.
    #[must_use]
    pub fn at(&self, parent: &Path) -> Path {
        parent.join(PathSegment::Member(self.field.clone()))
    }
}

fn pairs(row: &Ref) -> Vec<(String, String)> {
    row.with.iter().map(|(k, v)| (k.clone(), v.clone())).collect()
}

fn targets(row: &Ref) -> Vec<RefTarget> {
    let target = |kind: &str, value: Option<&String>, template: Option<&String>, group: Option<&String>| RefTarget {
        kind: kind.to_owned(),
        group: group.cloned(),
        value: value.cloned().unwrap_or_else(|| name_field(kind)),
        template: template.cloned(),
    };
    std::iter::once(target(&row.kind, row.value.as_ref(), row.template.as_ref(), row.group.as_ref()))
        .chain(row.or.iter().map(|c| target(&c.kind, c.value.as_ref(), c.template.as_ref(), None)))
        .collect()
}

/// Every kind of ours that has a name calls it so.
fn name_field(kind: &str) -> String {
    format!("spec.{}", to_crd(&format!("{kind}Name")))
}

/// ACK's rule: strip the suffix, add `Ref`; lists are named by one of their elements, with `Refs`.
pub(crate) fn field_name(member: &str, list: bool) -> String {
    let stem = ["Ids", "Id", "Names", "Name", "Arns", "ARNs", "Arn", "ARN", "Urls", "Url", "URL"]
        .iter()
        .find_map(|suffix| member.strip_suffix(suffix).filter(|stem| !stem.is_empty()))
        .unwrap_or(member);
    let stem = if list && stem.len() == member.len() { stem.strip_suffix('s').unwrap_or(stem) } else { stem };
    to_crd(&format!("{stem}{}", if list { "Refs" } else { "Ref" }))
}
