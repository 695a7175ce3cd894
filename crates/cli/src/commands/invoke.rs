//! `sagewright invoke`

use std::io::Read as _;
use std::path::PathBuf;

use anyhow::Context as _;
use base64::Engine as _;
use bytes::Bytes;
use sagewright_aws::runtime::InvokeRequest;
use sagewright_engine::CloudError;
use serde_json::json;

use crate::args::{Asked, Global, Invoke};
use crate::context::{Context, is_standard_input};
use crate::exit::{Exit, Failure};
use crate::output::Printer;
use crate::resource;

/// What the refusal of an endpoint that is not there says.
const NOT_FOUND: &str = "not found";
/// What refusals say, and what to do then.
const REFUSALS: [(&str, &str); 4] = [
    (NOT_FOUND, "`sagewright get endpoints` lists what there is"),
    (
        "missing a target model",
        "name the model with --target-model: its archive's key below the ModelDataUrl of the model",
    ),
    ("missing a target container", "name the container with --container: its ContainerHostname in the model"),
    ("status", "`sagewright get Endpoint/{endpoint}` shows its status"),
];

/// What to do when an endpoint does not answer as wanted.
pub(crate) async fn failed(context: &Context, endpoint: &str, error: CloudError) -> anyhow::Error {
    let help = match error.code.as_str() {
        "ModelError" => Some(format!("`sagewright logs Endpoint/{endpoint}` shows what the model server said")),
        "ValidationError" | "ValidationException" => {
            let said = |(text, _): &&(&str, &str)| error.message.contains(text);
            REFUSALS.iter().find(said).map(|(_, help)| help.replace("{endpoint}", endpoint))
        }
        _ => None,
    };
    match help {
        Some(help) if error.message.contains(NOT_FOUND) => {
            let hint = near(context, endpoint).await.map(|name| format!("did you mean `{name}`? ")).unwrap_or_default();
            Failure::new(Exit::Failed, error.to_string()).help(format!("{hint}{help}")).into()
        }
        Some(help) => Failure::new(Exit::Failed, error.to_string()).help(help).into(),
        None => error.into(),
    }
}

/// The endpoint whose name is nearest; none where listing fails, for the answer does not hang on it.
async fn near(context: &Context, endpoint: &str) -> Option<String> {
    let there_are = context.engine.get(sagewright_kinds::find("Endpoint")?, None).await.ok()?;
    let names = there_are.iter().map(|object| object.metadata.name.as_str());
    sagewright_engine::suggest(endpoint, names).map(str::to_owned)
}

/// `ENDPOINT`, or `Endpoint/ENDPOINT` as the other commands have it.
pub(crate) fn name(text: &str) -> Result<&str, Failure> {
    match text.split_once('/') {
        None => Ok(text),
        Some(_) => match resource::kind_and_name(text)? {
            (kind, name) if kind.name() == "Endpoint" => Ok(name),
            (kind, _) => Err(Failure::new(Exit::Usage, format!("a {} cannot be invoked", kind.words()))
                .help("name an endpoint: `sagewright get endpoints` lists what there is")),
        },
    }
}

/// A request as the arguments want it.
pub(crate) fn request<'a>(endpoint: &'a str, asked: &'a Asked, body: Bytes) -> InvokeRequest<'a> {
    InvokeRequest {
        endpoint,
        content_type: Some(&asked.content_type),
        accept: asked.accept.as_deref(),
        variant: asked.variant.as_deref(),
        model: asked.target_model.as_deref(),
        body,
        ..InvokeRequest::default()
    }
}

/// What to send: a file, or standard input.
pub(crate) async fn read(path: &PathBuf) -> anyhow::Result<Vec<u8>> {
    if !is_standard_input(path) {
        return tokio::fs::read(path).await.with_context(|| format!("cannot read {}", path.display()));
    }
    // In a thread of its own: nobody may answer, and Ctrl-C has to be heard meanwhile.
    let read = || {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).map(|_| bytes)
    };
    tokio::task::spawn_blocking(read).await?.context("cannot read standard input")
}

/// Sends one request to an endpoint and prints the answer as it came.
pub(crate) async fn run(args: &Invoke, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    let endpoint = name(&args.endpoint)?;
    let body = match (&args.body, &args.text) {
        (_, Some(text)) => text.clone().into_bytes(),
        (Some(path), None) => read(path).await?,
        (None, None) => {
            return Err(Failure::new(Exit::Usage, "nothing to send")
                .help("give --body FILE, --body - or --text TEXT")
                .into());
        }
    };
    let mut context = Context::connect_to("sagemaker-runtime", global, printer).await?;
    context.announce(&[]).await?;
    let answer = sagewright_aws::runtime::invoke(
        &context.aws,
        &context.target,
        InvokeRequest { container: args.container.as_deref(), ..request(endpoint, &args.asked, body.into()) },
    )
    .await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return Err(failed(&context, endpoint, error).await),
    };
    if printer.for_programs() {
        let text = std::str::from_utf8(&answer.body).ok();
        printer.document(&json!({
            "endpoint": endpoint,
            "variant": answer.variant,
            "contentType": answer.content_type,
            "body": text,
            "bodyBase64": text.is_none().then(|| base64::engine::general_purpose::STANDARD.encode(&answer.body)),
        }))?;
    } else {
        printer.bytes(&answer.body)?;
    }
    Ok(Exit::Done)
}
