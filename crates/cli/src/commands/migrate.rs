//! `sagewright migrate`: from the controllers before Sagewright to Sagewright.

mod ack;

use sagewright_engine::{Object, keys};
use sagewright_legacy::mirror::is_mirror;
use sagewright_legacy::{Declared, NotDeclared, declare, names_resources};
use serde_json::{Value, json};

use crate::args::{Format, Global, Migrate, MigrateLegacy};
use crate::exit::{Exit, Failure};
use crate::manifest;
use crate::output::Printer;

/// The label of models and configs that the legacy operator made for a hosting deployment.
const CHILD: &str = "owner_HostingDeployment_name";

/// Runs it.
pub(crate) async fn run(migrate: &Migrate, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    match migrate {
        Migrate::Ack(args) => Box::pin(ack::run(args, global, printer)).await,
        Migrate::Legacy(args) => legacy(args, printer).await,
    }
}

async fn legacy(args: &MigrateLegacy, printer: &Printer) -> anyhow::Result<Exit> {
    let documents = manifest::documents(&args.files, printer).await?;
    let (mut objects, mut wrong) = (Vec::new(), Vec::new());
    for document in &documents {
        if let Some(of) = mirrors(document) {
            printer.note(&format!("  {} is left out: {of}", id(document)));
            continue;
        }
        match declare(document) {
            Ok(declared) => objects.extend(adopting(document, declared, printer)),
            Err(NotDeclared { object, why }) => wrong.push(format!("{object}: {why}")),
        }
    }
    if !wrong.is_empty() {
        let help =
            "give objects of sagemaker.aws.amazon.com/v1, as `kubectl get -o yaml` shows them; nothing was written";
        return Err(Failure::new(Exit::Manifest, wrong.join("\n")).help(help).into());
    }
    let values: Vec<Value> = objects.iter().map(Object::to_value).collect();
    if printer.format == Format::Json {
        printer.document(&json!({"apiVersion": "v1", "kind": "List", "items": values}))?;
    } else {
        for (at, value) in values.iter().enumerate() {
            if at > 0 {
                printer.result("---\n")?;
            }
            printer.with_format(Format::Yaml).document(value)?;
        }
    }
    Ok(Exit::Done)
}

/// The objects, each of which takes over the resource that is there, where the legacy object's status names one.
fn adopting(document: &Value, declared: Declared, printer: &Printer) -> Vec<Object> {
    let is_live = names_resources(document);
    if let Some(endpoint) = declared.endpoint {
        printer.note(&format!(
            "  {} calls {endpoint}: annotate its namespace with services.k8s.aws/endpoint-url={endpoint}",
            id(document)
        ));
    }
    let mut objects = declared.objects;
    for object in objects.iter_mut().filter(|_| is_live) {
        object.metadata.annotations.insert(keys::ADOPTION_POLICY.to_owned(), "adopt-or-create".to_owned());
    }
    objects
}

/// Of what a document is a mirror or a part, which its owner's document stands for.
fn mirrors(document: &Value) -> Option<&'static str> {
    if is_mirror(document) {
        return Some("it mirrors a training job of a tuning job, which stays as it is in AWS");
    }
    document
        .pointer("/metadata/labels")?
        .get(CHILD)
        .map(|_| "it is a part of a hosting deployment, whose document stands for it")
}

fn id(document: &Value) -> String {
    let text = |path: &str| document.pointer(path).and_then(Value::as_str).unwrap_or("?");
    format!("{}/{}", text("/kind"), text("/metadata/name"))
}
