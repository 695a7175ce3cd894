//! Which kinds the cluster serves.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use sagewright_kinds::Kind;
use tokio::sync::mpsc::Sender;

use crate::api::{Api, ApiError};
use crate::message::Message;
use crate::options::Options;
use crate::queue::KindIndex;

/// Between looks for kinds whose CRDs were not there.
const EVERY: Duration = Duration::from_secs(10);

/// The kinds that are reconciled, by their place in the list of all.
pub(crate) fn wanted(options: &Options) -> Vec<(KindIndex, &'static Kind)> {
    let all = sagewright_kinds::all().iter().enumerate().filter(|(_, kind)| options.serves(kind));
    all.filter_map(|(index, kind)| Some((KindIndex::try_from(index).ok()?, kind))).collect()
}

/// Those of the kinds that the cluster serves.
pub(crate) async fn served(api: &Api, kinds: &[(KindIndex, &'static Kind)]) -> Result<Vec<KindIndex>, ApiError> {
    let mut plurals: BTreeMap<(&str, &str), HashSet<String>> = BTreeMap::new();
    for (group, version) in kinds.iter().map(|(_, kind)| (kind.group(), kind.version())).collect::<BTreeSet<_>>() {
        plurals.insert((group, version), api.served(group, version).await?.into_iter().collect());
    }
    let is_served =
        |kind: &Kind| plurals.get(&(kind.group(), kind.version())).is_some_and(|p| p.contains(kind.plural()));
    Ok(kinds.iter().filter(|(_, kind)| is_served(kind)).map(|(index, _)| *index).collect())
}

/// Looks for kinds that come later, for ever.
pub(crate) async fn go_on(api: Api, kinds: Vec<(KindIndex, &'static Kind)>, out: Sender<Message>) {
    loop {
        tokio::time::sleep(EVERY).await;
        match served(&api, &kinds).await {
            Ok(found) => {
                if out.send(Message::Served(found)).await.is_err() {
                    return;
                }
            }
            Err(error) => tracing::debug!(%error, "cannot ask which kinds are served"),
        }
    }
}
