//! A kind: its row, its service's defaults and what the model says of it.

use std::sync::OnceLock;

use indexmap::IndexMap;
use sagewright_model::{Member, Operation, Service, Shape};
use serde_json::Value;

use crate::path::{Path, PathSegment};
use crate::phase::Phase;
use crate::reference::RefField;
use crate::row::{DeleteHow, Errors, Ref, Row, ServiceRow, TagOperations};

/// A field of a kind's spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecField {
    /// AWS's member.
    pub member: &'static str,
    /// Name of its shape.
    pub shape: &'static str,
    /// It has to be given to create one.
    pub required: bool,
    /// Only the update takes it.
    pub update_only: bool,
}

/// One resource kind.
#[derive(Debug)]
pub struct Kind {
    row: Row,
    defaults: ServiceRow,
    service: &'static Service,
    create: &'static Shape,
    read: &'static Shape,
    errors: Errors,
    plural: String,
    refs: OnceLock<Vec<RefField>>,
    pub(crate) fields: OnceLock<IndexMap<String, SpecField>>,
    pub(crate) status: OnceLock<IndexMap<String, &'static str>>,
}

impl Kind {
    pub(crate) fn new(row: Row, defaults: ServiceRow, service: &'static Service) -> Result<Self, String> {
        let operation = |name: &str| -> Result<(), String> {
            service
                .operation(name)
                .map(drop)
                .ok_or_else(|| format!("operations: {} has no operation `{name}`", service.id))
        };
        operation(&row.operations.create)?;
        operation(&row.operations.read)?;
        let create = service
            .input(&row.operations.create)
            .ok_or_else(|| format!("operations.create: `{}` takes no input", row.operations.create))?;
        let read = read_shape(service, &row)?;
        let mut errors = row.errors.clone();
        errors.not_found.extend(defaults.errors.not_found.iter().cloned());
        errors.terminal.extend(defaults.errors.terminal.iter().cloned());
        errors.exists.extend(defaults.errors.exists.iter().cloned());
        errors.busy.extend(defaults.errors.busy.iter().cloned());
        errors.settling.extend(defaults.errors.settling.iter().cloned());
        let plural = row.plural.clone().unwrap_or_else(|| row.kind.to_lowercase() + "s");
        Ok(Self {
            row,
            defaults,
            service,
            create,
            read,
            errors,
            plural,
            refs: OnceLock::new(),
            fields: OnceLock::new(),
            status: OnceLock::new(),
        })
    }

    /// The row.
    #[must_use]
    pub fn row(&self) -> &Row {
        &self.row
    }

    /// The service's defaults.
    #[must_use]
    pub fn defaults(&self) -> &ServiceRow {
        &self.defaults
    }

    /// `TrainingJob`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.row.kind
    }

    /// `sagemaker.services.k8s.aws`.
    #[must_use]
    pub fn group(&self) -> &str {
        self.row.group.as_deref().unwrap_or(&self.defaults.group)
    }

    /// `v1alpha1`.
    #[must_use]
    pub fn version(&self) -> &str {
        self.row.version.as_deref().unwrap_or(&self.defaults.version)
    }

    /// `sagemaker.services.k8s.aws/v1alpha1`.
    #[must_use]
    pub fn api_version(&self) -> String {
        format!("{}/{}", self.group(), self.version())
    }

    /// `trainingjobs`.
    #[must_use]
    pub fn plural(&self) -> &str {
        &self.plural
    }

    /// The kind in words, for messages: `training job`.
    #[must_use]
    pub fn words(&self) -> String {
        let name: Vec<char> = self.name().chars().collect();
        let upper = |i: usize| name.get(i).is_some_and(char::is_ascii_uppercase);
        let lower = |i: usize| name.get(i).is_some_and(char::is_ascii_lowercase);
        let mut out = String::new();
        for (i, c) in name.iter().enumerate() {
            let abbreviation = upper(i) && (upper(i + 1) && !lower(i + 2) || i > 0 && upper(i - 1) && !lower(i + 1));
            let abbreviation = abbreviation || upper(i) && upper(i + 1) && (i == 0 || lower(i - 1));
            if upper(i) && i > 0 && (lower(i - 1) || lower(i + 1)) {
                out.push(' ');
            }
            out.push(if abbreviation { *c } else { c.to_ascii_lowercase() });
        }
        out
    }

    /// Several of the kind in words: `scaling policies`.
    #[must_use]
    pub fn words_of_many(&self) -> String {
        let one = self.words();
        one.strip_suffix('y').map_or_else(|| format!("{one}s"), |stem| format!("{stem}ies"))
    }

    /// The service model.
    #[must_use]
    pub fn service(&self) -> &'static Service {
        self.service
    }

    /// An operation of the service.
    #[must_use]
    pub fn operation(&self, name: &str) -> Option<&'static Operation> {
        self.service.operation(name)
    }

    /// Input shape of the create.
    #[must_use]
    pub fn create_shape(&self) -> &'static Shape {
        self.create
    }

    /// Shape of what a read gives: its output, or one item of it.
    #[must_use]
    pub fn read_shape(&self) -> &'static Shape {
        self.read
    }

    /// The member of a spec, from the create's input or from the update's.
    #[must_use]
    pub fn spec_member(&self, member: &str) -> Option<&'static Member> {
        self.create.members.get(member).or_else(|| {
            let update = self.row.operations.update.as_deref()?;
            self.row.spec.from_update.iter().any(|m| m == member).then_some(())?;
            self.service.input(update)?.members.get(member)
        })
    }

    /// The shape at a spec path (AWS names).
    #[must_use]
    pub fn spec_shape(&self, path: &Path) -> Option<&'static Shape> {
        let first = path.first()?;
        let shape = self.service.target(self.spec_member(first)?)?;
        Path(path.0.get(1..)?.to_vec()).shape(self.service, shape)
    }

    /// A spec path under Kubernetes names.
    #[must_use]
    pub fn spec_path_to_crd(&self, path: &Path) -> Path {
        let update = self.row.operations.update.as_deref().and_then(|op| self.service.input(op));
        match (path.first(), update) {
            (Some(first), Some(update)) if !self.create.members.contains_key(first) => {
                path.to_crd(self.service, update)
            }
            _ => path.to_crd(self.service, self.create),
        }
    }

    /// The references that a manifest may hold.
    #[must_use]
    pub fn refs(&self) -> &[RefField] {
        let field = |row: &Ref| {
            let path = Path::parse(&row.path);
            RefField::new(row, self.spec_shape(&path)?, self.spec_path_to_crd(&path), path)
        };
        // Rows that lead nowhere are left out; the lint names them.
        self.refs.get_or_init(|| self.row.refs.iter().filter_map(field).collect())
    }

    /// Which errors mean what: the row's and the service's.
    #[must_use]
    pub fn errors(&self) -> &Errors {
        &self.errors
    }

    /// The tag operations, where the kind has tags.
    #[must_use]
    pub fn tag_operations(&self) -> Option<&TagOperations> {
        (!self.row.tags.none).then_some(&self.defaults.tags)
    }

    /// Create member that takes tags, where there is one.
    #[must_use]
    pub fn tags_member(&self) -> Option<&str> {
        let member = self.row.tags.member.as_deref().unwrap_or(&self.defaults.tags.member);
        (!self.row.tags.none && self.create.members.contains_key(member)).then_some(member)
    }

    /// Whether AWS gives the name: such a resource is known by its ARN alone.
    #[must_use]
    pub fn is_arn_identified(&self) -> bool {
        self.row.identity.name.is_empty()
    }

    /// Spec members that say which resource is meant, and never change.
    pub fn identity_members(&self) -> impl Iterator<Item = &String> {
        let identity = &self.row.identity;
        identity.name.iter().chain(&identity.optional).chain(&identity.within)
    }

    /// Whether it is a job: deleting stops it, and its record stays.
    #[must_use]
    pub fn is_job(&self) -> bool {
        self.row.delete.how == DeleteHow::Stop
    }

    /// Path of the Kubernetes field that holds the name: `spec.trainingJobName`.
    #[must_use]
    pub fn name_field(&self) -> Option<String> {
        self.row.identity.name.first().map(|m| format!("spec.{}", sagewright_model::name::to_crd(m)))
    }

    /// The member of the spec that alone is the resource's own name: `metadata.name` stands for it where it is not given.
    /// A kind that AWS names, or whose name is one of several that may be given, has none.
    #[must_use]
    pub fn own_name(&self) -> Option<&str> {
        let noun = self.name().trim_end_matches("V2");
        let identity = &self.row.identity;
        let own = |member: &&String| {
            let stem = member.strip_suffix("Name");
            stem.is_some_and(|stem| noun.ends_with(stem)) && self.create.is_required(member)
        };
        identity.name.iter().chain(&identity.within).find(own).map(String::as_str)
    }

    /// Whether a change of the spec can be made as another resource under a generated name, and the older one be deleted: the
    /// resource is named by one field, AWS cannot update it, and it is nothing but its spec. A kind with a status works or
    /// holds something (a job's record, a feature group's data), which must not go with a change.
    #[must_use]
    pub fn takes_generated_names(&self) -> bool {
        let (identity, operations) = (&self.row.identity, &self.row.operations);
        let named =
            matches!(identity.name.as_slice(), [name] if self.own_name() == Some(name)) && identity.optional.is_empty();
        let deletes = operations.delete.is_some() && self.row.delete.how == DeleteHow::Delete;
        let is_plain = operations.update.is_none() && self.row.status.member.is_none();
        // The mark says which older resources are the object's.
        named && deletes && is_plain && self.tags_member().is_some()
    }

    /// The field that says what its resources serve, as endpoints their configs.
    #[must_use]
    pub fn serves(&self) -> Option<&RefField> {
        let path = Path::parse(self.row.delete.serves.as_deref()?);
        self.refs().iter().find(|field| field.path == path)
    }

    /// What a status word means.
    #[must_use]
    pub fn phase(&self, word: &str) -> Phase {
        let status = &self.row.status;
        let has = |words: &[String]| words.iter().any(|w| w == word);
        if has(&status.settled) {
            Phase::Settled
        } else if has(&status.progressing) {
            Phase::Progressing
        } else if has(&status.failed) {
            Phase::Failed
        } else if has(&status.stopping) {
            Phase::Stopping
        } else if has(&status.stopped) {
            Phase::Stopped
        } else if has(&status.deleting) {
            Phase::Deleting
        } else if has(&status.gone) {
            Phase::Gone
        } else {
            Phase::Unknown
        }
    }

    /// Whether an update can change what stands at a spec path (AWS names).
    #[must_use]
    pub fn is_mutable(&self, path: &Path) -> bool {
        let row = &self.row;
        let Some(operation) = &row.operations.update else { return false };
        let general = path.general();
        let identity = |m: &str| self.identity_members().any(|i| i == m);
        row.update.sends.iter().any(|send| {
            if send == "*" {
                let takes = self.service.input(operation);
                return path.first().is_some_and(|m| !identity(m) && takes.is_some_and(|s| s.members.contains_key(m)));
            }
            Path::parse(send).leads_to(&general) && self.update_takes(operation, &general)
        })
    }

    /// Whether an update's input has what stands at a spec path: some take less of a structure than the create.
    fn update_takes(&self, operation: &str, general: &Path) -> bool {
        let Some(input) = self.service.input(operation) else { return false };
        let mut path = general.clone();
        if let Some(PathSegment::Member(first)) = path.0.first_mut()
            && let Some(renamed) = self.row.update.rename.get(first.as_str())
        {
            renamed.clone_into(first);
        }
        path.shape(self.service, input).is_some()
    }

    /// Log group and stream prefix of one resource.
    #[must_use]
    pub fn logs(&self, name: &str) -> Option<(String, String)> {
        let logs = self.row.logs.as_ref()?;
        Some((logs.group.replace("{name}", name), logs.stream.replace("{name}", name)))
    }

    /// The name of a resource by its spec (AWS names): its identity's members, joined by spaces where there are several.
    #[must_use]
    pub fn name_of(&self, spec: &Value) -> Option<String> {
        let text = |m: &String| spec.get(m).and_then(Value::as_str);
        let parts: Option<Vec<_>> = self.row.identity.name.iter().map(text).collect();
        let optional = self.row.identity.optional.iter().filter_map(text).filter(|p| !p.is_empty());
        parts.filter(|p| !p.is_empty()).map(|p| p.into_iter().chain(optional).collect::<Vec<_>>().join(" "))
    }
}

/// The output of a read, or the items of a read that lists.
fn read_shape(service: &'static Service, row: &Row) -> Result<&'static Shape, String> {
    let read = &row.operations.read;
    let output = service.output(read).ok_or_else(|| format!("operations.read: `{read}` has no output"))?;
    if let Some(item) = &row.operations.read_item {
        let nested = Path::parse(item).shape(service, output);
        return nested.ok_or_else(|| format!("operations.read_item: the output of `{read}` has no `{item}`"));
    }
    let Some(items) = &row.operations.read_items else { return Ok(output) };
    Path::parse(items)
        .join(PathSegment::Each)
        .shape(service, output)
        .ok_or_else(|| format!("operations.read_items: the output of `{read}` has no list `{items}`"))
}
