//! What drives a tuning job: it looks at the training jobs, creates and stops them as the state says, and tells the machine.
//!
//! Nothing of it has to be kept: whatever it does follows from the state and from the training jobs' records, and is done
//! again by the next process where this one ends in between.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sagewright_cloud_core::api::Caller;
use sagewright_cloud_core::records::{Change, Key, Record};
use sagewright_cloud_sagemaker_base::machine::{self, insist};
use sagewright_cloud_sagemaker_base::observe::{Observer, Seen};
use sagewright_cloud_sagemaker_base::{Kind, SageMaker};
use sagewright_cloud_sagemaker_jobs::inside::{self, Behalf};
use serde_json::{Map, json};
use tokio::sync::{broadcast, mpsc};

use super::machine::{Event, Look, Reached, TuningJobs};
use super::show::key_of;
use super::state::{Brief, Child, Phase, Stage, State};
use crate::request::Plan;
use crate::search::{self, early};

/// How long is waited after what failed for a reason that may pass.
const AGAIN: Duration = Duration::from_secs(1);

/// Drives the job of an id until it has ended.
pub(super) async fn drive(jobs: &TuningJobs, key: &Key, id: &str) {
    let (epochs, reached) = mpsc::unbounded_channel();
    let mut changes = jobs.0.subscribe();
    let mut driver = Driver { jobs, key, id, plan: None, arn: String::new(), watched: HashSet::new(), epochs, reached };
    while let Some(state) = driver.state().await {
        match driver.round(&state).await {
            Round::Changed => {}
            Round::Failed => jobs.0.env().wall.sleep(AGAIN).await,
            Round::Idle => driver.wait(&mut changes, &state).await,
            Round::Over => break,
        }
    }
    for name in &driver.watched {
        jobs.0.observers().remove(&key_of(key, name));
    }
}

/// What came of a round.
enum Round {
    /// There is a new state to look at.
    Changed,
    /// Nothing is to be done until something happens.
    Idle,
    /// Something could not be done now.
    Failed,
    /// The job cannot be driven any more.
    Over,
}

struct Driver<'a> {
    jobs: &'a TuningJobs,
    key: &'a Key,
    id: &'a str,
    /// `None` where the stored request cannot be read any more.
    plan: Option<Arc<Plan>>,
    arn: String,
    /// Names of the training jobs whose metrics are looked at.
    watched: HashSet<String>,
    /// Where observers of training jobs tell their epochs.
    epochs: mpsc::UnboundedSender<Reached>,
    reached: mpsc::UnboundedReceiver<Reached>,
}

impl Driver<'_> {
    fn sm(&self) -> &SageMaker {
        &self.jobs.0
    }

    /// The state of the job. `None` where it has ended or is gone. A store that fails for a while is waited for.
    async fn state(&mut self) -> Option<State> {
        let record = self.record(self.key).await?;
        let state = machine::state::<TuningJobs>(&record);
        if state.id != self.id || matches!(state.phase, Phase::Ended(_)) {
            return None;
        }
        if self.plan.is_none() {
            self.plan = read(self.sm(), &record);
            self.arn = record.arn;
        }
        Some(state)
    }

    async fn record(&self, key: &Key) -> Option<Record> {
        let env = self.sm().env();
        let mut pause = AGAIN;
        loop {
            match env.store.record(key).await {
                Ok(record) => return record,
                Err(error) => tracing::error!(name = key.name, %error, "a job cannot be read; trying again"),
            }
            env.wall.sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(60));
        }
    }

    async fn tell(&self, event: Event) -> Round {
        match insist(self.jobs, self.key, &event).await {
            Some(_) => Round::Changed,
            None => Round::Over,
        }
    }

    /// One round: the first thing there is to do.
    async fn round(&mut self, state: &State) -> Round {
        let plan = self.plan.clone();
        if state.phase == Phase::Running && plan.is_none() {
            let reason = "InternalServerError: the stored request of the job is damaged. Create the job anew under another name.";
            return self.tell(Event::Broke { reason: reason.to_owned() }).await;
        }
        self.watch(state);
        // All that wait, in one commit.
        let reached: Vec<_> = std::iter::from_fn(|| self.reached.try_recv().ok()).collect();
        if !reached.is_empty() {
            return self.tell(Event::Reached(reached)).await;
        }
        if self.left(state).is_some_and(|left| left.is_zero()) {
            return self.tell(Event::TimeUp).await;
        }
        for (number, child) in state.children.iter().enumerate() {
            if child.stage.runs() {
                let look = self.look(state, child).await;
                if look.stage != child.stage || look.started != child.started {
                    return self.tell(Event::Looked { number, look }).await;
                }
            }
        }
        for (number, child) in state.children.iter().enumerate() {
            if child.stage == Stage::Planned {
                return self.launch(state, number, child).await;
            }
            let unwanted = child.halted || state.phase != Phase::Running;
            if child.stage == Stage::InProgress && unwanted {
                return self.stop(child).await;
            }
        }
        match state.wants().zip(plan) {
            Some((definition, plan)) => self.propose(plan, state, definition).await,
            None => Round::Idle,
        }
    }

    /// How long further training jobs may be created, by the machine's clock.
    fn left(&self, state: &State) -> Option<Duration> {
        let plan = self.plan.as_ref().filter(|_| state.phase == Phase::Running)?;
        let runtime = i64::try_from(plan.runtime?).unwrap_or(i64::MAX).saturating_mul(1000);
        let spent = self.sm().env().wall.now().as_millisecond() - state.begun;
        Some(Duration::from_millis(u64::try_from(runtime - spent).unwrap_or(0)))
    }

    /// Observes the objectives of training jobs that may be stopped for them.
    fn watch(&mut self, state: &State) {
        for (number, child) in state.children.iter().enumerate() {
            let Some(brief) = state.rules.definitions.get(child.definition) else { continue };
            let matters = state.rules.early || brief.ladder.is_some();
            if matters && child.stage.is_live() && self.watched.insert(child.name.clone()) {
                let observer = observer(number, brief, state.rules.early, self.epochs.clone());
                self.sm().observers().set(key_of(self.key, &child.name), observer);
            } else if !child.stage.is_live() && self.watched.remove(&child.name) {
                self.sm().observers().remove(&key_of(self.key, &child.name));
            }
        }
    }

    async fn look(&self, state: &State, child: &Child) -> Look {
        let record = self.record(&key_of(self.key, &child.name)).await.filter(|record| self.is_own(record));
        let Some(record) = record else {
            // It was deleted: there is nothing that it could tell any more.
            return Look {
                stage: Stage::Failed,
                retryable: false,
                objective: None,
                started: child.started,
                ended: None,
            };
        };
        let metric = state.rules.definitions.get(child.definition).map(|brief| &*brief.metric);
        let metrics = record.body["FinalMetricDataList"].as_array().into_iter().flatten();
        let objective =
            metrics.filter(|datum| datum["MetricName"].as_str() == metric).find_map(|datum| datum["Value"].as_f64());
        let reason = record.body["FailureReason"].as_str().unwrap_or_default();
        Look {
            stage: Stage::of(&record.status),
            retryable: reason.starts_with(inside::INTERNAL),
            objective,
            started: record.body["TrainingStartTime"].as_f64(),
            ended: record.body["TrainingEndTime"].as_f64(),
        }
    }

    /// Whether a training job is one of this tuning job: its name may have been used before.
    fn is_own(&self, record: &Record) -> bool {
        record.body["TuningJobArn"] == *self.arn
    }

    /// Creates a planned training job, or finds that an earlier process did.
    async fn launch(&self, state: &State, number: usize, child: &Child) -> Round {
        let key = key_of(self.key, &child.name);
        if let Some(record) = self.record(&key).await.filter(|record| self.is_own(record)) {
            return self.tell(Event::Launched { number, created: record.created }).await;
        }
        if state.phase != Phase::Running {
            return self.tell(Event::Dropped { number }).await;
        }
        let definition = self.plan.as_ref().and_then(|plan| plan.definitions.get(child.definition));
        let Some(definition) = definition else { return Round::Over };
        let behalf = behalf(self.key, &state.principal_arn, &state.user_id);
        let created = async {
            let tags = self.sm().env().store.tags_of(&self.arn).await?;
            let request = definition.request(&child.name, &child.values, &tags);
            let shown = Map::from_iter([("TuningJobArn".to_owned(), json!(self.arn))]);
            inside::create(self.sm(), &behalf, request, shown).await
        };
        match created.await {
            Ok(record) => self.tell(Event::Launched { number, created: record.created }).await,
            Err(error) if error.status >= 500 && !error.lasting => {
                tracing::error!(
                    job = child.name,
                    error = error.message,
                    "a training job cannot be created; trying again"
                );
                Round::Failed
            }
            Err(error) => {
                let reason = format!("Failed to create training job {}: {}", child.name, error.message);
                self.tell(Event::Refused { number, reason }).await
            }
        }
    }

    async fn stop(&self, child: &Child) -> Round {
        match inside::stop(self.sm(), &key_of(self.key, &child.name)).await {
            Ok(()) => Round::Changed,
            // It has ended meanwhile, as the next look shows.
            Err(error) if error.status < 500 => Round::Changed,
            Err(error) => {
                tracing::error!(
                    job = child.name,
                    error = error.message,
                    "a training job cannot be stopped; trying again"
                );
                Round::Failed
            }
        }
    }

    /// Chooses values. That may take seconds, and is done on a thread for such work.
    async fn propose(&self, plan: Arc<Plan>, state: &State, definition: usize) -> Round {
        let (number, seed) = (state.children.len(), state.seed);
        let (trials, prior) = (state.trials(definition), state.prior(definition));
        let choose = move || {
            let space = &plan.definitions.get(definition)?.space;
            search::next(plan.strategy, space, &trials, &prior, seed, number as u64)
        };
        match tokio::task::spawn_blocking(choose).await {
            Ok(values) => self.tell(Event::Proposed { number, definition, values }).await,
            Err(error) if error.is_cancelled() => std::future::pending().await,
            Err(error) => {
                let reason = format!("InternalServerError: no values could be chosen. ({error})");
                self.tell(Event::Broke { reason }).await
            }
        }
    }

    /// Waits until something may have changed.
    async fn wait(&mut self, changes: &mut broadcast::Receiver<Change>, state: &State) {
        let left = self.left(state);
        let names: HashSet<String> = state.live().map(|child| child.name.to_ascii_lowercase()).collect();
        let arn = self.arn.clone();
        let wall = Arc::clone(&self.sm().env().wall);
        let concerns = |change: &Change| {
            change.arn == arn
                || (change.kind == Kind::TRAINING_JOB.as_str()
                    && change.arn.rsplit('/').next().is_some_and(|name| names.contains(name)))
        };
        let changed = async {
            loop {
                match changes.recv().await {
                    Ok(change) if !concerns(&change) => {}
                    // Who is far behind looks again.
                    Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => return,
                    Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
                }
            }
        };
        let over = async {
            match left {
                Some(left) => wall.sleep(left).await,
                None => std::future::pending().await,
            }
        };
        let reached = tokio::select! {
            () = changed => None,
            () = over => None,
            reached = self.reached.recv() => reached,
        };
        if let Some(reached) = reached {
            let _ = self.tell(Event::Reached(vec![reached])).await;
        }
    }
}

/// The plan of a stored job.
pub(super) fn read(sm: &SageMaker, record: &Record) -> Option<Arc<Plan>> {
    let mut plan = Plan::read(&record.body).ok()?;
    for definition in &mut plan.definitions {
        if let Some(metrics) = definition.image.as_ref().and_then(|image| inside::metrics_of(sm, image)) {
            definition.leave_to_algorithm(&metrics);
        }
    }
    Some(Arc::new(plan))
}

/// On whose behalf training jobs are created.
pub(super) fn behalf(key: &Key, principal_arn: &str, user_id: &str) -> Behalf {
    Behalf {
        caller: Caller {
            account: key.account.clone(),
            principal_arn: principal_arn.to_owned(),
            user_id: user_id.to_owned(),
            access_key: String::new(),
            source_ip: None,
        },
        region: key.region.clone(),
    }
}

/// Counts the epochs of a training job by its objective, and sends those at which it may be stopped.
fn observer(number: usize, brief: &Brief, early: bool, epochs: mpsc::UnboundedSender<Reached>) -> Observer {
    let (metric, ladder) = (brief.metric.clone(), brief.ladder.clone());
    let course = Mutex::new((0_u64, 0.0_f64));
    Arc::new(move |seen| {
        let mut course = course.lock().unwrap_or_else(PoisonError::into_inner);
        let objective = match seen {
            Seen::Begun => {
                *course = (0, 0.0);
                return;
            }
            Seen::Value(name, objective) if name == metric => objective,
            Seen::Value(..) => return,
        };
        course.0 += 1;
        course.1 += objective;
        let (epoch, sum) = *course;
        let judged = ladder.as_ref().is_some_and(|ladder| ladder.decides(epoch));
        if judged || (early && early::place(epoch).is_some()) {
            #[allow(clippy::cast_precision_loss)] // epochs are few
            let average = sum / epoch as f64;
            let _ = epochs.send(Reached { number, epoch, objective, average });
        }
    })
}
