//! `sagewright rollback`

use std::collections::BTreeMap;

use sagewright_engine::decide::served;
use sagewright_engine::{ApplyOptions, Description, Object, keys, paging};
use sagewright_kinds::Kind;
use serde_json::json;

use crate::args::{Global, Rollback};
use crate::commands::apply::{finish, tell};
use crate::commands::plan::show_plan;
use crate::context::{Context, engine_failure};
use crate::exit::{Exit, Failure};
use crate::output::{Printer, ask};
use crate::progress::Progress;
use crate::{resource, show};

/// The kind that can be rolled back, and the field that changes.
const KIND: &str = "Endpoint";
const FIELD: &str = "endpointConfigName";

/// Has an endpoint serve the config that it served before.
pub(crate) async fn run(args: &Rollback, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    let (kind, name) = wanted(&args.what)?;
    if !args.yes && !args.dry_run {
        ask::somebody(&format!("the {} `{name}` would be rolled back", kind.words()), ask::DRY_RUN)?;
    }
    let mut context = Context::connect(global, printer).await?;
    context.announce(&[]).await?;
    let found = context.engine.describe(kind, name).await.map_err(engine_failure)?;
    let tags = tags(&context, &found).await?;
    let now = found.object.spec[FIELD].as_str().unwrap_or_default();
    let to = match &args.to {
        Some(to) => to.as_str(),
        None => before(&tags, &found, now)?,
    };
    if to == now {
        let message = format!("the {} `{}` serves the config `{to}` already", kind.words(), found.resource);
        return Err(Failure::new(Exit::Failed, message).help("nothing was done").into());
    }
    exists(&context, to).await?;
    let mut object = [object(&context, kind, &found, &tags, to).await?];
    tell(&args.rollout.set(&mut object)?, printer);
    let plan = context.engine.plan(&object).await.map_err(engine_failure)?;
    if args.dry_run {
        show_plan(&plan, printer)?;
        return Ok(if plan.has_problems() { Exit::Failed } else { Exit::Done });
    }
    printer.note(show::plan(&plan, printer).trim_end());
    let question = format!("Roll {} back from the config {now} to {to}?", found.resource);
    if !args.yes && !ask::confirm(&question, printer).await? {
        printer.note("nothing was done");
        return Ok(Exit::Failed);
    }
    let options = ApplyOptions { wait: !args.no_wait, timeout: args.timeout, ..ApplyOptions::default() };
    let progress = Progress::new(&context, None);
    let outcome = context.engine.apply_plan(&plan, &options, &progress).await;
    progress.finish().await;
    let report = outcome.map_err(engine_failure)?;
    if report.is_ok() {
        printer.note(&format!(
            "a manifest that declares {now} has it updated again when it is applied: change it to {to}"
        ));
    }
    finish(&report, &BTreeMap::new(), printer)
}

/// `endpoint NAME` or `Endpoint/NAME`.
fn wanted(what: &[String]) -> Result<(&'static Kind, &str), Failure> {
    let (kind, name) = resource::words(what)?;
    if kind.name() == KIND {
        return Ok((kind, name));
    }
    Err(Failure::new(Exit::Usage, format!("a {} cannot be rolled back", kind.words()))
        .help("endpoints can: sagewright rollback endpoint NAME"))
}

/// All tags of a resource, ours among them.
async fn tags(context: &Context, found: &Description) -> anyhow::Result<BTreeMap<String, String>> {
    let input = json!({ "ResourceArn": found.object.arn() });
    let tags = paging::collect_items(&context.aws, &context.target, "sagemaker", "ListTags", input).await?;
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    Ok(tags.iter().filter_map(|tag| Some((text(&tag["Key"])?, text(&tag["Value"])?))).collect())
}

/// What was served before.
fn before<'t>(tags: &'t BTreeMap<String, String>, found: &Description, now: &str) -> Result<&'t str, Failure> {
    tags.get(keys::SERVED).and_then(|tag| served::before(tag, now)).ok_or_else(|| {
        let name = &found.resource;
        Failure::new(Exit::Failed, format!("it is not known what the endpoint `{name}` served before `{now}`")).help(format!(
            "updates that Sagewright makes write it down in the tag {}; name the config: sagewright rollback endpoint {name} --to CONFIG \
             (`sagewright get endpointconfigs` lists them)",
            keys::SERVED
        ))
    })
}

/// Refuses a config that is gone.
async fn exists(context: &Context, config: &str) -> anyhow::Result<()> {
    let kind = resource::kind("EndpointConfig")?;
    context.engine.describe(kind, config).await.map(drop).map_err(|error| engine_failure(error).into())
}

/// The object that owns an endpoint, as the endpoint is, but for its config.
async fn object(
    context: &Context,
    kind: &'static Kind,
    found: &Description,
    tags: &BTreeMap<String, String>,
    to: &str,
) -> anyhow::Result<Object> {
    let name = &found.resource;
    let mut object = context.engine.export(kind, name).await.map_err(engine_failure)?;
    let owner = found.owner.clone().ok_or_else(|| {
        Failure::new(Exit::Failed, format!("no manifest manages {KIND}/{name}"))
            .help(format!("take it over first: sagewright adopt {KIND}/{name}"))
    })?;
    object.metadata.namespace = Some(owner.namespace);
    object.metadata.name = owner.name;
    // It stays in its set.
    if let Some((key, value)) = tags.get(keys::SET).and_then(|set| set.split_once('=')) {
        object.metadata.labels.insert(key.to_owned(), value.to_owned());
    }
    object.spec[FIELD] = json!(to);
    Ok(object)
}

#[cfg(test)]
mod tests {
    use super::wanted;

    #[test]
    fn endpoints_alone_are_rolled_back() {
        let told = |what: &[&str]| {
            let what: Vec<String> = what.iter().map(|w| (*w).to_owned()).collect();
            wanted(&what).map(|(_, name)| name.to_owned()).map_err(|failure| failure.message)
        };
        assert_eq!(told(&["endpoint", "e"]).unwrap(), "e");
        assert_eq!(told(&["Endpoint/e"]).unwrap(), "e");
        assert_eq!(told(&["model", "m"]).unwrap_err(), "a model cannot be rolled back");
        assert!(told(&["e"]).unwrap_err().contains("names no resource"));
    }
}
