//! A cloud and a clock for tests. The cloud is written from AWS's documentation, not from the rows: a wrong row must not
//! be confirmed by its own mirror. It refuses inputs that the service model does not allow.
#![allow(
    dead_code,
    unused_imports,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::result_large_err
)]

mod clock;
pub mod decisions;
mod declared;
mod faulty;
mod hooked;
mod modelled;
mod objects;
mod samples;
mod shown;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use sagewright_engine::{Call, Clock, Cloud, CloudError, Engine, Event, EventKind, Object, Observer, Stage, Target};
use sagewright_model::{Service, Shape, ShapeType};
use serde_json::{Map, Value, json};

pub use clock::*;
pub use declared::*;
pub use faulty::*;
pub use hooked::*;
pub use modelled::*;
pub use objects::*;
pub use samples::*;

pub const REGION: &str = "us-east-1";
pub const ACCOUNT: &str = "123456789012";

/// (type, member of the name, resource in ARNs, member of the status, member of listings)
const TYPES: &[(&str, &str, &str, &str, &str)] = &[
    ("TrainingJob", "TrainingJobName", "training-job", "TrainingJobStatus", "TrainingJobSummaries"),
    (
        "HyperParameterTuningJob",
        "HyperParameterTuningJobName",
        "hyper-parameter-tuning-job",
        "HyperParameterTuningJobStatus",
        "HyperParameterTuningJobSummaries",
    ),
    ("ProcessingJob", "ProcessingJobName", "processing-job", "ProcessingJobStatus", "ProcessingJobSummaries"),
    ("TransformJob", "TransformJobName", "transform-job", "TransformJobStatus", "TransformJobSummaries"),
    (
        "ModelPackageGroup",
        "ModelPackageGroupName",
        "model-package-group",
        "ModelPackageGroupStatus",
        "ModelPackageGroupSummaryList",
    ),
    ("ModelPackage", "ModelPackageName", "model-package", "ModelPackageStatus", "ModelPackageSummaryList"),
    ("Model", "ModelName", "model", "", "Models"),
    ("EndpointConfig", "EndpointConfigName", "endpoint-config", "", "EndpointConfigs"),
    ("Endpoint", "EndpointName", "endpoint", "EndpointStatus", "Endpoints"),
    (
        "InferenceComponent",
        "InferenceComponentName",
        "inference-component",
        "InferenceComponentStatus",
        "InferenceComponents",
    ),
    ("PipelineExecution", "", "pipeline", "PipelineExecutionStatus", "PipelineExecutionSummaries"),
    ("Pipeline", "PipelineName", "pipeline", "PipelineStatus", "PipelineSummaries"),
    ("ScalableTarget", "ResourceId", "scalable-target", "", "ScalableTargets"),
    ("ScalingPolicy", "PolicyName", "scaling-policy", "", "ScalingPolicies"),
];

#[derive(Clone, Debug)]
pub struct Resource {
    pub kind: &'static str,
    pub name: String,
    pub doc: Value,
    pub tags: BTreeMap<String, String>,
    /// Patches, each from its time on.
    pub script: Vec<(i64, Value)>,
    pub gone_at: Option<i64>,
    pub order: usize,
}

#[derive(Default)]
struct State {
    resources: BTreeMap<String, Resource>,
    log: Vec<String>,
    faults: Vec<(String, CloudError)>,
    made: usize,
}

/// What jobs and endpoints come to.
#[derive(Clone)]
pub struct Fate {
    pub seconds: i64,
    pub word: &'static str,
    pub reason: Option<&'static str>,
}

pub struct Fake {
    state: Mutex<State>,
    clock: Arc<TestClock>,
    fates: Mutex<BTreeMap<String, Fate>>,
}

pub fn fail(code: &str, message: &str) -> CloudError {
    let error = CloudError::new("sagemaker", "", Stage::Service, code, message);
    CloudError { status: Some(400), ..error }
}

impl Fake {
    pub fn new() -> (Arc<Self>, Arc<TestClock>, Engine) {
        let clock = TestClock::new();
        let fake = Arc::new(Self { state: Mutex::default(), clock: Arc::clone(&clock), fates: Mutex::default() });
        let target = Target::new(REGION.parse().unwrap());
        let engine = Engine::new(Arc::clone(&fake) as Arc<dyn Cloud>, Arc::clone(&clock) as Arc<dyn Clock>, target);
        (fake, clock, engine)
    }

    /// What resources made from now on come to, by type.
    pub fn fate(&self, kind: &str, seconds: i64, word: &'static str, reason: Option<&'static str>) {
        self.fates.lock().unwrap().insert(kind.into(), Fate { seconds, word, reason });
    }

    /// The next call of an operation fails.
    pub fn fault(&self, operation: &str, error: CloudError) {
        self.state.lock().unwrap().faults.push((operation.into(), error));
    }

    /// Calls so far; writes only with `writes`.
    pub fn take_log(&self, writes: bool) -> Vec<String> {
        let log = std::mem::take(&mut self.state.lock().unwrap().log);
        let reads = ["Describe", "List", "Get"];
        log.into_iter().filter(|l| !writes || !reads.iter().any(|r| l.starts_with(r))).collect()
    }

    pub fn edit(&self, arn_end: &str, change: impl FnOnce(&mut Resource)) {
        let mut state = self.state.lock().unwrap();
        let (_, resource) = state.resources.iter_mut().find(|(arn, _)| arn.ends_with(arn_end)).expect(arn_end);
        change(resource);
    }

    pub fn resource(&self, arn_end: &str) -> Option<Resource> {
        let state = self.state.lock().unwrap();
        state.resources.iter().find(|(arn, _)| arn.ends_with(arn_end)).map(|(_, r)| r.clone())
    }

    pub fn count(&self, kind: &str) -> usize {
        self.state.lock().unwrap().resources.values().filter(|r| r.kind == kind).count()
    }

    /// The answer to a call that nobody logs.
    pub fn peek(&self, operation: &str, input: &Value) -> Result<Value, CloudError> {
        self.answer(operation, input)
    }

    fn answer(&self, operation: &str, input: &Value) -> Result<Value, CloudError> {
        let mut state = self.state.lock().unwrap();
        let now = self.clock.millis();
        state.resources.retain(|_, r| r.gone_at.is_none_or(|at| now < at));
        if let Some(at) = state.faults.iter().position(|(op, _)| op == operation) {
            return Err(state.faults.remove(at).1);
        }
        let text = |member: &str| input.get(member).and_then(Value::as_str).unwrap_or_default().to_owned();
        match operation {
            "GetResources" => return Ok(indexed(&state, input)),
            // A role of this name is one that nobody made.
            "GetRole" if text("RoleName") == "nobody" => {
                return Err(fail("NoSuchEntity", "The role with name nobody cannot be found."));
            }
            "GetRole" => return Ok(json!({"Role": {"RoleName": text("RoleName")}})),
            "ListTags" | "ListTagsForResource" => {
                let arn = text("ResourceArn") + &text("ResourceARN");
                let tags = &state
                    .resources
                    .get(&arn)
                    .ok_or_else(|| fail("ValidationException", &format!("{arn} does not exist.")))?
                    .tags;
                return Ok(if operation == "ListTags" {
                    json!({"Tags": tags.iter().map(|(k, v)| json!({"Key": k, "Value": v})).collect::<Vec<_>>()})
                } else {
                    json!({"Tags": tags})
                });
            }
            "AddTags" | "TagResource" | "DeleteTags" | "UntagResource" => {
                let arn = text("ResourceArn") + &text("ResourceARN");
                let resource = state
                    .resources
                    .get_mut(&arn)
                    .ok_or_else(|| fail("ValidationException", &format!("{arn} does not exist.")))?;
                if resource.kind == "ModelPackage" {
                    return Err(fail("ValidationException", "Tags are not supported in Model Package versions"));
                }
                if let Some(tags) = input.get("Tags") {
                    resource.tags.extend(read_tags(tags));
                }
                for key in input.get("TagKeys").and_then(Value::as_array).into_iter().flatten() {
                    resource.tags.remove(key.as_str().unwrap());
                }
                return Ok(json!({}));
            }
            _ => {}
        }
        let verbs =
            ["Create", "Describe", "Update", "Deregister", "Delete", "Stop", "Start", "List", "Register", "Put"];
        let verb = verbs.into_iter().find(|v| operation.starts_with(v)).unwrap();
        let rest = &operation[verb.len()..];
        let Some(kind) = TYPES.iter().find(|(kind, ..)| {
            *kind == rest || rest == format!("{kind}s") || rest == kind.replace("Policy", "Policies")
        }) else {
            return Err(fail("NotImplemented", &format!("this cloud has no {operation}")));
        };
        match verb {
            "Create" | "Start" | "Register" | "Put" => self.create(&mut state, *kind, input, now),
            "List" => Ok(list(&state, *kind, input, now)),
            _ if matches!(kind.0, "ScalableTarget" | "ScalingPolicy") => scaling(&mut state, *kind, verb, input),
            _ => {
                let arn = find(&state, *kind, input, now).ok_or_else(|| not_found(kind.0, &text(kind.1)))?;
                let resource = state.resources.get_mut(&arn).unwrap();
                self.change(verb, *kind, resource, input, now)
            }
        }
    }

    fn create(
        &self,
        state: &mut State,
        (kind, member, part, status, _): (&'static str, &str, &str, &str, &str),
        input: &Value,
        now: i64,
    ) -> Result<Value, CloudError> {
        state.made += 1;
        let order = state.made;
        let name = match input.get(member).and_then(Value::as_str) {
            Some(name) => name.to_owned(),
            None => {
                let group = input.get("ModelPackageGroupName").or_else(|| input.get("PipelineName"));
                let group = group.and_then(Value::as_str).unwrap().rsplit('/').next().unwrap().to_owned();
                let of_group = |r: &&Resource| r.kind == kind && r.name.starts_with(&format!("{group}/"));
                let next = state.resources.values().filter(of_group).count() + 1;
                let groups = if kind == "ModelPackage" { "ModelPackageGroup" } else { "Pipeline" };
                if !state.resources.values().any(|r| r.kind == groups && r.name == group) {
                    return Err(fail("ValidationException", &format!("{groups} {group} does not exist.")));
                }
                if kind == "ModelPackage" { format!("{group}/{next}") } else { format!("{group}/execution/{next:012}") }
            }
        };
        let service = if part.starts_with("scal") { "application-autoscaling" } else { "sagemaker" };
        // Scalable targets have ARNs that do not show their names.
        let tail = if kind == "ScalableTarget" { name.replace('/', "-") } else { name.clone() };
        let arn = format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{part}/{tail}");
        let upsert = service == "application-autoscaling";
        if state.resources.contains_key(&arn) && !upsert {
            let message = format!("Cannot create already existing {part} \"{arn}\".");
            return Err(fail("ValidationException", &message));
        }
        let arn_member = match kind {
            "ScalableTarget" => "ScalableTargetARN".to_owned(),
            "ScalingPolicy" => "PolicyARN".to_owned(),
            _ => format!("{kind}Arn"),
        };
        let mut doc = input.clone();
        let map = doc.as_object_mut().unwrap();
        let mut tags = map.shift_remove("Tags").map(|t| read_tags(&t)).unwrap_or_default();
        if let Some(old) = state.resources.get(&arn) {
            tags = old.tags.clone();
        }
        for token in ["ClientToken", "ClientRequestToken", "DeploymentConfig", "PipelineParameters"] {
            map.shift_remove(token);
        }
        map.insert(arn_member.clone(), json!(arn));
        map.insert("CreationTime".into(), json!("2026-01-01T00:00:00Z"));
        if kind == "ModelPackage" {
            map.entry("ModelPackageName").or_insert(json!(name.replace('/', "-")));
            map.entry("ModelApprovalStatus").or_insert(json!("PendingManualApproval"));
        }
        if kind == "PipelineExecution" {
            let pipeline = name.split('/').next().unwrap().to_owned();
            map.shift_remove("PipelineName");
            map.insert(
                "PipelineArn".into(),
                json!(format!("arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/{pipeline}")),
            );
            map.entry("PipelineExecutionDisplayName").or_insert(json!("execution-1"));
        }
        if kind == "InferenceComponent" {
            let copies = map["RuntimeConfig"]["CopyCount"].clone();
            map.insert("RuntimeConfig".into(), json!({"DesiredCopyCount": copies, "CurrentCopyCount": copies}));
        }
        let mut script = Vec::new();
        if !status.is_empty() {
            let job = kind.ends_with("Job");
            let (first, last, seconds) = match kind {
                "PipelineExecution" => ("Executing", "Succeeded", 40),
                "Pipeline" => ("Active", "Active", 0),
                "Endpoint" | "InferenceComponent" => ("Creating", "InService", 60),
                "ModelPackage" | "ModelPackageGroup" => ("InProgress", "Completed", 2),
                _ if job => ("InProgress", "Completed", 100),
                _ => panic!("{kind}"),
            };
            let fate = self.fates.lock().unwrap().get(kind).cloned();
            let fate = fate.unwrap_or(Fate { seconds, word: last, reason: None });
            script.push((now, json!({status: first})));
            let mut end = json!({status: fate.word});
            if let Some(reason) = fate.reason {
                end["FailureReason"] = json!(reason);
            }
            if kind == "TrainingJob" {
                script[0].1["SecondaryStatus"] = json!("Starting");
                script.push((now + fate.seconds * 500, json!({"SecondaryStatus": "Training"})));
                end["SecondaryStatus"] = json!(fate.word);
                let output = input["OutputDataConfig"]["S3OutputPath"].as_str().unwrap();
                end["ModelArtifacts"] = json!({"S3ModelArtifacts": format!("{output}/{name}/output/model.tar.gz")});
            }
            script.push((now + fate.seconds * 1000, end));
        }
        state.resources.insert(arn.clone(), Resource { kind, name, doc, tags, script, gone_at: None, order });
        Ok(Value::Object(Map::from_iter([(arn_member, json!(arn))])))
    }

    fn change(
        &self,
        verb: &str,
        (kind, _, _, status, _): (&str, &str, &str, &str, &str),
        resource: &mut Resource,
        input: &Value,
        now: i64,
    ) -> Result<Value, CloudError> {
        let shown = show(resource, now);
        let word = shown.get(status).and_then(Value::as_str).unwrap_or_default().to_owned();
        match verb {
            "Describe" => Ok(shown),
            "Stop" => {
                resource.script = vec![(now, json!({status: "Stopping"})), (now + 5000, json!({status: "Stopped"}))];
                Ok(json!({}))
            }
            "Delete" => {
                let slow = !status.is_empty();
                resource.gone_at = Some(if slow { now + 5000 } else { now });
                if slow {
                    resource.script.push((now, json!({status: "Deleting"})));
                }
                Ok(json!({}))
            }
            "Update" => {
                if matches!(word.as_str(), "Creating" | "Updating") {
                    return Err(fail("ValidationException", "Cannot update in-progress endpoint"));
                }
                let mut new = input.clone();
                let map = new.as_object_mut().unwrap();
                if let Some(keys) = map.shift_remove("CustomerMetadataPropertiesToRemove") {
                    for key in keys.as_array().unwrap() {
                        resource.doc["CustomerMetadataProperties"]
                            .as_object_mut()
                            .unwrap()
                            .shift_remove(key.as_str().unwrap());
                    }
                }
                if let Some(more) = map.shift_remove("CustomerMetadataProperties") {
                    let doc = resource.doc.as_object_mut().unwrap();
                    let there = doc.entry("CustomerMetadataProperties").or_insert(json!({}));
                    there.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
                }
                for token in ["RetainAllVariantProperties", "ClientToken", "ClientRequestToken"] {
                    map.shift_remove(token);
                }
                if let Some(policy) = map.shift_remove("DeploymentConfig") {
                    map.insert("LastDeploymentConfig".into(), policy);
                }
                if let Some(copies) = map.get("RuntimeConfig").map(|r| r["CopyCount"].clone()) {
                    map.insert("RuntimeConfig".into(), json!({"DesiredCopyCount": copies}));
                }
                let patch = new.clone();
                if status == "EndpointStatus" || status == "InferenceComponentStatus" {
                    let fate = self.fates.lock().unwrap().get("update").cloned();
                    resource.doc = shown;
                    resource.doc.as_object_mut().unwrap().shift_remove("FailureReason");
                    resource.script = vec![(now, json!({status: "Updating"}))];
                    let mut end = json!({status: "InService"});
                    match fate.and_then(|f| f.reason) {
                        Some(reason) => {
                            resource.script.push((now + 10_000, json!({status: "RollingBack"})));
                            end["FailureReason"] = json!(reason);
                        }
                        None => merge(&mut end, &patch),
                    }
                    resource.script.push((now + 30_000, end));
                } else {
                    merge(&mut resource.doc, &patch);
                }
                Ok(json!({format!("{kind}Arn"): ""}))
            }
            other => panic!("{other}"),
        }
    }
}

fn scaling(
    state: &mut State,
    (kind, member, _, _, items): (&str, &str, &str, &str, &str),
    verb: &str,
    input: &Value,
) -> Result<Value, CloudError> {
    let wanted = |r: &Resource| {
        let list = input.get("ResourceIds").or_else(|| input.get("PolicyNames")).and_then(Value::as_array);
        r.kind == kind
            && list.is_none_or(|l| l.iter().any(|v| v == &r.doc[member]))
            && input.get(member).is_none_or(|v| *v == r.doc[member])
    };
    if verb == "Describe" {
        let hits: Vec<Value> = state.resources.values().filter(|r| wanted(r)).map(|r| r.doc.clone()).collect();
        return Ok(Value::Object(Map::from_iter([(items.to_owned(), json!(hits))])));
    }
    let before = state.resources.len();
    state.resources.retain(|_, r| !wanted(r));
    if before == state.resources.len() {
        return Err(fail("ObjectNotFoundException", "No scalable target registered"));
    }
    Ok(json!({}))
}

fn not_found(kind: &str, name: &str) -> CloudError {
    match kind {
        "TrainingJob" => fail("ValidationException", "Requested resource not found."),
        "ProcessingJob" => fail("ValidationException", "Could not find requested job"),
        "TransformJob" => fail("ValidationException", &format!("Could not find requested job with name: {name}")),
        "Model" => fail("ValidationException", &format!("Could not find model \"{name}\".")),
        "EndpointConfig" => fail("ValidationException", &format!("Could not find endpoint configuration \"{name}\".")),
        "Endpoint" => fail("ValidationException", &format!("Could not find endpoint \"{name}\".")),
        "InferenceComponent" => fail("ValidationException", &format!("Could not find inference component \"{name}\".")),
        "ModelPackage" | "ModelPackageGroup" => fail("ValidationException", &format!("{kind} {name} does not exist.")),
        _ => fail("ResourceNotFound", &format!("{kind} '{name}' does not exist.")),
    }
}

fn find(state: &State, (kind, member, ..): (&str, &str, &str, &str, &str), input: &Value, _: i64) -> Option<String> {
    let arn = format!("{kind}Arn");
    let wanted = input.get(arn.as_str()).or_else(|| input.get(member))?.as_str()?.to_owned();
    state
        .resources
        .iter()
        .find(|(arn, r)| r.kind == kind && (r.name == wanted || **arn == wanted))
        .map(|(arn, _)| arn.clone())
}

fn list(state: &State, (kind, _, _, _, items): (&str, &str, &str, &str, &str), input: &Value, now: i64) -> Value {
    let inside = input.get("ModelPackageGroupName").or_else(|| input.get("PipelineName")).and_then(Value::as_str);
    let mut hits: Vec<&Resource> = state
        .resources
        .values()
        .filter(|r| r.kind == kind && inside.is_none_or(|g| r.name.starts_with(&format!("{g}/"))))
        .collect();
    hits.sort_by_key(|r| std::cmp::Reverse(r.order));
    let summary = |r: &Resource| {
        let shown = show(r, now);
        let keep = |k: &str| {
            k.ends_with("Name")
                || k.ends_with("Arn")
                || k.ends_with("Status")
                || k.contains("Time")
                || k == "PipelineExecutionDescription"
        };
        let map = shown.as_object().unwrap().iter().filter(|(k, _)| keep(k) && *k != "RoleArn");
        Value::Object(map.map(|(k, v)| (k.clone(), v.clone())).collect())
    };
    // Two to a page, so that paging is always tried.
    let from: usize = input.get("NextToken").and_then(Value::as_str).map_or(0, |t| t.parse().unwrap());
    let page: Vec<Value> = hits.iter().skip(from).take(2).map(|r| summary(r)).collect();
    let mut out = Map::from_iter([(items.to_owned(), json!(page))]);
    if from + 2 < hits.len() {
        out.insert("NextToken".into(), json!((from + 2).to_string()));
    }
    Value::Object(out)
}

/// Resource Groups Tagging: two to a page.
fn indexed(state: &State, input: &Value) -> Value {
    let shown = |(arn, r): (&String, &Resource)| {
        let tags: Vec<_> = r.tags.iter().map(|(k, v)| json!({"Key": k, "Value": v})).collect();
        json!({"ResourceARN": arn, "Tags": tags})
    };
    if let Some(arns) = input.get("ResourceARNList").and_then(Value::as_array) {
        assert!(arns.len() <= 100 && input.as_object().unwrap().len() == 1, "{input}");
        let tagged = state.resources.iter().filter(|(arn, r)| arns.contains(&json!(arn)) && !r.tags.is_empty());
        return json!({"ResourceTagMappingList": tagged.map(shown).collect::<Vec<_>>(), "PaginationToken": ""});
    }
    let types = input["ResourceTypeFilters"].as_array().unwrap();
    let filter = &input["TagFilters"][0];
    let fits = |arn: &str, tags: &BTreeMap<String, String>| {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let kind = format!("{}:{}", parts[2], parts[5].split('/').next().unwrap());
        let value = tags.get(filter["Key"].as_str().unwrap());
        types.contains(&json!(kind))
            && value.is_some_and(|v| filter["Values"].as_array().is_none_or(|values| values.contains(&json!(v))))
    };
    let hits: Vec<_> = state.resources.iter().filter(|(arn, r)| fits(arn, &r.tags)).collect();
    let from: usize = input["PaginationToken"].as_str().map_or(0, |t| t.parse().unwrap());
    let page = hits.iter().skip(from).take(2).map(|&hit| shown(hit));
    let token = if from + 2 < hits.len() { (from + 2).to_string() } else { String::new() };
    json!({"ResourceTagMappingList": page.collect::<Vec<_>>(), "PaginationToken": token})
}

fn show(resource: &Resource, now: i64) -> Value {
    let mut doc = resource.doc.clone();
    for (_, patch) in resource.script.iter().filter(|(at, _)| *at <= now) {
        merge(&mut doc, patch);
    }
    doc
}

fn merge(doc: &mut Value, patch: &Value) {
    for (key, value) in patch.as_object().unwrap() {
        doc[key] = value.clone();
    }
}

fn read_tags(value: &Value) -> BTreeMap<String, String> {
    match value {
        Value::Array(items) => {
            items.iter().map(|t| (t["Key"].as_str().unwrap().into(), t["Value"].as_str().unwrap().into())).collect()
        }
        other => other.as_object().unwrap().iter().map(|(k, v)| (k.clone(), v.as_str().unwrap().into())).collect(),
    }
}

/// Members of an input that a shape does not have.
fn strangers(service: &Service, shape: &Shape, value: &Value, out: &mut Vec<String>) {
    match (shape.kind, value) {
        (ShapeType::Structure, Value::Object(map)) => {
            for (name, value) in map {
                match shape.members.get(name.as_str()).and_then(|m| service.target(m)) {
                    Some(target) => strangers(service, target, value, out),
                    None => out.push(name.clone()),
                }
            }
        }
        (ShapeType::List, Value::Array(items)) => {
            let target = service.target(shape.member.as_ref().unwrap()).unwrap();
            items.iter().for_each(|i| strangers(service, target, i, out));
        }
        _ => {}
    }
}

#[async_trait::async_trait]
impl Cloud for Fake {
    async fn call(&self, call: Call) -> Result<Value, CloudError> {
        let Call { service, operation, input, .. } = call;
        let (service, operation) = (service.as_str(), operation.as_str());
        let model = sagewright_model::service(service).unwrap();
        let shape = model.input(operation).unwrap_or_else(|| panic!("{service} has no {operation}"));
        let mut strange = Vec::new();
        strangers(model, shape, &input, &mut strange);
        assert!(strange.is_empty(), "{operation} takes no {strange:?}");
        let name = operation.to_owned();
        self.state.lock().unwrap().log.push(format!("{name} {}", brief(&input)));
        if let Err(invalid) = sagewright_model::validate(model, shape, &input) {
            return Err(CloudError { operation: name, ..fail(invalid.code(), &invalid.to_string()) });
        }
        self.answer(operation, &input).map_err(|e| CloudError { service: service.into(), operation: name, ..e })
    }
}

/// An input in one line, without tokens.
fn brief(input: &Value) -> String {
    let mut input = input.clone();
    for token in ["ClientToken", "ClientRequestToken"] {
        if let Some(value) = input.get_mut(token) {
            *value = json!("…");
        }
    }
    input.to_string()
}
