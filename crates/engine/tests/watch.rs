//! A watch over a cloud that counts calls: what a fleet costs, and what a caller hears of it.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use sagewright_engine::watch::{Change, ContentHash, Identity, ListItem, NameHash, Settled, Watch};
use sagewright_engine::{Call, Clock, Cloud, CloudError, Found, Object, Priority, Stage, Target};
use sagewright_kinds::find;
use serde_json::{Value, json};

const SIZE: usize = 1_000;

/// Resources of one type under a listing with AWS's filters, order and pages; and the clock.
#[derive(Default)]
struct Fleet {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    millis: i64,
    rows: BTreeMap<String, (i64, i64, String)>,
    calls: BTreeMap<String, usize>,
    inputs: Vec<Value>,
    fail: Option<(String, usize)>,
}

impl Clock for Fleet {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(1_767_225_600_000 + self.state.lock().unwrap().millis).unwrap()
    }
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.state.lock().unwrap().millis += i64::try_from(duration.as_millis()).unwrap();
        Box::pin(async {})
    }
}

impl Fleet {
    fn new(count: usize) -> Arc<Self> {
        let fleet = Arc::new(Self::default());
        // AWS's times have milliseconds; with whole seconds alone, what has just changed is reported twice.
        fleet.state.lock().unwrap().millis = 123;
        for i in 0..count {
            fleet.set(&format!("r{i:05}"), "InService");
        }
        fleet.pass(3600);
        fleet
    }

    fn pass(&self, seconds: i64) {
        self.state.lock().unwrap().millis += seconds * 1000;
    }

    fn set(&self, name: &str, word: &str) {
        let now = self.now().as_millisecond();
        let mut state = self.state.lock().unwrap();
        let created = state.rows.get(name).map_or(now, |row| row.0);
        state.rows.insert(name.to_owned(), (created, now, word.to_owned()));
    }

    fn remove(&self, name: &str) {
        self.state.lock().unwrap().rows.remove(name);
    }

    fn taken(&self) -> BTreeMap<String, usize> {
        std::mem::take(&mut self.state.lock().unwrap().calls)
    }

    fn watch(self: &Arc<Self>, kind: &str) -> Watch {
        let target = Target::new("us-east-1".parse().unwrap());
        let cloud = Arc::clone(self) as Arc<dyn Cloud>;
        Watch::new(cloud, Arc::clone(self) as Arc<dyn Clock>, target, find(kind).unwrap())
    }

    fn answer(&self, operation: &str, input: &Value) -> Result<Value, CloudError> {
        let time = |millis: i64| json!(Timestamp::from_millisecond(millis).unwrap().to_string());
        let kind = operation.trim_start_matches("Describe").trim_start_matches("List").trim_end_matches('s');
        let show = |name: &str, (created, changed, word): &(i64, i64, String)| {
            let mut item = json!({format!("{kind}Name"): name, "CreationTime": time(*created),
                format!("{kind}Arn"): format!("arn:aws:sagemaker:us-east-1:123456789012:{kind}/{name}")});
            if kind != "Model" {
                item["LastModifiedTime"] = time(*changed);
                item[format!("{kind}Status")] = json!(word);
            }
            item
        };
        let state = self.state.lock().unwrap();
        if operation.starts_with("Describe") {
            let name = input[format!("{kind}Name")].as_str().unwrap();
            return state.rows.get(name).map(|row| show(name, row)).ok_or_else(|| {
                let message = format!("Could not find {} \"{name}\".", kind.to_lowercase());
                CloudError { status: Some(400), ..error("ValidationException", &message) }
            });
        }
        let after =
            |member: &str| input[member].as_str().map_or(0, |t| t.parse::<Timestamp>().unwrap().as_millisecond());
        let (created_after, changed_after) = (after("CreationTimeAfter"), after("LastModifiedTimeAfter"));
        let mut rows: Vec<_> =
            state.rows.iter().filter(|(_, row)| row.0 > created_after && row.1 > changed_after).collect();
        rows.sort_by_key(|(name, row)| (row.0, (*name).clone()));
        assert_eq!(input["SortOrder"], "Ascending");
        let (from, size) = (
            input["NextToken"].as_str().map_or(0, |t| t.parse::<usize>().unwrap()),
            usize::try_from(input["MaxResults"].as_u64().unwrap_or(10)).unwrap(),
        );
        let page: Vec<Value> = rows.iter().skip(from).take(size).map(|(name, row)| show(name, row)).collect();
        let mut out = json!({format!("{kind}s"): page});
        if from + size < rows.len() {
            out["NextToken"] = json!((from + size).to_string());
        }
        Ok(out)
    }
}

fn error(code: &str, message: &str) -> CloudError {
    CloudError::new("sagemaker", "", Stage::Service, code, message)
}

#[async_trait::async_trait]
impl Cloud for Fleet {
    async fn call(&self, call: Call) -> Result<Value, CloudError> {
        assert_eq!(call.priority, Priority::Background, "nobody waits for a poll");
        let service = sagewright_model::service(&call.service).unwrap();
        let shape = service.input(&call.operation).unwrap();
        sagewright_model::validate(service, shape, &call.input).unwrap();
        {
            let mut state = self.state.lock().unwrap();
            *state.calls.entry(call.operation.clone()).or_default() += 1;
            state.inputs.push(call.input.clone());
            if let Some((operation, left)) = &mut state.fail
                && *operation == call.operation
            {
                if *left == 0 {
                    return Err(error("ValidationException", "no"));
                }
                *left -= 1;
            }
        }
        self.answer(&call.operation, &call.input)
    }
}

fn names(changes: &[Change]) -> Vec<&str> {
    changes.iter().filter_map(|c| if let Change::Shown(s) = c { Some(s.name.as_str()) } else { None }).collect()
}

fn declared(kind: &str, name: &str) -> Object {
    let row = find(kind).unwrap();
    Object { spec: json!({format!("{}Name", kind.to_lowercase()): name}), ..Object::new(row, name) }
}

/// A caller as the module's documentation describes it.
struct Caller<'f> {
    fleet: &'f Arc<Fleet>,
    kind: &'static str,
    objects: BTreeMap<NameHash, Object>,
    memory: BTreeMap<NameHash, Settled>,
}

impl Caller<'_> {
    /// Looks at what may have changed, and remembers what is settled. Gives the names that were looked at.
    fn reconcile(&mut self, watch: &Watch, changes: &[Change]) -> Vec<String> {
        let mut looked = Vec::new();
        for change in changes {
            let (key, shown) = match change {
                Change::Shown(shown) => (NameHash::of(&shown.name), Some(shown)),
                Change::Gone(key) => (*key, None),
            };
            let Some(object) = self.objects.get(&key) else { continue };
            let name = object.metadata.name.clone();
            let (hash, declared) = (watch.hash(&name), ContentHash::of_declared(object));
            if self.memory.get(&key).is_some_and(|memory| memory.holds(declared, hash)) {
                continue;
            }
            looked.push(name.clone());
            *self.fleet.state.lock().unwrap().calls.entry("look".to_owned()).or_default() += 1;
            let input = json!({format!("{}Name", self.kind): name});
            self.memory.remove(&key);
            let kind = find(self.kind).unwrap();
            if let Ok(output) = self.fleet.answer(&format!("Describe{}", self.kind), &input) {
                let found = Found::new(kind, output, BTreeMap::new());
                let current = shown.is_none_or(|shown| !shown.is_newer_than(kind, &found));
                if let (true, "InService", Some(hash)) = (current, found.word.as_str(), hash) {
                    self.memory.insert(key, Settled::new(declared, hash));
                }
            }
        }
        looked
    }
}

fn caller<'f>(fleet: &'f Arc<Fleet>, kind: &'static str, count: usize) -> Caller<'f> {
    let objects = (0..count).map(|i| format!("r{i:05}"));
    let objects = objects.map(|name| (NameHash::of(&name), declared(kind, &name))).collect();
    Caller { fleet, kind, objects, memory: BTreeMap::new() }
}

#[tokio::test]
async fn of_settled_objects_one_changes_and_one_is_looked_at() {
    let fleet = Fleet::new(SIZE);
    let mut caller = caller(&fleet, "Endpoint", SIZE);
    let mut watch = fleet.watch("Endpoint");
    let first = watch.poll().await.unwrap();
    assert_eq!((first.len(), caller.reconcile(&watch, &first).len()), (SIZE, SIZE));
    assert_eq!(fleet.taken()["ListEndpoints"], SIZE / 100);
    assert!(!watch.is_cut(), "each has its hash");

    fleet.pass(30);
    fleet.set("r00007", "Updating");
    let changes = watch.poll().await.unwrap();
    assert_eq!(caller.reconcile(&watch, &changes), ["r00007"]);
    assert_eq!(fleet.taken(), BTreeMap::from([("ListEndpoints".into(), 1), ("look".into(), 1)]));

    // Nothing more happens, and nothing more is looked at.
    for _ in 0..20 {
        fleet.pass(30);
        let changes = watch.poll().await.unwrap();
        assert!(caller.reconcile(&watch, &changes).is_empty());
    }
    // In ten minutes, everything is listed twice: ten pages each.
    assert_eq!(fleet.taken(), BTreeMap::from([("ListEndpoints".into(), 18 + 2 * SIZE / 100)]));
}

#[tokio::test]
async fn after_a_restart_objects_whose_memory_holds_are_not_looked_at() {
    let fleet = Fleet::new(SIZE);
    let mut caller = caller(&fleet, "Endpoint", SIZE);
    let mut watch = fleet.watch("Endpoint");
    let first = watch.poll().await.unwrap();
    caller.reconcile(&watch, &first);
    fleet.set("r00001", "InService");
    fleet.remove("r00002");
    fleet.taken();

    let mut watch = fleet.watch("Endpoint");
    let all = watch.poll().await.unwrap();
    assert_eq!(all.len(), SIZE - 1);
    assert_eq!(caller.reconcile(&watch, &all), ["r00001"]);
    // What is gone is in no listing: an object without a hash is looked at.
    assert_eq!(watch.hash("r00002"), None);
    let memory = caller.memory[&NameHash::of("r00002")];
    let object = declared("Endpoint", "r00002");
    assert!(!memory.holds(ContentHash::of_declared(&object), watch.hash("r00002")));
    // A declaration that changed is looked at too.
    let mut object = declared("Endpoint", "r00003");
    let memory = caller.memory[&NameHash::of("r00003")];
    assert!(memory.holds(ContentHash::of_declared(&object), watch.hash("r00003")));
    object.spec["endpointConfigName"] = json!("other");
    assert!(!memory.holds(ContentHash::of_declared(&object), watch.hash("r00003")));
    let text = serde_json::to_string(&memory).unwrap();
    assert!(text.len() < 60 && serde_json::from_str::<Settled>(&text).unwrap() == memory, "{text}");
}

#[tokio::test]
async fn a_read_that_is_older_than_the_listing_does_not_count_as_settled() {
    let fleet = Fleet::new(1);
    let kind = find("Endpoint").unwrap();
    let old = fleet.answer("DescribeEndpoint", &json!({"EndpointName": "r00000"})).unwrap();
    fleet.set("r00000", "InService");
    let mut watch = fleet.watch("Endpoint");
    let changes = watch.poll().await.unwrap();
    let Change::Shown(shown) = &changes[0] else { panic!() };
    assert!(shown.is_newer_than(kind, &Found::new(kind, old, BTreeMap::new())));
    let new = fleet.answer("DescribeEndpoint", &json!({"EndpointName": "r00000"})).unwrap();
    assert!(!shown.is_newer_than(kind, &Found::new(kind, new, BTreeMap::new())));
}

#[tokio::test]
async fn a_read_says_what_the_listing_will_show() {
    let fleet = Fleet::new(1);
    let read = |kind: &str| {
        let output = fleet.answer(&format!("Describe{kind}"), &json!({format!("{kind}Name"): "r00000"})).unwrap();
        (ListItem::hash_of_read(find(kind).unwrap(), &output), output)
    };
    fleet.set("r00000", "InService");
    let mut watch = fleet.watch("Endpoint");
    watch.poll().await.unwrap();
    let (hash, mut output) = read("Endpoint");
    assert_eq!((hash, hash.is_some()), (watch.hash("r00000"), true));
    fleet.set("r00000", "Updating");
    assert_ne!(read("Endpoint").0, watch.hash("r00000"));
    output.as_object_mut().unwrap().shift_remove("LastModifiedTime");
    assert_eq!(ListItem::hash_of_read(find("Endpoint").unwrap(), &output), None);
}

#[tokio::test]
async fn kinds_that_never_change_are_listed_by_their_creation() {
    let fleet = Fleet::new(250);
    let mut watch = fleet.watch("Model");
    assert_eq!(watch.poll().await.unwrap().len(), 250);
    fleet.taken();
    fleet.pass(30);
    fleet.set("new", "");
    assert_eq!(names(&watch.poll().await.unwrap()), ["new"]);
    assert_eq!(fleet.taken()["ListModels"], 1);
    let last = fleet.state.lock().unwrap().inputs.last().unwrap().clone();
    assert!(last["CreationTimeAfter"].is_string(), "{last}");
}

#[tokio::test]
async fn what_is_gone_is_told_by_its_key_at_the_next_whole_listing() {
    let fleet = Fleet::new(150);
    let mut watch = fleet.watch("Endpoint");
    watch.poll().await.unwrap();
    fleet.remove("r00003");
    // Two pages are listed each minute.
    fleet.pass(59);
    assert_eq!(watch.poll().await.unwrap(), []);
    fleet.pass(1);
    assert_eq!(watch.poll().await.unwrap(), [Change::Gone(NameHash::of("r00003"))]);
    assert_eq!(watch.hash("r00003"), None);
    fleet.pass(1800);
    assert_eq!(watch.poll().await.unwrap(), []);
    // It comes back under the same name.
    fleet.set("r00003", "Creating");
    fleet.pass(1);
    assert_eq!(names(&watch.poll().await.unwrap()), ["r00003"]);
}

#[tokio::test]
async fn the_more_there_are_the_more_seldom_all_are_listed() {
    for (count, seconds) in [(0, 1), (1, 30), (100, 30), (101, 60), (2_000, 600), (7_000, 1_800)] {
        let fleet = Fleet::new(count);
        let mut watch = fleet.watch("Endpoint");
        watch.poll().await.unwrap();
        let _ = fleet.taken();
        let pages = count.div_ceil(100).max(1);
        for (pass, calls) in [(seconds - 1, 1), (1, pages)] {
            fleet.pass(pass);
            watch.poll().await.unwrap();
            assert_eq!(fleet.taken()["ListEndpoints"], calls, "{count} after {pass} s");
        }
    }
}

#[tokio::test]
async fn a_poll_that_fails_half_way_loses_no_change() {
    let fleet = Fleet::new(250);
    fleet.state.lock().unwrap().fail = Some(("ListEndpoints".into(), 1));
    let mut watch = fleet.watch("Endpoint");
    assert!(watch.poll().await.is_err());
    fleet.state.lock().unwrap().fail = None;
    let changes = watch.poll().await.unwrap();
    let mut all = names(&changes);
    all.sort_unstable();
    assert_eq!(all.len(), 250);
    all.dedup();
    assert_eq!(all.len(), 250, "each once");
}

#[tokio::test]
async fn a_stream_waits_by_the_clock_alone() {
    let fleet = Fleet::new(3);
    let mut changes = Box::pin(fleet.watch("Endpoint").every(Duration::from_secs(10)).changes());
    let start = fleet.now();
    assert_eq!(changes.next().await.unwrap().unwrap().len(), 3);
    assert_eq!(fleet.now(), start, "the first poll waits for nothing");
    fleet.set("r00001", "Updating");
    let next = changes.next().await.unwrap().unwrap();
    assert_eq!(names(&next), ["r00001"]);
    assert_eq!(fleet.now().duration_since(start).as_secs(), 10);
}

#[tokio::test]
async fn kinds_that_cannot_be_listed_are_read_one_by_one() {
    // Executions are listed inside of a pipeline; nobody said which.
    let service = Arc::new(Executions::default());
    let target = Target::new("us-east-1".parse().unwrap());
    let fleet = Fleet::new(0);
    let kind = find("PipelineExecution").unwrap();
    let cloud = Arc::clone(&service) as Arc<dyn Cloud>;
    let clock = Arc::clone(&fleet) as Arc<dyn Clock>;
    let mut watch = Watch::new(Arc::clone(&cloud), Arc::clone(&clock), target.clone(), kind);
    assert!(watch.reads_each() && !fleet.watch("Endpoint").reads_each());
    let arn = |i: usize| format!("arn:aws:sagemaker:us-east-1:123456789012:pipeline/p/execution/{i}");
    watch.describe((0..3).map(|i| Identity { spec: json!({}), arn: Some(arn(i)) }).collect());
    let first = watch.poll().await.unwrap();
    assert_eq!(names(&first), [arn(0), arn(1), arn(2)]);
    assert_eq!(watch.poll().await.unwrap(), []);
    service.0.lock().unwrap().insert(arn(1), "Failed");
    let changes = watch.poll().await.unwrap();
    assert!(matches!(&changes[..], [Change::Shown(ListItem { name, .. })] if *name == arn(1)), "{changes:?}");
    assert_eq!(watch.hash(&arn(9)), None);
    // With a pipeline they are listed.
    let inside = |pipeline: &str| {
        let spec = json!({"PipelineName": pipeline});
        Watch::inside(Arc::clone(&cloud), Arc::clone(&clock), target.clone(), kind, &spec)
    };
    assert!(!inside("p").reads_each());
    // A pipeline that is not there has none; one that may not be read is a failure.
    assert_eq!(inside("gone").poll().await.unwrap(), []);
    assert!(inside("secret").poll().await.unwrap_err().to_string().contains("not authorized"));
}

#[derive(Default)]
struct Executions(Mutex<BTreeMap<String, &'static str>>);

#[async_trait::async_trait]
impl Cloud for Executions {
    async fn call(&self, call: Call) -> Result<Value, CloudError> {
        if call.operation == "ListPipelineExecutions" {
            return Err(match call.input["PipelineName"].as_str().unwrap() {
                "gone" => error("ResourceNotFound", "Pipeline 'gone' does not exist."),
                _ => error("AccessDeniedException", "not authorized"),
            });
        }
        assert_eq!(call.operation, "DescribePipelineExecution");
        let arn = call.input["PipelineExecutionArn"].as_str().unwrap();
        let word = self.0.lock().unwrap().get(arn).copied().unwrap_or("Executing");
        Ok(json!({"PipelineExecutionArn": arn, "PipelineExecutionStatus": word}))
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_does_not_hold_up_the_next_poll() {
    let fleet = Fleet::new(3);
    let mut watch = fleet.watch("Model");
    watch.next().await.unwrap();
    let there = fleet.state.lock().unwrap().millis;
    fleet.state.lock().unwrap().millis = 1_000;
    fleet.set("r99999", "InService");
    watch.next().await.unwrap();
    let now = fleet.state.lock().unwrap().millis;
    assert!(now <= 31_000 && there > 3_600_000, "{now} ms");
}

#[tokio::test]
async fn the_time_between_polls_may_change_and_counts_from_the_last() {
    let fleet = Fleet::new(3);
    let mut watch = fleet.watch("Endpoint");
    watch.next().await.unwrap();
    let began = fleet.state.lock().unwrap().millis;
    for (every, passed, after) in [(300, 0, 300), (30, 0, 330), (300, 40, 630), (30, 700, 1_330)] {
        watch.set_every(Duration::from_secs(every));
        fleet.pass(passed);
        fleet.set("r00001", &format!("word {every} {passed}"));
        watch.next().await.unwrap();
        assert_eq!(fleet.state.lock().unwrap().millis - began, after * 1_000, "{every} after {passed}");
    }
}

/// A fleet that answers nothing while it is to stay silent.
struct Silent(Arc<Fleet>, Mutex<bool>);

#[async_trait::async_trait]
impl Cloud for Silent {
    async fn call(&self, call: Call) -> Result<Value, CloudError> {
        let silent = *self.1.lock().unwrap();
        if silent {
            futures_util::future::pending::<()>().await;
        }
        self.0.call(call).await
    }
}

#[tokio::test]
async fn a_poll_that_is_dropped_is_begun_again_at_once() {
    let fleet = Fleet::new(3);
    let cloud = Arc::new(Silent(Arc::clone(&fleet), Mutex::new(true)));
    let target = Target::new("us-east-1".parse().unwrap());
    let clock = Arc::clone(&fleet) as Arc<dyn Clock>;
    let mut watch = Watch::new(Arc::clone(&cloud) as Arc<dyn Cloud>, clock, target, find("Endpoint").unwrap());
    let now = fleet.state.lock().unwrap().millis;
    assert!(futures_util::FutureExt::now_or_never(watch.next()).is_none());
    *cloud.1.lock().unwrap() = false;
    assert_eq!(watch.next().await.unwrap().len(), 3);
    assert_eq!(fleet.state.lock().unwrap().millis, now);
}
