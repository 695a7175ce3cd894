//! Rules in CEL, with what to write instead.
//!
//! What can be changed depends on whether the resource exists: until then everything can, so that a typing error is mended
//! in place. Rules of change therefore stand at the object, where they see the status; an ARN says that the resource exists.
//! A field that is added or taken away is left to whoever reconciles: what is not declared is not compared.

use sagewright_kinds::{Kind, Path, PathSegment};
use sagewright_model::re2;
use serde_json::{Map, Value, json};

use crate::{fixed, words};

/// Whether the resource existed before the change.
const EXISTS: &str =
    "has(oldSelf.status) && has(oldSelf.status.ackResourceMetadata) && has(oldSelf.status.ackResourceMetadata.arn)";

/// The same, for a kind that takes generated names: with those, a change is another resource.
const EXISTS_UNDER_ONE_NAME: &str = "has(oldSelf.status) && has(oldSelf.status.ackResourceMetadata) && \
    has(oldSelf.status.ackResourceMetadata.arn) && \
    !(has(oldSelf.status.sagewright) && has(oldSelf.status.sagewright.generated))";

/// The condition under which a field cannot be changed.
fn exists(kind: &Kind) -> &'static str {
    if kind.takes_generated_names() { EXISTS_UNDER_ONE_NAME } else { EXISTS }
}

/// Adds a rule to a schema.
pub(crate) fn push(schema: &mut Map<String, Value>, rule: Value) {
    let rules = schema.entry("x-kubernetes-validations").or_insert_with(|| json!([]));
    if let Some(rules) = rules.as_array_mut() {
        rules.push(rule);
    }
}

/// `has(self.field)`, with the field's name as CEL writes it.
pub(crate) fn has(of: &str, field: &str) -> String {
    format!("has({of}.{})", escape(field))
}

/// Words of CEL's grammar, which fields cannot be called by.
const RESERVED: &[&str] = &[
    "true",
    "false",
    "null",
    "in",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

fn escape(field: &str) -> String {
    if RESERVED.contains(&field) { format!("__{field}__") } else { field.to_owned() }
}

/// Rules of the spec alone.
pub(crate) fn of_spec(kind: &Kind, spec: &mut Value) {
    let Some(schema) = spec.as_object_mut() else { return };
    if let Some(tags) =
        kind.tags_member().and_then(|member| schema.get_mut("properties")?.get_mut(words::field(member)))
    {
        // Application Auto Scaling's are a map, whose keys are different anyway.
        if let Some(list) = tags.as_object_mut().filter(|tags| tags.contains_key("items")) {
            let rule = "self.all(tag, self.exists_one(other, other.key == tag.key))";
            push(list, json!({"rule": rule, "message": "two tags have the same key: keep one of them"}));
        }
    }
    if let (Some(unless), Some(tags)) = (kind.row().tags.unless.as_deref(), kind.tags_member()) {
        let path = Path::of_members([unless]);
        let reference = kind.refs().iter().find(|r| r.path == path).map(|r| has("self", &r.field));
        let given: Vec<String> = [has("self", &words::field(unless))].into_iter().chain(reference).collect();
        let rule = format!("!({} && ({}))", has("self", &words::field(tags)), given.join(" || "));
        let message = format!("AWS takes no tags here beside {}: write the tags there", words::field(unless));
        push(schema, json!({"rule": rule, "message": message}));
    }
}

/// Rules that compare the object with what it was, or its spec with its name.
pub(crate) fn of_object(kind: &Kind, root: &mut Value) {
    let Some(schema) = root.as_object_mut() else { return };
    if let Some(name) = kind.own_name() {
        push_all(schema, own_name(kind, name));
    }
    for path in fixed::paths(kind).iter().filter(|path| path.0.len() > 1 || path.first() != kind.own_name()) {
        push(schema, fixed(kind, &kind.spec_path_to_crd(path), path));
        if let Some(reference) = kind.refs().iter().find(|r| r.path == *path) {
            push(schema, fixed(kind, &reference.at(&reference.parent), path));
        }
    }
}

fn push_all(schema: &mut Map<String, Value>, rules: Vec<Value>) {
    for rule in rules {
        push(schema, rule);
    }
}

/// The rule of a field that cannot be changed.
fn fixed(kind: &Kind, field: &Path, path: &Path) -> Value {
    let names: Vec<&str> = field
        .0
        .iter()
        .filter_map(|s| if let PathSegment::Member(name) = s { Some(name.as_str()) } else { None })
        .collect();
    let given = |of: &str| {
        let mut at = of.to_owned();
        let mut all = Vec::new();
        for name in std::iter::once("spec").chain(names.iter().copied()) {
            all.push(has(&at, name));
            at = format!("{at}.{}", escape(name));
        }
        (all.join(" && "), at)
    };
    let ((now, new), (before, old)) = (given("self"), given("oldSelf"));
    let identity = path.first().filter(|_| path.0.len() == 1).is_some_and(|m| kind.identity_members().any(|i| i == m));
    let why = if identity {
        "says which resource is meant, and cannot be changed"
    } else {
        "cannot be changed once the resource exists"
    };
    json!({
        "rule": format!("!({} && {now} && {before}) || {new} == {old}", exists(kind)),
        "message": format!("{} {why}: put the old value back, or declare another object", names.join(".")),
        "fieldPath": format!(".spec.{}", names.join(".")),
        "reason": "FieldValueForbidden",
    })
}

/// Rules of the field that `metadata.name` stands for where it is not given.
fn own_name(kind: &Kind, member: &str) -> Vec<Value> {
    let field = words::field(member);
    let name = |of: &str| format!("({} ? {of}.spec.{field} : {of}.metadata.name)", has(&format!("{of}.spec"), &field));
    let both = "has(self.spec) && has(oldSelf.spec)";
    let changed = json!({
        "rule": format!("!({} && {both}) || {} == {}", exists(kind), name("self"), name("oldSelf")),
        "message": format!("{field} names the resource in AWS, and cannot be changed: put the old name back, or declare another object"),
        "fieldPath": format!(".spec.{field}"),
        "reason": "FieldValueForbidden",
    });
    let shape = kind.spec_shape(&Path::of_members([member]));
    let said = shape.and_then(|s| s.pattern.as_ref()).and_then(|pattern| re2(pattern));
    let most = [
        shape.and_then(|s| s.max).map(|max| format!("{max}")),
        said.as_ref().and_then(|s| s.max).map(|max| max.to_string()),
    ];
    let length = most.into_iter().flatten().next().map(|max| format!("self.metadata.name.size() <= {max}"));
    let pattern = said
        .and_then(|s| s.pattern)
        .filter(|p| !p.contains('\''))
        .map(|p| format!("self.metadata.name.matches(r'{p}')"));
    let fits: Vec<String> = length.into_iter().chain(pattern).collect();
    let mut rules = vec![changed];
    if !fits.is_empty() {
        rules.push(json!({
            "rule": format!("!has(self.spec) || {} || {}", has("self.spec", &field), fits.join(" && ")),
            "message": format!("AWS takes no such name as metadata.name for this kind: write {field}"),
            "fieldPath": ".spec",
            "reason": "FieldValueRequired",
        }));
    }
    rules
}
