//! The swap and the swap back: steps that are told before they are done, and that are not done twice.

use std::collections::BTreeMap;
use std::time::Duration;

use sagewright_kube::lookup::Cluster;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::controllers::{self, Controller, Lease, Role, counted, deployments};
use super::definitions::{Owner, misfits, schema};
use super::record::{NAME, Record, State};
use super::survey::{DEFINITIONS, Survey, is_swapped, stored_definitions};
use super::{text, unanswered};
use crate::args::MigrateAck;
use crate::exit::{Exit, Failure};
use crate::output::{Printer, ask};

/// Between looks at what is waited for.
const PAUSE: Duration = Duration::from_millis(500);

/// One step.
enum Step {
    /// Writes down what there is.
    Record(Record),
    /// Scales a Deployment.
    Scale { namespace: String, name: String, replicas: u64 },
    /// Waits until a side's pods are gone and nobody renews its leases.
    Gone(&'static str),
    /// Replaces specs of definitions.
    Define { specs: BTreeMap<String, Value>, whose: &'static str },
}

impl Step {
    fn words(&self, namespace: &str) -> String {
        match self {
            Self::Record(record) => format!(
                "write down replicas and {} definitions in the ConfigMap {namespace}/{NAME}",
                record.definitions.len()
            ),
            Self::Scale { namespace, name, replicas } => {
                format!("scale the Deployment {namespace}/{name} to {replicas}")
            }
            Self::Gone(who) => format!("wait until the pods of {who} are gone and its leases are given up"),
            Self::Define { specs, whose } => {
                format!("replace {} definitions by {whose}; their labels and annotations stay", specs.len())
            }
        }
    }
}

/// Swaps ACK for Sagewright.
pub(super) async fn there(
    args: &MigrateAck,
    cluster: &Cluster,
    survey: &Survey,
    printer: &Printer,
) -> anyhow::Result<Exit> {
    let ack: Vec<&Controller> = survey.ack().collect();
    let (home, sagewright) = sides(&survey.controllers)?;
    let before = Record::read(cluster, &home).await?.filter(|record| record.state == State::Swapped);
    if sagewright.runs() && ack.iter().any(|one| one.runs()) && before.is_none() {
        let message = format!("both {} and ACK run", sagewright.id());
        let help = format!(
            "kubectl scale -n {} deployment/{} --replicas=0, and run this again",
            sagewright.namespace, sagewright.name
        );
        return Err(Failure::new(Exit::Failed, message).help(help).into());
    }
    let stored = stored_definitions(cluster).await?;
    let mut ours = BTreeMap::new();
    for crd in sagewright_crds::all().into_iter().filter(|crd| is_swapped(&crd.name)) {
        if stored.get(&crd.name).is_some_and(|there| Owner::of(there, &crd.document) != Owner::Sagewright) {
            ours.insert(crd.name, spec_of(&crd.document));
        }
    }
    let mut record = before.clone().unwrap_or(Record {
        state: State::Swapped,
        replicas: BTreeMap::new(),
        definitions: BTreeMap::new(),
    });
    // What an interrupted swap wrote down was before the swap, and counts.
    for one in ack.iter().filter(|one| one.replicas > 0) {
        record.replicas.entry(one.id()).or_insert(one.replicas);
    }
    for name in ours.keys() {
        if let Some(there) = stored.get(name) {
            record.definitions.entry(name.clone()).or_insert_with(|| spec_of(there));
        }
    }
    let replicas = record.replicas.get(&sagewright.id()).copied().unwrap_or(1).max(1);
    let mut steps = Vec::new();
    if before.as_ref() != Some(&record) {
        steps.push(Step::Record(record));
    }
    steps.extend(ack.iter().filter(|one| one.replicas > 0).map(|one| scale(one, 0)));
    if !sagewright.runs() {
        steps.push(Step::Gone("ACK"));
    }
    if !ours.is_empty() {
        steps.push(Step::Define { specs: ours, whose: "Sagewright's" });
    }
    if sagewright.replicas == 0 {
        steps.push(scale(sagewright, replicas));
    }
    tell_keepers(&survey.controllers, printer);
    let done = format!(
        "Sagewright works in ACK's place: kubectl rollout status -n {} deployment/{}\n`sagewright migrate ack --back` takes it back",
        sagewright.namespace, sagewright.name
    );
    run(args, cluster, &home, steps, &done, printer).await
}

/// Swaps Sagewright for ACK.
pub(super) async fn back(args: &MigrateAck, cluster: &Cluster, printer: &Printer) -> anyhow::Result<Exit> {
    let all = controllers::read(cluster).await.map_err(unanswered)?;
    let (home, sagewright) = sides(&all)?;
    let Some(before) = Record::read(cluster, &home).await? else {
        let help = "scale Sagewright's Deployment to zero and ACK's up; ACK's definitions are in its chart";
        return Err(Failure::new(Exit::Failed, format!("there is no ConfigMap {home}/{NAME}: nothing was swapped"))
            .help(help)
            .into());
    };
    let stored = stored_definitions(cluster).await?;
    let theirs: BTreeMap<String, Value> = before
        .definitions
        .iter()
        .filter(|(name, spec)| stored.get(*name).is_some_and(|there| spec_of(there) != **spec))
        .map(|(name, spec)| (name.clone(), spec.clone()))
        .collect();
    let lost = lost(cluster, &theirs).await?;
    for (object, fields) in &lost {
        printer.note(&format!("{object}: ACK's definition does not take it: {}", fields.join("; ")));
    }
    if !lost.is_empty() && !args.force {
        printer.note("nothing was swapped: take these fields out, or swap back all the same with --force");
        return Ok(Exit::Failed);
    }
    let mut record = Record { state: State::Back, ..before.clone() };
    if sagewright.replicas > 0 {
        record.replicas.insert(sagewright.id(), sagewright.replicas);
    }
    let ack: Vec<&Controller> = all.iter().filter(|one| one.service().is_some()).collect();
    let mut steps = Vec::new();
    if record != before {
        steps.push(Step::Record(record));
    }
    if sagewright.replicas > 0 {
        steps.push(scale(sagewright, 0));
    }
    if ack.iter().all(|one| !one.runs()) {
        steps.push(Step::Gone("Sagewright"));
    }
    if !theirs.is_empty() {
        steps.push(Step::Define { specs: theirs, whose: "ACK's" });
    }
    let replicas = |one: &Controller| before.replicas.get(&one.id()).copied().unwrap_or_default();
    steps.extend(ack.iter().filter(|one| one.replicas == 0 && replicas(one) > 0).map(|one| scale(one, replicas(one))));
    tell_keepers(&all, printer);
    let done = "ACK works again. The marks (tags sagewright.dev/…) stay on the resources, where ACK does not heed them";
    run(args, cluster, &home, steps, done, printer).await
}

/// The namespace of ACK's controllers, and Sagewright's Deployment.
fn sides(all: &[Controller]) -> Result<(String, &Controller), Failure> {
    let ack = all.iter().find(|one| one.service().is_some()).ok_or_else(|| {
        Failure::new(
            Exit::Failed,
            "the cluster has no Deployment of an ACK controller for SageMaker or Application Auto Scaling",
        )
        .help("without one there is nothing to swap: install Sagewright's chart")
    })?;
    let mut ours = all.iter().filter(|one| one.role == Role::Sagewright);
    let install = "install the chart with the values above, in the same namespace, with --set deployment.replicas=0";
    match (ours.next(), ours.next()) {
        (Some(one), None) => Ok((ack.namespace.clone(), one)),
        (None, _) => Err(Failure::new(Exit::Failed, "the cluster has no Deployment of Sagewright").help(install)),
        (Some(one), Some(other)) => {
            let message = format!("the cluster has several Deployments of Sagewright: {} and {}", one.id(), other.id());
            Err(Failure::new(Exit::Failed, message).help("swap by hand, as docs/guides/moving-from-ack.md says"))
        }
    }
}

fn scale(one: &Controller, replicas: u64) -> Step {
    Step::Scale { namespace: one.namespace.clone(), name: one.name.clone(), replicas }
}

fn spec_of(document: &Value) -> Value {
    document.get("spec").cloned().unwrap_or_default()
}

fn tell_keepers(all: &[Controller], printer: &Printer) {
    for (one, keeper) in all.iter().filter_map(|one| Some((one, one.keeper()?))) {
        printer.note(&format!(
            "warning: {} is kept by {keeper}, which would scale it back: write the replicas of each step there, too",
            one.id()
        ));
    }
}

/// Objects that hold what ACK's definitions do not take.
async fn lost(cluster: &Cluster, theirs: &BTreeMap<String, Value>) -> anyhow::Result<Vec<(String, Vec<String>)>> {
    let mut all = Vec::new();
    for (name, spec) in theirs {
        let document = json!({"spec": spec});
        let (Some((plural, group)), Some(version)) = (name.split_once('.'), stored_version(spec)) else { continue };
        let Some(schema) = schema(&document, version) else { continue };
        for object in cluster.all(&format!("/apis/{group}/{version}/{plural}"), None).await.map_err(unanswered)? {
            // The status is written anew by whoever reconciles.
            let spec = json!({"spec": object.get("spec")});
            let wrong = misfits(schema, &spec);
            if !wrong.is_empty() {
                let (namespace, name) = (text(&object, "/metadata/namespace"), text(&object, "/metadata/name"));
                all.push((format!("{plural} {namespace}/{name}"), wrong));
            }
        }
    }
    Ok(all)
}

fn stored_version(spec: &Value) -> Option<&str> {
    let versions = spec.get("versions").and_then(Value::as_array)?;
    let stored = versions.iter().find(|version| version.get("storage").and_then(Value::as_bool) == Some(true))?;
    Some(text(stored, "/name"))
}

/// Does the steps, one by one.
async fn run(
    args: &MigrateAck,
    cluster: &Cluster,
    home: &str,
    steps: Vec<Step>,
    done: &str,
    printer: &Printer,
) -> anyhow::Result<Exit> {
    let count = steps.len();
    if count > 0 && !args.yes {
        ask::somebody(&format!("{count} steps would be done"), Some("without --swap and --back nothing is done"))?;
    }
    for (at, step) in steps.into_iter().enumerate() {
        let words = format!("Step {} of {count}: {}", at + 1, step.words(home));
        printer.note(&words);
        if !args.yes && !ask::confirm("Do it?", printer).await? {
            printer.note("stopped here: run the command again to go on");
            return Ok(Exit::Failed);
        }
        if let Some(exit) = act(args, cluster, home, step, printer).await? {
            return Ok(exit);
        }
    }
    if count == 0 {
        printer.note("all steps were done before");
    }
    printer.note(done);
    Ok(Exit::Done)
}

/// Does one step. Gives an exit code where the steps after it must wait.
async fn act(
    args: &MigrateAck,
    cluster: &Cluster,
    home: &str,
    step: Step,
    printer: &Printer,
) -> anyhow::Result<Option<Exit>> {
    match step {
        Step::Record(record) => record.write(cluster, home).await?,
        Step::Scale { namespace, name, replicas } => {
            let patch = json!({"spec": {"replicas": replicas}});
            cluster.patch(&deployments(&namespace), &name, &patch).await.map_err(unanswered)?;
        }
        Step::Gone(who) => {
            if let Some(there) = wait(args, cluster, who).await? {
                printer.note(&format!("{who} is still there after {} s: {there}", args.timeout.as_secs()));
                printer.note("see what holds it, and run the command again: it goes on here");
                return Ok(Some(Exit::TimedOut));
            }
        }
        Step::Define { specs, .. } => {
            for (name, spec) in specs {
                define(cluster, &name, &spec).await?;
            }
        }
    }
    Ok(None)
}

/// Replaces the spec of a definition. Everything else of it stays.
async fn define(cluster: &Cluster, name: &str, spec: &Value) -> anyhow::Result<()> {
    let path = format!("{DEFINITIONS}/{name}");
    loop {
        let Some(mut there) = cluster.read(&path).await.map_err(unanswered)? else {
            // Nothing is created here: a definition that went meanwhile went with its objects.
            return Err(Failure::new(Exit::Failed, format!("the definition {name} is gone")).into());
        };
        there["spec"] = spec.clone();
        match cluster.replace(DEFINITIONS, name, &there).await {
            Err(error) if error.is_conflict() => tokio::time::sleep(PAUSE).await,
            Err(error) => return Err(unanswered(error).into()),
            Ok(_) => return Ok(()),
        }
    }
}

/// Waits until a side is gone; gives what is still there when the time is over.
async fn wait(args: &MigrateAck, cluster: &Cluster, who: &str) -> anyhow::Result<Option<String>> {
    let started = Instant::now();
    let mut seen: BTreeMap<String, (Lease, Instant)> = BTreeMap::new();
    loop {
        let all = controllers::read(cluster).await.map_err(unanswered)?;
        let is_side = |one: &&Controller| (one.role == Role::Sagewright) == (who == "Sagewright");
        let mut there: Vec<String> = all
            .iter()
            .filter(is_side)
            .filter(|one| one.pods > 0)
            .map(|one| format!("{} of {}", counted(one.pods, "pod"), one.id()))
            .collect();
        let held = controllers::leases(cluster).await.map_err(unanswered)?;
        seen.retain(|id, _| held.iter().any(|lease| lease_id(lease) == *id));
        for lease in held {
            let id = lease_id(&lease);
            // By this machine's clock alone: those of others are not trusted.
            let since = match seen.get(&id) {
                Some((before, since)) if *before == lease => *since,
                _ => Instant::now(),
            };
            if since.elapsed() <= Duration::from_secs(lease.holds) {
                there.push(format!("the lease {id} is held by {}", lease.holder));
            }
            seen.insert(id, (lease, since));
        }
        if there.is_empty() {
            return Ok(None);
        }
        if started.elapsed() > args.timeout {
            return Ok(Some(there.join(", ")));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn lease_id(lease: &Lease) -> String {
    format!("{}/{}", lease.namespace, lease.name)
}
