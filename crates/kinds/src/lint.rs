//! Proves a row against the model: everything it names is there, and nothing is said twice.

use std::collections::BTreeSet;

use sagewright_model::{Shape, ShapeType};
use serde_json::Value;

use crate::QUIRKS;
use crate::kind::Kind;
use crate::path::{Path, PathSegment};
use crate::reference::field_name;
use crate::row::DeleteHow;

/// Everything in a row that the model does not bear out, or says already.
#[must_use]
pub fn lint(kind: &Kind) -> Vec<String> {
    let mut lint = Lint { kind, wrong: Vec::new() };
    lint.names();
    lint.operations();
    lint.identity();
    lint.status();
    lint.update();
    lint.delete();
    lint.spec();
    lint.tags();
    lint.refs();
    lint.errors();
    lint.list();
    lint.columns();
    let mut wrong = lint.wrong;
    wrong.iter_mut().for_each(|w| *w = format!("{}: {w}", kind.name()));
    wrong
}

struct Lint<'k> {
    kind: &'k Kind,
    wrong: Vec<String>,
}

impl<'k> Lint<'k> {
    fn expect(&mut self, holds: bool, message: impl FnOnce() -> String) {
        if !holds {
            self.wrong.push(message());
        }
    }

    fn names(&mut self) {
        let row = self.kind.row();
        let regular = row.kind.to_lowercase() + "s";
        self.expect(row.plural.as_ref() != Some(&regular), || "plural: it is the regular one; leave it out".to_owned());
        for quirk in &row.quirks {
            self.expect(QUIRKS.contains(&quirk.as_str()), || format!("quirks: there is no quirk `{quirk}`"));
        }
        let without: &[(Option<&str>, &str)] = &[
            (row.group.as_deref(), self.kind.defaults().group.as_str()),
            (row.version.as_deref(), self.kind.defaults().version.as_str()),
        ];
        for (given, default) in without {
            self.expect(*given != Some(*default), || format!("`{default}` is the service's own; leave it out"));
        }
    }

    fn operations(&mut self) {
        let kind = self.kind;
        let operations = &kind.row().operations;
        let all = [&operations.update, &operations.delete, &operations.stop, &operations.start, &operations.list];
        for name in all.into_iter().flatten() {
            self.expect(kind.operation(name).is_some(), || format!("operations: there is no operation `{name}`"));
        }
        for (role, members) in &operations.input {
            let Some(operation) = self.role(role) else {
                self.wrong.push(format!("operations.input.{role}: there is no such operation in this row"));
                continue;
            };
            let Some(shape) = kind.service().input(operation) else { continue };
            for (member, template) in members {
                self.expect(shape.members.contains_key(member.as_str()), || {
                    format!("operations.input.{role}: `{operation}` takes no `{member}`")
                });
                self.template(role, template);
            }
        }
        // Every input can be made from what the row knows.
        let both = operations.read_item.is_some() && operations.read_items.is_some();
        self.expect(!both, || "operations: a read nests one resource or lists several, not both".to_owned());
        let each = kind.row().list.each.as_ref();
        for role in ["read", "update", "delete", "stop", "start", "list"] {
            let Some(operation) = self.role(role) else { continue };
            let Some(shape) = kind.service().input(operation) else { continue };
            for (member, info) in shape.members.iter().filter(|(m, _)| shape.is_required(m)) {
                let given = operations.input.get(role).is_some_and(|i| i.contains_key(*member));
                let identity = kind.row().identity.name.iter().any(|m| m == member);
                let sent = role == "update" && kind.spec_member(member).is_some();
                let listed = role == "list" && each.is_some_and(|e| e == member);
                self.expect(given || identity || sent || listed || info.idempotency_token, || {
                    format!("operations.input.{role}: `{operation}` needs `{member}`")
                });
                // A listing takes only what the row gives it.
                let repeated = given && identity && role != "list";
                self.expect(!(repeated && Self::is_plain(operations.input.get(role), member)), || {
                    format!("operations.input.{role}: `{member}` is given by the identity already")
                });
            }
        }
    }

    fn is_plain(input: Option<&indexmap::IndexMap<String, Value>>, member: &str) -> bool {
        input.and_then(|i| i.get(member)).and_then(Value::as_str) == Some(&format!("${member}"))
    }

    fn role(&self, role: &str) -> Option<&'k str> {
        let operations = &self.kind.row().operations;
        match role {
            "read" => Some(operations.read.as_str()),
            "update" => operations.update.as_deref(),
            "delete" => operations.delete.as_deref(),
            "stop" => operations.stop.as_deref(),
            "start" => operations.start.as_deref(),
            "list" => operations.list.as_deref(),
            _ => None,
        }
    }

    fn template(&mut self, role: &str, template: &Value) {
        match template {
            Value::Array(items) => items.iter().for_each(|i| self.template(role, i)),
            Value::Object(map) => map.iter().for_each(|(key, value)| {
                self.template(role, &Value::String(key.clone()));
                self.template(role, value);
            }),
            Value::String(text) if text.starts_with('$') => {
                for choice in text.split('|') {
                    let name = choice.trim_start_matches('$');
                    let known = match name.strip_prefix("read.") {
                        Some(path) => self.read(path).is_some(),
                        None => {
                            matches!(name, "arn" | "arn.name" | "arn.parent")
                                || self.kind.spec_shape(&Path::parse(name)).is_some()
                        }
                    };
                    self.expect(known, || format!("operations.input.{role}: nothing is called `{choice}`"));
                }
            }
            _ => {}
        }
    }

    fn identity(&mut self) {
        let kind = self.kind;
        let identity = &kind.row().identity;
        self.expect(!identity.name.is_empty() || identity.arn.is_some(), || {
            "identity: neither a name nor an ARN".to_owned()
        });
        self.expect(identity.optional.is_empty() || !identity.name.is_empty(), || {
            "identity.optional: parts of a name that there is not".to_owned()
        });
        for member in kind.identity_members() {
            self.expect(kind.create_shape().members.contains_key(member.as_str()), || {
                format!("identity: `{}` takes no `{member}`", kind.row().operations.create)
            });
            // What a read does not show cannot tell this resource from another.
            let shown = kind.read_shape().members.contains_key(member.as_str());
            self.expect(shown || kind.row().spec.observe.contains_key(member), || {
                format!("identity: a read gives no `{member}`")
            });
        }
        let Some(arn) = &identity.arn else {
            self.expect(false, || "identity.arn: every kind has one".to_owned());
            return;
        };
        self.expect(arn.to_lowercase().ends_with("arn"), || format!("identity.arn: `{arn}` is no ARN"));
        self.expect(kind.read_shape().members.contains_key(arn.as_str()), || {
            format!("identity.arn: a read gives no `{arn}`")
        });
        // What a listing shows has to lead to the resource, so that one that bears an object's mark is found.
        if let Some(item) = self.item() {
            let named = !identity.name.is_empty() && identity.name.iter().all(|m| self.lists(item, m));
            self.expect(named || self.lists(item, arn), || {
                format!("identity: items of listings have neither `{arn}` nor all of {:?}", identity.name)
            });
        }
        if kind.is_arn_identified() {
            let created = kind.service().output(&kind.row().operations.create);
            self.expect(created.is_some_and(|s| s.members.contains_key(arn.as_str())), || {
                format!("identity.arn: the create answers with no `{arn}`")
            });
            self.expect(self.item().is_some_and(|i| i.members.contains_key(arn.as_str())), || {
                format!("identity.arn: items of listings have no `{arn}`, and nothing else leads to the resource")
            });
        }
    }

    /// Whether an item of a listing shows a member, under its own name or another one.
    fn lists(&self, item: &Shape, member: &str) -> bool {
        let rename = &self.kind.row().list.rename;
        item.members.contains_key(member)
            || rename.iter().any(|(from, to)| to == member && item.members.contains_key(from.as_str()))
    }

    /// The items of the kind's listing.
    fn item(&self) -> Option<&'static Shape> {
        let service = self.kind.service();
        let operation = self.kind.row().operations.list.as_deref()?;
        let output = service.output(operation)?;
        let key = service.paginators.get(operation).and_then(|p| p.result_key.first());
        let is_list = |m: &&sagewright_model::Member| service.target(m).is_some_and(|s| s.kind == ShapeType::List);
        let items = match key {
            Some(key) => output.members.get(key.as_str()),
            None => output.members.values().find(is_list),
        };
        service.target(service.target(items?)?.member.as_ref()?)
    }

    fn read(&self, path: &str) -> Option<&'static Shape> {
        Path::parse(path).shape(self.kind.service(), self.kind.read_shape())
    }

    fn status(&mut self) {
        let status = self.kind.row().status.clone();
        let words = [
            &status.progressing,
            &status.settled,
            &status.failed,
            &status.stopping,
            &status.stopped,
            &status.deleting,
            &status.gone,
        ];
        let all: Vec<&String> = words.into_iter().flatten().collect();
        for path in [&status.secondary, &status.reason].into_iter().flatten() {
            self.expect(self.read(path).is_some(), || format!("status: a read gives no `{path}`"));
        }
        for part in &status.parts {
            self.expect(self.read(&part.path).is_some(), || format!("status.parts: a read gives no `{}`", part.path));
            self.words_of(&part.path, &part.progressing);
            if let Some([path, word]) = &part.unless {
                self.words_of(path, std::slice::from_ref(word));
            }
        }
        for member in status.rename.keys().chain(&status.also) {
            self.expect(self.read(member).is_some(), || format!("status: a read gives no `{member}`"));
        }
        for member in &status.also {
            self.expect(self.kind.spec_member(member).is_some(), || {
                format!("status.also: `{member}` is no member of the spec, and so in the status anyway")
            });
        }
        for (field, shape) in &status.own {
            let known = ["string", "integer", "boolean", "date-time"].contains(&shape.as_str());
            self.expect(known, || format!("status.own: `{shape}` is no type of a field"));
            self.expect(!self.kind.status_fields().contains_key(field), || {
                format!("status.own: a read gives `{field}`")
            });
        }
        self.expect(!status.optional || status.member.is_some(), || {
            "status.optional: there is no word to leave out".to_owned()
        });
        let Some(member) = &status.member else {
            self.expect(all.is_empty(), || "status: words without a member that holds them".to_owned());
            return;
        };
        let Some(shape) = self.read(member) else {
            self.wrong.push(format!("status.member: a read gives no `{member}`"));
            return;
        };
        for word in &shape.enumeration {
            let times = all.iter().filter(|w| w.as_str() == word.as_str()).count();
            self.expect(times == 1, || format!("status: `{word}` is named {times} times, not once"));
        }
        for word in all {
            self.expect(shape.enumeration.iter().any(|e| e == word.as_str()), || {
                format!("status: the model knows no `{word}`")
            });
        }
        let (stops, when) = (self.kind.row().delete.stops.clone(), self.kind.row().update.when.clone());
        self.words_of(member, &stops);
        self.words_of(member, &when);
    }

    fn words_of(&mut self, path: &str, words: &[String]) {
        let Some(shape) = self.read(path) else { return };
        for word in words {
            self.expect(shape.enumeration.iter().any(|e| e == word.as_str()), || format!("`{path}` is never `{word}`"));
        }
    }

    fn update(&mut self) {
        let kind = self.kind;
        let update = &kind.row().update;
        let Some(operation) = &kind.row().operations.update else {
            self.expect(update.sends.is_empty(), || "update.sends: the kind has no update".to_owned());
            return;
        };
        self.expect(!update.sends.is_empty(), || "update.sends: an update that sends nothing".to_owned());
        let Some(shape) = kind.service().input(operation) else { return };
        for send in update.sends.iter().filter(|s| *s != "*") {
            let path = Path::parse(send);
            let first = path.first().unwrap_or_default();
            let sent = update.rename.get(first).map_or(first, String::as_str);
            self.expect(kind.spec_shape(&path).is_some(), || format!("update.sends: the spec has no `{send}`"));
            let mut there = path.clone();
            if let Some(PathSegment::Member(name)) = there.0.first_mut() {
                sent.clone_into(name);
            }
            self.expect(there.shape(kind.service(), shape).is_some(), || {
                format!("update.sends: `{operation}` takes no `{there}`")
            });
        }
        for (member, switch) in &update.clear {
            self.expect(kind.spec_member(member).is_some(), || format!("update.clear: there is no `{member}`"));
            let boolean = shape.members.get(switch.as_str()).and_then(|m| kind.service().target(m));
            self.expect(boolean.is_some_and(|s| s.kind == ShapeType::Boolean), || {
                format!("update.clear: `{operation}` has no switch `{switch}`")
            });
        }
        for member in update.remove.keys() {
            let listed = update.sends.iter().any(|s| s == member);
            self.expect(listed, || format!("update.remove: `{member}` is not sent"));
        }
        for note in &update.notes {
            self.expect(kind.is_mutable(&Path::parse(&note.changes)), || {
                format!("update.notes: no update changes `{}`", note.changes)
            });
        }
        let noted = update.notes.iter().flat_map(|note| note.sends.keys());
        let names = update.constants.keys().chain(update.remove.values()).chain(update.rename.values()).chain(noted);
        for member in names {
            self.expect(shape.members.contains_key(member.as_str()), || {
                format!("update: `{operation}` takes no `{member}`")
            });
        }
    }

    fn delete(&mut self) {
        let kind = self.kind;
        let how = &kind.row().delete;
        let operation = match how.how {
            DeleteHow::Stop => kind.row().operations.stop.is_some(),
            DeleteHow::Delete | DeleteHow::Deregister => kind.row().operations.delete.is_some(),
            DeleteHow::Retain => true,
        };
        self.expect(operation, || "delete: the row names no operation for it".to_owned());
        if let Some(path) = &how.serves {
            self.expect(kind.spec_shape(&Path::parse(path)).is_some(), || {
                format!("delete.serves: the spec has no `{path}`")
            });
        }
        if let Some(path) = &how.will_serve {
            let shown = Path::parse(path).shape(kind.service(), kind.read_shape()).is_some();
            self.expect(shown && how.serves.is_some(), || {
                format!("delete.will_serve: no read shows `{path}`, or delete.serves is missing")
            });
        }
        let stops = how.stop_first || !how.stops.is_empty();
        self.expect(!stops || kind.row().operations.stop.is_some(), || {
            "delete: the row names no operation that stops".to_owned()
        });
    }

    fn spec_path(&mut self, key: &str, path: &str) -> Option<&'static Shape> {
        let shape = self.kind.spec_shape(&Path::parse(path));
        self.expect(shape.is_some(), || format!("spec.{key}: there is no `{path}`"));
        shape
    }

    fn spec(&mut self) {
        let spec = self.kind.row().spec.clone();
        for (key, paths) in [
            ("omit", &spec.omit),
            ("json", &spec.json),
            ("name_or_arn", &spec.name_or_arn),
            ("any_case", &spec.any_case),
            ("unread", &spec.unread),
            ("secret", &spec.secret),
            ("from_update", &spec.from_update),
        ] {
            for path in paths {
                self.spec_path(key, path);
            }
        }
        for member in &spec.from_update {
            self.expect(!self.kind.create_shape().members.contains_key(member.as_str()), || {
                format!("spec.from_update: the create takes `{member}` too")
            });
        }
        for path in spec.defaults.keys() {
            self.spec_path("defaults", path);
        }
        for (path, origin) in &spec.derived {
            self.spec_path("derived", path);
            let beside =
                path.rsplit_once('.').map_or_else(|| origin.clone(), |(parent, _)| format!("{parent}.{origin}"));
            self.spec_path("derived", &beside);
        }
        for (path, from) in &spec.observe {
            self.spec_path("observe", path);
            self.expect(self.read(from).is_some(), || format!("spec.observe: a read gives no `{from}`"));
        }
        for (path, name) in &spec.unordered {
            let Some(shape) = self.spec_path("unordered", path) else { continue };
            let element = shape.member.as_ref().and_then(|m| self.kind.service().target(m));
            self.expect(shape.kind == ShapeType::List, || format!("spec.unordered: `{path}` is no list"));
            self.expect(name.is_empty() || element.is_some_and(|e| e.members.contains_key(name.as_str())), || {
                format!("spec.unordered: elements of `{path}` have no `{name}`")
            });
        }
        for (path, element) in &spec.server_elements {
            let Some(shape) = self.spec_path("server_elements", path) else { continue };
            let members = shape.member.as_ref().and_then(|m| self.kind.service().target(m));
            self.expect(members.is_some_and(|e| e.members.contains_key(element.member.as_str())), || {
                format!("spec.server_elements: elements of `{path}` have no `{}`", element.member)
            });
        }
        for path in spec.scaled.keys() {
            self.spec_path("scaled", path);
            let mutable = self.kind.is_mutable(&Path::parse(path));
            self.expect(mutable, || format!("spec.scaled: no update changes `{path}`"));
            self.expect(self.kind.tags_member().is_some(), || {
                format!("spec.scaled: without tags nothing remembers what was declared for `{path}`")
            });
        }
        for path in spec.server_keys.keys() {
            let map = self.spec_path("server_keys", path).is_none_or(|s| s.kind == ShapeType::Map);
            self.expect(map, || format!("spec.server_keys: `{path}` is no map"));
        }
    }

    fn tags(&mut self) {
        let kind = self.kind;
        let tags = &kind.row().tags;
        for member in [&tags.unless, &tags.mark].into_iter().flatten() {
            self.spec_path("tags", member);
        }
        let default = &kind.defaults().tags.member;
        let takes = kind.create_shape().members.contains_key(tags.member.as_ref().unwrap_or(default).as_str());
        self.expect(takes || tags.none, || "tags: the create takes none; say `none = true`".to_owned());
        self.expect(takes == (tags.none && tags.unlisted) || !tags.none && !tags.unlisted, || {
            "tags: `none` where the create takes tags needs `unlisted`, and only there".to_owned()
        });
        // Where the model says the type in the ARN, the index has it under the same.
        let arn = kind.row().identity.arn.as_ref().and_then(|m| kind.read_shape().members.get(m.as_str()));
        let pattern = arn.and_then(|m| kind.service().target(m)?.pattern.as_deref());
        let said = pattern.and_then(|p| p.split_once("[0-9]{12}:")?.1.split(['/', '\\']).next());
        if let (Some(said), Some(index)) = (said, kind.indexed_type()) {
            self.expect(index.ends_with(&format!(":{said}")), || {
                format!("tags.index: ARNs say `{said}`, not `{index}`")
            });
        }
        for operation in [&kind.defaults().tags.list, &kind.defaults().tags.add, &kind.defaults().tags.delete] {
            let shape = kind.service().input(operation);
            let arn = kind.defaults().tags.arn.as_str();
            self.expect(shape.is_some_and(|s| s.members.contains_key(arn)), || {
                format!("tags: `{operation}` is no operation that takes `{arn}`")
            });
        }
    }

    fn refs(&mut self) {
        let kind = self.kind;
        let mut names = BTreeSet::new();
        for row in &kind.row().refs {
            let path = Path::parse(&row.path);
            let Some(shape) = kind.spec_shape(&path) else {
                self.wrong.push(format!("refs: there is no `{}`", row.path));
                continue;
            };
            let list = shape.kind == ShapeType::List;
            let regular = field_name(path.last().unwrap_or_default(), list);
            self.expect(row.name.as_ref() != Some(&regular), || {
                format!("refs: `{regular}` is the regular name; leave it out")
            });
            for (key, _) in &row.with {
                let used = [&row.template].into_iter().chain(row.or.iter().map(|c| &c.template)).flatten();
                let used = used.filter(|t| t.contains(&format!("{{{key}}}"))).count() > 0;
                self.expect(used, || format!("refs: no template of `{}` uses `{key}`", row.path));
            }
        }
        for field in kind.refs() {
            self.expect(names.insert((field.parent.clone(), field.field.clone())), || {
                format!("refs: `{}` is the name of two references of one place", field.field)
            });
            let clash = field.parent.0.is_empty() && kind.spec_fields().contains_key(&field.field);
            self.expect(!clash, || format!("refs: `{}` is a field of the spec", field.field));
            for target in field.targets.iter().filter(|t| t.group.is_none()) {
                let Some(other) = crate::all().iter().find(|k| k.name() == target.kind) else {
                    self.wrong.push(format!("refs: there is no kind `{}`", target.kind));
                    continue;
                };
                self.expect(has_field(other, &target.value), || {
                    format!("refs: a {} has no `{}`", other.name(), target.value)
                });
            }
        }
    }

    fn list(&mut self) {
        let kind = self.kind;
        let Some(operation) = &kind.row().operations.list else { return };
        if let Some(member) = &kind.row().list.name_contains {
            let takes = kind.service().input(operation).is_some_and(|s| s.members.contains_key(member.as_str()));
            self.expect(takes, || format!("list.name_contains: `{operation}` takes no `{member}`"));
        }
        if let Some(member) = &kind.row().list.each {
            let shape = kind.service().input(operation).and_then(|s| s.members.get(member.as_str()));
            let values = shape.and_then(|m| kind.service().target(m)).is_some_and(|s| !s.enumeration.is_empty());
            self.expect(values, || format!("list.each: `{operation}` takes no `{member}` of a few values"));
        }
        let item = self.item();
        for (member, read) in &kind.row().list.rename {
            self.expect(item.is_some_and(|s| s.members.contains_key(member.as_str())), || {
                format!("list.rename: items of `{operation}` have no `{member}`")
            });
            self.expect(self.read(read).is_some(), || format!("list.rename: a read gives no `{read}`"));
        }
        for member in kind.row().list.all.keys() {
            let takes = kind.service().input(operation).is_some_and(|s| s.members.contains_key(member.as_str()));
            self.expect(takes, || format!("list.all: `{operation}` takes no `{member}`"));
        }
        for member in &kind.row().list.noise {
            self.expect(item.is_some_and(|s| s.members.contains_key(member.as_str())), || {
                format!("list.noise: items of `{operation}` have no `{member}`")
            });
        }
    }

    fn columns(&mut self) {
        for column in self.kind.row().columns.clone() {
            self.expect(self.read(&column.member).is_some(), || {
                format!("columns: a read gives no `{}`", column.member)
            });
        }
    }

    fn errors(&mut self) {
        let row = &self.kind.row().errors;
        let defaults = &self.kind.defaults().errors;
        for (own, service) in [
            (&row.not_found, &defaults.not_found),
            (&row.terminal, &defaults.terminal),
            (&row.exists, &defaults.exists),
            (&row.busy, &defaults.busy),
            (&row.settling, &defaults.settling),
        ] {
            for rule in own {
                self.expect(!service.contains(rule), || format!("errors: the service says `{}` already", rule.code));
            }
        }
    }
}

/// Whether a kind has a field, by its path from `spec` or `status`.
fn has_field(kind: &Kind, field: &str) -> bool {
    let Some((part, path)) = field.split_once('.') else { return false };
    let first = path.split('.').next().unwrap_or_default();
    match part {
        "spec" => kind.spec_fields().contains_key(first),
        "status" if first == "ackResourceMetadata" => kind.row().identity.arn.is_some(),
        "status" => {
            let Some(member) = kind.status_fields().get(first).copied() else { return false };
            let rest = Path::parse(path);
            let shape = kind.read_shape().members.get(member).and_then(|m| kind.service().target(m));
            rest.0.len() == 1 || shape.is_some_and(|s| crd_path_exists(kind, s, &rest.0[1..]))
        }
        _ => false,
    }
}

fn crd_path_exists(kind: &Kind, shape: &Shape, steps: &[crate::path::PathSegment]) -> bool {
    let mut at = Some(shape);
    for step in steps {
        let crate::path::PathSegment::Member(name) = step else { return false };
        let member = at.and_then(|s| sagewright_model::crd::names(s).get(name).and_then(|m| s.members.get(*m)));
        at = member.and_then(|m| kind.service().target(m));
    }
    at.is_some()
}
