//! The poller over the engine's ports.

use std::sync::Arc;
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
/// Between whole listings, where a listing can leave out what has not changed.
const WHOLE_EVERY: Duration = Duration::from_secs(1800);
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
    poller: Poller,
    /// Changes that nobody has been given yet: the poll that showed them did not come to its end.
    pending: Vec<Change>,
    every: Duration,
    due: Option<Timestamp>,
    /// The marks of the kind, read when an object asks for them, and when they were begun anew.
    owners: (Arc<Owners>, Timestamp),
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
        Self {
            calls,
            kind,
            view,
            poller: Poller::new(takes_since, WHOLE_EVERY),
            pending: Vec::new(),
            every: EVERY,
            due: None,
            owners: (Arc::default(), Timestamp::MIN),
        }
    }

    /// Sets the time between polls; 30 s without.
    #[must_use]
    pub fn every(mut self, every: Duration) -> Self {
        self.every = every;
        self
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
    /// Without, that is done each half hour.
    pub fn want_whole(&mut self) {
        self.poller.want_whole();
    }

    /// What changed since the last poll. After a failure, the next poll gives what this one would have.
    ///
    /// # Errors
    /// A call failed.
    pub async fn poll(&mut self) -> Result<Vec<Change>, Failure> {
        let now = self.calls.clock.now();
        self.due = now.checked_add(SignedDuration::try_from(self.every).unwrap_or(SignedDuration::MAX)).ok();
        // A clock that was set back says nothing of how old they are.
        if self.owners.1 > now || now.duration_since(self.owners.1) >= MARKS_FOR {
            self.owners = (Arc::default(), now);
        }
        let query = self.poller.begin(now);
        let (poller, pending) = (&mut self.poller, &mut self.pending);
        match &self.view {
            View::List(listing, input) => {
                let input = since(listing, input, query);
                list(&self.calls, self.kind, listing, input, &mut |page| pending.extend(poller.page(page))).await?;
            }
            View::Each(resources) => {
                let items = each(&self.calls, self.kind, resources).await?;
                pending.extend(poller.page(items));
            }
        }
        pending.extend(poller.end());
        Ok(std::mem::take(pending))
    }

    /// Polls until something changed, and gives that.
    ///
    /// # Errors
    /// A call failed. Calling again goes on.
    pub async fn next(&mut self) -> Result<Vec<Change>, Failure> {
        loop {
            let left = self.due.map_or(SignedDuration::ZERO, |due| due.duration_since(self.calls.clock.now()));
            // A clock that was set back makes no pause longer.
            if let Ok(left) = Duration::try_from(left).map(|left| left.min(self.every))
                && !left.is_zero()
            {
                self.calls.clock.sleep(left).await;
            }
            let changes = self.poll().await?;
            if !changes.is_empty() {
                return Ok(changes);
            }
        }
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
        self.poller.hash(name)
    }

    /// What the last poll shows of the resource of this name, for a pass that may do without a read. `None` before a poll
    /// came to its end, and where not everything is listed or kept.
    #[must_use]
    pub fn observation(&self, name: &str) -> Option<ListObservation> {
        let at = self.poller.complete_as_of().filter(|_| !self.reads_each())?;
        Some(ListObservation::new(at, self.poller.hash(name).is_some(), Arc::clone(&self.owners.0)))
    }

    /// Whether there are more resources than are kept: those that are not have no hash.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.poller.is_cut()
    }
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
    take: &mut (dyn FnMut(Vec<ListItem>) + Send),
) -> Result<(), Failure> {
    let mut page = |items: Vec<Value>| {
        take(items.iter().filter_map(|item| ListItem::of(kind, Some(listing), item)).collect());
        true
    };
    match calls.each_page(kind, listing.operation, input, &mut page).await {
        // What they would be inside of is not there.
        Err(failure) if is_absence(&failure) => Ok(()),
        done => done,
    }
}

async fn each(calls: &Calls, kind: &Kind, resources: &[Identity]) -> Result<Vec<ListItem>, Failure> {
    let reads = stream::iter(resources).map(|resource| async move {
        let known = Known { spec: Some(&resource.spec), arn: resource.arn.as_deref(), output: None };
        let output = read_output(calls, kind, known).await?;
        Ok::<_, Failure>(output.and_then(|output| ListItem::of(kind, None, &output)))
    });
    let shown: Vec<Option<ListItem>> = reads.buffered(AT_ONCE).try_collect().await?;
    Ok(shown.into_iter().flatten().collect())
}
