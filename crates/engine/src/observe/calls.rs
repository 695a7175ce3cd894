//! Calls for one kind: pages, tags, and what errors mean.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sagewright_decide::error::{Failure, Permanent, Retryable};
use sagewright_decide::read_tags;
use sagewright_kinds::row::ErrorRule;
use sagewright_kinds::{Kind, Path, get};
use sagewright_model::Paginator;
use sagewright_port::clock::{Clock, since};
use sagewright_port::cloud::{Call, Class, Cloud, CloudError, Priority, Stage, Target};
use sagewright_port::paging::Pager;
use sagewright_port::retry;
use serde_json::{Map, Value, json};

/// Times a read is tried when the service slows the caller down, or its state is about to change.
const READ_ATTEMPTS: u32 = 5;
/// Times a read is tried that fails otherwise: the client below has tried several times itself, and the user waits.
const FAILED_ATTEMPTS: u32 = 2;
/// Pages of one listing that are followed at most.
const MOST_PAGES: usize = 10_000;

/// The ports of an engine, for one target.
#[derive(Clone)]
pub(crate) struct Calls {
    pub cloud: Arc<dyn Cloud>,
    pub clock: Arc<dyn Clock>,
    pub target: Target,
    /// The target of the run, where an object declares another region.
    pub home: Option<Target>,
    /// Reads that fail are tried again a few times.
    pub patient: bool,
    /// How urgent reads are. Writes always go first.
    pub priority: Priority,
    /// When the caller gives up, on the engine's clock.
    pub deadline: Option<Timestamp>,
}

/// Shortest time that a call gets: what was begun in time is not cut off before it is sent.
const SHORTEST_TIMEOUT: Duration = Duration::from_secs(1);

impl Calls {
    pub(crate) fn new(cloud: Arc<dyn Cloud>, clock: Arc<dyn Clock>, target: Target) -> Self {
        Self { cloud, clock, target, home: None, patient: true, priority: Priority::default(), deadline: None }
    }

    /// Calls an operation of a kind's service, once.
    pub(crate) async fn once(&self, kind: &Kind, operation: &str, input: Value) -> Result<Value, CloudError> {
        let operations = &kind.row().operations;
        let tags = kind.tag_operations().map(|tags| tags.list.as_str());
        let reads = [Some(operations.read.as_str()), operations.list.as_deref(), tags].contains(&Some(operation));
        let priority = if reads { self.priority } else { Priority::Interactive };
        self.send(Call::new(&self.target, kind.service().id, operation, input).with_priority(priority)).await
    }

    /// Sends a call, which has the time that is left.
    async fn send(&self, mut call: Call) -> Result<Value, CloudError> {
        call.timeout = self.deadline.map(|at| since(at, self.clock.now()).max(SHORTEST_TIMEOUT));
        self.cloud.call(call).await
    }

    /// Calls a reading operation, again when that may help. `None` when the resource is not there.
    pub(crate) async fn read(&self, kind: &Kind, operation: &str, input: &Value) -> Result<Option<Value>, Failure> {
        let listing = kind.row().operations.list.as_deref() == Some(operation);
        let what =
            if listing { format!("list the {}", kind.words_of_many()) } else { format!("read the {}", kind.words()) };
        for attempt in 1.. {
            match self.once(kind, operation, input.clone()).await {
                Ok(output) => return Ok(Some(output)),
                Err(error) if is(&kind.errors().not_found, &error) => return Ok(None),
                Err(error) => {
                    let failure = classify(kind, &what, error);
                    match failure {
                        Failure::Retryable(again) if self.patient && attempt < attempts(&again) => {
                            let class = again.class();
                            let left = self.deadline.map(|at| since(at, self.clock.now()));
                            let Some(pause) = retry::next(class, attempt, again.after, left) else {
                                return Err(again.into());
                            };
                            self.clock.sleep(pause).await;
                        }
                        other => return Err(other),
                    }
                }
            }
        }
        Ok(None)
    }

    /// Calls an operation of another service than the kinds', once.
    pub(crate) async fn other(&self, service: &str, operation: &str, input: Value) -> Result<Value, CloudError> {
        self.send(Call::new(&self.target, service, operation, input).with_priority(self.priority)).await
    }

    /// The items of a listing, newest first where the service can sort, at most `limit`.
    pub(crate) async fn list(&self, kind: &Kind, input: Value, limit: usize) -> Result<Vec<Value>, Failure> {
        let Some(listing) = kind.listing() else { return Ok(Vec::new()) };
        let mut items: Vec<Value> = Vec::new();
        self.each_listed(kind, listing.operation, with_all(input, &listing.newest_first), &mut |page| {
            items.extend(page);
            items.len() < limit
        })
        .await?;
        items.truncate(limit);
        Ok(items)
    }

    /// Gives the items of a kind's listing page by page under the names of reads, for as long as `more` says that further
    /// pages are wanted.
    pub(crate) async fn each_listed(
        &self,
        kind: &Kind,
        operation: &str,
        input: Value,
        more: &mut (dyn FnMut(Vec<Value>) -> bool + Send),
    ) -> Result<(), Failure> {
        for input in inputs(kind, operation, input) {
            let mut wanted = true;
            let mut page = |items: Vec<Value>| {
                wanted = more(items.into_iter().map(|item| listed(kind, &input, item)).collect());
                wanted
            };
            self.each_page(kind, operation, input.clone(), &mut page).await?;
            if !wanted {
                break;
            }
        }
        Ok(())
    }

    /// Gives the items of a listing page by page, for as long as `more` says that further pages are wanted.
    pub(crate) async fn each_page(
        &self,
        kind: &Kind,
        operation: &str,
        mut input: Value,
        more: &mut (dyn FnMut(Vec<Value>) -> bool + Send),
    ) -> Result<(), Failure> {
        let paginator: Option<&Paginator> = kind.service().paginators.get(operation);
        let key = items_member(kind, operation);
        // The service's own page is a tenth of what it can give.
        if let (Some(shape), Some(member), Some(map)) =
            (kind.service().input(operation), paginator.and_then(|p| p.limit_key.as_ref()), input.as_object_mut())
            && let Some(most) = shape.members.get(member.as_str()).and_then(|m| kind.service().target(m)?.max)
        {
            map.entry(member.as_str()).or_insert_with(|| json!(most as u64));
        }
        let mut pager = Pager::new(&self.target, kind.service().id, operation, input);
        // A page that fails is asked for again: the listing is not begun anew for it.
        let further = Self { patient: true, ..self.clone() };
        for page in 0..MOST_PAGES {
            let calls = if page == 0 { self } else { &further };
            let Some(mut output) = calls.read(kind, operation, pager.input()).await? else { return Ok(()) };
            let followed = pager.follow(&output);
            let page = key.as_ref().and_then(|k| output.get_mut(k)).map(Value::take);
            let wanted = more(match page {
                Some(Value::Array(items)) if items.iter().all(Value::is_object) => items,
                // A part of a listing must not pass for the whole.
                None | Some(Value::Null) if !requires(kind, operation, key.as_deref()) => Vec::new(),
                _ => return Err(unreadable(kind, operation, "shows no list")),
            });
            if !wanted {
                return Ok(());
            }
            match followed {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(_) => {
                    return Err(Failure::Permanent(Permanent::new(
                        format!("list the {}", kind.words_of_many()),
                        format!("{operation} gives the same page again and again"),
                        "check what answers at AWS_ENDPOINT_URL",
                    )));
                }
            }
        }
        // A part of a listing must not pass for the whole: what is not in it would be made again.
        Err(Failure::Permanent(Permanent {
            what: format!("list the {}", kind.words_of_many()),
            why: format!("after {MOST_PAGES} pages of {operation} there are still more"),
            advice: "name the resource by its ARN".to_owned(),
            cause: None,
        }))
    }

    /// The tags of a resource; nothing where AWS does not know it.
    pub(crate) async fn tags(&self, kind: &Kind, arn: &str) -> Result<Option<BTreeMap<String, String>>, Failure> {
        let Some(operations) = kind.tag_operations() else { return Ok(Some(BTreeMap::new())) };
        let input = Value::Object(Map::from_iter([(operations.arn.clone(), json!(arn))]));
        let tags = if kind.service().paginators.contains_key(operations.list.as_str()) {
            let mut pages: Option<Vec<Value>> = None;
            let mut take = |page: Vec<Value>| {
                pages.get_or_insert_default().extend(page);
                true
            };
            let read = self.each_page(kind, &operations.list, input, &mut take).await;
            read.map(|()| pages.map(|items| read_tags(&Value::Array(items))))
        } else {
            let output = self.read(kind, &operations.list, &input).await;
            output.map(|o| o.map(|o| o.get(&operations.member).map(read_tags).unwrap_or_default()))
        };
        match tags {
            Err(failure) if is_absence(&failure) => Ok(None),
            tags => tags,
        }
    }
}

/// An input with further members, where it does not have them.
pub(crate) fn with_all(mut input: Value, more: &[(&str, &str)]) -> Value {
    for (member, value) in more {
        if let Some(map) = input.as_object_mut() {
            map.entry(*member).or_insert_with(|| json!(value));
        }
    }
    input
}

/// The inputs of a listing: one for each value of a member that has to be given and is not known.
fn inputs(kind: &Kind, operation: &str, input: Value) -> Vec<Value> {
    let each = kind.row().list.each.as_deref().filter(|member| input.get(member).is_none());
    let member = each.and_then(|m| Some((m, kind.service().input(operation)?.members.get(m)?)));
    let Some((name, shape)) = member.and_then(|(m, member)| Some((m, kind.service().target(member)?))) else {
        return vec![input];
    };
    let with = |value: &str| {
        let mut input = input.clone();
        if let Some(map) = input.as_object_mut() {
            map.insert(name.to_owned(), json!(value));
        }
        input
    };
    shape.enumeration.iter().map(|value| with(value)).collect()
}

/// An item under the names of reads, with what its listing was asked for: items do not say inside of what they are.
fn listed(kind: &Kind, input: &Value, mut item: Value) -> Value {
    let Some(map) = item.as_object_mut() else { return item };
    for (from, to) in &kind.row().list.rename {
        if let Some(value) = map.shift_remove(from.as_str()) {
            map.insert(to.clone(), value);
        }
    }
    for member in kind.identity_members() {
        if let Some(value) = input.get(member) {
            map.entry(member.as_str()).or_insert_with(|| value.clone());
        }
    }
    item
}

/// Whether a call failed because what it is about is not there, or cannot be: listings and tag operations say so in words
/// of their own.
pub(crate) fn is_absence(failure: &Failure) -> bool {
    let says = |text: &str| ["does not exist", "not found", "Could not find"].iter().any(|t| text.contains(t));
    failure.cause().is_some_and(|c| c.code == "ValidationException" && (c.stage == Stage::Input || says(&c.message)))
}

/// Whether what was called has no such service or operation: nothing was ever made there.
pub(crate) fn is_unsupported(failure: &Failure) -> bool {
    failure.cause().is_some_and(|cause| cause.code == "NotImplemented")
}

/// Whether a call was refused: it does not succeed before somebody changes something.
pub(crate) fn is_refused(failure: &Failure) -> bool {
    match failure {
        Failure::Permanent(_) => true,
        Failure::Retryable(again) => again.class() == Class::Blocked,
    }
}

/// Whether a call failed because its input cannot be: told before it is sent, or by the service.
pub(crate) fn is_invalid(failure: &Failure) -> bool {
    let says = |c: &CloudError| c.code == "ValidationException" && c.message.contains("failed to satisfy constraint");
    failure.cause().is_some_and(|c| c.stage == Stage::Input || says(c))
}

/// Member of a listing's output that holds the items.
pub(crate) fn items_member(kind: &Kind, operation: &str) -> Option<String> {
    if let Some(key) = kind.service().paginators.get(operation).and_then(|p| p.result_key.first()) {
        return Some(key.as_str().to_owned());
    }
    let output = kind.service().output(operation)?;
    output
        .members
        .iter()
        .find(|(_, m)| kind.service().target(m).is_some_and(|s| s.kind == sagewright_model::ShapeType::List))
        .map(|(name, _)| (*name).to_owned())
}

/// Whether every answer to a listing has its list, be it empty.
fn requires(kind: &Kind, operation: &str, member: Option<&str>) -> bool {
    let output = kind.service().output(operation);
    output.zip(member).is_some_and(|(shape, member)| shape.required.iter().any(|r| r.as_ref() == member))
}

/// The failure of an answer that is not what the service's model says: what stands in it, and what not, means nothing.
pub(crate) fn unreadable(kind: &Kind, operation: &str, why: &str) -> Failure {
    let message = format!("the answer to {operation} {why}");
    let error = CloudError::new(kind.service().id, operation, Stage::Answer, "UnreadableAnswer", message);
    classify(kind, &format!("read the {}", kind.words()), error)
}

/// Times a read that fails like this is tried.
pub(crate) fn attempts(failure: &Retryable) -> u32 {
    match failure.cause.as_deref().map(CloudError::class) {
        // Whoever has the patience for a policy or a quota asks again itself.
        Some(Class::Blocked) => 1,
        Some(Class::Transient) => FAILED_ATTEMPTS,
        _ => READ_ATTEMPTS,
    }
}

/// Whether an error is one of these.
pub(crate) fn is<'r>(rules: impl IntoIterator<Item = &'r ErrorRule>, error: &CloudError) -> bool {
    error.stage == Stage::Service && rules.into_iter().any(|r| r.matches(&error.code, &error.message))
}

/// What a failed call means for a kind.
pub(crate) fn classify(kind: &Kind, what: &str, error: CloudError) -> Failure {
    let rules = kind.errors();
    let terminal = is(&rules.terminal, &error) || error.class() == Class::Terminal;
    let passes = is(&rules.settling, &error) || is(&rules.busy, &error) || error.class().is_retryable();
    if passes && !terminal {
        return Failure::Retryable(Retryable {
            what: what.to_owned(),
            why: error.message.clone(),
            after: error.retry_after.map(|after| after.min(retry::LONGEST_AFTER)),
            cause: Some(Box::new(error)),
        });
    }
    Failure::Permanent(Permanent {
        what: what.to_owned(),
        why: format!("{}: {}", error.code, error.message),
        advice: error.advice().to_owned(),
        cause: Some(Box::new(error)),
    })
}

/// The item of a read's output that is the resource, for reads that list.
pub(crate) fn pick(kind: &Kind, output: Value, spec: Option<&Value>) -> Option<Value> {
    if let Some(item) = &kind.row().operations.read_item {
        return get(&output, &Path::parse(item)).cloned();
    }
    let Some(items) = &kind.row().operations.read_items else { return Some(output) };
    let items = get(&output, &Path::parse(items))?.as_array()?.clone();
    items.into_iter().find(|item| {
        kind.row()
            .identity
            .name
            .iter()
            .all(|m| spec.and_then(|s| s.get(m)).is_none_or(|wanted| item.get(m) == Some(wanted)))
    })
}
