//! The spec campaign: each field of the specs of ACK's kinds is changed, one at a time, in an object that is settled.
//!
//! The change reaches what a read shows, or is refused with a reason that names the field; the spec from before leads back
//! to the state from before; and a spec leads to the same state whatever was declared earlier. Fields that cannot be driven
//! are in `data/undriven.txt`, with the reason.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::support::{Foreign, Modelled, NoReferences, REGION, Sampler, TestClock, declared, spec};
use sagewright_engine::reconcile::{Memory, Progress, Reconciled, Scope};
use sagewright_engine::{Clock as _, Desired, Engine, Outcome, Priority, Target, keys};
use sagewright_kinds::{Kind, Path, PathSegment, find, get_mut};
use sagewright_model::crd::names;
use sagewright_model::{Shape, ShapeType};
use sagewright_objects::check_in_cluster;
use serde_json::{Map, Value, json};

/// The fields of ACK's specs; a level of indentation is a level of structure.
const SPECS: &str = include_str!("../../crds/tests/data/ack-specs.txt");
/// `Kind field: reason`, for each field that cannot be driven.
const UNDRIVEN: &str = include_str!("data/undriven.txt");
/// Passes after which an object has to be settled.
const MAX_PASSES: usize = 60;

/// Members of which AWS takes one: (kind, the member that is driven, the member that it replaces).
const EXCLUSIVE: &[(&str, &str, &str)] =
    &[("App", "SpaceName", "UserProfileName"), ("ModelPackage", "ModelPackageGroupName", "ModelPackageName")];

/// Members that say how an update is done, and are no reason for one: (kind, member, the member that is changed with it).
const WITH_UPDATE: &[(&str, &str, &str)] = &[("Endpoint", "DeploymentConfig", "EndpointConfigName")];

/// Members that can be changed while the job runs: (kind, member, the word of its status then).
const WHILE_RUNNING: &[(&str, &str, &str)] = &[
    ("TrainingJob", "ProfilerConfig", RUNNING),
    ("TrainingJob", "ProfilerRuleConfigurations", RUNNING),
    ("TrainingJob", "RemoteDebugConfig", RUNNING),
];
const RUNNING: &str = "InProgress";

/// A field of a kind's spec.
struct Field {
    kind: &'static Kind,
    /// Its path under AWS's names, through the first element of lists and one key of maps.
    path: Path,
}

impl Field {
    /// `Kind field.items[].field`.
    fn name(&self) -> String {
        format!("{} {}", self.kind.name(), self.crd_path().general())
    }

    fn crd_path(&self) -> Path {
        self.kind.spec_path_to_crd(&self.path)
    }

    fn is_identity(&self) -> bool {
        self.path.0.len() == 1 && self.kind.identity_members().any(|m| Some(m.as_str()) == self.path.first())
    }

    /// The member that a table has for the field's kind and first member.
    fn other(&self, table: &[(&str, &str, &'static str)]) -> Option<&'static str> {
        let rule =
            table.iter().find(|(kind, member, _)| *kind == self.kind.name() && self.path.first() == Some(member));
        rule.map(|(.., other)| *other)
    }
}

/// The kinds of ACK's two controllers.
fn ack_kinds() -> impl Iterator<Item = &'static str> {
    SPECS.lines().filter(|line| !line.starts_with(' '))
}

/// All fields of a kind's spec.
fn fields_of(kind: &'static Kind) -> Vec<Field> {
    let mut fields = Vec::new();
    let mut parents: Vec<Path> = Vec::new();
    let mut in_reference = false;
    let lines = SPECS.lines().skip_while(|line| *line != kind.name()).skip(1);
    for line in lines.take_while(|line| line.starts_with(' ')) {
        let depth = line.len() - line.trim_start().len();
        let field = line.trim().split_once(' ').unwrap().0;
        // A reference gives a value to another field, and is no field of the service.
        in_reference = if depth == 1 { kind.refs().iter().any(|r| r.field == field) } else { in_reference };
        if in_reference {
            continue;
        }
        parents.truncate(depth - 1);
        let member = match parents.last() {
            // ACK has idempotency tokens as fields.
            None => {
                kind.spec_fields().get(field).map_or_else(|| names(kind.create_shape())[field], |field| field.member)
            }
            Some(parent) => names(kind.spec_shape(parent).unwrap())[field],
        };
        let path = parents.last().cloned().unwrap_or_default().join(PathSegment::Member(member.to_owned()));
        parents.push(innermost(kind, path.clone()));
        fields.push(Field { kind, path });
    }
    fields
}

/// The path to the first element of lists and one key of maps.
fn innermost(kind: &Kind, mut path: Path) -> Path {
    loop {
        let step = match kind.spec_shape(&path).map(|shape| shape.kind) {
            Some(ShapeType::List) => PathSegment::Index(0),
            Some(ShapeType::Map) => PathSegment::Member("key".to_owned()),
            _ => return path,
        };
        path = path.join(step);
    }
}

/// Puts one of two values of a field into a value, with what the structures on the way need besides.
struct Placement {
    kind: &'static Kind,
    nth: usize,
}

impl Placement {
    fn sampler(&self, nth: usize) -> Sampler {
        Sampler { service: self.kind.service(), nth }
    }

    fn value(&self, shape: &'static Shape, before: Option<Value>, steps: &[PathSegment], at: &str) -> Value {
        let Some((step, rest)) = steps.split_first() else { return self.sampler(self.nth).value(shape, at) };
        let target = Path(vec![step.clone()]).shape(self.kind.service(), shape).unwrap();
        match step {
            PathSegment::Member(member) if shape.kind == ShapeType::Structure => {
                let before = before.filter(|value| !shape.union || value.get(member).is_some());
                let mut map = match before {
                    Some(Value::Object(map)) => map,
                    _ if shape.union => Map::new(),
                    _ => self.sampler(0).structure(shape, &[member], at).as_object().unwrap().clone(),
                };
                let before = map.get(member).cloned();
                map.insert(member.clone(), self.value(target, before, rest, &format!("{at}.{member}")));
                Value::Object(map)
            }
            PathSegment::Member(key) => {
                let before = before.as_ref().and_then(|map| map.get(key)).cloned();
                json!({key.as_str(): self.value(target, before, rest, at)})
            }
            _ => {
                let mut items = match before {
                    Some(Value::Array(items)) if !items.is_empty() => items,
                    _ => self.sampler(0).value(shape, at).as_array().unwrap().clone(),
                };
                items[0] = self.value(target, Some(items[0].clone()), rest, at);
                Value::Array(items)
            }
        }
    }
}

/// A valid spec with the first or the second value of a field.
fn spec_with(field: &Field, nth: usize) -> Map<String, Value> {
    let kind = field.kind;
    let mut spec = spec(kind, 0, &[]);
    let mut place = |path: &Path| {
        let first = path.first().unwrap().to_owned();
        let shape = kind.spec_shape(&Path::parse(&first)).unwrap();
        let at = format!("{}.{first}", kind.name());
        let value = Placement { kind, nth }.value(shape, spec.get(&first).cloned(), &path.0[1..], &at);
        spec.insert(first, value);
    };
    place(&field.path);
    if let Some(with) = field.other(WITH_UPDATE) {
        place(&Path::of_members([with]));
    }
    if let Some(replaced) = field.other(EXCLUSIVE) {
        spec.shift_remove(replaced);
    }
    spec
}

/// Takes what is at a path out of a spec.
fn without(path: &Path, spec: &Map<String, Value>) -> Option<Map<String, Value>> {
    let (PathSegment::Member(member), parents) = path.0.split_last()? else { return None };
    let mut spec = Value::Object(spec.clone());
    get_mut(&mut spec, &Path(parents.to_vec()))?.as_object_mut()?.shift_remove(member)?;
    spec.as_object().cloned()
}

/// One way to change a field.
struct Case {
    name: &'static str,
    before: Map<String, Value>,
    after: Map<String, Value>,
    /// The job is at work all the time.
    is_running: bool,
    /// The spec from before does not have the field.
    is_added: bool,
}

/// The ways in which a field is changed: all of the first have to hold, and one of the second, where there is any.
fn cases(field: &Field) -> Result<(Vec<Case>, Vec<Case>), String> {
    let valid = |spec: &Map<String, Value>| check_in_cluster(&declared(field.kind, spec));
    let case = |name, before: &Map<_, _>, after: &Map<_, _>| {
        let (before, after) = (before.clone(), after.clone());
        Case { name, before, after, is_running: false, is_added: false }
    };
    let (first, second) = (spec_with(field, 0), spec_with(field, 1));
    for spec in [&first, &second] {
        valid(spec).map_err(|errors| format!("the sample is invalid: {errors:?}"))?;
    }
    let mut changed = Vec::new();
    if first != second {
        changed.push(case("changed", &first, &second));
    }
    if first != second && field.other(WHILE_RUNNING).is_some() {
        changed.push(Case { is_running: true, ..case("changed while it runs", &first, &second) });
    }
    // Where AWS takes one value only, the structures that cannot be without are declared with it.
    let shortest = if changed.is_empty() { 1 } else { field.path.0.len() };
    let paths = (shortest..=field.path.0.len()).rev().map(|n| Path(field.path.0[..n].to_vec()));
    let mut without = paths.filter_map(|path| without(&path, &first)).filter(|spec| valid(spec).is_ok());
    let mut added = Vec::new();
    if let Some(without) = without.next().filter(|_| !field.is_identity()) {
        // One of the values may be what AWS takes anyway: declaring it changes nothing.
        added = [second, first].map(|spec| Case { is_added: true, ..case("added", &without, &spec) }).into();
    }
    if changed.is_empty() && added.is_empty() {
        return Err("it is required and has one value".to_owned());
    }
    Ok((changed, added))
}

/// What is in AWS: what reads show, and the tags.
type State = Vec<(Value, BTreeMap<String, String>)>;

/// A controller with one object, and an account of its own.
struct Controller {
    kind: &'static Kind,
    cloud: Arc<Modelled>,
    engine: Engine,
    clock: Arc<TestClock>,
    memory: Memory,
    status: Value,
    /// The word of a resource that is there, where the kind has one.
    word: Option<&'static str>,
}

impl Controller {
    fn new(kind: &'static Kind, is_running: bool) -> Self {
        let (cloud, clock) = Modelled::new();
        let engine = cloud.engine();
        let word = if is_running { Some(RUNNING) } else { Modelled::words(kind).map(|(_, made)| made) };
        Self { kind, cloud, engine, clock, memory: Memory::default(), status: Value::Null, word }
    }

    /// Declares a spec, and reconciles until nothing changes any more.
    async fn apply(&mut self, spec: &Map<String, Value>) -> Reconciled {
        let mut object = declared(self.kind, spec);
        let target = Target::new(REGION.parse().unwrap());
        let scope = Scope { target, claims: Arc::default(), priority: Priority::default() };
        for pass in 1.. {
            object.status = self.status.clone();
            let desired = Desired::new(self.kind, &object).unwrap();
            let creates = self.cloud.creates();
            let done = self.engine.reconcile(&scope, &desired, &mut self.memory, &NoReferences).await;
            self.status = done.status.clone();
            // What takes AWS minutes is done at once.
            if self.cloud.creates() > creates
                && let Some(word) = self.word
            {
                self.cloud.foreign(Foreign::Status(vec![(0, word)], false));
            }
            if self.rests(done.progress) || pass == MAX_PASSES {
                return done;
            }
            if let Some(pause) = done.requeue {
                self.clock.sleep(pause).await;
            }
        }
        unreachable!()
    }

    fn rests(&self, progress: Progress) -> bool {
        match progress {
            Progress::Done | Progress::Ended | Progress::Blocked | Progress::Retry => true,
            Progress::Waiting { .. } => self.word == Some(RUNNING),
            Progress::Announced | Progress::Wrote | Progress::Unseen => false,
        }
    }

    fn state(&self) -> State {
        let mut all: State = self.cloud.all().into_iter().map(|(_, doc, tags)| (doc, tags)).collect();
        // What the last update was is no part of what was declared.
        for (_, tags) in &mut all {
            tags.retain(|key, _| ![keys::LAST_UPDATE, keys::SERVED].contains(&key.as_str()));
        }
        all
    }

    /// Whether the resource is settled and as declared.
    fn is_as_declared(&self, done: &Reconciled, spec: &Map<String, Value>) -> Result<(), String> {
        let (_, doc, _) = self.cloud.all().pop().ok_or_else(|| format!("there is none: {}", done.message))?;
        let is_settled = match done.progress {
            Progress::Done => true,
            Progress::Waiting { held } => !held && self.word == Some(RUNNING),
            _ => false,
        };
        if is_settled && Modelled::shows(self.kind, spec, &doc) {
            return Ok(());
        }
        Err(format!("{:?} {:?} {}: {doc}", done.progress, done.outcome, done.message))
    }
}

/// What a change of a field came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Driven {
    /// A read shows it.
    Reached,
    /// It was refused by whoever reconciles.
    Refused,
    /// Kubernetes refuses it: no read shows it, or whoever reconciles would make a second resource.
    NotAdmitted,
}

/// Changes a field and changes it back. `Err` says what is wrong.
async fn drive(field: &Field, case: &Case) -> Result<Driven, String> {
    let mut controller = Controller::new(field.kind, case.is_running);
    let done = controller.apply(&case.before).await;
    controller.is_as_declared(&done, &case.before).map_err(|why| format!("the sample is not created: {why}"))?;
    let before = controller.state();
    let done = controller.apply(&case.after).await;
    let after = controller.state();
    if after.len() != 1 {
        let why = format!("there are {} resources: {}", after.len(), done.message);
        return is_admission_refused(field).then_some(Driven::NotAdmitted).ok_or(why);
    }
    let driven = if done.progress == Progress::Ended {
        if !matches!(done.outcome, Some(Outcome::Refused | Outcome::Failed)) || after != before {
            return Err(format!("it has changed, and ended as {:?}: {}", done.outcome, done.message));
        }
        if !names_field(&done.message, &field.crd_path()) {
            return Err(format!("the refusal does not name it: {}", done.message));
        }
        Driven::Refused
    } else {
        controller.is_as_declared(&done, &case.after).map_err(|why| format!("it is not changed: {why}"))?;
        match after == before {
            false => Driven::Reached,
            true if !case.is_added && is_admission_refused(field) => Driven::NotAdmitted,
            true => return Err("no read shows it, and a change of it is not refused".to_owned()),
        }
    };
    let done = controller.apply(&case.before).await;
    controller.is_as_declared(&done, &case.before).map_err(|why| format!("it does not recover: {why}"))?;
    // A field that is left out again is not unset in AWS.
    let is_kept = case.is_added && driven == Driven::Reached;
    if controller.state() != before && !is_kept {
        return Err(format!("it recovers as {:?}, not as {before:?}", controller.state()));
    }
    let mut fresh = Controller::new(field.kind, case.is_running);
    let done = fresh.apply(&case.after).await;
    fresh.is_as_declared(&done, &case.after).map_err(|why| format!("it is not created so: {why}"))?;
    if driven == Driven::Reached && fresh.state() != after {
        return Err(format!("created so it is {:?}, changed so {after:?}", fresh.state()));
    }
    Ok(driven)
}

/// Changes a field in all ways. `Err` says in which ways what is wrong.
async fn drive_all(field: &Field) -> Result<(), String> {
    let (changed, added) = cases(field)?;
    for case in &changed {
        let driven = drive(field, case).await.map_err(|why| format!("{}: {why}", case.name))?;
        // What no read shows cannot be told from what was not declared: there is nothing to see of an addition.
        if driven == Driven::NotAdmitted {
            return Ok(());
        }
    }
    let mut wrong = Vec::new();
    for case in &added {
        match drive(field, case).await {
            Ok(_) => return Ok(()),
            Err(why) => wrong.push(format!("{}: {why}", case.name)),
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
}

/// Whether a message says which field is meant: by its path, by that of a structure that it is in, or by one below it.
fn names_field(message: &str, path: &Path) -> bool {
    let words = message.split(|c: char| !c.is_alphanumeric() && !"_.[]".contains(c));
    let named = words.filter_map(|word| word.strip_prefix("spec.")).map(|word| Path::parse(word).general());
    let path = path.general();
    named.into_iter().any(|named| named.leads_to(&path) || path.leads_to(&named))
}

/// Whether the definition of the kind refuses a change of a field, or of what it is in.
fn is_admission_refused(field: &Field) -> bool {
    let file = format!(
        "{}/../../charts/sagewright-crds/crds/{}_{}.yaml",
        env!("CARGO_MANIFEST_DIR"),
        field.kind.group(),
        field.kind.plural()
    );
    let definition = std::fs::read_to_string(file).unwrap();
    let path = field.crd_path();
    (1..=path.0.len()).any(|n| {
        let rule = format!("fieldPath: .spec.{}", Path(path.0[..n].to_vec()));
        definition.lines().any(|line| line.trim() == rule)
    })
}

/// Drives all fields of a kind.
async fn campaign(kind: &str) {
    let undriven: BTreeMap<&str, &str> =
        UNDRIVEN.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(": ")).collect();
    let mut wrong = Vec::new();
    for field in fields_of(find(kind).unwrap()) {
        let name = field.name();
        match (drive_all(&field).await, undriven.get(name.as_str())) {
            (Ok(_), None) | (Err(_), Some(_)) => {}
            (Ok(()), Some(_)) => wrong.push(format!("{name}: it is listed as undriven, and can be driven")),
            (Err(why), None) => wrong.push(format!("{name}: {why}")),
        }
    }
    assert!(wrong.is_empty(), "{} fields:\n{}", wrong.len(), wrong.join("\n"));
}

/// A test for each kind, so that they run in parallel.
macro_rules! kinds {
    ($($test:ident: $kind:literal,)*) => {
        const KINDS: &[&str] = &[$($kind),*];
        $(
            #[tokio::test]
            async fn $test() {
                campaign($kind).await;
            }
        )*
    };
}

kinds! {
    app: "App",
    data_quality_job_definition: "DataQualityJobDefinition",
    domain: "Domain",
    endpoint: "Endpoint",
    endpoint_config: "EndpointConfig",
    feature_group: "FeatureGroup",
    hyper_parameter_tuning_job: "HyperParameterTuningJob",
    inference_component: "InferenceComponent",
    labeling_job: "LabelingJob",
    model: "Model",
    model_bias_job_definition: "ModelBiasJobDefinition",
    model_explainability_job_definition: "ModelExplainabilityJobDefinition",
    model_package: "ModelPackage",
    model_package_group: "ModelPackageGroup",
    model_quality_job_definition: "ModelQualityJobDefinition",
    monitoring_schedule: "MonitoringSchedule",
    notebook_instance: "NotebookInstance",
    notebook_instance_lifecycle_config: "NotebookInstanceLifecycleConfig",
    pipeline: "Pipeline",
    pipeline_execution: "PipelineExecution",
    processing_job: "ProcessingJob",
    project: "Project",
    scalable_target: "ScalableTarget",
    scaling_policy: "ScalingPolicy",
    space: "Space",
    training_job: "TrainingJob",
    transform_job: "TransformJob",
    user_profile: "UserProfile",
}

#[test]
fn every_field_of_acks_kinds_is_driven_or_listed() {
    assert_eq!(ack_kinds().collect::<Vec<_>>(), KINDS);
    let names: Vec<String> =
        ack_kinds().flat_map(|kind| fields_of(find(kind).unwrap())).map(|field| field.name()).collect();
    // Of the 1,584 fields, 4 are of the one reference that ACK has without a field beside it.
    assert_eq!(names.len(), 1580);
    let listed = UNDRIVEN.lines().filter(|line| !line.starts_with('#'));
    let unknown: Vec<&str> =
        listed.filter(|line| line.split_once(": ").is_none_or(|(name, _)| !names.iter().any(|n| n == name))).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
