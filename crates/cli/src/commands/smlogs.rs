//! `sagewright smlogs`, and `kubectl smlogs`

use std::sync::Arc;

use sagewright_engine::{Engine, EngineError, Object, Target};
use sagewright_kinds::Kind;
use sagewright_kube::lookup::{Cluster, Resource};
use serde_json::Value;

use crate::args::{Global, Smlogs};
use crate::commands::cluster::{access, failure};
use crate::commands::logs::unread;
use crate::context::{Context, WallClock, engine_failure, is_trusted};
use crate::exit::{Exit, Failure};
use crate::log_tail::{self, Line, Sources, Tail};
use crate::output::Printer;
use crate::output::terminal::on_line;
use crate::show;

/// Shows the logs of the job or endpoint that an object of a cluster stands for.
pub(crate) async fn run(args: &Smlogs, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    let (word, name) = kind_and_name(&args.what)?;
    if printer.for_programs() {
        return Err(Failure::new(Exit::Usage, "smlogs shows lines, and no JSON or YAML")
            .help("`sagewright logs -o json KIND/NAME` gives a document")
            .into());
    }
    let cluster =
        Cluster::connect(&access(&args.cluster.choice, args.cluster.namespace.clone())).await.map_err(failure)?;
    let found = cluster.find(word, name).await.map_err(failure)?;
    check(&found)?;
    let mut context = connect(&found, global, printer).await?;
    let (kind, resource) = (found.kind, found.resource.as_str());
    let described = async |context: Context| context.engine.describe(kind, resource).await;
    let seen = match context.announce_beside(&[], described).await? {
        Ok(seen) => seen,
        Err(EngineError::NotFound { .. }) => return Err(missing(&found, &context).into()),
        Err(error) => return Err(engine_failure(error).into()),
    };
    // As AWS has it: the names of streams have its letter case.
    let resource = seen.resource.as_str();
    printer.note(&on_line(&told(&found, resource, context.target.region.as_str(), &seen.object)));
    let tail = Tail { follow: args.follow, last: None, search: args.log_search_prefix.clone() };
    let mut sources = Sources::new(kind, resource);
    let mut show = |line: &Line| {
        let stream = if args.hide_log_stream_name { String::new() } else { format!("{} ", line.stream) };
        printer.log(&format!("{stream}{} {}\n", line.time_of_old(), line.message))
    };
    let count = tokio::select! {
        count = log_tail::run(&context, &mut sources, &tail, &mut show) => count?,
        () = unread(printer) => return Ok(Exit::Done),
    };
    if count == 0 {
        printer.note(&silent(args, &found));
    }
    Ok(Exit::Done)
}

/// `TrainingJob NAME`, or `trainingjob/NAME`.
fn kind_and_name(what: &[String]) -> Result<(&str, &str), Failure> {
    let pair = match what {
        [kind, name] if !kind.contains('/') => Some((kind.as_str(), name.as_str())),
        [one] => one.split_once('/'),
        _ => None,
    };
    pair.filter(|(kind, name)| !kind.is_empty() && !name.is_empty()).ok_or_else(|| {
        Failure::new(Exit::Usage, format!("`{}` names no object", what.join(" ")))
            .help("write KIND NAME or KIND/NAME, for example TrainingJob xgboost-mnist")
    })
}

/// What is found and cannot be shown.
fn check(found: &Resource) -> Result<(), Failure> {
    if found.kind.row().logs.is_none() {
        let with: Vec<_> = sagewright_kinds::all().iter().filter(|k| k.row().logs.is_some()).map(Kind::name).collect();
        return Err(Failure::new(Exit::Usage, format!("a {} writes no logs", found.kind.words()))
            .help(format!("these do: {}", with.join(", "))));
    }
    // Whoever may write an annotation must not read the session tokens of whoever looks at the logs.
    let said = [&found.endpoint, &found.sagemaker_endpoint].into_iter().flatten();
    match said.into_iter().find(|url| !is_trusted(url)) {
        None => Ok(()),
        Some(url) => {
            let of = if found.endpoint.as_ref() == Some(url) { "the namespace" } else { "the object" };
            let message = format!("{of} sends calls to {url}, where they can be read on their way: it is not HTTPS");
            Err(Failure::new(Exit::Failed, on_line(&message)).help("give --endpoint-url with the URL to call"))
        }
    }
}

/// A client for where the resource is: flags go before the object and its namespace, and these before the configuration.
async fn connect(found: &Resource, global: &Global, printer: &Printer) -> anyhow::Result<Context> {
    if let (Some(why), None) = (&found.unread, &found.region) {
        printer.note(&on_line(&format!(
            "warning: the namespace {} cannot be read, and so says no region and no endpoint: {why}",
            found.namespace
        )));
    }
    let chosen = global.local || global.endpoint_url.is_some();
    let global = Global {
        region: global.region.clone().or_else(|| found.region.clone()),
        endpoint_url: global.endpoint_url.clone().or_else(|| found.endpoint.clone().filter(|_| !chosen)),
        ..global.clone()
    };
    let mut context = Context::connect(&global, printer).await?;
    // Of SageMaker alone: the logs are elsewhere.
    if let Some(url) = found.sagemaker_endpoint.clone().filter(|_| !chosen) {
        let target = Target { endpoint: Some(url), ..context.target.clone() };
        context.engine = Engine::new(Arc::new(context.aws.clone()), Arc::new(WallClock), target);
    }
    Ok(context)
}

/// The line that the legacy plugin writes.
fn told(found: &Resource, resource: &str, region: &str, object: &Object) -> String {
    let member = found.kind.row().identity.name.first().map_or("", String::as_str);
    let status = show::status_word(found.kind, object).unwrap_or_default();
    let secondary = object.status.get("secondaryStatus").and_then(Value::as_str);
    let status = match secondary {
        Some(secondary) => format!("status \"{status}\" and secondary status \"{secondary}\""),
        None => format!("status \"{status}\""),
    };
    format!("\"{}\" has SageMaker {member} \"{resource}\" in region \"{region}\", {status}", found.name)
}

/// AWS does not have what the object stands for.
fn missing(found: &Resource, context: &Context) -> Failure {
    let Resource { kind, object, namespace, name, resource, account, trouble, .. } = found;
    let account = account.as_ref().map(|account| format!(" of account {account}")).unwrap_or_default();
    let region = context.target.region.as_str();
    let message = format!(
        "{object}/{name} stands for the {} {resource} in {region}{account}, which AWS does not have",
        kind.words()
    );
    let help = match trouble.as_str() {
        "" => format!(
            "see `kubectl describe {object}/{name} -n {namespace}` for how far it is, and whether account and region are the \
             right ones"
        ),
        trouble => format!("the object says: {}", on_line(trouble)),
    };
    Failure::new(Exit::Failed, on_line(&message)).help(help)
}

/// Why there are no lines.
fn silent(args: &Smlogs, found: &Resource) -> String {
    let what = format!("{}/{}", found.object, found.name);
    match &args.log_search_prefix {
        Some(prefix) => format!("{what} has no log lines of instances whose names start with {}", on_line(prefix)),
        None => format!("{what} has written no log lines yet"),
    }
}
