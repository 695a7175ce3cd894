//! Reads `-f FILE|DIR|-` into documents that remember their places.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use serde_saphyr::DuplicateKeyPolicy;

use super::place::{FileError, Source};
use super::yaml::{Node, Tree, locate};

/// Largest file that is taken: Kubernetes takes objects of at most 1.5 MiB, and a file may hold several.
const LARGEST: u64 = 16 << 20;

/// What to do where there are no manifests.
const NO_MANIFESTS: &str = "name a YAML or JSON file, a folder that holds some, or - for standard input; to delete a whole set, use `sagewright delete -l LABEL`";

/// One document of one file.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    file: Arc<Source>,
    node: Node,
}

/// All documents that were named.
#[derive(Debug, Default)]
pub(crate) struct Manifests {
    /// In the order of files and of documents inside them.
    pub(crate) documents: Vec<Document>,
}

impl Document {
    /// The document without places.
    pub(crate) fn value(&self) -> Value {
        self.node.value.value()
    }

    /// An error at a field of this document. `key`: the field's name is wrong, not its value.
    pub(crate) fn error(
        &self,
        path: &[String],
        key: bool,
        message: &str,
        label: &str,
        help: Option<String>,
    ) -> FileError {
        FileError::at(&self.file, locate(&self.node, path, key), message, label, help)
    }

    /// `file:line` of the value at a path.
    pub(crate) fn line(&self, path: &[String]) -> String {
        format!("{}:{}", self.file.name, locate(&self.node, path, false).line())
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
        match files(path) {
            Ok(files) => {
                for file in files {
                    match source(&file).and_then(parse) {
                        Ok(documents) => out.documents.extend(documents),
                        Err(error) => errors.push(error),
                    }
                }
            }
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() && out.documents.is_empty() {
        let name = |path: &PathBuf| match path.to_str() {
            Some("-") => "standard input".to_owned(),
            _ => path.display().to_string(),
        };
        let names: Vec<_> = paths.iter().map(name).collect();
        errors.push(FileError::whole(format!("no manifests in {}", names.join(", ")), NO_MANIFESTS));
    }
    if errors.is_empty() { Ok(out) } else { Err(errors) }
}

fn unreadable(path: &Path, error: &io::Error) -> FileError {
    FileError::whole(format!("cannot read {}: {error}", path.display()), "check the path given to -f")
}

/// The files that a path stands for.
fn files(path: &Path) -> Result<Vec<PathBuf>, FileError> {
    if !path.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(|e| unreadable(path, &e))? {
        let file = entry.map_err(|e| unreadable(path, &e))?.path();
        let known = file.extension().and_then(|e| e.to_str()).is_some_and(|e| matches!(e, "yaml" | "yml" | "json"));
        // A link that leads nowhere is named, and told as what cannot be read.
        if known && !file.is_dir() {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

/// The text of one file.
fn source(path: &Path) -> Result<Source, FileError> {
    let (name, reader): (String, Box<dyn Read>) = if path == Path::new("-") {
        ("<stdin>".to_owned(), Box::new(io::stdin()))
    } else {
        let file = File::open(path).map_err(|e| unreadable(path, &e))?;
        (path.display().to_string(), Box::new(file))
    };
    let mut bytes = Vec::new();
    reader.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|e| unreadable(Path::new(&name), &e))?;
    if bytes.len() as u64 > LARGEST {
        return Err(FileError::whole(
            format!("{name} is larger than {} MiB", LARGEST >> 20),
            "this is more than any manifest needs: check the path given to -f, or split the file",
        ));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Source { name, text }),
        Err(error) => {
            let bytes = error.as_bytes();
            let good = bytes.get(..error.utf8_error().valid_up_to()).unwrap_or_default();
            let good_text = String::from_utf8_lossy(good);
            let line = good_text.matches('\n').count() + 1;
            let column = good_text.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            let source = Source { name, text: String::from_utf8_lossy(bytes).into_owned() };
            let help = Some("save the file as UTF-8".to_owned());
            Err(FileError::at_line(&source, line, column, "this is not UTF-8 text", "", help))
        }
    }
}

/// Most values of a file. Some 17,000 endpoint configurations have as many; each is kept with its place.
const MOST_VALUES: usize = 500_000;

fn parse(source: Source) -> Result<Vec<Document>, FileError> {
    // Documents are bounded by the values that they have.
    let budget = serde_saphyr::budget! {
        max_documents: usize::MAX, max_nodes: MOST_VALUES, max_events: 5 * MOST_VALUES,
    };
    let options = serde_saphyr::options! { duplicate_keys: DuplicateKeyPolicy::Error, budget: budget };
    let nodes: Vec<Node> = match serde_saphyr::from_multiple_with_options(&source.text, options) {
        Ok(nodes) => nodes,
        Err(error) => {
            let plain = error.without_snippet();
            let message = plain.to_string();
            let (message, mut help) = explained(message.split(" at line ").next().unwrap_or(&message).trim());
            if source.text.contains("{{") {
                "this looks like a template: render it first, as `helm template` does, and take what comes out"
                    .clone_into(&mut help);
            }
            return Err(match error.location() {
                Some(location) => FileError::at(&source, location, &message, "", Some(help)),
                None => FileError::whole(format!("{}: {message}", source.name), &help),
            });
        }
    };
    let file = Arc::new(source);
    let mut documents = Vec::new();
    for node in nodes {
        flatten(&file, node, &mut documents)?;
    }
    Ok(documents)
}

/// The parser's message in a user's words, and what to do.
fn explained(message: &str) -> (String, String) {
    let told = |message: &str, help: &str| (message.to_owned(), help.to_owned());
    if let Some(key) = message.strip_prefix("duplicate mapping key: ") {
        let key = key.split(", set ").next().unwrap_or(key);
        return (format!("`{key}` stands here a second time"), "keep one of the two".to_owned());
    }
    if message.contains("Depth") || message.contains("recursion limit") {
        return told("this is nested too deeply", "no kind has fields as deep as this: check the brackets and indents");
    }
    if message.contains("budget") && !message.to_ascii_lowercase().contains("alias") {
        let message =
            format!("there are more than {MOST_VALUES} values up to here, keys and what aliases stand for among them");
        return (message, "split the file (-f takes several files, and folders), or use fewer aliases".to_owned());
    }
    if message.contains("budget") {
        return told("this is too large: what aliases stand for counts each time", "write less, or use fewer aliases");
    }
    if message.contains("non-finite") {
        return told("this is no finite number", "write a number, or put text in quotes");
    }
    if message.contains("tabs") {
        return told("a tab stands here", "indent with spaces: YAML allows no tabs there");
    }
    if message.contains("unclosed quote") {
        return told("this quote is never closed", "close it where the text ends");
    }
    if message.contains("unknown anchor") {
        return told("this alias has no anchor before it", "write `&name` before what `*name` is to repeat");
    }
    (message.to_owned(), "the file must be YAML or JSON, as kubectl takes it".to_owned())
}

/// Empty documents say nothing; a `List` says its items.
fn flatten(file: &Arc<Source>, node: Node, out: &mut Vec<Document>) -> Result<(), FileError> {
    match &node.value {
        Tree::Scalar(Value::Null) => {}
        Tree::Map(entries) => {
            let find = |key: &str| entries.iter().find(|(k, _)| k.value == key).map(|(_, n)| n);
            let is_list = find("kind").is_some_and(|n| n.value == Tree::Scalar(Value::String("List".to_owned())));
            match find("items") {
                Some(items) if is_list => match &items.value {
                    Tree::List(items) => {
                        for item in items {
                            flatten(file, item.clone(), out)?;
                        }
                    }
                    Tree::Scalar(Value::Null) => {}
                    _ => {
                        let message = "the items of a List have to be a list";
                        return Err(FileError::at(file, items.referenced, message, "items", None));
                    }
                },
                _ => out.push(Document { file: Arc::clone(file), node }),
            }
        }
        _ => out.push(Document { file: Arc::clone(file), node }),
    }
    Ok(())
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
    fn a_file_holds_any_number_of_documents() {
        assert_eq!(documents(&"---\nkind: A\n".repeat(5000)).unwrap().len(), 5000);
    }

    #[test]
    fn a_file_has_as_many_values_as_are_said_and_no_more() {
        let values = |count: usize| format!("a: [{}1]\n", "1,".repeat(count));
        assert!(documents(&values(300_000)).is_ok());
        let error = format!("{:?}", documents(&values(MOST_VALUES)).unwrap_err());
        assert!(error.contains("more than 500000 values") && error.contains("split the file"), "{error}");
        assert_eq!(documents(&"---\nkind: A\n".repeat(100_000)).unwrap().len(), 100_000);
        let aliases = format!("a: &a {{x: 1}}\nb:\n{}", "  - *a\n".repeat(2_000));
        let error = format!("{:?}", documents(&aliases).unwrap_err());
        assert!(error.contains("fewer aliases"), "{error}");
    }

    #[test]
    fn errors_stand_at_line_and_column() {
        let doc = documents("kind: A\nspec:\n  list:\n    - name: x\n      count: 1\n").unwrap().remove(0);
        let at = |path: &str, key| {
            let path: Vec<String> = path.split('.').map(str::to_owned).collect();
            doc.error(&path, key, "m", "", None).to_string()
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
