//! Which resources serve others, such as endpoints their configs: what is served is not deleted, which AWS would allow.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::lock::Mutex;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use sagewright_decide::error::{Failure, Retryable};
use sagewright_decide::inputs::Known;
use sagewright_decide::observed::Found;
use sagewright_kinds::{Kind, Path, Phase, get};
use sagewright_port::cloud::Target;
use serde_json::Value;

use super::calls::Calls;
use super::{list_input, read_output};

/// Resources read at the same time.
const AT_ONCE: usize = 8;
/// How long a resource that was seen to serve another counts as doing so, without another listing.
const HELD: SignedDuration = SignedDuration::from_secs(2);

/// One resource that serves others.
#[derive(Debug, Clone)]
struct Server {
    /// Its item in the listing, while it is settled: as long as that is the same, it serves the same.
    item: Option<Value>,
    /// The names of what it serves, and will serve.
    serves: Vec<String>,
}

/// The resources of one kind that serve others, by name.
#[derive(Debug, Default)]
struct Servers {
    /// When the last listing began.
    listed: Option<Timestamp>,
    all: HashMap<String, Server>,
}

/// A kind in an account and region.
type KindTarget = (&'static str, Target);

/// What serves what, by kind and target. Kept between looks: deletes of many resources share a listing, and only what has changed
/// since the last one is read.
#[derive(Debug, Default)]
pub(crate) struct Serving(Mutex<HashMap<KindTarget, Arc<Mutex<Servers>>>>);

impl Serving {
    /// Fails while a resource is served: by what is there, whoever made it, not by what is declared.
    pub(crate) async fn check(&self, calls: &Calls, kind: &Kind, name: &str) -> Result<(), Failure> {
        for server in sagewright_kinds::all().iter().filter(|server| serves(server, kind)) {
            if let Some(by) = self.server_of(calls, server, name).await? {
                let (server, of) = (server.words(), kind.words());
                return Err(Failure::Retryable(Retryable {
                    what: format!("delete the {of} `{name}`"),
                    why: format!("the {server} `{by}` uses it; delete the {server}, or update it to another {of}"),
                    after: None,
                    cause: None,
                }));
            }
        }
        Ok(())
    }

    /// The first resource of a kind that serves the one of this name.
    async fn server_of(&self, calls: &Calls, kind: &'static Kind, name: &str) -> Result<Option<String>, Failure> {
        let asked = calls.clock.now();
        let servers = Arc::clone(self.0.lock().await.entry((kind.name(), calls.target.clone())).or_default());
        let mut servers = servers.lock().await;
        // A listing that began after this was asked is as good as one of its own.
        if servers.listed.is_some_and(|at| at > asked) {
            return Ok(servers.server_of(name));
        }
        let is_held = servers.listed.is_some_and(|at| at + HELD >= asked);
        if let Some(by) = servers.server_of(name).filter(|_| is_held) {
            return Ok(Some(by));
        }
        servers.list(calls, kind).await?;
        Ok(servers.server_of(name))
    }
}

impl Servers {
    fn server_of(&self, name: &str) -> Option<String> {
        let serving = self.all.iter().filter(|(_, server)| server.serves.iter().any(|served| served == name));
        serving.map(|(by, _)| by).min().cloned()
    }

    /// Lists what is there, and reads what may serve something else than before.
    async fn list(&mut self, calls: &Calls, kind: &'static Kind) -> Result<(), Failure> {
        let began = calls.clock.now();
        let items = calls.list(kind, list_input(kind, None), usize::MAX).await?;
        let before = std::mem::take(&mut self.all);
        let reads = items.into_iter().map(|item| {
            let found = Found::new(kind, item, std::collections::BTreeMap::new());
            let known = before.get(&found.name).filter(|server| server.item.as_ref() == Some(&found.output)).cloned();
            async move {
                let serves = match known {
                    Some(known) => return Ok(Some((found.name, known))),
                    None => read(calls, kind, &found).await?,
                };
                let item = Some(found.output).filter(|item| found.phase.is_final() && tells_changes(kind, item));
                Ok::<_, Failure>(serves.map(|serves| (found.name, Server { item, serves })))
            }
        });
        let all: Vec<Option<(String, Server)>> = stream::iter(reads).buffered(AT_ONCE).try_collect().await?;
        self.all = all.into_iter().flatten().collect();
        self.listed = Some(began);
        Ok(())
    }
}

/// What a resource serves now and after the update that is under way; nothing where it is gone.
async fn read(calls: &Calls, kind: &Kind, listed: &Found) -> Result<Option<Vec<String>>, Failure> {
    let spec = kind.spec_of(&listed.output);
    let known = Known { spec: Some(&spec), arn: listed.arn.as_deref(), output: None };
    let Some(output) = read_output(calls, kind, known).await?.filter(|output| !is_gone(kind, output)) else {
        return Ok(None);
    };
    let how = &kind.row().delete;
    let text =
        |from: &Value, path: &Option<String>| Some(get(from, &Path::parse(path.as_deref()?))?.as_str()?.to_owned());
    let serves = [text(&kind.spec_of(&output), &how.serves), text(&output, &how.will_serve)];
    Ok(Some(serves.into_iter().flatten().collect()))
}

/// Whether an item of the listing says when its resource was changed last.
fn tells_changes(kind: &Kind, item: &Value) -> bool {
    kind.listing().and_then(|listing| listing.modified).is_some_and(|member| item.get(member).is_some())
}

fn is_gone(kind: &Kind, output: &Value) -> bool {
    sagewright_decide::reading::phase_of(kind, output) == Phase::Gone
}

/// Whether resources of a kind serve those of another.
fn serves(server: &Kind, kind: &Kind) -> bool {
    let mut of = server.serves().into_iter().flat_map(|field| &field.targets);
    of.any(|target| target.group.is_none() && target.kind == kind.name())
}
