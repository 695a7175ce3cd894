//! One look at a legacy object: its children are as it declares, and its status as they are.

use std::collections::BTreeMap;
use std::time::Duration;

use sagewright_decide::conditions::{READY, merge, read, write};
use sagewright_decide::{Condition, ConditionStatus};
use sagewright_kinds::Kind;
use sagewright_legacy::kinds::Becomes;
use sagewright_legacy::mirror::{MIRROR, TUNING};
use sagewright_legacy::{
    FINALIZER, GROUP, LegacyKind, Seen, State, VERSION, content_name, declare, find, names_resources, rename, status,
};
use sagewright_objects::{Object, keys};
use serde_json::{Value, json};

use super::children::{self, Child, How};
use super::{Context, Owner, mirrors};
use crate::api::{ApiError, Place};
use crate::conditions;
use crate::events::Note;
use crate::finalizer;
use crate::status::merge_patch;

/// A legacy object as it is in the cluster.
struct Document<'c> {
    context: &'c Context,
    owner: &'c Owner,
    row: &'static LegacyKind,
    place: Place,
    value: Value,
    object: Object,
    /// It shows what a tuning job has made, and nothing is made for it.
    mirrors: bool,
}

/// The pause before what the cluster refused is tried again.
const REFUSED: Duration = Duration::from_secs(30);
/// The pause before a look at whether the mirrors of a tuning job's training jobs are gone.
const MIRRORS_GO: Duration = Duration::from_secs(1);

/// Takes a legacy object one step further. When to look again, unless something changes before.
pub(super) async fn look(context: &Context, owner: &Owner) -> Result<Option<Duration>, ApiError> {
    let Some(row) = find(owner.kind) else { return Ok(None) };
    let place = Place::new(GROUP, VERSION, Some(&owner.namespace), row.plural);
    let Some(value) = context.api.get(&place, &owner.name).await? else { return Ok(None) };
    let object = Object::from_value(value.clone()).map_err(|error| ApiError::new(0, error.message))?;
    let mirrors = mirrors::is_mirror(&value);
    let document = Document { context, owner, row, place, value, object, mirrors };
    let there = children::all(&context.api, row, owner, &document.uid()).await?;
    if finalizer::is_deleting(&document.object) {
        return document.leave(there).await;
    }
    if mirrors && !context.options.gates.read_only {
        // Its child would not be read alone.
        return Ok(None);
    }
    if !document.hold().await? {
        return Ok(None);
    }
    document.keep(there).await
}

impl Document<'_> {
    fn uid(&self) -> String {
        let uid = self.object.metadata.other.get("uid").and_then(Value::as_str);
        uid.unwrap_or_default().to_owned()
    }

    /// Adds the legacy operator's finalizer, so that children go before it. Whether the object is still there: nobody would take
    /// away the children of one that is not.
    async fn hold(&self) -> Result<bool, ApiError> {
        let is_held = finalizer::all(&self.object).iter().any(|one| one == self.finalizer());
        if is_held { Ok(true) } else { self.write_finalizer(true).await }
    }

    fn finalizer(&self) -> &'static str {
        if self.mirrors { MIRROR } else { FINALIZER }
    }

    /// Whether the object was there.
    async fn write_finalizer(&self, present: bool) -> Result<bool, ApiError> {
        let mut patch = finalizer::patch(self.finalizer(), &self.object, present);
        // The legacy operator may have held a mirror by both.
        if let Some(all) = patch.pointer_mut("/metadata/finalizers").and_then(Value::as_array_mut)
            && self.mirrors
        {
            all.retain(|one| one != FINALIZER);
        }
        self.context.api.patch(&self.place, &self.owner.name, &patch).await.map(|written| written.is_some())
    }

    /// It is to go: first those of its children that use others, and itself when none is left.
    async fn leave(&self, there: Vec<Child>) -> Result<Option<Duration>, ApiError> {
        if there.is_empty() {
            // What mirrors a job stays as long as the job is somebody's.
            if self.row.kind == TUNING && !mirrors::delete(self.context, self.owner, &self.uid()).await? {
                return Ok(Some(MIRRORS_GO));
            }
            return self.write_finalizer(false).await.map(|_| None);
        }
        self.delete_users(&there.iter().collect::<Vec<_>>()).await?;
        self.write_status(&there, State::Going).await.map(|()| None)
    }

    /// Its children are to be as it declares.
    async fn keep(&self, there: Vec<Child>) -> Result<Option<Duration>, ApiError> {
        // Names are chosen here: the status may be of an earlier declaration.
        let mut fresh = self.value.clone();
        let is_composed = self.row.becomes == Becomes::Hosting;
        if is_composed && let Some(status) = fresh.get_mut("status").and_then(Value::as_object_mut) {
            status.retain(|field, _| field == "endpointName");
        }
        let declared = match declare(&fresh) {
            Ok(declared) => declared.objects,
            Err(refused) => {
                return self.write_status(&there, State::Refused(&refused.why)).await.map(|()| None);
            }
        };
        let takes_over = there.is_empty() && names_resources(&self.value);
        let names = if takes_over && is_composed { self.earlier(&declared) } else { children::known_names(&there) };
        let contents: Vec<Option<String>> = declared.iter().map(|o| content_name(o).map(str::to_owned)).collect();
        let mut objects = declared;
        rename(&mut objects, &names);
        children::link(&mut objects);
        if self.row.becomes == Becomes::Scaling {
            children::name_by_variant(&mut objects, &there, &self.owner.name);
        }
        let mut wanted = Vec::new();
        for (object, content) in objects.into_iter().zip(contents) {
            let Some(kind) = object.row() else { continue };
            let content = content.filter(|_| is_composed);
            // What was taken over goes on to be.
            let took_over = |child: &Child| {
                std::ptr::eq(child.kind, kind) && child.object.annotation(keys::ADOPTION_POLICY).is_some()
            };
            let how = match takes_over || there.iter().any(took_over) {
                _ if self.mirrors => How::Mirrors,
                true => How::TakesOver,
                false => How::Makes,
            };
            let labels = &self.context.options.label_selector;
            wanted.push((kind, children::declared(object, (self.owner, &self.object), labels, content, how)));
        }
        let kept = match self.apply(&there, wanted).await? {
            Ok(kept) => kept,
            Err(why) => {
                return self.write_status(&there, State::Refused(&why)).await.map(|()| Some(REFUSED));
            }
        };
        self.tidy(&there, &kept).await?;
        self.write_status(&kept, State::Kept).await?;
        match kept.first().filter(|_| self.row.kind == TUNING) {
            Some(child) => mirrors::keep(self.context, self.owner, (&self.value, &self.object), child).await,
            None => Ok(None),
        }
    }

    /// Writes the children, and gives them as they then are; or says why the cluster does not take them.
    async fn apply(
        &self,
        there: &[Child],
        wanted: Vec<(&'static Kind, Value)>,
    ) -> Result<Result<Vec<Child>, String>, ApiError> {
        let (api, namespace) = (&self.context.api, self.owner.namespace.as_str());
        // An object that somebody else made would go with this one.
        for (kind, value) in
            wanted.iter().filter(|(kind, value)| !there.iter().any(|child| child.is(kind, children::name(value))))
        {
            if children::is_of_others(api, kind, namespace, value, self.owner).await? {
                let (kind, name) = (kind.name(), children::name(value));
                return Ok(Err(format!(
                    "the cluster has a {kind} {name} that was not made for this object: give one of them another name"
                )));
            }
        }
        let mut kept = Vec::new();
        for (kind, value) in wanted {
            match children::apply(api, kind, namespace, &value).await {
                Ok(child) => kept.push(child),
                Err(error) if error.is_refusal() => {
                    let (kind, name) = (kind.name(), children::name(&value));
                    return Ok(Err(format!("the cluster does not take the {kind} {name}: {error}")));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Ok(kept))
    }

    /// The names of what the legacy operator made, by those that follow from content.
    fn earlier(&self, declared: &[Object]) -> BTreeMap<String, String> {
        let status = self.value.get("status").unwrap_or(&Value::Null);
        let prefix = format!("{}-", self.owner.name);
        let mut names = BTreeMap::new();
        for object in declared {
            let Some(content) = content_name(object) else { continue };
            let known = match object.kind.as_str() {
                "EndpointConfig" => status.get("endpointConfigName").and_then(Value::as_str),
                _ => {
                    let model = object.metadata.name.strip_prefix(&prefix).unwrap_or(&object.metadata.name);
                    let pairs = status.get("modelNames").and_then(Value::as_array).into_iter().flatten();
                    let mut pairs = pairs.filter(|pair| pair.get("name").and_then(Value::as_str) == Some(model));
                    pairs.next().and_then(|pair| pair.get("value")).and_then(Value::as_str)
                }
            };
            if let Some(known) = known.filter(|name| !name.is_empty()) {
                names.insert(content.to_owned(), known.to_owned());
            }
        }
        names
    }

    /// Deletes those of these children that use others of them, which go once these are gone: a config is not gone while an
    /// endpoint uses it.
    async fn delete_users(&self, going: &[&Child]) -> Result<(), ApiError> {
        let first = going.first().map(|child| child.kind);
        for child in going.iter().filter(|child| first.is_some_and(|kind| std::ptr::eq(child.kind, kind))) {
            children::delete(&self.context.api, child).await?;
        }
        Ok(())
    }

    /// Children that are not declared any more go, when what used them is settled without them.
    async fn tidy(&self, there: &[Child], kept: &[Child]) -> Result<(), ApiError> {
        let is_settled = kept.iter().all(Child::is_ready);
        let is_kept = |child: &Child| kept.iter().any(|other| other.is(child.kind, &child.object.metadata.name));
        let going: Vec<&Child> = there.iter().filter(|child| is_settled && !is_kept(child)).collect();
        self.delete_users(&going).await
    }

    async fn write_status(&self, seen: &[Child], state: State<'_>) -> Result<(), ApiError> {
        let region = self.value.pointer("/spec/region").and_then(Value::as_str).unwrap_or_default();
        let before = self.value.get("status").unwrap_or(&Value::Null);
        let shown: Vec<Seen<'_>> = seen
            .iter()
            .map(|child| Seen {
                object: &child.object,
                name: child.name(),
                trouble: child.trouble(),
                is_settled: child.is_ready(),
            })
            .collect();
        let now = self.context.clock.now();
        let now = jiff::Timestamp::from_second(now.as_second()).unwrap_or(now);
        let mut after = status(self.row, region, &shown, before, &now.to_string(), state);
        let ready = ready(seen, state);
        let note = note(conditions::find(before, READY).as_ref(), &ready, seen, state);
        write(&mut after, &merge(&read(before), vec![ready], now));
        let Some(patch) = merge_patch(before, &after) else { return Ok(()) };
        let patch = json!({"metadata": {"uid": self.uid()}, "status": patch});
        self.context.api.patch_status(&self.place, &self.owner.name, &patch).await?;
        if let Some(note) = note {
            self.context.recorder.tell(&self.object, &note, now);
        }
        Ok(())
    }
}

/// What is told of a condition that is not as it was: that all is well, and why it is not. What children are at they tell themselves.
fn note(before: Option<&Condition>, ready: &Condition, seen: &[Child], state: State<'_>) -> Option<Note> {
    if before.is_some_and(|before| before.status == ready.status && before.message == ready.message) {
        return None;
    }
    let has_trouble = seen.iter().any(|child| !child.trouble().is_empty());
    let message = ready.message.clone().unwrap_or_default();
    match state {
        State::Refused(_) => Some(Note::new(true, "Refused", message)),
        State::Kept if ready.status == ConditionStatus::True => Some(Note::new(false, "Ready", "it is as declared")),
        State::Kept if has_trouble => Some(Note::new(true, "Failed", message)),
        State::Kept | State::Going => None,
    }
}

/// Whether all children are as they should be; of the first that is not, why.
fn ready(seen: &[Child], state: State<'_>) -> Condition {
    let not = |reason: &str, message: &str| Condition::new(READY, ConditionStatus::False, reason, message);
    match (state, seen.iter().find(|child| !child.is_ready())) {
        (State::Going, _) => not("Deleting", "its resources are being deleted"),
        (State::Refused(why), _) => not("Refused", why),
        (State::Kept, Some(child)) => {
            let why = child.condition(READY).map_or("nothing is known of it yet", |(_, message)| message);
            not("NotReady", &format!("{} {}: {why}", child.kind.name(), child.object.metadata.name))
        }
        (State::Kept, None) => Condition::new(READY, ConditionStatus::True, "", ""),
    }
}
