//! Reads `-f FILE|DIR|-` into documents that remember their places.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceSpan};
use serde_json::Value;
use serde_saphyr::{DuplicateKeyPolicy, Location};

use super::yaml::{Node, Tree, locate};

/// One document of one file.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    file: Arc<Source>,
    node: Node,
}

#[derive(Debug)]
struct Source {
    name: String,
    text: String,
}

/// All documents that were named.
#[derive(Debug, Default)]
pub(crate) struct Manifests {
    /// In the order of files and of documents inside them.
    pub(crate) documents: Vec<Document>,
}

/// A file that cannot be read, or something wrong at a place inside it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct FileError {
    message: String,
    help: Option<String>,
    label: String,
    source_code: Option<NamedSource<String>>,
    span: Option<SourceSpan>,
}

impl Diagnostic for FileError {
    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        self.help.as_ref().map(|h| Box::new(h) as Box<dyn std::fmt::Display>)
    }
    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        self.source_code.as_ref().map(|s| s as &dyn miette::SourceCode)
    }
    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.span?;
        Some(Box::new(std::iter::once(LabeledSpan::new_with_span(Some(self.label.clone()), span))))
    }
}

impl FileError {
    fn whole(message: String, help: &str) -> Self {
        Self { message, help: Some(help.to_owned()), label: String::new(), source_code: None, span: None }
    }

    fn at(source: &Source, location: Location, message: &str, label: &str, help: Option<String>) -> Self {
        let (line, column) = (location.line().max(1), location.column().max(1));
        Self {
            message: format!("{}:{line}:{column}: {message}", source.name),
            help,
            label: label.to_owned(),
            span: Some(span(&source.text, line, column)),
            source_code: Some(NamedSource::new(&source.name, source.text.clone()).with_language("yaml")),
        }
    }
}

/// The rest of the line from a place on, without a comment's start.
fn span(text: &str, line: u64, column: u64) -> SourceSpan {
    let line_index = usize::try_from(line).unwrap_or(1).saturating_sub(1);
    let mut start = 0;
    for (i, content) in text.split_inclusive('\n').enumerate() {
        if i == line_index {
            let skip = usize::try_from(column).unwrap_or(1).saturating_sub(1);
            let offset = content.char_indices().nth(skip).map_or(content.trim_end().len(), |(at, _)| at);
            let length = content.get(offset..).map_or(0, |rest| rest.trim_end().len());
            return (start + offset, length).into();
        }
        start += content.len();
    }
    (text.len(), 0).into()
}

impl Document {
    /// The document without places.
    pub(crate) fn value(&self) -> Value {
        self.node.value.value()
    }

    /// An error at a field of this document. `key`: the field's name is wrong, not its value.
    pub(crate) fn error(&self, path: &[String], key: bool, message: &str, help: Option<String>) -> FileError {
        let label = if path.is_empty() { String::new() } else { path.join(".") };
        FileError::at(&self.file, locate(&self.node, path, key), message, &label, help)
    }
}

/// Reads files, folders (their `.yaml`, `.yml` and `.json` files, in name order) and `-`, standard input.
///
/// # Errors
/// Every file that cannot be read or parsed.
pub(crate) fn read(paths: &[PathBuf]) -> Result<Manifests, Vec<FileError>> {
    let mut out = Manifests::default();
    let mut errors = Vec::new();
    for path in paths {
        match sources(path) {
            Ok(sources) => {
                for source in sources {
                    match parse(source) {
                        Ok(documents) => out.documents.extend(documents),
                        Err(error) => errors.push(error),
                    }
                }
            }
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() && out.documents.is_empty() {
        let names: Vec<_> = paths.iter().map(|p| p.display().to_string()).collect();
        errors.push(FileError::whole(
            format!("no manifests in {}", names.join(", ")),
            "name a YAML or JSON file, a folder that holds some, or - for standard input",
        ));
    }
    if errors.is_empty() { Ok(out) } else { Err(errors) }
}

fn sources(path: &Path) -> Result<Vec<Source>, FileError> {
    let failed = |path: &Path, e: std::io::Error| {
        FileError::whole(format!("cannot read {}: {e}", path.display()), "check the path given to -f")
    };
    if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(|e| failed(Path::new("standard input"), e))?;
        return Ok(vec![Source { name: "<stdin>".to_owned(), text }]);
    }
    let mut files = vec![path.to_path_buf()];
    if path.is_dir() {
        files.clear();
        for entry in fs::read_dir(path).map_err(|e| failed(path, e))? {
            let file = entry.map_err(|e| failed(path, e))?.path();
            let known = file.extension().and_then(|e| e.to_str()).is_some_and(|e| matches!(e, "yaml" | "yml" | "json"));
            if known && file.is_file() {
                files.push(file);
            }
        }
        files.sort();
    }
    files
        .into_iter()
        .map(|file| {
            let text = fs::read_to_string(&file).map_err(|e| failed(&file, e))?;
            Ok(Source { name: file.display().to_string(), text })
        })
        .collect()
}

fn parse(source: Source) -> Result<Vec<Document>, FileError> {
    let options = serde_saphyr::options! { duplicate_keys: DuplicateKeyPolicy::Error };
    let nodes: Vec<Node> = match serde_saphyr::from_multiple_with_options(&source.text, options) {
        Ok(nodes) => nodes,
        Err(error) => {
            let plain = error.without_snippet();
            let message = plain.to_string();
            let message = message.split(" at line ").next().unwrap_or(&message).trim().to_owned();
            let help = Some("the file must be YAML or JSON, as kubectl takes it".to_owned());
            return Err(match error.location() {
                Some(location) => FileError::at(&source, location, &message, "here", help),
                None => FileError::whole(format!("{}: {message}", source.name), "the file must be YAML or JSON"),
            });
        }
    };
    let file = Arc::new(source);
    let mut documents = Vec::new();
    for node in nodes {
        flatten(&file, node, &mut documents);
    }
    Ok(documents)
}

/// Empty documents say nothing; a `List` says its items.
fn flatten(file: &Arc<Source>, node: Node, out: &mut Vec<Document>) {
    match &node.value {
        Tree::Scalar(Value::Null) => {}
        Tree::Map(entries) => {
            let find = |key: &str| entries.iter().find(|(k, _)| k.value == key).map(|(_, n)| n);
            let is_list = find("kind").is_some_and(|n| n.value == Tree::Scalar(Value::String("List".to_owned())));
            match find("items") {
                Some(items) if is_list => {
                    if let Tree::List(items) = &items.value {
                        items.iter().for_each(|item| flatten(file, item.clone(), out));
                    }
                }
                _ => out.push(Document { file: Arc::clone(file), node }),
            }
        }
        _ => out.push(Document { file: Arc::clone(file), node }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn documents(text: &str) -> Result<Vec<Document>, FileError> {
        parse(Source { name: "a.yaml".into(), text: text.into() })
    }

    #[test]
    fn documents_and_lists_are_read_in_order() {
        let text = "kind: A\n---\n---\nkind: List\nitems:\n- kind: B\n- {kind: C}\n---\n{\"kind\": \"D\", \"n\": [1, 2.5, \"x\", null, true]}\n";
        let values: Vec<_> = documents(text).unwrap().iter().map(Document::value).collect();
        let last = json!({"kind": "D", "n": [1, 2.5, "x", null, true]});
        assert_eq!(values, [json!({"kind": "A"}), json!({"kind": "B"}), json!({"kind": "C"}), last]);
    }

    #[test]
    fn errors_stand_at_line_and_column() {
        let doc = documents("kind: A\nspec:\n  list:\n    - name: x\n      count: 1\n").unwrap().remove(0);
        let at = |path: &str, key| {
            let path: Vec<String> = path.split('.').map(str::to_owned).collect();
            doc.error(&path, key, "m", None).to_string()
        };
        assert_eq!(at("spec.list.0.count", false), "a.yaml:5:14: m");
        assert_eq!(at("spec.list.0.count", true), "a.yaml:5:7: m");
        assert_eq!(at("spec.list.7", false), "a.yaml:4:5: m");
        assert_eq!(at("spec.list.0.missing.more", false), "a.yaml:4:7: m");
    }

    #[test]
    fn broken_yaml_says_where() {
        for text in ["a: [1\nb: 2\n", "a: 1\na: 2\n", "a: 'open\n"] {
            let error = documents(text).unwrap_err().to_string();
            assert!(error.starts_with("a.yaml:"), "{error}");
        }
    }

    #[test]
    fn numbers_as_text_stay_text() {
        let doc = documents("a: \"10\"\nb: 10\nc: 0.5\nd: yes\n").unwrap().remove(0);
        assert_eq!(doc.value(), json!({"a": "10", "b": 10, "c": 0.5, "d": true}), "yes is true, as kubectl reads it");
    }
}
