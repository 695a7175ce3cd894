//! The dependency graph of a set of objects.

use std::collections::{BTreeSet, HashMap};

use sagewright_decide::{Desired, KNOWN_AFTER_APPLY};
use sagewright_kinds::{Kind, Path, RefTarget, get, values};
use sagewright_model::name::to_crd;
use sagewright_objects::keys;
use sagewright_objects::manifest::{ManifestError, converted};
use sagewright_objects::object::{Object, ObjectId};
use serde_json::Value;

use super::order::Order;
use crate::engine::reconcile::target_id;
use crate::error::{EngineError, GraphError};

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
        let mut nodes = Vec::with_capacity(objects.len());
        let mut errors = Vec::new();
        for (index, object) in objects.iter().enumerate() {
            let (kind, spec) = match converted(index, object) {
                Ok(converted) => converted,
                Err(field_errors) => {
                    errors.extend(field_errors);
                    continue;
                }
            };
            let desired = Desired::of(kind, object, spec);
            nodes.push(Node { id: object.id(), kind, desired, needs: BTreeSet::new(), needed: false });
        }
        if !errors.is_empty() {
            return Err(EngineError::Manifest(errors));
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
        for i in needed {
            if let Some(node) = nodes.get_mut(i) {
                node.needed = true;
            }
        }
        Ok(Self { nodes, order })
    }

    /// The positions of the objects that need each.
    pub(crate) fn users(&self) -> Vec<BTreeSet<usize>> {
        let mut users = vec![BTreeSet::new(); self.nodes.len()];
        for (i, node) in self.nodes.iter().enumerate() {
            for need in &node.needs {
                if let Some(of) = users.get_mut(*need) {
                    of.insert(i);
                }
            }
        }
        users
    }
}

/// The value of a field (`spec.modelName`) of what is declared, where it is known.
pub(crate) fn declared_value(kind: &Kind, desired: &Desired, field: &str) -> Option<String> {
    let path = Path::parse(field.strip_prefix("spec.")?);
    let spec = kind.spec_to_crd(&desired.spec);
    get(&spec, &path).and_then(Value::as_str).filter(|v| *v != KNOWN_AFTER_APPLY).map(str::to_owned)
}

/// The value of a field (`status.domainID`) that the object remembers: what was found in the cloud is named by it.
fn seen(desired: &Desired, field: &str) -> Option<String> {
    let path = Path::parse(field.strip_prefix("status.")?);
    get(&desired.object.status, &path).and_then(Value::as_str).map(str::to_owned)
}

/// Fields of the status that follow from the spec: kind, field, and the fields and texts that make it up.
const FOLLOWS: [(&str, &str, &[&str]); 1] = [(
    "TrainingJob",
    "status.modelArtifacts.s3ModelArtifacts",
    &["spec.outputDataConfig.s3OutputPath", "/", "spec.trainingJobName", "/output/model.tar.gz"],
)];

/// The value that a field of the status will have once the resource is made.
fn will_be(kind: &Kind, desired: &Desired, field: &str) -> Option<String> {
    let (.., parts) = FOLLOWS.iter().find(|(of, named, _)| *of == kind.name() && *named == field)?;
    let part = |part: &&str| match part.starts_with("spec.") {
        true => Some(declared_value(kind, desired, part)?.trim_end_matches('/').to_owned()),
        false => Some((*part).to_owned()),
    };
    parts.iter().map(part).collect()
}

/// References to declared fields have their value before anything is called.
fn fill_from_specs(nodes: &mut [Node], positions: &HashMap<ObjectId, usize>) {
    // A value may come through several objects: those that are needed are filled first.
    let mut order = Order::new(nodes.iter().map(|node| &node.needs));
    while let Some(i) = order.next() {
        order.done(i);
        let Some(node) = nodes.get(i) else { continue };
        let known: Vec<(Path, String)> = node
            .desired
            .pending
            .iter()
            .filter_map(|pending| {
                let reference = &pending.reference;
                let other = nodes.get(*positions.get(&target_id(reference, &node.id.namespace))?)?;
                let value = declared_value(other.kind, &other.desired, &reference.target.value)?;
                Some((reference.path.clone(), value))
            })
            .collect();
        if let Some(node) = nodes.get_mut(i) {
            for (path, value) in known {
                node.desired.fill(&path, &value);
            }
        }
    }
}

/// Two objects cannot have the same resource: the last one applied would win.
fn same_resource(nodes: &[Node]) -> Result<(), EngineError> {
    let mut names: HashMap<(&str, Option<&str>, String), &Node> = HashMap::new();
    let mut errors = Vec::new();
    for (index, node) in nodes.iter().enumerate().filter(|(_, n)| !n.desired.read_only) {
        let Some(name) = node.desired.name(node.kind) else { continue };
        let region = node.desired.object.annotation(keys::REGION);
        let Some(first) = names.insert((node.kind.name(), region, name.clone()), node) else { continue };
        let field = node.kind.name_field().unwrap_or_default();
        errors.push(ManifestError {
            index,
            object: node.id.clone(),
            path: Path::parse(&field),
            message: format!("{} declares the {} `{name}` already", first.id, node.kind.words()),
            expected: Some("another name, or one object".to_owned()),
        });
    }
    if errors.is_empty() { Ok(()) } else { Err(EngineError::Manifest(errors)) }
}

/// A plain name or ARN that is another object's of the set is a need too.
fn by_value(nodes: &mut [Node]) {
    // The fields that references may name, for each kind, and who has which value there.
    let mut fields: BTreeSet<(&str, &str)> = BTreeSet::new();
    for target in nodes.iter().flat_map(|node| node.kind.refs()).flat_map(|field| &field.targets) {
        fields.insert((&target.kind, &target.value));
    }
    let mut owners: HashMap<(&str, &str, String), Vec<usize>> = HashMap::new();
    for (i, node) in nodes.iter().enumerate() {
        let name = node.kind.name();
        let of_kind = fields.range((name, "")..).take_while(|(kind, _)| *kind == name);
        for (kind, field) in of_kind {
            let value = declared_value(node.kind, &node.desired, field).or_else(|| seen(&node.desired, field));
            if let Some(value) = value.or_else(|| will_be(node.kind, &node.desired, field)) {
                owners.entry((kind, field, value)).or_default().push(i);
            }
        }
        if let Some(arn) = &node.desired.arn {
            owners.entry((name, ARN, arn.clone())).or_default().push(i);
        }
    }
    let mut found = Vec::new();
    for (i, node) in nodes.iter().enumerate() {
        for field in node.kind.refs() {
            for (_, value) in values(&node.desired.spec, &field.path) {
                let Some(text) = value.as_str() else { continue };
                for target in &field.targets {
                    let by_arn = owners.get(&(target.kind.as_str(), ARN, text.to_owned()));
                    let by_field = value_in(target, text)
                        .and_then(|value| owners.get(&(target.kind.as_str(), target.value.as_str(), value.to_owned())));
                    let whole = |j: &&usize| nodes.get(**j).is_some_and(|other| same_whole(node, other, &target.value));
                    let others = by_arn.into_iter().flatten().chain(by_field.into_iter().flatten().filter(whole));
                    found.extend(others.filter(|j| **j != i).map(|j| (i, *j)));
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

/// Whether a name that is only a part of what another is known by leads to it: the other parts, where both have them, are the
/// same. A user profile of one domain is not the one that has its name in another.
fn same_whole(node: &Node, other: &Node, field: &str) -> bool {
    let pending = |node: &Node, member: &str| {
        let pending = node.desired.pending.iter().find(|p| p.reference.path == Path::parse(member))?;
        Some(target_id(&pending.reference, &node.id.namespace))
    };
    let known = |node: &Node, member: &str| {
        let value = get(&node.desired.spec, &Path::parse(member)).and_then(Value::as_str);
        value.filter(|value| *value != KNOWN_AFTER_APPLY).map(str::to_owned)
    };
    let same = |a: Option<String>, b: Option<String>| a.zip(b).is_none_or(|(a, b)| a == b);
    parts_beside(other.kind, field).all(|member| {
        same(known(node, member), known(other, member))
            && pending(node, member).zip(pending(other, member)).is_none_or(|(a, b)| a == b)
    })
}

/// The members of a kind's name besides a field.
pub(crate) fn parts_beside<'k>(kind: &'k Kind, field: &'k str) -> impl Iterator<Item = &'k str> {
    let own = field.strip_prefix("spec.").unwrap_or_default();
    let names = kind.row().identity.name.iter().map(String::as_str);
    names.filter(move |member| !own.is_empty() && to_crd(member) != own)
}

/// Stands for "the ARN" among the fields of a kind.
const ARN: &str = "";

/// The value that a text holds, as a target's template has it.
pub(crate) fn value_in<'t>(target: &RefTarget, text: &'t str) -> Option<&'t str> {
    let Some((before, after)) = target.template.as_deref().and_then(|t| t.split_once("{}")) else { return Some(text) };
    let rest = text.strip_prefix(before)?;
    match after.split_once('{') {
        // More follows that the reference itself fills.
        Some(("", _)) => Some(rest),
        Some((literal, _)) => rest.split_once(literal).map(|(value, _)| value),
        None => rest.strip_suffix(after),
    }
}

/// Positions, what is needed first: by how long the chain of needs is, then as declared.
fn sort(nodes: &[Node]) -> Result<Vec<usize>, EngineError> {
    let mut depths: Vec<Option<usize>> = vec![None; nodes.len()];
    let mut order = Order::new(nodes.iter().map(|node| &node.needs));
    while let Some(i) = order.next() {
        let needs = nodes.get(i).into_iter().flat_map(|node| &node.needs);
        let depth = needs.filter_map(|j| depths.get(*j).copied().flatten()).max().map_or(0, |deepest| deepest + 1);
        if let Some(slot) = depths.get_mut(i) {
            *slot = Some(depth);
        }
        order.done(i);
    }
    let left: BTreeSet<usize> = (0..nodes.len()).filter(|i| depths.get(*i).is_some_and(Option::is_none)).collect();
    if !left.is_empty() {
        return Err(EngineError::Graph(vec![GraphError::Cycle(circle(nodes, &left))]));
    }
    let mut all: Vec<usize> = (0..nodes.len()).collect();
    all.sort_by_key(|i| (depths.get(*i).copied().flatten(), *i));
    Ok(all)
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
