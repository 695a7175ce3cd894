//! What a set no longer declares.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use sagewright_decide::error::Failure;
use sagewright_decide::observed::{Found, Ownership};
use sagewright_decide::sets;
use sagewright_kinds::{Kind, Phase};
use sagewright_objects::keys;
use sagewright_objects::object::{Object, ObjectId};
use sagewright_objects::selector::Selector;

use super::Engine;
use super::export::manifest;
use crate::error::EngineError;
use crate::observe::Owners;
use crate::observe::calls::{Calls, is_refused, is_unsupported};

/// What a set no longer declares.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Undeclared {
    /// The objects, as their resources suggest them.
    pub objects: Vec<Object>,
    /// What could not be looked through, and why.
    pub unknown: Vec<String>,
}

impl Engine {
    /// The same engine, for a set that is applied whole: its objects' resources have the set tag, so that
    /// [`Engine::undeclared`] finds them when they are no longer declared.
    #[must_use]
    pub fn for_set(mut self, set: Selector) -> Self {
        self.set = Some(Arc::new(set));
        self
    }

    /// The objects of a set that are no longer declared: whose resources have the set tag and a mark of this
    /// installation. What is retained, read-only or adopted as it is has no set tag.
    ///
    /// # Errors
    /// A call failed. What may not be read is in the answer.
    pub async fn undeclared(&self, set: &Selector, declared: &[Object]) -> Result<Undeclared, EngineError> {
        let ids: BTreeSet<ObjectId> = declared.iter().map(Object::id).collect();
        let own = self.calls.target.region.to_string();
        let regions = declared.iter().filter_map(|object| object.annotation(keys::REGION)).map(str::to_owned);
        let regions: BTreeSet<String> = regions.chain([own.clone()]).collect();
        let owners = Owners::default();
        let looks = regions.iter().flat_map(|region| kinds().map(move |kind| (region, kind)));
        let found: Vec<_> = stream::iter(looks)
            .map(|(region, kind)| {
                let (mut calls, owners) = (self.calls.clone(), &owners);
                calls.target.region = region.parse().unwrap_or(calls.target.region);
                async move { Ok::<_, Failure>((region, kind, bearers(owners, &calls, kind, set).await?)) }
            })
            .buffered(self.at_once)
            .try_collect()
            .await?;
        let mut objects: BTreeMap<ObjectId, Object> = BTreeMap::new();
        let mut unknown = Vec::new();
        for (region, kind, found) in found {
            let found = match found {
                Ok(found) => found,
                Err(why) => {
                    unknown.push(format!("{} in {region} were not looked through: {why}", kind.words_of_many()));
                    continue;
                }
            };
            for found in found.iter().filter(|found| self.is_ours(found)) {
                let mut object = manifest(kind, found);
                object.status.clone_from(&found.status);
                if *region != own {
                    object.metadata.annotations.insert(keys::REGION.to_owned(), region.clone());
                }
                let id = object.id();
                if ids.contains(&id) {
                    continue;
                }
                if objects.insert(id.clone(), object).is_some() {
                    unknown.push(format!(
                        "several {} are tagged as those of {id}: only one is considered",
                        kind.words_of_many()
                    ));
                }
            }
        }
        Ok(Undeclared { objects: objects.into_values().collect(), unknown })
    }

    fn is_ours(&self, found: &Found) -> bool {
        let ours = |installation| installation == Some(&self.claims.installation);
        found.phase != Phase::Gone
            && matches!(&found.owner, Ownership::Marked(owner) if ours(owner.installation.as_ref()))
    }
}

/// Kinds whose resources can belong to a set.
fn kinds() -> impl Iterator<Item = &'static Kind> {
    sagewright_kinds::all().iter().filter(|kind| sets::never(kind).is_none())
}

/// The resources of a kind that have a set tag; or why it is not known.
async fn bearers(
    owners: &Owners,
    calls: &Calls,
    kind: &Kind,
    set: &Selector,
) -> Result<Result<Vec<Found>, Failure>, Failure> {
    match owners.bearers(calls, kind, keys::SET, &set.to_string()).await {
        Ok(found) => Ok(Ok(found)),
        // A cloud that cannot list a kind has none of it.
        Err(failure) if is_unsupported(&failure) => Ok(Ok(Vec::new())),
        Err(failure) if is_refused(&failure) => Ok(Err(failure)),
        Err(failure) => Err(failure),
    }
}
