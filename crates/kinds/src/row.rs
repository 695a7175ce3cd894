//! The format of a row file: what a person writes, before anything is derived from the service model.
//!
//! Members are named as AWS names them; a path joins members with `.` and marks list elements with `[]`
//! (`ProductionVariants[].ModelName`). `kinds/README.md` explains every key with examples.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One row: everything about a kind that the service model does not say.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Kind, as in a manifest: `TrainingJob`.
    pub kind: String,
    /// AWS service by botocore's id. Its defaults are in `kinds/services/`.
    pub service: String,
    /// API group, where it is not the service's.
    #[serde(default)]
    pub group: Option<String>,
    /// API version, where it is not the service's.
    #[serde(default)]
    pub version: Option<String>,
    /// Plural, where it is not the kind in lower case with `s`.
    #[serde(default)]
    pub plural: Option<String>,
    /// Which operations do what.
    pub operations: Operations,
    /// What tells one resource from another.
    pub identity: Identity,
    /// How its state is read.
    #[serde(default)]
    pub status: Status,
    /// What an update sends.
    #[serde(default)]
    pub update: Update,
    /// What deleting means.
    #[serde(default)]
    pub delete: Delete,
    /// How its spec is made and compared.
    #[serde(default)]
    pub spec: Spec,
    /// Tags and the owner's mark.
    #[serde(default)]
    pub tags: Tags,
    /// Fields that may refer to other kinds.
    #[serde(default)]
    pub refs: Vec<Ref>,
    /// Which errors mean what.
    #[serde(default)]
    pub errors: Errors,
    /// How listing works, where it differs from the model's paginator.
    #[serde(default)]
    pub list: Listing,
    /// Seconds between looks at a resource.
    #[serde(default)]
    pub resync: Resync,
    /// Printer columns besides STATUS, SECONDARY-STATUS and FAILURE-REASON.
    #[serde(default)]
    pub columns: Vec<Column>,
    /// Where its logs are.
    #[serde(default)]
    pub logs: Option<Logs>,
    /// Detail types of the events that EventBridge has of it.
    #[serde(default)]
    pub events: Vec<String>,
    /// Behaviour that no row can say, by the name of its file in the engine.
    #[serde(default)]
    pub quirks: Vec<String>,
}

/// The operations of a kind. `input` gives what an operation's input holds besides the identity's members of the
/// same name: `"$Member"` is a spec value, `"$arn"` the ARN, `"$arn.name"` its last part, `"$arn.parent"` the part before
/// that, `"$read.Member"` a read value, `"$a|$b"` the first that is known, anything else itself. In a map, keys are
/// templates too, and one with `[]` stands for every value it matches.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Operations {
    /// Creates one.
    pub create: String,
    /// Reads one.
    pub read: String,
    /// Member of the read's output that holds a list to pick the resource from (reads that are listings).
    #[serde(default)]
    pub read_items: Option<String>,
    /// Member of the read's output that holds the resource, where it is nested (`Workforce`).
    #[serde(default)]
    pub read_item: Option<String>,
    /// Changes one.
    #[serde(default)]
    pub update: Option<String>,
    /// Deletes one.
    #[serde(default)]
    pub delete: Option<String>,
    /// Stops one.
    #[serde(default)]
    pub stop: Option<String>,
    /// Starts one that was stopped.
    #[serde(default)]
    pub start: Option<String>,
    /// Lists them.
    #[serde(default)]
    pub list: Option<String>,
    /// Inputs by operation role (`read`, `update`, `delete`, `stop`, `start`, `list`).
    #[serde(default)]
    pub input: BTreeMap<String, IndexMap<String, Value>>,
}

/// What tells one resource from another.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Spec members that together name it. Empty for kinds that AWS names: they are known by their ARN.
    #[serde(default)]
    pub name: Vec<String>,
    /// Spec members that are part of the name where they are set (an app's space or user profile).
    #[serde(default)]
    pub optional: Vec<String>,
    /// Spec members that narrow the search for an ARN-identified resource, and never change.
    #[serde(default)]
    pub within: Vec<String>,
    /// Member of the create's and the read's output that holds the ARN.
    #[serde(default)]
    pub arn: Option<String>,
}

/// How a resource's state is read.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Status {
    /// Path of the read's output that holds the status word. Without one a resource that exists is settled.
    #[serde(default)]
    pub member: Option<String>,
    /// AWS leaves the word out while there is nothing to tell: without one the resource is settled.
    #[serde(default)]
    pub optional: bool,
    /// Words of a resource at work; nothing may be changed meanwhile.
    #[serde(default)]
    pub progressing: Vec<String>,
    /// Words of a resource that is as it should be.
    #[serde(default)]
    pub settled: Vec<String>,
    /// Words of a resource that did not get there.
    #[serde(default)]
    pub failed: Vec<String>,
    /// Words of a resource on its way to a stop.
    #[serde(default)]
    pub stopping: Vec<String>,
    /// Words of a resource that was stopped.
    #[serde(default)]
    pub stopped: Vec<String>,
    /// Words of a resource on its way out.
    #[serde(default)]
    pub deleting: Vec<String>,
    /// Words that count as gone although the resource can still be read (App `Deleted`).
    #[serde(default)]
    pub gone: Vec<String>,
    /// Path of the finer status.
    #[serde(default)]
    pub secondary: Option<String>,
    /// Path of the reason of a failure.
    #[serde(default)]
    pub reason: Option<String>,
    /// The reason is no printer column: ACK has none there.
    #[serde(default)]
    pub reason_hidden: bool,
    /// Further statuses that must be done before the resource counts as settled.
    #[serde(default)]
    pub parts: Vec<Part>,
    /// Read members that status holds under another name.
    #[serde(default)]
    pub rename: IndexMap<String, String>,
    /// Spec members that the status shows as well.
    #[serde(default)]
    pub also: Vec<String>,
    /// Fields of the status that no read shows, and their types: whoever reconciles writes them.
    #[serde(default)]
    pub own: IndexMap<String, String>,
}

/// The status of a part of a resource (a rule's evaluation, a last execution).
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Path in the read's output.
    pub path: String,
    /// Words that mean it is still at work.
    pub progressing: Vec<String>,
    /// The part is not looked at while this path has this value (`["ProfilingStatus", "Disabled"]`).
    #[serde(default)]
    pub unless: Option<[String; 2]>,
    /// Nothing may be changed or deleted while it is at work.
    #[serde(default)]
    pub blocks: bool,
}

/// What an update sends.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Update {
    /// Spec paths that an update can change; all others are immutable. `["*"]` is every member the operation takes.
    #[serde(default)]
    pub sends: Vec<String>,
    /// Sends only what changed, not everything that is declared.
    #[serde(default)]
    pub only_changed: bool,
    /// Members sent with every update, where they are not declared.
    #[serde(default)]
    pub constants: IndexMap<String, Value>,
    /// Member → member of the update's input that takes what is to be removed: keys of a map, names of a list's elements.
    #[serde(default)]
    pub remove: IndexMap<String, String>,
    /// Spec member → switch of the update that clears it. AWS never sets such a member by itself, so one that is not
    /// declared is to be empty.
    #[serde(default)]
    pub clear: IndexMap<String, String>,
    /// Spec member → the update's own name for it.
    #[serde(default)]
    pub rename: IndexMap<String, String>,
    /// Marks each update on the resource, so that one that AWS rolled back is not sent again and again.
    #[serde(default)]
    pub remember: bool,
    /// A failure reason that starts so is the service's own fault: the update is sent again.
    #[serde(default)]
    pub retry_reason: Option<String>,
    /// Statuses besides the settled ones in which an update is accepted.
    #[serde(default)]
    pub when: Vec<String>,
    /// What a person should know of an update that changes this and sends that.
    #[serde(default)]
    pub notes: Vec<UpdateNote>,
}

/// What a person should know of an update.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct UpdateNote {
    /// The spec path that the update changes.
    pub changes: String,
    /// Members of the update's input with these values.
    #[serde(default)]
    pub sends: IndexMap<String, Value>,
    /// What to know.
    pub text: String,
}

/// What deleting means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeleteHow {
    /// The delete operation is called and the resource goes away.
    #[default]
    Delete,
    /// A running job is stopped; its record stays.
    Stop,
    /// The resource is taken off a list (scalable targets).
    Deregister,
    /// Nothing is called: the resource stays.
    Retain,
}

/// How a resource is deleted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Delete {
    /// What it means.
    #[serde(default)]
    pub how: DeleteHow,
    /// Statuses in which a stop is called; without them the progressing ones, or before a delete the settled ones.
    #[serde(default)]
    pub stops: Vec<String>,
    /// The resource must be stopped before it can be deleted.
    #[serde(default)]
    pub stop_first: bool,
    /// Spec path of what the resource serves. A resource that serves something else than its object declares is deleted
    /// only when that is insisted on.
    #[serde(default)]
    pub serves: Option<String>,
    /// Path in the read's output of what it will serve after the update that is under way.
    #[serde(default)]
    pub will_serve: Option<String>,
}

/// How the spec is made and compared.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Create members that are not fields (idempotency tokens are left out anyway).
    #[serde(default)]
    pub omit: Vec<String>,
    /// Members that only the update takes, and that are fields nevertheless.
    #[serde(default)]
    pub from_update: Vec<String>,
    /// Spec path → path of the read's output that shows it, where the names differ.
    #[serde(default)]
    pub observe: IndexMap<String, String>,
    /// List paths whose order means nothing; the value is the member that names an element, or empty.
    #[serde(default)]
    pub unordered: IndexMap<String, String>,
    /// Text members that hold JSON and are compared as such.
    #[serde(default)]
    pub json: Vec<String>,
    /// Members where a name and its ARN are the same.
    #[serde(default)]
    pub name_or_arn: Vec<String>,
    /// Members where letter case means nothing.
    #[serde(default)]
    pub any_case: Vec<String>,
    /// Members that the service fills when they are unset: path → what it says, or empty where that varies.
    #[serde(default)]
    pub defaults: IndexMap<String, Value>,
    /// Members that the service makes of another one beside them: path → that member. Where it is there, they are no
    /// declaration.
    #[serde(default)]
    pub derived: IndexMap<String, String>,
    /// Map path → prefix of keys that the service adds.
    #[serde(default)]
    pub server_keys: IndexMap<String, String>,
    /// List path → how elements that the service adds are told from those that were declared.
    #[serde(default)]
    pub server_elements: IndexMap<String, ServerElement>,
    /// Members that are sent but never read back as sent; they are not compared.
    #[serde(default)]
    pub unread: Vec<String>,
    /// Members that AWS's autoscaling moves: path → the scalable dimension, or what else moves it. They are left alone until
    /// their declaration changes.
    #[serde(default)]
    pub scaled: IndexMap<String, String>,
    /// Members that hold secrets: taken from a Secret in Kubernetes, never shown.
    #[serde(default)]
    pub secret: Vec<String>,
}

/// An element of a list that the service added.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ServerElement {
    /// Member of the element.
    pub member: String,
    /// Text that the member begins with.
    pub prefix: String,
}

/// Where tags are, and how the owner's mark is kept.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Tags {
    /// The kind takes no tags, or none that can be read.
    #[serde(default)]
    pub none: bool,
    /// A create takes tags, and AWS does not list them.
    #[serde(default)]
    pub unlisted: bool,
    /// Create member that takes tags, where it is not the service's.
    #[serde(default)]
    pub member: Option<String>,
    /// Tags cannot be given while this spec member is set (versions of a model package group).
    #[serde(default)]
    pub unless: Option<String>,
    /// Where the owner's mark stands when tags cannot be given: a map member, or a text member whose end takes it.
    /// Without one the identity itself says who owns the resource.
    #[serde(default)]
    pub mark: Option<String>,
    /// Its type in the service's tag index (`automl-job`), where it is not the kind's words with hyphens; empty where the
    /// index does not have the kind.
    #[serde(default)]
    pub index: Option<String>,
}

/// A field that may refer to another resource.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Ref {
    /// Path of the member that the reference fills.
    pub path: String,
    /// Field that holds the reference, where ACK's rule (strip Id, Ids, Name, Arn or URL; add Ref) is not right.
    #[serde(default)]
    pub name: Option<String>,
    /// Kind referred to.
    pub kind: String,
    /// Group of the kind, where it is not one of ours: such a reference is resolved only inside Kubernetes.
    #[serde(default)]
    pub group: Option<String>,
    /// Field of the other resource that gives the value; its name without this.
    #[serde(default)]
    pub value: Option<String>,
    /// Text around the value (`endpoint/{}/variant/{variant}`).
    #[serde(default)]
    pub template: Option<String>,
    /// Further fields of the reference that the template uses, with their defaults.
    #[serde(default)]
    pub with: IndexMap<String, String>,
    /// Other kinds that `from.kind` may name, with their templates.
    #[serde(default)]
    pub or: Vec<RefChoice>,
}

/// Another kind that a reference may name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RefChoice {
    /// Kind.
    pub kind: String,
    /// Field of the other resource that gives the value; its name without this.
    #[serde(default)]
    pub value: Option<String>,
    /// Text around the value.
    #[serde(default)]
    pub template: Option<String>,
}

/// An error by code and text.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorRule {
    /// AWS's code.
    pub code: String,
    /// What the message starts with.
    #[serde(default)]
    pub prefix: Option<String>,
    /// What the message ends with.
    #[serde(default)]
    pub suffix: Option<String>,
    /// What the message holds.
    #[serde(default)]
    pub contains: Option<String>,
}

impl ErrorRule {
    /// Whether an error is this one.
    #[must_use]
    pub fn matches(&self, code: &str, message: &str) -> bool {
        self.code == code
            && self.prefix.as_ref().is_none_or(|p| message.starts_with(p.as_str()))
            && self.suffix.as_ref().is_none_or(|s| message.trim_end().ends_with(s.as_str()))
            && self.contains.as_ref().is_none_or(|c| message.contains(c.as_str()))
    }

    /// Whether the rule takes every error of a code that AWS uses for many things: it says something of a read, and nothing of
    /// a write that was refused.
    #[must_use]
    pub fn is_broad(&self) -> bool {
        let text = self.prefix.is_some() || self.suffix.is_some() || self.contains.is_some();
        self.code == "ValidationException" && !text
    }
}

/// Which errors mean what.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Errors {
    /// The resource does not exist.
    #[serde(default)]
    pub not_found: Vec<ErrorRule>,
    /// Trying again cannot help.
    #[serde(default)]
    pub terminal: Vec<ErrorRule>,
    /// A resource of this name is there already.
    #[serde(default)]
    pub exists: Vec<ErrorRule>,
    /// Something else uses or changes the resource: wait, then try again.
    #[serde(default)]
    pub busy: Vec<ErrorRule>,
    /// Not yet consistent (a role just made): try again for a while.
    #[serde(default)]
    pub settling: Vec<ErrorRule>,
}

/// How listing works.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Listing {
    /// Item member → what it is in the read's output, where the names differ.
    #[serde(default)]
    pub rename: IndexMap<String, String>,
    /// List input member that takes a part of the name.
    #[serde(default)]
    pub name_contains: Option<String>,
    /// Input of the listing that shows them all, where one without input shows a part.
    #[serde(default)]
    pub all: IndexMap<String, Value>,
    /// Item members that change without a change of the resource.
    #[serde(default)]
    pub noise: Vec<String>,
    /// List input member that has to be given: without one known, each of its allowed values is listed.
    #[serde(default)]
    pub each: Option<String>,
}

/// Seconds between looks at a resource that nothing waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Resync {
    /// A settled one.
    #[serde(default)]
    pub settled: Option<u32>,
    /// One at work.
    #[serde(default)]
    pub progressing: Option<u32>,
}

/// A printer column.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Heading.
    pub name: String,
    /// Path in the read's output.
    pub member: String,
    /// 0 is always shown, 1 only in wide tables.
    #[serde(default)]
    pub priority: u8,
}

/// Where a kind's logs are. `{name}` stands for the resource's name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Logs {
    /// CloudWatch log group.
    pub group: String,
    /// Prefix of the streams; empty for all streams of the group.
    #[serde(default)]
    pub stream: String,
}

/// Defaults of all kinds of a service (`kinds/services/*.toml`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceRow {
    /// API group.
    pub group: String,
    /// API version.
    pub version: String,
    /// How tags are read and written.
    pub tags: TagOperations,
    /// Errors of every kind.
    #[serde(default)]
    pub errors: Errors,
}

/// The tag operations of a service.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TagOperations {
    /// Lists the tags of a resource.
    pub list: String,
    /// Adds tags.
    pub add: String,
    /// Removes tags by key.
    pub delete: String,
    /// Member of all three that takes the ARN.
    pub arn: String,
    /// Member that holds tags, on creates as on the three: a list of `Key` and `Value`, or a map, as the model says.
    pub member: String,
    /// Member of the delete that takes keys.
    pub keys: String,
    /// Service in the resource types of Resource Groups Tagging (`sagemaker` of `sagemaker:model`), where that indexes the
    /// tags of its resources.
    #[serde(default)]
    pub index: Option<String>,
}
