//! What the operator would do with the objects of a cluster, without doing any of it.
//!
//! Each object goes the way that it goes in the operator (its scope, what it declares, the engine's step), over a cloud that sends
//! no write.

mod reads;
mod tables;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use sagewright_decide::error::{Failure, Permanent};
use sagewright_decide::{Adoption, ClaimPolicy, Claims, Decision, Desired, Intent};
use sagewright_engine::reconcile::{Progress, Reconciled, Scope};
use sagewright_engine::{Blocker, Engine, EventKind, Planned, Step};
use sagewright_kinds::Kind;
use sagewright_model::AccountId;
use sagewright_objects::{Object, keys};
use sagewright_port::cloud::{Priority, Target};

use crate::api::Api;
use crate::declared::Declared;
use crate::document;
use crate::finalizer;
use crate::lookup::{Cluster, LookupError};
use crate::options::Options;
use crate::references::References;
use crate::run::Ports;
use crate::scope::{self, Refused, Tables};
use reads::Reads;

/// Objects that are looked at at the same time.
const AT_ONCE: usize = 16;
/// Announcements that lead to a create; one is enough.
const MOST_ANNOUNCEMENTS: usize = 3;

/// What is known of one object, and what would be done with it.
#[derive(Debug, Clone)]
pub struct Reviewed {
    /// What the operator would do, step by step; the mark is among it.
    pub planned: Planned,
    /// It has the finalizer by which ACK holds what it manages.
    pub held: bool,
    /// ACK took a resource over for it.
    pub adopted: bool,
    /// The tags of its resource, where they were read.
    pub tags: BTreeMap<String, String>,
}

/// Whether a tag is one of the operator's own.
#[must_use]
pub fn is_own_tag(key: &str) -> bool {
    key.starts_with(keys::PREFIX)
}

impl Reviewed {
    /// Whether something in AWS would change besides the operator's own mark.
    #[must_use]
    pub fn changes(&self) -> bool {
        let decision = &self.planned.decision;
        let is_mark = |step: &Step| match step {
            Step::Adopt { .. } => true,
            Step::SyncTags { add, remove, .. } => add.keys().chain(remove).all(|key| is_own_tag(key)),
            Step::Wait { .. } | Step::Refuse(_) => true,
            Step::Create { .. } | Step::Update { .. } | Step::Stop { .. } | Step::Delete { .. } => false,
        };
        !decision.steps.iter().all(is_mark)
    }
}

/// What a review works with.
pub struct Review {
    /// As the operator would have it.
    pub options: Options,
    /// Calls AWS, and gives the time.
    pub ports: Ports,
    /// The account of the credentials.
    pub account: Option<AccountId>,
    /// Whether calls may go to an endpoint that a namespace names.
    pub trusts: fn(&str) -> bool,
}

/// Says for each object what the operator would do. Nothing is written, neither to the cluster nor to AWS.
///
/// # Errors
/// The API server does not say what scopes are told from. What goes wrong with one object is in its plan.
pub async fn review(
    cluster: &Cluster,
    review: Review,
    objects: Vec<(&'static Kind, Object)>,
) -> Result<Vec<Reviewed>, LookupError> {
    let api = cluster.api();
    let tables = tables::read(api, &review.options, review.account.clone()).await.map_err(LookupError::Server)?;
    let one = |(kind, object)| one(api, &review, &tables, kind, object);
    Ok(stream::iter(objects).map(one).buffered(AT_ONCE).collect().await)
}

async fn one(api: &Api, review: &Review, tables: &Tables, kind: &'static Kind, object: Object) -> Reviewed {
    let held = finalizer::all(&object).contains(&finalizer::name(kind));
    let adopted = object.annotation(keys::ADOPTED) == Some("true");
    let (planned, tags) = plan(api, review, tables, kind, object).await;
    Reviewed { planned, held, adopted, tags }
}

async fn plan(
    api: &Api,
    review: &Review,
    tables: &Tables,
    kind: &'static Kind,
    object: Object,
) -> (Planned, BTreeMap<String, String>) {
    let declared = Declared::document(kind, &object);
    let mut planned = Planned {
        resource: declared.resource.clone(),
        object,
        decision: Decision::default(),
        after: Vec::new(),
        failure: None,
        blocker: None,
    };
    let object = planned.object.clone();
    let namespace = object.metadata.namespace.clone().unwrap_or_default();
    let refused = |what: &str, why: String| {
        Failure::Permanent(Permanent::new(format!("{what} {}", object.id()), why, "the operator would say the same"))
    };
    let target = match scope::place(&review.options, tables, declared.subject(kind, &namespace)) {
        Ok(placed) => placed.target,
        Err(Refused::NoRole(why) | Refused::Wrong(why)) => {
            planned.failure = Some(refused("find the region and the role of", why));
            return (planned, BTreeMap::new());
        }
    };
    if let Some(url) = target.endpoint.as_deref().filter(|url| !(review.trusts)(url)) {
        let why = format!("its namespace sends calls to {url}, where they can be read on their way: it is not HTTPS");
        planned.failure = Some(refused("read the resource of", why));
        return (planned, BTreeMap::new());
    }
    let intent = if declared.deleting { Intent::Absent } else { Intent::Present };
    let said = object.annotation(keys::DELETION_POLICY);
    let policy = scope::deletion_policy(&review.options, tables, kind, &namespace, said);
    let claims = Arc::new(claims(&review.options, ClaimPolicy::MarkOrAck));
    let desired = match document::desired(kind, &object, intent, policy, &review.options, &claims) {
        Ok(desired) => desired,
        Err(why) => {
            planned.failure = Some(refused("read", why));
            return (planned, BTreeMap::new());
        }
    };
    let reads = Arc::new(Reads::new(Arc::clone(&review.ports.cloud)));
    let mut done = look(api, review, &reads, &target, &desired, &declared).await;
    let taken_over = decided(&done).is_some_and(|d| d.steps.iter().any(|step| matches!(step, Step::Adopt { .. })));
    if taken_over && desired.adoption == Adoption::No {
        // ACK's resources are taken over as they are, and compared at the next look. That look is this one.
        let compares = Desired {
            adoption: Adoption::AdoptOrCreate,
            claims: Arc::new(self::claims(&review.options, ClaimPolicy::Mark)),
            ..desired
        };
        done = look(api, review, &reads, &target, &compares, &declared).await;
    }
    fill(&mut planned, done, &reads);
    (planned, reads.tags())
}

fn claims(options: &Options, policy: ClaimPolicy) -> Claims {
    Claims { installation: options.installation.clone(), policy, ..Claims::default() }
}

/// One look of the operator.
async fn look(
    api: &Api,
    review: &Review,
    reads: &Arc<Reads>,
    target: &Target,
    desired: &Desired,
    declared: &Declared,
) -> Reconciled {
    let engine = Engine::new(reads.clone(), Arc::clone(&review.ports.clock), target.clone());
    let scope = Scope { target: target.clone(), claims: Arc::clone(&desired.claims), priority: Priority::Background };
    let references = References::new(api, review.options.cross_namespace);
    let mut memory = declared.remembered.memory.clone();
    let mut done = engine.reconcile(&scope, desired, &mut memory, &references).await;
    for _ in 0..MOST_ANNOUNCEMENTS {
        if done.progress != Progress::Announced {
            break;
        }
        done = engine.reconcile(&scope, desired, &mut memory, &references).await;
    }
    done
}

/// The decision of a look, where it came to one.
fn decided(done: &Reconciled) -> Option<Decision> {
    done.events.iter().rev().find_map(|event| match &event.what {
        EventKind::Decided { changes, steps, notes } => Some(Decision {
            steps: steps.clone(),
            changes: changes.clone(),
            notes: notes.clone(),
            ..Decision::default()
        }),
        _ => None,
    })
}

fn fill(planned: &mut Planned, done: Reconciled, reads: &Reads) {
    let decision = decided(&done);
    planned.resource = done.resource.or(planned.resource.take());
    match decision {
        Some(decision) => planned.decision = decision,
        // No decision, and so no write: the look itself failed.
        None => planned.failure = done.failure.clone(),
    }
    // A call that was held back is no failure. Any other one is.
    if planned.failure.is_none() && reads.held_back() == 0 {
        planned.failure = done.failure;
    }
    let is_open = planned.failure.is_none() && planned.decision.steps.is_empty();
    if is_open && matches!(done.progress, Progress::Ended | Progress::Blocked) && !done.message.is_empty() {
        planned.blocker = Some(Blocker::Failed { why: done.message });
    }
}
