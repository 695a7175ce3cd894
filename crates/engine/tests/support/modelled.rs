//! A cloud for any resource of SageMaker and of Application Auto Scaling, made from the service models and from what AWS
//! documents, never from the rows: a wrong row must not be confirmed by its own mirror.
//!
//! Long because one cloud answers for every kind: nouns, life cycles and listings belong together.

use super::shown::{emptied, is_part, merge_part, shown};
use super::*;

/// Words that a resource has while it is made, and when it is there.
const MAKING: &[&str] = &[
    "Creating",
    "CREATING",
    "CreateInProgress",
    "Initializing",
    "InProgress",
    "INPROGRESS",
    "IN_PROGRESS",
    "Executing",
    "Pending",
    "PENDING",
];
const MADE: &[&str] = &[
    "InService",
    "Running",
    "Created",
    "CREATED",
    "CreateCompleted",
    "Completed",
    "COMPLETED",
    "Succeeded",
    "Active",
    "Available",
    "Scheduled",
];
const CHANGING: &[&str] = &["Updating", "UPDATING", "UpdateInProgress"];
const CHANGED: &[&str] = &["UpdateCompleted", "Updated"];
const STOPPING: &[&str] = &["Stopping", "STOPPING"];
const STOPPED: &[&str] = &["Stopped", "STOPPED", "Cancelled"];
const GOING: &[&str] = &["Deleting", "DELETING", "DeleteInProgress"];

/// What is not there, where AWS does not say `ResourceNotFound`.
const MISSING: &[(&str, &str)] = &[
    ("Algorithm", "Algorithm thing does not exist."),
    ("CodeRepository", "Cannot find CodeRepository: \"thing\""),
    ("DeviceFleet", "No devicefleet with name thing exists in this account."),
    ("Endpoint", "Could not find endpoint \"thing\"."),
    ("EndpointConfig", "Could not find endpoint configuration \"thing\"."),
    ("InferenceComponent", "Could not find inference component \"thing\"."),
    ("LabelingJob", "Could not find requested labeling job."),
    ("Model", "Could not find model \"thing\"."),
    ("ModelPackage", "ModelPackage thing does not exist."),
    ("ModelPackageGroup", "ModelPackageGroup thing does not exist."),
    ("NotebookInstance", "RecordNotFound"),
    ("NotebookInstanceLifecycleConfig", "Unable to describe Notebook Instance Lifecycle Config 'thing'."),
    ("ProcessingJob", "Could not find requested job with name: thing"),
    ("Project", "Project thing does not exist."),
    ("TrainingJob", "Requested resource not found."),
    ("TransformJob", "Could not find requested job with name: thing"),
    ("Workforce", "No workforce found with name thing"),
    ("Workteam", "The work team thing does not exist."),
];

/// Nouns whose updates take a part of a structure that the create takes whole.
const PARTIAL: &[&str] = &["CodeRepository", "Domain", "Project", "TrainingJob"];

#[derive(Clone)]
struct Made {
    noun: String,
    arn: String,
    /// Where the resource stands in the read's output, when it is nested.
    nest: Option<&'static str>,
    doc: Value,
    status: Option<&'static str>,
    script: Vec<(i64, &'static str)>,
    gone_at: Option<i64>,
    tags: BTreeMap<String, String>,
}

/// What an eventually consistent service has besides its resources.
#[derive(Default)]
struct History {
    /// What was there, from which time on.
    past: Vec<(i64, Vec<Made>)>,
    /// How far reads of one resource, listings, and reads of tags lag behind.
    lag: (i64, i64, i64),
    /// Answers of creates by their idempotency tokens.
    answers: BTreeMap<String, Value>,
    creates: usize,
}

/// The cloud.
pub struct Modelled {
    made: Mutex<Vec<Made>>,
    history: Mutex<History>,
    log: Mutex<Vec<String>>,
    clock: Arc<TestClock>,
}

struct Noun {
    name: String,
    service: &'static Service,
    create: &'static str,
    read: String,
}

impl Noun {
    fn of(service: &'static Service, rest: &str) -> Option<Self> {
        let singular = [rest.to_owned(), rest.strip_suffix("ies").map_or(String::new(), |s| format!("{s}y"))];
        let names = singular.into_iter().chain([rest.strip_suffix('s').unwrap_or("").to_owned()]);
        names.filter(|n| !n.is_empty()).find_map(|name| {
            let verbs = ["Create", "Start", "Register", "Put"];
            let create = verbs.into_iter().find(|v| service.operation(&format!("{v}{name}")).is_some())?;
            let many = name.strip_suffix('y').map_or_else(|| format!("{name}s"), |stem| format!("{stem}ies"));
            let reads = [format!("Describe{name}"), format!("Describe{many}")];
            let read = reads.into_iter().find(|r| service.operation(r).is_some())?;
            Some(Self { name, service, create, read })
        })
    }

    fn of_kind(kind: &sagewright_kinds::Kind) -> Self {
        let create = &kind.row().operations.create;
        VERBS.iter().find_map(|verb| Self::of(kind.service(), create.strip_prefix(verb)?)).unwrap()
    }

    fn output(&self) -> &'static Shape {
        self.service.output(&self.read).unwrap()
    }

    /// The read's shape of one resource, and where it is nested.
    fn shape(&self) -> (&'static Shape, Option<&'static str>) {
        let output = self.output();
        let has_arn = |s: &Shape| s.members.keys().any(|m| m.ends_with("Arn") || m.ends_with("ARN"));
        if self.service.id != "sagemaker" {
            let (name, list) = output.members.iter().find(|(m, _)| **m != "NextToken").unwrap();
            let items = self.service.target(list).unwrap();
            return (self.service.target(items.member.as_ref().unwrap()).unwrap(), Some(name));
        }
        if has_arn(output) {
            return (output, None);
        }
        let nested = output.members.iter().find(|(_, m)| self.service.target(m).is_some_and(has_arn)).unwrap();
        (self.service.target(nested.1).unwrap(), Some(nested.0))
    }

    fn arn_member(&self) -> &'static str {
        let (shape, _) = self.shape();
        let create = self.service.output(&format!("{}{}", self.create, self.name));
        let create = create.and_then(|s| s.members.keys().find(|m| m.ends_with("Arn") || m.ends_with("ARN")));
        let own = [format!("{}Arn", self.name), format!("{}ARN", self.name), "Arn".to_owned()];
        let all = create.map(|m| (*m).to_owned()).into_iter().chain(own);
        all.filter_map(|m| shape.members.get_key_value(m.as_str())).map(|(m, _)| *m).next().unwrap()
    }

    /// Member that holds the word of its life: an enumeration with a word that is being made or there, and no input.
    fn status(&self) -> Option<(&'static str, Vec<&'static str>)> {
        let (shape, _) = self.shape();
        let input = self.service.input(&format!("{}{}", self.create, self.name)).unwrap();
        let mut all: Vec<_> = shape.members.iter().filter(|(m, _)| m.ends_with("Status")).collect();
        all.sort_by_key(|(m, _)| (**m != format!("{}Status", self.name), m.contains("Secondary")));
        all.into_iter().filter(|(m, _)| !input.members.contains_key(*m)).find_map(|(name, member)| {
            let shape: &'static Shape = self.service.target(member)?;
            let words: Vec<&'static str> = shape.enumeration.iter().map(|e| e.as_str()).collect();
            first(&words, MADE).map(|_| (*name, words))
        })
    }
}

fn first(words: &[&'static str], wanted: &[&str]) -> Option<&'static str> {
    wanted.iter().find_map(|w| words.iter().find(|word| *word == w).copied())
}

fn kebab(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('-');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

impl Modelled {
    pub fn new() -> (Arc<Self>, Arc<TestClock>) {
        let clock = TestClock::new();
        let (made, history, log) = (Mutex::default(), Mutex::default(), Mutex::default());
        (Arc::new(Self { made, history, log, clock: Arc::clone(&clock) }), clock)
    }

    /// An engine that knows nothing of what another did.
    pub fn engine(self: &Arc<Self>) -> Engine {
        self.engine_on(Arc::clone(self) as Arc<dyn Cloud>)
    }

    /// An engine whose calls go through another cloud, with this one's time.
    pub fn engine_on(&self, cloud: Arc<dyn Cloud>) -> Engine {
        Engine::new(cloud, Arc::clone(&self.clock) as Arc<dyn Clock>, Target::new(REGION.parse().unwrap()))
    }

    /// From now on, reads of one resource, listings and reads of tags lag behind writes by so many milliseconds.
    pub fn lag(&self, reads: i64, lists: i64, tags: i64) {
        self.history.lock().unwrap().lag = (reads, lists, tags);
    }

    /// Creates that took effect.
    pub fn creates(&self) -> usize {
        self.history.lock().unwrap().creates
    }

    /// Somebody else changes the newest resource, or takes it away; reads show that at once. Nothing where there is none.
    pub fn foreign(&self, change: Foreign) -> bool {
        let (mut made, now) = (self.made.lock().unwrap(), self.clock.millis());
        made.retain(|m| m.gone_at.is_none_or(|at| now < at));
        // What is on its way out is nobody's to change any more.
        let Some(last) = made.last_mut().filter(|m| m.gone_at.is_none()) else { return false };
        match change {
            Foreign::Delete => drop(made.pop()),
            Foreign::Tag(key, value) => drop(last.tags.insert(key.to_owned(), value.to_owned())),
            Foreign::Replace if last.doc.get("CreationTime").is_none() => return false,
            Foreign::Replace => {
                last.tags.clear();
                last.doc["CreationTime"] = json!("2026-01-01T00:10:00Z");
            }
            Foreign::Set(member, _) if last.doc.get(&member).is_none() => return false,
            Foreign::Set(member, value) => last.doc[member] = value,
            Foreign::Status(words, goes) => {
                if last.status.is_none() {
                    return false;
                }
                last.script = words.iter().map(|(after, word)| (now + after, *word)).collect();
                last.gone_at = goes.then_some(now + 5_000).or(last.gone_at);
            }
        }
        self.history.lock().unwrap().past = vec![(i64::MIN, made.clone())];
        true
    }

    /// Words of a kind's life, and one of them for what is there.
    pub fn words(kind: &sagewright_kinds::Kind) -> Option<(Vec<&'static str>, &'static str)> {
        let words = Noun::of_kind(kind).status()?.1;
        let made = first(&words, MADE)?;
        Some((words, made))
    }

    /// The status word of the newest resource.
    pub fn word(&self) -> Option<&'static str> {
        self.made.lock().unwrap().last()?.word(self.clock.millis())
    }

    /// Documents, tags and ARNs of what is there.
    pub fn all(&self) -> Vec<(String, Value, BTreeMap<String, String>)> {
        let now = self.clock.millis();
        let made = self.made.lock().unwrap();
        let there = made.iter().filter(|m| m.gone_at.is_none_or(|at| now < at));
        there.map(|m| (m.arn.clone(), m.doc.clone(), m.tags.clone())).collect()
    }

    /// Whether a document shows what was declared under AWS names.
    pub fn shows(kind: &sagewright_kinds::Kind, spec: &Map<String, Value>, doc: &Value) -> bool {
        let noun = Noun::of_kind(kind);
        let (shape, _) = noun.shape();
        let wanted = shown(&noun.name, noun.service, &Value::Object(spec.clone()), shape);
        wanted.as_object().unwrap().iter().all(|(member, value)| is_part(value, &doc[member]))
    }

    /// Writing operations so far.
    pub fn take_writes(&self) -> Vec<String> {
        let log = std::mem::take(&mut *self.log.lock().unwrap());
        log.into_iter().filter(|o| !is_read(o)).collect()
    }

    pub fn count(&self) -> usize {
        let now = self.clock.millis();
        self.made.lock().unwrap().iter().filter(|m| m.gone_at.is_none_or(|at| now < at)).count()
    }

    /// What the only resource is like.
    pub fn doc(&self) -> Value {
        self.made.lock().unwrap().last().unwrap().doc.clone()
    }

    fn answer(&self, service: &'static Service, operation: &str, input: &Value) -> Result<Value, CloudError> {
        let mut made = self.made.lock().unwrap();
        let now = self.clock.millis();
        if !is_read(operation) {
            let answer = self.answer_on(&mut made, service, operation, input);
            self.history.lock().unwrap().past.push((now, made.clone()));
            return answer;
        }
        let mut view = {
            let history = self.history.lock().unwrap();
            let past = |lag: i64| match lag {
                0 => made.clone(),
                lag => {
                    let seen = history.past.iter().rev().find(|(at, _)| *at <= now - lag);
                    seen.map(|(_, made)| made.clone()).unwrap_or_default()
                }
            };
            match operation {
                // Tags come after what they are on.
                _ if operation.starts_with("ListTags") => {
                    let (mut there, tags) = (past(history.lag.0), past(history.lag.2));
                    for one in &mut there {
                        let before = tags.iter().find(|m| m.arn == one.arn);
                        one.tags = before.map(|m| m.tags.clone()).unwrap_or_default();
                    }
                    there
                }
                _ if operation.starts_with("List") => past(history.lag.1),
                _ => past(history.lag.0),
            }
        };
        self.answer_on(&mut view, service, operation, input)
    }

    fn answer_on(
        &self,
        made: &mut Vec<Made>,
        service: &'static Service,
        operation: &str,
        input: &Value,
    ) -> Result<Value, CloudError> {
        let now = self.clock.millis();
        made.retain(|m| m.gone_at.is_none_or(|at| now < at));
        let arn = ["ResourceArn", "ResourceARN"].iter().find_map(|m| input.get(m)).and_then(Value::as_str);
        if let (Some(arn), true) = (arn, operation.contains("Tag")) {
            let tagged = made.iter_mut().find(|m| m.arn == arn);
            let tagged = tagged.ok_or_else(|| fail("ValidationException", &format!("{arn} does not exist.")))?;
            return Ok(tags(tagged, operation, input));
        }
        let verb = VERBS.into_iter().find(|v| operation.starts_with(v)).unwrap();
        // One operation stops both kinds of AutoML jobs, and one lists them.
        let rest = &operation[verb.len()..];
        let v2 = made.last().is_some_and(|m| m.noun == "AutoMLJobV2") && rest.starts_with("AutoMLJob");
        let rest = if v2 { "AutoMLJobV2" } else { rest };
        let noun = Noun::of(service, rest).unwrap_or_else(|| panic!("{operation} is of no noun"));
        if verb == noun.create && !(verb == "Start" && noun.create != "Start") {
            return self.create(made, &noun, input, now);
        }
        let listing = verb == "List" || (verb == "Describe" && service.id != "sagemaker");
        if listing {
            return Ok(list(made, &noun, operation, input, now));
        }
        let one = made.iter_mut().find(|m| m.noun == noun.name && names(m, &noun, input));
        let one = one.ok_or_else(|| missing(&noun, service))?;
        one.apply(verb, &noun, input, now)
    }

    fn create(&self, made: &mut Vec<Made>, noun: &Noun, input: &Value, now: i64) -> Result<Value, CloudError> {
        let (shape, nest) = noun.shape();
        let mut history = self.history.lock().unwrap();
        let token = ["ClientToken", "ClientRequestToken"].iter().find_map(|m| input.get(m)?.as_str());
        if let Some(before) = token.and_then(|token| history.answers.get(token)) {
            return Ok(before.clone());
        }
        let upsert = noun.service.id != "sagemaker";
        let needed = &noun.service.input(&format!("{}{}", noun.create, noun.name)).unwrap().required;
        let same = |m: &&mut Made| {
            m.noun == noun.name && needed.iter().all(|of| m.doc.get(of.as_str()) == input.get(of.as_str()))
        };
        if upsert && let Some(there) = made.iter_mut().find(same) {
            merge(&mut there.doc, &shown(&noun.name, noun.service, input, shape));
            return Ok(json!({}));
        }
        let read = noun.service.input(&noun.read).unwrap();
        let named: Vec<&String> = read
            .required
            .iter()
            .map(|r| r.as_str())
            .filter(|r| input.get(*r).is_some())
            .filter_map(|r| input.as_object().unwrap().get_key_value(r))
            .map(|(k, _)| k)
            .collect();
        let ours = |m: &Made| {
            !upsert
                && m.noun == noun.name
                && !named.is_empty()
                && read.required.len() == named.len()
                && named.iter().all(|k| m.doc.get(k.as_str()) == input.get(k.as_str()))
        };
        if made.iter().any(ours) {
            return Err(fail("ResourceInUse", &format!("{} thing already exists.", noun.name)));
        }
        let n = history.creates;
        history.creates += 1;
        let tail = match noun.name.as_str() {
            "ImageVersion" => format!("{}/{}", input["ImageName"].as_str().unwrap(), n + 1),
            "ModelCardExportJob" => "thing/export-job/thing".to_owned(),
            "Domain" => format!("d-abcdefghijk{n}"),
            "PartnerApp" => format!("app-ABCDEFGHIJK{n}"),
            "ClusterExtension" => format!("eks-1/thing/a{n}"),
            "PipelineExecution" => format!("{}/execution/abcdefghijk{n}", input["PipelineName"].as_str().unwrap()),
            _ if named.is_empty() => format!("abcdefghijk{n}"),
            _ => {
                let parts = named.iter().map(|m| input[m.as_str()].as_str().unwrap().replace('/', "-"));
                parts.collect::<Vec<_>>().join("/")
            }
        };
        let resource = match noun.name.as_str() {
            "ModelCardExportJob" => "model-card".to_owned(),
            "ClusterExtension" => "extension".to_owned(),
            "PipelineExecution" => "pipeline".to_owned(),
            name => kebab(name),
        };
        let arn = format!("arn:aws:{}:{REGION}:{ACCOUNT}:{resource}/{tail}", noun.service.id);
        let mut doc = shown(&noun.name, noun.service, input, shape);
        doc[noun.arn_member()] = json!(arn);
        // The ids that AWS gives are the last part of its ARNs.
        for id in shape.members.keys().filter(|m| **m == format!("{}Id", noun.name)) {
            doc[*id] = json!(tail);
        }
        for (member, info) in &shape.members {
            let target = noun.service.target(info).unwrap();
            if target.kind == ShapeType::Timestamp && shape.is_required(member) && doc.get(*member).is_none() {
                doc[*member] = json!("2026-01-01T00:00:00Z");
            }
            if member.ends_with("Version") && target.kind == ShapeType::Integer && doc.get(*member).is_none() {
                doc[*member] = json!(n + 1);
            }
        }
        let mut script = Vec::new();
        let status = noun.status();
        if let Some((_, words)) = &status {
            script.extend(first(words, MAKING).map(|w| (now, w)));
            // Some are prepared before they run.
            let runs = words.contains(&"Initializing").then(|| first(words, &["InProgress"])).flatten();
            script.extend(runs.map(|w| (now + 5_000, w)));
            script.push((now + 400_000, first(words, MADE).unwrap()));
        }
        let tags = input.get("Tags").map(read_tags).unwrap_or_default();
        let status = status.map(|(member, _)| member);
        made.push(Made { noun: noun.name.clone(), arn: arn.clone(), nest, doc, status, script, gone_at: None, tags });
        let answer = noun.service.output(&format!("{}{}", noun.create, noun.name)).map(|s| s.members.keys());
        let doc = &made.last().unwrap().doc;
        let of = |member: &str| {
            if member.to_lowercase().ends_with("arn") { Some(json!(arn)) } else { doc.get(member).cloned() }
        };
        let answer = answer.into_iter().flatten().filter_map(|m| Some(((*m).to_owned(), of(m)?)));
        let answer = Value::Object(answer.collect());
        history.answers.extend(token.map(|token| (token.to_owned(), answer.clone())));
        Ok(answer)
    }
}

/// Verbs of operations.
const VERBS: [&str; 10] =
    ["Create", "Describe", "Update", "Deregister", "Delete", "Stop", "Start", "List", "Register", "Put"];

pub fn is_read(operation: &str) -> bool {
    operation.starts_with("Describe") || operation.starts_with("List")
}

/// What somebody else does to a resource.
#[derive(Debug, Clone)]
pub enum Foreign {
    Delete,
    /// It is deleted and made again as it was, for nobody.
    Replace,
    Tag(&'static str, &'static str),
    Set(String, Value),
    /// It has these status words, each after so many milliseconds, and then goes or not.
    Status(Vec<(i64, &'static str)>, bool),
}

/// Whether an input addresses a resource: by its ARN, or by all that the read takes too.
fn names(made: &Made, noun: &Noun, input: &Value) -> bool {
    let map = input.as_object().unwrap();
    if map.values().any(|v| v.as_str() == Some(&made.arn)) {
        return true;
    }
    let read = noun.service.input(&noun.read).unwrap();
    let keys: Vec<_> = map.iter().filter(|(member, _)| read.members.contains_key(member.as_str())).collect();
    let fits = |(member, value): &(&String, &Value)| match made.doc.get(member.as_str()) {
        Some(there) => there == *value,
        // The name of an image version's image is part of its ARN.
        None => value.as_str().is_some_and(|text| made.arn.contains(&format!("/{text}/"))),
    };
    let target = noun.service.id != "sagemaker";
    !keys.is_empty() && keys.iter().all(|key| target || fits(key))
}

fn missing(noun: &Noun, service: &Service) -> CloudError {
    if service.id != "sagemaker" {
        return fail("ObjectNotFoundException", "No such thing was found");
    }
    match MISSING.iter().find(|(name, _)| *name == noun.name) {
        Some((_, message)) => fail("ValidationException", message),
        None => fail("ResourceNotFound", &format!("{} thing does not exist.", noun.name)),
    }
}

fn tags(made: &mut Made, operation: &str, input: &Value) -> Value {
    if let Some(tags) = input.get("Tags") {
        made.tags.extend(read_tags(tags));
    }
    for key in input.get("TagKeys").and_then(Value::as_array).into_iter().flatten() {
        made.tags.remove(key.as_str().unwrap());
    }
    match operation {
        "ListTags" => json!({"Tags": made.tags.iter().map(|(k, v)| json!({"Key": k, "Value": v})).collect::<Vec<_>>()}),
        "ListTagsForResource" => json!({"Tags": made.tags}),
        _ => json!({}),
    }
}

fn list(made: &[Made], noun: &Noun, operation: &str, input: &Value, now: i64) -> Value {
    let output = noun.service.output(operation).unwrap();
    let (key, items) = output.members.iter().find(|(m, _)| **m != "NextToken").unwrap();
    let item = noun.service.target(noun.service.target(items).unwrap().member.as_ref().unwrap()).unwrap();
    let asked = |m: &&Made| {
        input.as_object().unwrap().iter().all(|(member, value)| {
            let there = m.doc.get(member.trim_end_matches("Equals"));
            let of = there.is_none_or(|t| t == value || value.as_array().is_some_and(|l| l.contains(t)));
            of || !value.is_string() || member == "NextToken"
        })
    };
    let summary = |m: &Made| {
        let mut doc = m.show(now);
        // Listings of job definitions have names of their own.
        for (from, to) in
            [("JobDefinitionName", "MonitoringJobDefinitionName"), ("JobDefinitionArn", "MonitoringJobDefinitionArn")]
        {
            if let Some(value) = doc.get(from).cloned() {
                doc[to] = value;
            }
        }
        doc.as_object_mut().unwrap().retain(|member, _| item.members.contains_key(member.as_str()));
        doc
    };
    let hits: Vec<Value> = made.iter().filter(|m| m.noun == noun.name).filter(asked).map(summary).collect();
    // Two to a page, where the listing has pages.
    let from: usize = input.get("NextToken").and_then(Value::as_str).map_or(0, |t| t.parse().unwrap());
    let paged = output.members.contains_key("NextToken");
    let page: Vec<Value> = hits.iter().skip(from).take(if paged { 2 } else { usize::MAX }).cloned().collect();
    let mut answer = Map::from_iter([((*key).to_owned(), json!(page))]);
    if paged && from + 2 < hits.len() {
        answer.insert("NextToken".to_owned(), json!((from + 2).to_string()));
    }
    Value::Object(answer)
}

impl Made {
    fn show(&self, now: i64) -> Value {
        let mut doc = self.doc.clone();
        if let (Some(member), Some(word)) = (self.status, self.word(now)) {
            doc[member] = json!(word);
        }
        // The pool of a job that asked for one is there once the job is done.
        let keeps = |doc: &Value| doc["ResourceConfig"].get("KeepAlivePeriodInSeconds").is_some();
        if self.noun == "TrainingJob" && self.word(now) == Some("Completed") && keeps(&doc) {
            doc["WarmPoolStatus"] = json!({"Status": "Available"});
        }
        doc
    }

    fn word(&self, now: i64) -> Option<&'static str> {
        self.script.iter().rev().find(|(at, _)| *at <= now).map(|(_, word)| *word)
    }

    fn apply(&mut self, verb: &str, noun: &Noun, input: &Value, now: i64) -> Result<Value, CloudError> {
        let words = noun.status().map(|(_, words)| words).unwrap_or_default();
        let is = self.word(now).unwrap_or_default();
        let busy = || fail("ConflictException", &format!("{} is {is}", noun.name));
        let notebook = noun.name == "NotebookInstance";
        match verb {
            "Describe" => {
                let doc = self.show(now);
                return Ok(match self.nest {
                    Some(member) => Value::Object(Map::from_iter([(member.to_owned(), doc)])),
                    None => doc,
                });
            }
            "Delete" | "Deregister" => {
                if notebook && !["Stopped", "Failed"].contains(&is) {
                    return Err(fail("ValidationException", &format!("Status ({is}) not in ([Stopped, Failed])")));
                }
                let going = first(&words, GOING);
                self.script.extend(going.map(|w| (now, w)));
                self.gone_at = Some(if going.is_some() { now + 5_000 } else { now });
            }
            "Stop" => {
                self.script =
                    vec![(now, first(&words, STOPPING).unwrap()), (now + 5_000, first(&words, STOPPED).unwrap())];
            }
            "Start" => self.script = vec![(now, "Pending"), (now + 5_000, "InService")],
            "Update" => {
                if notebook && is != "Stopped" {
                    return Err(fail("ValidationException", &format!("Status ({is}) not in ([Stopped])")));
                }
                if MAKING.contains(&is)
                    && !is.is_empty()
                    && noun.name != "PipelineExecution"
                    && noun.name != "TrainingJob"
                {
                    return Err(busy());
                }
                if noun.name == "ModelCard" && input.get("Content").is_some() && input.get("ModelCardStatus").is_some()
                {
                    return Err(fail("ValidationException", "Content and status cannot be updated in one call"));
                }
                let (shape, _) = noun.shape();
                for (member, value) in shown(&noun.name, noun.service, input, shape).as_object().unwrap() {
                    match self.doc.get_mut(member.as_str()) {
                        Some(there) if PARTIAL.contains(&noun.name.as_str()) => merge_part(there, value),
                        _ => self.doc[member.as_str()] = value.clone(),
                    }
                }
                for member in emptied(&noun.name, input) {
                    self.doc.as_object_mut().unwrap().shift_remove(&member);
                }
                if let Some(changing) = first(&words, CHANGING) {
                    let after = if notebook { "Stopped" } else { first(&words, CHANGED).unwrap_or(is) };
                    self.script = vec![(now, changing), (now + 10_000, after)];
                }
            }
            other => panic!("{other}"),
        }
        Ok(json!({}))
    }
}

#[async_trait::async_trait]
impl Cloud for Modelled {
    async fn call(&self, call: Call) -> Result<Value, CloudError> {
        let Call { service, operation, input, .. } = call;
        let (service, operation) = (service.as_str(), operation.as_str());
        if service == "resourcegroupstaggingapi" {
            return Err(fail("AccessDeniedException", "no policy allows tag:GetResources"));
        }
        let model = sagewright_model::service(service).unwrap();
        let shape = model.input(operation).unwrap_or_else(|| panic!("{service} has no {operation}"));
        let mut strange = Vec::new();
        strangers(model, shape, &input, &mut strange);
        assert!(strange.is_empty(), "{operation} takes no {strange:?}");
        self.log.lock().unwrap().push(operation.to_owned());
        if let Err(invalid) = sagewright_model::validate(model, shape, &input) {
            return Err(CloudError { operation: operation.into(), ..fail(invalid.code(), &invalid.to_string()) });
        }
        let answer = self.answer(model, operation, &input);
        answer.map_err(|e| CloudError { service: service.into(), operation: operation.into(), ..e })
    }
}
