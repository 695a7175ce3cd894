//! The order in which objects can be dealt with.

use std::collections::{BTreeSet, HashMap};

use sagewright_kinds::{Kind, Path, get, values};
use serde_json::Value;

use crate::decide::{Desired, KNOWN_AFTER_APPLY};
use crate::error::{EngineError, GraphError};
use crate::manifest::{ManifestError, PathStep, RefUse, check};
use crate::mark;
use crate::object::{Object, ObjectId};

/// One object of a set.
pub(crate) struct Node {
    pub id: ObjectId,
    pub kind: &'static Kind,
    pub desired: Desired,
    /// Positions of the objects that it needs.
    pub needs: BTreeSet<usize>,
    /// Objects of the set need it.
    pub needed: bool,
}

/// A set of objects, checked.
pub(crate) struct Graph {
    pub nodes: Vec<Node>,
    /// Positions, what is needed first.
    pub order: Vec<usize>,
}

impl Graph {
    /// Checks objects and finds what needs what.
    pub(crate) fn new(objects: &[Object]) -> Result<Self, EngineError> {
        check(objects).map_err(EngineError::Manifest)?;
        let mut nodes = Vec::with_capacity(objects.len());
        for (index, object) in objects.iter().enumerate() {
            let Some(kind) = object.row() else { continue };
            let desired = Desired::new(kind, object).map_err(|errors| {
                EngineError::Manifest(errors.into_iter().map(|e| ManifestError { index, ..e }).collect())
            })?;
            nodes.push(Node { id: object.id(), kind, desired, needs: BTreeSet::new(), needed: false });
        }
        let mut positions: HashMap<ObjectId, usize> = HashMap::new();
        for (i, node) in nodes.iter().enumerate() {
            if positions.insert(node.id.clone(), i).is_some() {
                return Err(EngineError::Graph(vec![GraphError::Twice(node.id.clone())]));
            }
        }
        for node in &mut nodes {
            let namespace = node.id.namespace.clone();
            let needs = node.desired.pending.iter().filter_map(|p| positions.get(&target_id(&p.reference, &namespace)));
            node.needs.extend(needs.copied().collect::<Vec<_>>());
        }
        fill_from_specs(&mut nodes, &positions);
        same_resource(&nodes)?;
        by_value(&mut nodes);
        let order = sort(&nodes)?;
        let needed: BTreeSet<usize> = nodes.iter().flat_map(|n| n.needs.iter().copied()).collect();
        for (i, node) in nodes.iter_mut().enumerate() {
            node.needed = needed.contains(&i);
        }
        Ok(Self { nodes, order })
    }
}

/// The object that a reference names.
pub(crate) fn target_id(reference: &RefUse, namespace: &str) -> ObjectId {
    let namespace = reference.namespace.as_deref().unwrap_or(namespace);
    ObjectId::new(&reference.target.kind, Some(namespace), &reference.name)
}

/// The value of a field (`spec.modelName`) of what is declared, where it is known.
pub(crate) fn declared_value(kind: &Kind, desired: &Desired, field: &str) -> Option<String> {
    let path = Path::parse(field.strip_prefix("spec.")?);
    let spec = kind.spec_to_crd(&desired.spec);
    get(&spec, &path).and_then(Value::as_str).filter(|v| *v != KNOWN_AFTER_APPLY).map(str::to_owned)
}

/// References to declared fields have their value before anything is called.
fn fill_from_specs(nodes: &mut [Node], positions: &HashMap<ObjectId, usize>) {
    // A value may come through several objects; each pass carries it one further.
    for _ in 0..nodes.len() {
        let mut known = Vec::new();
        for (i, node) in nodes.iter().enumerate() {
            for pending in &node.desired.pending {
                let reference = &pending.reference;
                let other = positions.get(&target_id(reference, &node.id.namespace)).and_then(|j| nodes.get(*j));
                if let Some(value) = other.and_then(|o| declared_value(o.kind, &o.desired, &reference.target.value)) {
                    known.push((i, reference.path.clone(), value));
                }
            }
        }
        if known.is_empty() {
            return;
        }
        for (i, path, value) in known {
            if let Some(node) = nodes.get_mut(i) {
                node.desired.fill(&path, &value);
            }
        }
    }
}

/// Two objects cannot both have one resource: which of them AWS is made like would be chance.
fn same_resource(nodes: &[Node]) -> Result<(), EngineError> {
    let mut names: HashMap<(&str, Option<&str>, String), &Node> = HashMap::new();
    let mut wrong = Vec::new();
    for (index, node) in nodes.iter().enumerate().filter(|(_, n)| !n.desired.read_only) {
        let Some(name) = node.desired.name(node.kind) else { continue };
        let region = node.desired.object.annotation(mark::REGION);
        let Some(first) = names.insert((node.kind.name(), region, name.clone()), node) else { continue };
        let field = node.kind.name_field().unwrap_or_default();
        wrong.push(ManifestError {
            index,
            object: node.id.clone(),
            path: field.split('.').map(|part| PathStep::Field(part.to_owned())).collect(),
            message: format!("{} declares the {} `{name}` already", first.id, node.kind.words()),
            expected: Some("another name, or one object".to_owned()),
        });
    }
    if wrong.is_empty() { Ok(()) } else { Err(EngineError::Manifest(wrong)) }
}

/// A plain name or ARN that is another object's of the set is a need too.
fn by_value(nodes: &mut [Node]) {
    let mut found = Vec::new();
    for (i, node) in nodes.iter().enumerate() {
        for field in node.kind.refs() {
            for (_, value) in values(&node.desired.spec, &field.path) {
                let Some(text) = value.as_str() else { continue };
                for (j, other) in nodes.iter().enumerate().filter(|(j, _)| *j != i) {
                    let fits = |target: &sagewright_kinds::RefTarget| {
                        target.kind == other.kind.name()
                            && (other.desired.arn.as_deref() == Some(text)
                                || declared_value(other.kind, &other.desired, &target.value)
                                    .is_some_and(|name| composed_of(target.template.as_deref(), &name, text)))
                    };
                    if field.targets.iter().any(fits) {
                        found.push((i, j));
                    }
                }
            }
        }
    }
    for (i, j) in found {
        if let Some(node) = nodes.get_mut(i) {
            node.needs.insert(j);
        }
    }
}

/// Whether a text is a template with this value.
pub(super) fn composed_of(template: Option<&str>, value: &str, text: &str) -> bool {
    let Some((before, after)) = template.and_then(|t| t.split_once("{}")) else { return text == value };
    let (literal, open) = after.split_once('{').map_or((after, false), |(literal, _)| (literal, true));
    let start = format!("{before}{value}{literal}");
    if open { text.starts_with(&start) } else { text == start }
}

fn sort(nodes: &[Node]) -> Result<Vec<usize>, EngineError> {
    let mut order: Vec<usize> = Vec::with_capacity(nodes.len());
    let mut left: BTreeSet<usize> = (0..nodes.len()).collect();
    while !left.is_empty() {
        let ready: Vec<usize> = left
            .iter()
            .copied()
            .filter(|i| nodes.get(*i).is_some_and(|n| n.needs.iter().all(|need| !left.contains(need))))
            .collect();
        if ready.is_empty() {
            return Err(EngineError::Graph(vec![GraphError::Cycle(circle(nodes, &left))]));
        }
        for i in ready {
            left.remove(&i);
            order.push(i);
        }
    }
    Ok(order)
}

fn circle(nodes: &[Node], left: &BTreeSet<usize>) -> Vec<ObjectId> {
    let mut path: Vec<usize> = Vec::new();
    let mut at = left.first().copied();
    while let Some(i) = at {
        if let Some(start) = path.iter().position(|p| *p == i) {
            path.drain(..start);
            break;
        }
        path.push(i);
        at = nodes.get(i).and_then(|n| n.needs.iter().copied().find(|need| left.contains(need)));
    }
    path.iter().filter_map(|i| nodes.get(*i)).map(|n| n.id.clone()).collect()
}
