//! From files to checked objects; everything that is wrong is shown with its place.

use std::path::PathBuf;

use miette::{GraphicalReportHandler, GraphicalTheme};
use sagewright_engine::{EngineError, GraphError, ManifestError, Object, ObjectId, check_set, suggest};
use sagewright_kinds::PathSegment;
use serde_json::Value;

use super::builtin::BuiltIns;
use super::place::FileError;
use super::read::{Document, Manifests, read};
use crate::exit::{Exit, Failure};
use crate::output::Printer;

/// Reads and checks manifests.
///
/// # Errors
/// Everything wrong has been printed; the failure counts it.
pub(crate) async fn load(files: &[PathBuf], printer: &Printer) -> Result<Vec<Object>, Failure> {
    load_with(files, None, printer).await
}

/// As [`load`], for objects that are to be made: what the built-in images would refuse is wrong as well.
///
/// # Errors
/// As [`load`].
pub(crate) async fn load_for(
    built_ins: &BuiltIns,
    files: &[PathBuf],
    printer: &Printer,
) -> Result<Vec<Object>, Failure> {
    load_with(files, Some(built_ins), printer).await
}

/// Reads documents of whatever kinds.
///
/// # Errors
/// Every file that cannot be read has been printed.
pub(crate) async fn documents(files: &[PathBuf], printer: &Printer) -> Result<Vec<Value>, Failure> {
    Ok(manifests(files, printer).await?.documents.iter().map(Document::value).collect())
}

async fn manifests(files: &[PathBuf], printer: &Printer) -> Result<Manifests, Failure> {
    let files = files.to_vec();
    // A pipe or a terminal may keep the reader waiting, and Ctrl-C has to be heard meanwhile.
    match tokio::task::spawn_blocking(move || read(&files)).await {
        Ok(manifests) => manifests.map_err(|errors| report(&errors, printer)),
        Err(error) => Err(Failure::new(Exit::Failed, format!("reading the manifests ended early: {error}"))),
    }
}

async fn load_with(files: &[PathBuf], built_ins: Option<&BuiltIns>, printer: &Printer) -> Result<Vec<Object>, Failure> {
    let manifests = manifests(files, printer).await?;
    let mut objects = Vec::new();
    let mut errors = Vec::new();
    for document in &manifests.documents {
        if let Some(error) = saved_plan(document) {
            errors.push(error);
            continue;
        }
        errors.extend(unknown_fields(document));
        match Object::from_value(document.value()) {
            Ok(object) => objects.push(object),
            Err(error) => {
                let path: Vec<String> = error.field.iter().flat_map(|f| f.split('.')).map(str::to_owned).collect();
                errors.push(document.error(&path, false, &error.message, &path.join("."), None));
            }
        }
    }
    if errors.is_empty() {
        match check_set(&objects) {
            Err(EngineError::Manifest(wrong)) => errors.extend(wrong.iter().filter_map(|e| place(&manifests, e))),
            Err(EngineError::Graph(wrong)) => {
                errors.extend(wrong.iter().filter_map(|e| among(&manifests, &objects, e)))
            }
            Err(other) => return Err(crate::context::engine_failure(other)),
            Ok(()) => {
                let wrong = built_ins.map(|built_ins| built_ins.check(&objects)).unwrap_or_default();
                errors.extend(wrong.iter().filter_map(|e| place(&manifests, e)));
            }
        }
    }
    if errors.is_empty() { Ok(objects) } else { Err(report(&errors, printer)) }
}

/// Fields of a manifest outside its spec, which the rows of the kinds say nothing of.
const FIELDS: [&str; 5] = ["apiVersion", "kind", "metadata", "spec", "status"];
/// Fields of Kubernetes' object metadata.
const METADATA: [&str; 15] = [
    "name",
    "generateName",
    "namespace",
    "labels",
    "annotations",
    "finalizers",
    "ownerReferences",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
    "selfLink",
];

/// What is wrong with a document that is a saved plan and no manifest.
fn saved_plan(document: &Document) -> Option<FileError> {
    let value = document.value();
    let is_plan = value.get("format")?.as_str()?.starts_with("sagewright.dev/saved-plan/");
    let help = "`sagewright apply PLAN` does what it says, `sagewright plan --show PLAN` shows it: both without -f";
    let path = ["format".to_owned()];
    is_plan
        .then(|| document.error(&path, false, "this is a saved plan, and no manifest", "format", Some(help.to_owned())))
}

/// A field that nothing reads is a mistake, and what was meant by it would not happen.
fn unknown_fields(document: &Document) -> Vec<FileError> {
    let value = document.value();
    // Another kind may have other fields: it is the kind that is wrong.
    if value.get("kind").and_then(Value::as_str).is_some_and(|kind| sagewright_kinds::find(kind).is_none()) {
        return Vec::new();
    }
    let places = [(Some(&value), &FIELDS[..], None), (value.get("metadata"), &METADATA[..], Some("metadata"))];
    let mut errors = Vec::new();
    for (map, known, parent) in places {
        let names = map.and_then(Value::as_object).into_iter().flat_map(|map| map.keys());
        for name in names.filter(|name| !known.contains(&name.as_str())) {
            let close = suggest(name, known.iter().copied());
            let hint = close.map(|c| format!("; did you mean `{c}`?")).unwrap_or_default();
            let path: Vec<String> = parent.into_iter().chain([name.as_str()]).map(str::to_owned).collect();
            let label = path.join(".");
            let help = Some(format!("expected one of {}", known.join(", ")));
            errors.push(document.error(&path, true, &format!("{label}: unknown field `{name}`{hint}"), &label, help));
        }
    }
    errors
}

fn place(manifests: &Manifests, error: &ManifestError) -> Option<FileError> {
    let document = manifests.documents.get(error.index)?;
    let path: Vec<String> = error
        .path
        .0
        .iter()
        .map(|segment| match segment {
            PathSegment::Member(name) => name.clone(),
            PathSegment::Index(n) => n.to_string(),
            PathSegment::Each => "[]".to_owned(),
        })
        .collect();
    let message = format!("{}: {}: {}", error.object, error.path, error.message);
    let help = error.expected.as_ref().map(|e| format!("expected {e}"));
    // A field that has no business there is shown by its name, a wrong value by the value.
    let unknown =
        ["unknown field", "unknown annotation", "unknown label", "no field"].iter().any(|w| error.message.contains(w));
    let label =
        if error.message.contains("is missing") { "it belongs here".to_owned() } else { error.path.to_string() };
    Some(document.error(&path, unknown, &message, &label, help))
}

/// What is wrong between objects, at one of them.
fn among(manifests: &Manifests, objects: &[Object], error: &GraphError) -> Option<FileError> {
    let name = ["metadata".to_owned(), "name".to_owned()];
    let all = |id: &ObjectId| -> Vec<_> {
        objects.iter().zip(&manifests.documents).filter(|(o, _)| o.id() == *id).map(|(_, d)| d).collect()
    };
    match error {
        GraphError::Twice(id) => {
            let documents = all(id);
            let first = documents.first()?.line(&name);
            let help = "objects of a kind have names of their own: give one another metadata.name".to_owned();
            Some(documents.last()?.error(
                &name,
                false,
                &format!("{id} is declared at {first} already"),
                "again",
                Some(help),
            ))
        }
        GraphError::Cycle(ids) => {
            let help = "take one of these references out, or give the value itself in its place".to_owned();
            Some(all(ids.first()?).first()?.error(&name, false, &error.to_string(), "", Some(help)))
        }
    }
}

fn report(errors: &[FileError], printer: &Printer) -> Failure {
    let theme = if printer.color() { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(110);
    for error in errors {
        let mut text = String::new();
        if handler.render_report(&mut text, error).is_err() {
            text = error.to_string();
        }
        printer.laid_out(text.trim_end());
    }
    let count = if errors.len() == 1 { "1 error".to_owned() } else { format!("{} errors", errors.len()) };
    Failure::new(Exit::Manifest, format!("{count} in the manifests; nothing was done"))
}
