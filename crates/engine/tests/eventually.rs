//! A model checker over `decide` and `reconcile`: whatever goes wrong on the way, and whatever others do, once it ends the
//! object is as declared and stays so. Every row, against a cloud that is made from the service model and that may lag.
//!
//! Cases are the same in each run. `PROPTEST_CASES` gives another number for each kind.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

use std::collections::BTreeMap;
use std::slice::from_ref;
use std::sync::Arc;
use std::time::Duration;

use crate::support::{At, Fault, Faulty, Foreign, Modelled, NoReferences, REGION, TestClock, changes, declared, spec};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestCaseError, TestRng, TestRunner};
use sagewright_engine::reconcile::{Memory, Progress, Reconciled, Scope};
use sagewright_engine::{
    Action, ApplyOptions, Clock as _, Desired, Engine, Intent, NoObserver, Object, Outcome, Priority, Target,
};
use sagewright_kinds::row::DeleteHow;
use sagewright_kinds::{Kind, Path, Phase, all, find};
use serde_json::{Map, Value, json};

/// Cases for each kind in an ordinary run.
const CASES: u32 = 3;
/// Looks after the last fault until nothing changes any more.
const LOOKS: usize = 60;
const OTHER: &str = "default/default/other";

/// What happens next.
#[derive(Debug, Clone)]
enum Move {
    /// The controller looks, and one call may go wrong. With `forget`, a crash loses even what was persisted.
    Look {
        fault: Option<(At, Fault)>,
        forget: bool,
    },
    /// Reads, lists, and reads of tags show what was there so many seconds ago.
    Lag(i64, i64, i64),
    Delete,
    /// Somebody deletes it and makes another of the same name, without a mark.
    Replace,
    Tag,
    /// Somebody changes a field that the object declares.
    Edit,
    /// Somebody marks the resource as another object's.
    Mark,
    /// The resource has another status: one of the words that the model has.
    Status(usize),
    /// The declaration changes.
    Declare,
    /// The object is to go.
    Withdraw,
    /// It is to be there again, whether it has gone or not.
    Restore,
}

#[derive(Debug, Clone)]
struct Case {
    /// Another object's resource of this name is there before.
    taken: bool,
    moves: Vec<Move>,
}

fn fault() -> impl Strategy<Value = (At, Fault)> {
    let at = prop_oneof![3 => Just(At::Write(0)), 1 => Just(At::Write(1)), 2 => (0..5_usize).prop_map(At::Call)];
    let fault = prop::sample::select(vec![
        Fault::CrashBefore,
        Fault::CrashAfter,
        Fault::Conflict,
        Fault::Throttle,
        Fault::Reset,
        Fault::Lost,
        Fault::Unreadable,
        Fault::Internal,
    ]);
    (at, fault)
}

fn case() -> impl Strategy<Value = Case> {
    let look = (prop::option::weighted(0.6, fault()), prop::bool::weighted(0.2));
    let step = prop_oneof![
        8 => look.prop_map(|(fault, forget)| Move::Look { fault, forget }),
        2 => (0..8_i64, 0..20_i64, 0..20_i64).prop_map(|(reads, lists, tags)| Move::Lag(reads, lists, tags)),
        1 => Just(Move::Delete),
        1 => Just(Move::Replace),
        1 => Just(Move::Tag),
        1 => Just(Move::Edit),
        1 => Just(Move::Mark),
        1 => (0..32_usize).prop_map(Move::Status),
        1 => Just(Move::Declare),
        1 => Just(Move::Withdraw),
        1 => Just(Move::Restore),
    ];
    let moves = prop::collection::vec(step, 2..14);
    (prop::bool::weighted(0.1), moves).prop_map(|(taken, moves)| Case { taken, moves })
}

/// One row with what is declared of it.
struct Row {
    kind: &'static Kind,
    label: String,
    first: Map<String, Value>,
    /// The same with another value of one member, where an update can change one and a read shows it.
    second: Option<(Map<String, Value>, String)>,
}

impl Row {
    async fn new(kind: &'static Kind, label: &str, first: Map<String, Value>) -> Self {
        let (cloud, _) = Modelled::new();
        let made = declared(kind, &first);
        let options = ApplyOptions { timeout: Some(Duration::from_secs(3600)), ..ApplyOptions::default() };
        cloud.engine().apply(from_ref(&made), &options, &NoObserver).await.unwrap();
        let mut second = None;
        for (spec, member) in changes(kind, &first) {
            let plan = cloud.engine().plan(from_ref(&declared(kind, &spec))).await.unwrap();
            if plan.objects[0].action() == Action::Update {
                second = Some((spec, Path::parse(&member).first().unwrap().to_owned()));
                break;
            }
        }
        Self { kind, label: label.to_owned(), first, second }
    }

    fn has_mark(&self) -> bool {
        self.mark_member().is_some() || self.kind.tags_member().is_some()
    }

    /// The member that holds the mark, where it is no tag.
    fn mark_member(&self) -> Option<&str> {
        let tags = &self.kind.row().tags;
        let by_member = tags.none || tags.unless.as_ref().is_some_and(|m| self.first.contains_key(m));
        tags.mark.as_deref().filter(|_| by_member)
    }
}

/// The controller, the cloud, and what may be expected of them.
struct World<'r> {
    row: &'r Row,
    cloud: Arc<Modelled>,
    faulty: Arc<Faulty>,
    /// That of the process, which a crash ends.
    engine: Engine,
    clock: Arc<TestClock>,
    object: Object,
    intent: Intent,
    memory: String,
    /// The resource that bears another's mark: ARN, document, tags.
    theirs: Option<(String, Value, BTreeMap<String, String>)>,
    /// Creates that there may be.
    allowed: usize,
    /// ARN of the resource that somebody tagged.
    tagged: Option<String>,
    forced: bool,
    /// Another's resource was there before, and ours is to be there beside it.
    beside: bool,
    log: Vec<String>,
}

fn engine_of(cloud: &Modelled, faulty: &Arc<Faulty>) -> Engine {
    cloud.engine_on(Arc::clone(faulty) as Arc<dyn sagewright_engine::Cloud>)
}

impl<'r> World<'r> {
    async fn new(row: &'r Row, taken: bool) -> Self {
        let (cloud, clock) = Modelled::new();
        let object = declared(row.kind, &row.first);
        let mut theirs = None;
        if taken && row.has_mark() {
            let mut other = object.clone();
            other.metadata.name = "other".to_owned();
            let options = ApplyOptions { timeout: Some(Duration::from_secs(3600)), ..ApplyOptions::default() };
            let report = cloud.engine().apply(from_ref(&other), &options, &NoObserver).await.unwrap();
            assert!(report.is_ok(), "{}", report.objects[0].message);
            theirs = cloud.all().pop();
        }
        cloud.take_writes();
        // A package outside of a group has a name, which is taken.
        let beside = theirs.is_some() && row.kind.is_arn_identified() && row.label != "ModelPackage";
        let faulty = Faulty::new(&cloud);
        let allowed = usize::from(theirs.is_some()) + 1;
        Self {
            row,
            engine: engine_of(&cloud, &faulty),
            cloud,
            faulty,
            clock,
            object,
            intent: Intent::Present,
            memory: "{}".to_owned(),
            theirs,
            allowed,
            tagged: None,
            forced: false,
            beside,
            log: Vec::new(),
        }
    }

    /// One look, as a controller does it: what it keeps is the object's status and the serialised memory.
    async fn look(&mut self, fault: Option<(At, Fault)>, forget: bool) -> Option<Reconciled> {
        let mut desired = Desired::new(self.row.kind, &self.object).unwrap();
        desired.intent = self.intent;
        let mut memory: Memory = serde_json::from_str(&self.memory).unwrap();
        let scope = Scope {
            target: Target::new(REGION.parse().unwrap()),
            claims: Arc::default(),
            priority: Priority::default(),
        };
        self.faulty.next(fault);
        let done = self.faulty.look(self.engine.reconcile(&scope, &desired, &mut memory, &NoReferences)).await;
        self.faulty.next(None);
        let writes = self.cloud.take_writes();
        let at = self.clock.millis() / 1000;
        if let Some(done) = &done {
            self.memory = serde_json::to_string(&memory).unwrap();
            self.object.status = done.status.clone();
            let (progress, outcome, requeue) = (done.progress, done.outcome, done.requeue);
            let kept = &self.memory;
            self.log.push(format!(
                "{at} s: {progress:?} {outcome:?} {writes:?} again {requeue:?} {kept}: {}",
                done.message
            ));
        } else {
            self.log.push(format!("{at} s: crash {writes:?}"));
            self.engine = engine_of(&self.cloud, &self.faulty);
            // Nothing tells one that lost its memory what lists do not show yet, unless AWS knows the name: it comes back
            // later than they lag.
            if self.row.kind.is_arn_identified() && forget {
                self.clock.sleep(Duration::from_secs(20)).await;
            }
            if forget {
                self.memory = "{}".to_owned();
                self.object.status = Value::Null;
            }
        }
        let pause = match &done {
            Some(done) => done.requeue.unwrap_or(Duration::from_secs(3600)),
            None => Duration::from_secs(1),
        };
        self.clock.sleep(pause).await;
        done
    }

    async fn go(&mut self, step: &Move) {
        self.log.push(format!("{step:?}"));
        match step {
            Move::Look { fault, forget } => drop(self.look(*fault, *forget).await),
            Move::Lag(reads, lists, tags) => self.cloud.lag(reads * 1000, lists * 1000, tags * 1000),
            Move::Withdraw => self.intent = Intent::Absent,
            Move::Restore => {
                if self.intent == Intent::Absent {
                    self.intent = Intent::Present;
                    self.allowed += 1;
                    // What was stopped stays so.
                    self.forced |= self.row.kind.row().delete.how == DeleteHow::Stop;
                }
            }
            Move::Declare => {
                if let Some((spec, _)) = &self.row.second {
                    self.object.spec = declared(self.row.kind, spec).spec;
                }
            }
            // What is another's is nobody's to touch.
            _ if self.theirs.is_some() => {}
            Move::Delete => self.allowed += usize::from(self.cloud.foreign(Foreign::Delete)),
            Move::Replace => self.replace().await,
            Move::Tag => {
                if self.row.kind.tags_member().is_some() && self.cloud.foreign(Foreign::Tag("their", "tag")) {
                    self.tagged = self.cloud.all().pop().map(|(arn, ..)| arn);
                }
            }
            Move::Edit => {
                // What autoscaling moves is left to it.
                let is_scaled = |member: &String| self.row.kind.row().spec.scaled.contains_key(member);
                if let Some((spec, member)) = self.row.second.as_ref().filter(|(_, m)| !is_scaled(m)) {
                    let is_second = self.object.spec == declared(self.row.kind, spec).spec;
                    let other = if is_second { &self.row.first } else { spec };
                    if let Some(value) = other.get(member) {
                        self.cloud.foreign(Foreign::Set(member.clone(), value.clone()));
                    }
                }
            }
            Move::Mark => self.mark(),
            Move::Status(n) => self.force(*n),
        }
    }

    async fn replace(&mut self) {
        let kind = self.row.kind;
        if kind.is_arn_identified() || kind.tags_member().is_none() || self.row.mark_member().is_some() {
            return;
        }
        // What was just created and bears no mark is taken for one whose tags do not show yet.
        self.clock.sleep(Duration::from_secs(70)).await;
        if self.cloud.foreign(Foreign::Replace) {
            self.theirs = self.cloud.all().pop();
        }
    }

    fn mark(&mut self) {
        let changed = match self.row.mark_member() {
            Some(member) => {
                let there = self.cloud.all().pop().and_then(|(_, doc, _)| doc.get(member).cloned());
                let Some(there) = there else { return };
                let marked = match &there {
                    Value::String(text) => json!(text.replace("default/default/mine", OTHER)),
                    there => {
                        let mut map = there.clone();
                        map["sagewright.dev/owner"] = json!(OTHER);
                        map
                    }
                };
                self.cloud.foreign(Foreign::Set(member.to_owned(), marked))
            }
            None => self.row.has_mark() && self.cloud.foreign(Foreign::Tag("sagewright.dev/owner", OTHER)),
        };
        if changed {
            self.theirs = self.cloud.all().pop();
            // One that AWS names is simply another one.
            self.allowed += 1;
        }
    }

    fn force(&mut self, n: usize) {
        let Some((words, made)) = Modelled::words(self.row.kind) else { return };
        let word = words[n % words.len()];
        let phase = self.row.kind.phase(word);
        let (then, goes) = match phase {
            Phase::Settled | Phase::Failed | Phase::Stopped => (None, false),
            Phase::Deleting | Phase::Gone => (None, true),
            Phase::Stopping => (words.iter().find(|w| self.row.kind.phase(w) == Phase::Stopped), false),
            Phase::Progressing | Phase::Unknown => (Some(&made), false),
        };
        let script = [(0, word)].into_iter().chain(then.map(|word| (60_000, *word))).collect();
        if self.cloud.foreign(Foreign::Status(script, goes)) {
            self.forced = true;
            self.allowed += usize::from(goes);
        }
    }

    /// No fault any more: it comes to rest, and rests.
    async fn settle(&mut self) -> Result<Reconciled, String> {
        self.cloud.lag(0, 0, 0);
        self.log.push("no more faults".to_owned());
        let mut rest = 0;
        for _ in 0..LOOKS {
            let before = self.cloud.all();
            let done = self.look(None, false).await.unwrap();
            let same = before == self.cloud.all() && matches!(done.progress, Progress::Done | Progress::Ended);
            rest = if same { rest + 1 } else { 0 };
            if rest == 3 || (rest > 0 && done.requeue.is_none()) {
                return Ok(done);
            }
        }
        Err("it does not come to rest".to_owned())
    }

    /// What is wrong with where it came to.
    fn wrong(&self, done: &Reconciled) -> Result<(), String> {
        let there = self.cloud.all();
        let kind = self.row.kind;
        if let Some(theirs) = &self.theirs
            && !there.contains(theirs)
        {
            return Err(format!("what is another's was changed: {theirs:?} {there:?}"));
        }
        if self.cloud.creates() > self.allowed {
            return Err(format!("{} creates, {} allowed", self.cloud.creates(), self.allowed));
        }
        let ours: Vec<_> = there.iter().filter(|r| self.theirs.as_ref().is_none_or(|t| t.0 != r.0)).collect();
        let is_refused = matches!(done.progress, Progress::Ended) && done.outcome == Some(Outcome::Refused);
        // A name that another has is refused; beside a resource that AWS names there may be one of ours.
        let told = is_refused || self.intent == Intent::Absent && done.progress == Progress::Done;
        if self.theirs.is_some() && (ours.is_empty() && !self.beside || !kind.is_arn_identified()) {
            return if told { Ok(()) } else { Err("another's resource is not told".to_owned()) };
        }
        let phase = self.cloud.word().map(|word| kind.phase(word));
        if self.intent == Intent::Absent {
            let left = match kind.row().delete.how {
                DeleteHow::Delete | DeleteHow::Deregister => !ours.is_empty(),
                DeleteHow::Stop => !ours.is_empty() && phase.is_some_and(|p| !p.is_final()),
                DeleteHow::Retain => false,
            };
            return if left && !is_refused { Err("something of ours is left".to_owned()) } else { Ok(()) };
        }
        if ours.len() != 1 {
            return Err(format!("{} resources", ours.len()));
        }
        if self.forced && matches!(phase, Some(Phase::Failed | Phase::Stopped)) {
            return Ok(());
        }
        if done.progress != Progress::Done {
            return Err(format!("it ended with {:?}", done.progress));
        }
        let spec = match &self.row.second {
            Some((spec, _)) if declared(kind, spec).spec == self.object.spec => spec,
            _ => &self.row.first,
        };
        let (arn, doc, tags) = ours[0];
        if !Modelled::shows(kind, spec, doc) {
            return Err(format!("it is not as declared: {doc}"));
        }
        if self.tagged.as_ref() == Some(arn) && self.cloud.creates() == 1 && tags.get("their").is_none() {
            return Err("another's tag is gone".to_owned());
        }
        Ok(())
    }
}

async fn run(row: &Row, case: &Case) -> Result<(), String> {
    let mut world = World::new(row, case.taken).await;
    for step in &case.moves {
        world.go(step).await;
    }
    let result = match world.settle().await {
        Ok(done) => world.wrong(&done),
        Err(why) => Err(why),
    };
    result.map_err(|why| format!("{}: {why}\n  {}", row.label, world.log.join("\n  ")))
}

/// A version of a group, which AWS numbers.
async fn version() -> Row {
    let kind = find("ModelPackage").unwrap();
    let mut version = spec(kind, 0, &["ModelPackageGroupName"]);
    version.remove("ModelPackageName");
    Row::new(kind, "ModelPackage in a group", version).await
}

async fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for kind in all() {
        rows.push(Row::new(kind, kind.name(), spec(kind, 0, &[])).await);
    }
    rows.push(version().await);
    rows
}

#[test]
fn whatever_goes_wrong_it_ends_as_declared() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(CASES);
    let only = std::env::var("KIND").ok();
    let mut wrong = Vec::new();
    for row in runtime.block_on(rows()) {
        if only.as_ref().is_some_and(|only| *only != row.label) {
            continue;
        }
        let config =
            ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 2_000, ..ProptestConfig::default() };
        let mut seed = [0; 32];
        for (at, byte) in row.label.bytes().enumerate() {
            seed[at % 32] ^= byte;
        }
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
        let result = TestRunner::new_with_rng(config, rng)
            .run(&case(), |case| runtime.block_on(run(&row, &case)).map_err(TestCaseError::fail));
        if let Err(error) = result {
            wrong.push(format!("{error}"));
        }
    }
    assert!(wrong.is_empty(), "{} rows:\n{}", wrong.len(), wrong.join("\n\n"));
}

/// What the checker found once: each ended otherwise before.
#[tokio::test]
async fn what_went_wrong_once_does_not_again() {
    let look = |fault| Move::Look { fault, forget: false };
    let at = |fault| look(Some((At::Write(0), fault)));
    let cases = [
        // What somebody deletes right after its create is made again, and not given up for good.
        ("Model", vec![look(None), Move::Delete]),
        ("Endpoint", vec![look(None), look(None), Move::Delete]),
        // What is gone and can still be read does not hide what was made since: five creates were sent.
        ("MlflowApp", vec![look(None), Move::Status(26)]),
        // The process ends between a create and its answer, and lists lag: the token is known before.
        ("PartnerApp", vec![Move::Lag(0, 9, 0), at(Fault::CrashAfter), at(Fault::CrashAfter), look(None)]),
        ("ModelPackage in a group", vec![Move::Lag(0, 9, 0), at(Fault::CrashAfter), at(Fault::CrashAfter), look(None)]),
        // The declaration changes before it is known what came of a create.
        ("PipelineExecution", vec![Move::Lag(0, 9, 0), at(Fault::Lost), at(Fault::Lost), Move::Declare, look(None)]),
        // AWS names it and takes no token: what may be there is looked for before another is made.
        ("Domain", vec![Move::Lag(0, 9, 0), at(Fault::Lost), look(None), look(None)]),
        // The process ends between such a create and its answer: the next one waits before it makes another.
        ("Domain", vec![Move::Lag(0, 9, 0), look(None), at(Fault::CrashAfter), look(None), look(None)]),
        ("Artifact", vec![Move::Lag(0, 19, 0), at(Fault::CrashAfter), at(Fault::CrashAfter), look(None), look(None)]),
        ("Artifact", vec![Move::Lag(0, 9, 0), at(Fault::Unreadable), look(None), at(Fault::Internal), look(None)]),
        // The answer to a create is lost, and its tags show later than it does.
        ("Model", vec![Move::Lag(0, 0, 15), at(Fault::Lost), look(None), look(None)]),
        // A resource that another made again after our delete is not deleted.
        ("Pipeline", vec![look(None), look(None), Move::Withdraw, look(None), Move::Replace]),
        // Nor one that another made instead of ours before the object was to go.
        ("Pipeline", vec![look(None), Move::Replace, Move::Withdraw]),
        // One of the same name and status that another made again is not what is waited for.
        ("Endpoint", vec![look(None), look(None), Move::Replace]),
        // What was withdrawn and is declared again before it has gone.
        ("Endpoint", vec![look(None), Move::Withdraw, look(None), Move::Restore]),
        // Another attempt that was refused says nothing of the first.
        ("ComputeQuota", vec![Move::Lag(0, 19, 0), at(Fault::Lost), at(Fault::Throttle), look(None)]),
    ];
    let mut wrong = Vec::new();
    for (label, moves) in cases {
        let row = match find(label) {
            Some(kind) => Row::new(kind, label, spec(kind, 0, &[])).await,
            None => version().await,
        };
        wrong.extend(run(&row, &Case { taken: false, moves }).await.err());
    }
    // Another object's version of the same image is no reason to refuse one.
    let image = find("ImageVersion").unwrap();
    let row = Row::new(image, "ImageVersion", spec(image, 0, &[])).await;
    wrong.extend(run(&row, &Case { taken: true, moves: vec![look(None)] }).await.err());
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
