//! What there is in a cluster: controllers, objects, definitions, settings, and what Sagewright would do with each object.

use std::collections::BTreeMap;
use std::sync::Arc;

use sagewright_engine::{Object, Plan, keys};
use sagewright_kinds::Kind;
use sagewright_kube::lookup::Cluster;
use sagewright_kube::review::{Review, Reviewed, review};
use sagewright_kube::{Options, Ports};
use serde_json::Value;

use super::controllers::{self, Controller, Lease, SERVICES};
use super::definitions::{Owner, misfits, schema};
use super::settings::{self, Settings};
use super::{text, unanswered};
use crate::args::Global;
use crate::commands::cluster::failure;
use crate::commands::controller::options_of;
use crate::context::{Context, WallClock, is_trusted};
use crate::exit::{Exit, Failure};
use crate::output::Printer;

/// A definition of the cluster that Sagewright has, too.
pub(super) struct Definition {
    pub(super) name: String,
    pub(super) owner: Owner,
    /// Whether a swap replaces it: those of other ACK controllers are left alone.
    pub(super) swapped: bool,
}

/// What there is.
pub(super) struct Survey {
    pub(super) controllers: Vec<Controller>,
    pub(super) leases: Vec<Lease>,
    pub(super) definitions: Vec<Definition>,
    /// Objects that Sagewright's definitions would not take, and why.
    pub(super) misfits: Vec<(String, Vec<String>)>,
    /// By controller of ACK's.
    pub(super) settings: Vec<(String, Settings)>,
    pub(super) reviewed: Vec<Reviewed>,
    /// Objects that no controller of ACK's watches, by kind.
    pub(super) unwatched: BTreeMap<String, usize>,
}

impl Survey {
    pub(super) fn ack(&self) -> impl Iterator<Item = &Controller> {
        self.controllers.iter().filter(|controller| controller.service().is_some())
    }

    /// What would be done, as a plan.
    pub(super) fn plan(&self) -> Plan {
        Plan { objects: self.reviewed.iter().map(|one| one.planned.clone()).collect() }
    }

    /// Objects whose resources would change.
    pub(super) fn changed(&self) -> usize {
        self.reviewed.iter().filter(|one| one.changes()).count()
    }

    /// The exit code of the check.
    pub(super) fn exit(&self) -> Exit {
        if !self.misfits.is_empty() || self.plan().has_problems() {
            Exit::Failed
        } else if self.changed() > 0 {
            Exit::Changes
        } else {
            Exit::Done
        }
    }
}

/// All kinds of ACK's two groups that the cluster has, with their objects.
async fn objects(
    cluster: &Cluster,
    stored: &BTreeMap<String, Value>,
) -> anyhow::Result<Vec<(&'static Kind, Vec<Object>)>> {
    let mut all = Vec::new();
    let is_there = |kind: &&Kind| stored.contains_key(&format!("{}.{}", kind.plural(), kind.group()));
    for kind in sagewright_kinds::all().iter().filter(is_there) {
        let path = format!("/apis/{}/{}/{}", kind.group(), kind.version(), kind.plural());
        let items = cluster.all(&path, None).await.map_err(unanswered)?;
        let objects = items.into_iter().filter_map(|mut item| {
            let fields = item.as_object_mut()?;
            fields.insert("apiVersion".to_owned(), format!("{}/{}", kind.group(), kind.version()).into());
            fields.insert("kind".to_owned(), kind.name().into());
            Object::from_value(item).ok()
        });
        all.push((kind, objects.collect()));
    }
    Ok(all)
}

/// The definitions of the cluster, by name.
pub(super) async fn stored_definitions(cluster: &Cluster) -> anyhow::Result<BTreeMap<String, Value>> {
    let all = cluster.all(DEFINITIONS, None).await.map_err(unanswered)?;
    let is_ours = |name: &str| SERVICES.iter().any(|(_, group)| name.ends_with(group)) || name.ends_with(COMMON);
    let named = all.into_iter().map(|definition| (text(&definition, "/metadata/name").to_owned(), definition));
    Ok(named.filter(|(name, _)| is_ours(name)).collect())
}

/// The collection of definitions.
pub(super) const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
/// The group of the kinds that all ACK controllers share.
const COMMON: &str = ".services.k8s.aws";

/// Whether a swap replaces a definition: not those that other ACK controllers use, too.
pub(super) fn is_swapped(name: &str) -> bool {
    SERVICES.iter().any(|(_, group)| name.split_once('.').is_some_and(|(_, of)| of == *group))
}

/// Reads everything.
pub(super) async fn read(cluster: &Cluster, global: &Global, printer: &Printer) -> anyhow::Result<Survey> {
    let controllers = controllers::read(cluster).await.map_err(unanswered)?;
    let leases = controllers::leases(cluster).await.map_err(unanswered)?;
    let stored = stored_definitions(cluster).await?;
    let ours = sagewright_crds::all();
    let definition = |name: &str| ours.iter().find(|crd| crd.name == name).map(|crd| &crd.document);
    let definitions = stored.iter().filter_map(|(name, there)| {
        let owner = Owner::of(there, definition(name)?);
        Some(Definition { name: name.clone(), owner, swapped: is_swapped(name) })
    });
    let definitions = definitions.collect();
    let objects = objects(cluster, &stored).await?;
    let mut misfitting = Vec::new();
    for (kind, objects) in &objects {
        let name = format!("{}.{}", kind.plural(), kind.group());
        let Some(schema) = definition(&name).and_then(|definition| schema(definition, kind.version())) else {
            continue;
        };
        for object in objects {
            let wrong = misfits(schema, &object.to_value());
            if !wrong.is_empty() {
                misfitting.push((object.id().to_string(), wrong));
            }
        }
    }
    // In the order of the services: where one release does the work of both, SageMaker's settings are its own.
    let of = |service: &'static str| controllers.iter().filter(move |one| one.service() == Some(service));
    let settings = SERVICES.iter().flat_map(|(service, _)| of(service).map(move |one| (service, one)));
    let settings = settings.map(|(service, one)| (one.id(), settings::translate(&one.document, service))).collect();
    let mut survey = Survey {
        controllers,
        leases,
        definitions,
        misfits: misfitting,
        settings,
        reviewed: Vec::new(),
        unwatched: BTreeMap::new(),
    };
    plan(&mut survey, cluster, objects, global, printer).await?;
    Ok(survey)
}

/// How an ACK controller reconciles, and so how Sagewright would in its place.
struct Manner {
    options: Options,
    /// Clients are shared: most controllers call the same place.
    client: usize,
    group: &'static str,
}

impl Manner {
    fn watches(&self, kind: &Kind, object: &Object) -> bool {
        let options = &self.options;
        let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
        kind.group() == self.group
            && options.serves(kind)
            && (options.namespaces.is_empty() || options.namespaces.iter().any(|watched| watched == namespace))
            && options.label_selector.as_deref().is_none_or(|selector| has_labels(object, selector))
    }
}

/// Whether an object has the labels of a selector of the form `a=b,c=d`. Other forms are taken to match.
fn has_labels(object: &Object, selector: &str) -> bool {
    selector.split(',').all(|part| match part.split_once('=') {
        Some((key, value)) if !key.ends_with('!') => {
            object.metadata.labels.get(key.trim()).is_some_and(|label| label == value.trim_start_matches('=').trim())
        }
        _ => true,
    })
}

/// Asks for each object what Sagewright would do.
async fn plan(
    survey: &mut Survey,
    cluster: &Cluster,
    objects: Vec<(&'static Kind, Vec<Object>)>,
    global: &Global,
    printer: &Printer,
) -> anyhow::Result<()> {
    if objects.iter().all(|(_, objects)| objects.is_empty()) {
        return Ok(());
    }
    let (manners, clients) = manners(survey, global, printer).await?;
    let mut by_manner: Vec<Vec<(&'static Kind, Object)>> = manners.iter().map(|_| Vec::new()).collect();
    for (kind, objects) in objects {
        for object in objects {
            let of = manners.iter().zip(&mut by_manner).find(|(manner, _)| manner.watches(kind, &object));
            match of {
                Some((_, mine)) => mine.push((kind, object)),
                None => *survey.unwatched.entry(kind.name().to_owned()).or_default() += 1,
            }
        }
    }
    for (manner, objects) in manners.into_iter().zip(by_manner) {
        let Some(context) = clients.get(manner.client).map(|(_, context)| context) else { continue };
        let ports = Ports { cloud: Arc::new(context.aws.clone()), clock: Arc::new(WallClock) };
        let account = context.target.account.clone();
        let how = Review { options: manner.options, ports, account, trusts: is_trusted };
        survey.reviewed.extend(review(cluster, how, objects).await.map_err(failure)?);
    }
    Ok(())
}

/// Where a controller's calls go: region and endpoint.
type Way = (Option<String>, Option<String>);

async fn manners(
    survey: &Survey,
    global: &Global,
    printer: &Printer,
) -> anyhow::Result<(Vec<Manner>, Vec<(Way, Context)>)> {
    let none = Settings::default();
    let mut wanted: Vec<(&'static str, &Settings, String)> = Vec::new();
    for (service, group) in SERVICES {
        let before = wanted.len();
        for controller in survey.ack().filter(|controller| controller.service() == Some(service)) {
            let settings = survey.settings.iter().find(|(id, _)| *id == controller.id());
            wanted.push((group, settings.map_or(&none, |(_, settings)| settings), controller.namespace.clone()));
        }
        if wanted.len() == before {
            wanted.push((group, &none, "ack-system".to_owned()));
        }
    }
    let (mut manners, mut clients): (Vec<Manner>, Vec<(Way, Context)>) = (Vec::new(), Vec::new());
    let given = global.endpoint_url.clone().filter(|url| !url.is_empty());
    for (group, settings, namespace) in wanted {
        let chosen = global.local || given.is_some();
        let region = global.region.clone().or_else(|| settings.flag("aws-region").map(str::to_owned));
        let endpoint = settings.flag("aws-endpoint-url").filter(|_| !chosen).map(str::to_owned);
        if let Some(url) = endpoint.as_deref().filter(|url| !is_trusted(url)) {
            let message =
                format!("ACK's controller calls {url}, where calls can be read on their way: it is not HTTPS");
            return Err(Failure::new(Exit::Failed, message).help("give --endpoint-url with the URL to call").into());
        }
        let way = (region, endpoint.or_else(|| given.clone()));
        let client = match clients.iter().position(|(known, _)| *known == way) {
            Some(client) => client,
            None => {
                let there = Global { region: way.0.clone(), endpoint_url: way.1.clone(), ..global.clone() };
                let mut context = Context::connect(&there, printer).await?;
                context.announce(&[]).await?;
                clients.push((way, context));
                clients.len() - 1
            }
        };
        let Some((_, context)) = clients.get(client) else { continue };
        let options = Options { own_namespace: namespace, ..options_of(&settings.flags, context)? };
        manners.push(Manner { options, client, group });
    }
    Ok((manners, clients))
}

/// Whether ACK's tags are on a resource: those that its controllers give by default.
pub(super) fn has_ack_tag(tags: &BTreeMap<String, String>) -> bool {
    tags.contains_key(keys::ACK_NAMESPACE) || tags.contains_key("services.k8s.aws/controller-version")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_other_ack_controllers_are_left_alone() {
        assert!(is_swapped("models.sagemaker.services.k8s.aws"));
        assert!(is_swapped("scalabletargets.applicationautoscaling.services.k8s.aws"));
        assert!(!is_swapped("fieldexports.services.k8s.aws") && !is_swapped("buckets.s3.services.k8s.aws"));
    }

    #[test]
    fn labels_are_held_against_a_selector() {
        let mut object = Object::new(sagewright_kinds::find("Model").unwrap(), "m");
        object.metadata.labels.insert("team".to_owned(), "fraud".to_owned());
        for (selector, wanted) in
            [("team=fraud", true), ("team==fraud", true), ("team=other", false), ("team=fraud,a=b", false)]
        {
            assert_eq!(has_labels(&object, selector), wanted, "{selector}");
        }
    }
}
