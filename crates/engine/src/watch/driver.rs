//! The poller over the engine's ports.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use sagewright_decide::error::Failure;
use sagewright_decide::inputs::Known;
use sagewright_kinds::{Kind, Listing};
use sagewright_port::clock::Clock;
use sagewright_port::cloud::{Call, Cloud, CloudError, Priority, Target};
use serde_json::{Value, json};

use super::hash::{ContentHash, ListItem};
use super::poller::{Change, Poller, Query};
use crate::engine::reconcile::ListObservation;
use crate::observe::calls::{Calls, with_all};
use crate::observe::{Owners, is_absence, list_input, read_output};

/// Between polls.
const EVERY: Duration = Duration::from_secs(30);
/// Between whole listings at most, where a listing can leave out what has not changed.
const WHOLE_EVERY: Duration = Duration::from_secs(1800);
/// Resources on a page of a listing.
const ON_A_PAGE: usize = 100;
/// Between whole listings, for each of their pages: what is gone is noticed by the next poll among a hundred resources, and within half
/// an hour among six thousand and more, for two calls a minute up to there.
const WHOLE_PER_PAGE: Duration = Duration::from_secs(30);
/// How long the marks of a kind are kept, which show renamed objects.
const MARKS_FOR: SignedDuration = SignedDuration::from_mins(5);
/// Reads at the same time, where there is no listing.
const AT_ONCE: usize = 8;

/// What identifies a resource, for kinds that cannot be listed.
#[derive(Debug, Clone, PartialEq)]
pub struct Identity {
    /// The members of the spec that name it, under AWS's names.
    pub spec: Value,
    /// Its ARN, for kinds that AWS names.
    pub arn: Option<String>,
}

/// Gives the changes of one kind's resources in one account and region, by listing them.
pub struct Watch {
    calls: Calls,
    kind: &'static Kind,
    view: View,
    shown: Shown,
    /// Changes that nobody has been given yet: the poll that showed them did not come to its end.
    pending: Vec<Change>,
    every: Duration,
    /// When the last poll that came to an end, well or not, began.
    polled: Option<Timestamp>,
    /// When the marks of the kind were begun anew.
    marks_since: Timestamp,
}

/// What a [`Watch`] has shown so far. Clones see the same, and may be asked while a poll is under way.
#[derive(Clone)]
pub struct Shown {
    state: Arc<Mutex<State>>,
    reads_each: bool,
}

struct State {
    poller: Poller,
    /// The marks of the kind, read when an object asks for them.
    owners: Arc<Owners>,
}

impl Shown {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The hash of what was last shown of a resource.
    #[must_use]
    pub fn hash(&self, name: &str) -> Option<ContentHash> {
        self.state().poller.hash(name)
    }

    /// What the last poll shows of the resource of this name, for a pass that may do without a read. `None` before a poll
    /// came to its end, and where not everything is listed or kept.
    #[must_use]
    pub fn observation(&self, name: &str) -> Option<ListObservation> {
        let state = self.state();
        let at = state.poller.complete_as_of().filter(|_| !self.reads_each)?;
        Some(ListObservation::new(name, at, state.poller.hash(name).is_some(), Arc::clone(&state.owners)))
    }
}

enum View {
    /// One listing shows all of them.
    List(Box<Listing>, Value),
    /// Each is read.
    Each(Vec<Identity>),
}

/// Polls wait for whatever somebody is waiting for.
struct Background(Arc<dyn Cloud>);

#[async_trait]
impl Cloud for Background {
    async fn call(&self, call: Call) -> Result<Value, CloudError> {
        self.0.call(call.with_priority(Priority::Background)).await
    }
}

impl Watch {
    /// Watches all resources of a kind in the target's account and region. Kinds that cannot be listed without saying
    /// inside of what are read one by one: see [`Watch::describe`].
    #[must_use]
    pub fn new(cloud: Arc<dyn Cloud>, clock: Arc<dyn Clock>, target: Target, kind: &'static Kind) -> Self {
        let mut input = list_input(kind, None);
        for (member, value) in &kind.row().list.all {
            input[member.as_str()] = value.clone();
        }
        Self::of(Calls::new(Arc::new(Background(cloud)), clock, target), kind, input)
    }

    /// Watches the resources inside of another one: the executions of a pipeline. `spec` has the members that say which,
    /// under AWS's names.
    #[must_use]
    pub fn inside(
        cloud: Arc<dyn Cloud>,
        clock: Arc<dyn Clock>,
        target: Target,
        kind: &'static Kind,
        spec: &Value,
    ) -> Self {
        Self::of(Calls::new(Arc::new(Background(cloud)), clock, target), kind, list_input(kind, Some(spec)))
    }

    fn of(calls: Calls, kind: &'static Kind, input: Value) -> Self {
        let listing = kind.listing().filter(|l| l.required.iter().all(|member| input.get(*member).is_some()));
        let takes_since = listing.as_ref().is_some_and(|l| l.changed_after().is_some());
        let view = match listing {
            Some(listing) => {
                let input = with_all(input, &listing.oldest_first);
                View::List(Box::new(listing), input)
            }
            None => View::Each(Vec::new()),
        };
        let state = State { poller: Poller::new(takes_since, WHOLE_EVERY), owners: Arc::default() };
        let shown = Shown { state: Arc::new(Mutex::new(state)), reads_each: matches!(view, View::Each(_)) };
        Self { calls, kind, view, shown, pending: Vec::new(), every: EVERY, polled: None, marks_since: Timestamp::MIN }
    }

    /// Sets the time between polls; 30 s without.
    #[must_use]
    pub fn every(mut self, every: Duration) -> Self {
        self.every = every;
        self
    }

    /// Sets the time between polls from now on: the next one is so long after the last.
    pub fn set_every(&mut self, every: Duration) {
        self.every = every;
    }

    /// Says which resources are read where none can be listed. Others make no use of it.
    pub fn describe(&mut self, resources: Vec<Identity>) {
        if let View::Each(each) = &mut self.view {
            *each = resources;
        }
    }

    /// Whether each resource is read, for want of a listing.
    #[must_use]
    pub fn reads_each(&self) -> bool {
        matches!(self.view, View::Each(_))
    }

    /// Has the next poll list everything, which alone shows what is gone: for who has just deleted more than a page shows.
    /// Without, that is done the more seldom, the more there are: each half hour at least.
    pub fn want_whole(&mut self) {
        self.shown.state().poller.want_whole();
    }

    /// What has been shown so far, for whoever looks at objects while this polls.
    #[must_use]
    pub fn shown(&self) -> Shown {
        self.shown.clone()
    }

    /// What changed since the last poll. After a failure, the next poll gives what this one would have; so it does when the future is
    /// dropped.
    ///
    /// # Errors
    /// A call failed.
    pub async fn poll(&mut self) -> Result<Vec<Change>, Failure> {
        let now = self.calls.clock.now();
        let changes = self.poll_at(now).await;
        self.polled = Some(now);
        changes
    }

    async fn poll_at(&mut self, now: Timestamp) -> Result<Vec<Change>, Failure> {
        // A clock that was set back says nothing of how old they are.
        if self.marks_since > now || now.duration_since(self.marks_since) >= MARKS_FOR {
            self.shown.state().owners = Arc::default();
            self.marks_since = now;
        }
        let query = {
            let poller = &mut self.shown.state().poller;
            poller.list_whole_every(whole_every(poller.len()));
            poller.begin(now)
        };
        let (shown, pending) = (self.shown.clone(), &mut self.pending);
        let mut take = |items: Vec<Option<ListItem>>| {
            let mut state = shown.state();
            if items.iter().any(Option::is_none) {
                state.poller.cut();
            }
            pending.extend(state.poller.page(items.into_iter().flatten()));
        };
        match &self.view {
            View::List(listing, input) => {
                let input = since(listing, input, query);
                list(&self.calls, self.kind, listing, input, &mut take).await?;
            }
            View::Each(resources) => {
                take(each(&self.calls, self.kind, resources.clone()).await?.into_iter().map(Some).collect());
            }
        }
        pending.extend(shown.state().poller.end());
        Ok(std::mem::take(pending))
    }

    /// Polls until something changed, and gives that.
    ///
    /// # Errors
    /// A call failed. Calling again goes on, and so it does after the future was dropped.
    pub async fn next(&mut self) -> Result<Vec<Change>, Failure> {
        loop {
            let left = self.polled.map(|polled| self.left(polled)).unwrap_or_default();
            if !left.is_zero() {
                self.calls.clock.sleep(left).await;
            }
            let changes = self.poll().await?;
            if !changes.is_empty() {
                return Ok(changes);
            }
        }
    }

    /// The time until the next poll. A clock that was set back makes no pause longer.
    fn left(&self, polled: Timestamp) -> Duration {
        let passed = self.calls.clock.now().duration_since(polled);
        Duration::try_from(passed).map_or(self.every, |passed| self.every.saturating_sub(passed))
    }

    /// The changes as a stream without end.
    pub fn changes(self) -> impl Stream<Item = Result<Vec<Change>, Failure>> {
        stream::unfold(self, |mut watch| async move {
            let changes = watch.next().await;
            Some((changes, watch))
        })
    }

    /// The hash of what was last shown of a resource.
    #[must_use]
    pub fn hash(&self, name: &str) -> Option<ContentHash> {
        self.shown.hash(name)
    }

    /// What the last poll shows of the resource of this name: see [`Shown::observation`].
    #[must_use]
    pub fn observation(&self, name: &str) -> Option<ListObservation> {
        self.shown.observation(name)
    }

    /// Whether there are resources of which nothing is kept: they have no hash.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.shown.state().poller.is_cut()
    }
}

/// Between whole listings of so many resources.
fn whole_every(resources: usize) -> Duration {
    let pages = u32::try_from(resources.div_ceil(ON_A_PAGE)).unwrap_or(u32::MAX);
    WHOLE_PER_PAGE.saturating_mul(pages).min(WHOLE_EVERY)
}

/// A listing's input for a query.
fn since(listing: &Listing, input: &Value, query: Query) -> Value {
    let mut input = input.clone();
    if let (Query::Since(since), Some(filter)) = (query, listing.changed_after()) {
        input[filter] = json!(since.to_string());
    }
    input
}

async fn list(
    calls: &Calls,
    kind: &Kind,
    listing: &Listing,
    input: Value,
    take: &mut (dyn FnMut(Vec<Option<ListItem>>) + Send),
) -> Result<(), Failure> {
    let mut page = |items: Vec<Value>| {
        take(items.iter().map(|item| ListItem::of(kind, Some(listing), item)).collect());
        true
    };
    match calls.each_listed(kind, listing.operation, input, &mut page).await {
        // What they would be inside of is not there.
        Err(failure) if is_absence(&failure) => Ok(()),
        done => done,
    }
}

async fn each(calls: &Calls, kind: &Kind, resources: Vec<Identity>) -> Result<Vec<ListItem>, Failure> {
    let reads = stream::iter(resources).map(|resource| async move {
        let known = Known { spec: Some(&resource.spec), arn: resource.arn.as_deref(), output: None };
        let output = read_output(calls, kind, known).await?;
        Ok::<_, Failure>(output.and_then(|output| ListItem::of(kind, None, &output)))
    });
    let shown: Vec<Option<ListItem>> = reads.buffered(AT_ONCE).try_collect().await?;
    Ok(shown.into_iter().flatten().collect())
}
